use domain::Language;
use runtime::BoxError;

/// Why a step did not happen, in words that a caller may see. Causes that only we may see travel in `source`.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Also for what exists but is not the caller's: a 403 would tell that it exists.
    #[error("there is nothing here for the caller")]
    NotFound,
    #[error("nobody is signed in")]
    NotSignedIn,
    /// Also for a user that does not exist: the answer must not tell.
    #[error("username and password do not match")]
    WrongCredentials,
    #[error("the provisional password must be changed first")]
    MustChangePassword,
    #[error("the conditions must be accepted first")]
    MustConsent,
    #[error("the caller's role does not reach here")]
    Forbidden,
    /// The form is not one that we gave to this browser, or it is too old.
    #[error("the form does not come from our own page")]
    Csrf,
    #[error("the state does not allow it: {code}")]
    Conflict { code: &'static str, it: String, en: String },
    #[error("it is over: {code}")]
    Gone { code: &'static str, it: String, en: String },
    #[error("too many requests")]
    TooManyRequests { retry_after_seconds: u32 },
    #[error("the request cannot be read: {code}")]
    BadRequest { code: &'static str, it: String, en: String },
    #[error("the body is neither a form nor JSON")]
    UnsupportedMediaType,
    #[error("the body is too large")]
    TooLarge,
    #[error("the method is not one of {allow}")]
    MethodNotAllowed { allow: &'static str },
    /// Ours and passing: trying again is right.
    #[error("a service that we need does not answer")]
    Unavailable(#[source] BoxError),
    /// Ours and not passing.
    #[error("a step ended in an unexpected state")]
    Broken(#[source] BoxError),
}

/// What a failure says, in the caller's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    pub code: &'static str,
    pub title: String,
    pub detail: String,
}

impl Failure {
    pub fn conflict(code: &'static str, it: impl Into<String>, en: impl Into<String>) -> Self {
        Self::Conflict { code, it: it.into(), en: en.into() }
    }

    pub fn gone(code: &'static str, it: impl Into<String>, en: impl Into<String>) -> Self {
        Self::Gone { code, it: it.into(), en: en.into() }
    }

    pub fn bad_request(code: &'static str, it: impl Into<String>, en: impl Into<String>) -> Self {
        Self::BadRequest { code, it: it.into(), en: en.into() }
    }

    /// `map_err(Failure::unavailable)` for what another service did not do.
    pub fn unavailable(error: impl Into<BoxError>) -> Self {
        Self::Unavailable(error.into())
    }

    pub fn status(&self) -> u16 {
        match self {
            // Readable, but not what this command takes.
            Self::BadRequest { code: "unknown-field" | "missing-field" | "wrong-type", .. } => 422,
            Self::BadRequest { .. } => 400,
            Self::NotSignedIn | Self::WrongCredentials => 401,
            Self::MustChangePassword | Self::MustConsent | Self::Forbidden | Self::Csrf => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::Conflict { .. } => 409,
            Self::Gone { .. } => 410,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::TooManyRequests { .. } => 429,
            Self::Broken(_) => 500,
            Self::Unavailable(_) => 503,
        }
    }

    pub fn words(&self, language: Language) -> Words {
        let (code, title, detail) = match self {
            Self::NotFound => (
                "not-found",
                ("Pagina non trovata", "Page not found"),
                (
                    "Qui non c'è nulla per te: l'indirizzo è sbagliato, oppure la risorsa non esiste più o non è tua.",
                    "There is nothing here for you: the address is wrong, or the resource is gone or not yours.",
                ),
            ),
            Self::NotSignedIn => (
                "not-signed-in",
                ("Accesso richiesto", "Sign-in required"),
                ("Accedi per proseguire.", "Sign in to go on."),
            ),
            Self::WrongCredentials => (
                "wrong-credentials",
                ("Accesso non riuscito", "Sign-in failed"),
                (
                    "Nome utente o password non corretti. Se la password provvisoria è scaduta, recuperala.",
                    "Wrong username or password. If the provisional password has expired, recover it.",
                ),
            ),
            Self::MustChangePassword => (
                "must-change-password",
                ("Cambio password obbligatorio", "Password change required"),
                (
                    "La password provvisoria va cambiata prima di proseguire.",
                    "The provisional password must be changed before you go on.",
                ),
            ),
            Self::MustConsent => (
                "must-consent",
                ("Termini e condizioni", "Terms and conditions"),
                (
                    "Per usare il servizio accetta prima termini e condizioni.",
                    "To use the service, accept its terms and conditions first.",
                ),
            ),
            Self::Forbidden => (
                "forbidden",
                ("Accesso non consentito", "Access denied"),
                ("Il tuo profilo non è abilitato a questa funzione.", "Your profile is not enabled for this function."),
            ),
            Self::Csrf => (
                "form-expired",
                ("Modulo scaduto", "Form expired"),
                (
                    "Per sicurezza il modulo non è stato inviato: torna alla pagina, ricaricala e riprova.",
                    "For safety the form was not sent: go back to the page, reload it and try again.",
                ),
            ),
            Self::Conflict { code, it, en } => {
                (*code, ("Operazione non possibile", "Not possible now"), (it.as_str(), en.as_str()))
            }
            Self::Gone { code, it, en } => {
                (*code, ("Non più disponibile", "No longer available"), (it.as_str(), en.as_str()))
            }
            Self::TooManyRequests { retry_after_seconds: seconds } => {
                // A whole sentence for each number, since a number stands in it.
                let (it, en) = match seconds {
                    0..=1 => ("Attendi un secondo e riprova.".to_owned(), "Wait a second and try again.".to_owned()),
                    2..=90 => (
                        format!("Attendi {seconds} secondi e riprova."),
                        format!("Wait {seconds} seconds and try again."),
                    ),
                    _ => {
                        let minutes = seconds.div_ceil(60);
                        (
                            format!("Attendi {minutes} minuti e riprova."),
                            format!("Wait {minutes} minutes and try again."),
                        )
                    }
                };
                return Words {
                    code: "too-many-requests",
                    title: language.choose("Troppi tentativi", "Too many attempts").to_owned(),
                    detail: language.choose(&it, &en).to_owned(),
                };
            }
            Self::BadRequest { code, it, en } => {
                (*code, ("Richiesta non valida", "Invalid request"), (it.as_str(), en.as_str()))
            }
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                ("Formato non previsto", "Unsupported format"),
                (
                    "Invia i dati come modulo o come JSON.",
                    "Send the data as application/x-www-form-urlencoded or application/json.",
                ),
            ),
            Self::TooLarge => (
                "too-large",
                ("Richiesta troppo grande", "Request too large"),
                ("I dati inviati superano i 64 KB.", "The data sent exceed 64 KB."),
            ),
            Self::MethodNotAllowed { .. } => (
                "method-not-allowed",
                ("Operazione non prevista", "Method not allowed"),
                (
                    "Questo indirizzo non prevede l'operazione richiesta.",
                    "This address does not have the operation asked for.",
                ),
            ),
            Self::Unavailable(_) => (
                "unavailable",
                ("Servizio momentaneamente non disponibile", "Service temporarily unavailable"),
                (
                    "Non siamo riusciti a completare la richiesta: riprova tra qualche istante.",
                    "We could not complete the request: try again in a moment.",
                ),
            ),
            Self::Broken(_) => (
                "internal-error",
                ("Si è verificato un errore", "Something went wrong"),
                (
                    "L'errore è nostro ed è stato registrato. Riprova; se si ripete, contatta l'assistenza.",
                    "The error is ours and has been recorded. Try again; if it happens again, contact assistance.",
                ),
            ),
        };
        Words {
            code,
            title: language.choose(title.0, title.1).to_owned(),
            detail: language.choose(detail.0, detail.1).to_owned(),
        }
    }

    /// The error and what caused it, for the log only.
    pub(crate) fn causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl From<store::StoreError> for Failure {
    fn from(error: store::StoreError) -> Self {
        match error {
            store::StoreError::BadPage => Self::bad_request(
                "page-token",
                "Il riferimento alla pagina non è valido: torna all'inizio dell'elenco.",
                "The page token is not valid: go back to the beginning of the list.",
            ),
            store::StoreError::Unavailable(_) => Self::Unavailable(Box::new(error)),
            _ => Self::Broken(Box::new(error)),
        }
    }
}

impl From<askama::Error> for Failure {
    fn from(error: askama::Error) -> Self {
        Self::Broken(Box::new(error))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Broken(Box::new(error))
    }
}
