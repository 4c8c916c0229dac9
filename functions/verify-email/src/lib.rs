//! The link of mail 1 (F39–F42): opening it shows a button, pressing the button creates the user; mail 2 follows.
//!
//! Mail scanners follow links, so the GET changes nothing.

use domain::{
    Cause, CauseId, Details, Person, PersonId, Personal, Provisional, Registration, SecretRef, Step, Username,
};
use jiff::SignedDuration;
use runtime::{App, Mutant, TokenKeys, mutated, password};
use serde::{Deserialize, Serialize};
use store::{Created, Subject};
use web::{Failure, Frame, Outcome, Request, Response};

/// How long the provisional password opens the door.
const PROVISIONAL_DAYS: i64 = 3;
/// Usernames that are tried before we give up: each has a fresh number.
const USERNAMES: u8 = 8;

pub async fn handle(app: &App, request: &Request) -> Result<Response, Failure> {
    match (request.method(), request.segments().as_slice()) {
        ("GET", ["registration", "verify"]) if request.query("done").is_some() => {
            Frame::signed_out(app, request).show(Outcome::Shown(Verified::new()))
        }
        ("GET", ["registration", "verify"]) => {
            let token = request.query("token").unwrap_or_default();
            find(app, request, token).await?;
            request.browser(); // its cookie goes with the page: the button's token is bound to it
            Frame::signed_out(app, request).show(Outcome::Shown(Confirm { token: token.to_owned(), valid: true }))
        }
        ("POST", ["registration", "verify"]) => verify(app, request).await,
        (_, ["registration", "verify"]) => Err(Failure::MethodNotAllowed { allow: "GET, HEAD, POST" }),
        _ => Err(Failure::NotFound),
    }
}

/// The page with the button.
#[derive(Serialize)]
pub struct Confirm {
    pub token: String,
    pub valid: bool,
}
web::view!(Confirm, "confirm.html");

/// "Indirizzo e-mail verificato" (F41).
#[derive(Serialize)]
pub struct Verified {
    pub next: &'static str,
}
web::view!(Verified, "verified.html");

impl Verified {
    fn new() -> Self {
        Self { next: "/login" }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct VerifyForm {
    token: Option<String>,
}

async fn verify(app: &App, request: &Request) -> Result<Response, Failure> {
    web::check_csrf(app, request, request.browser())?;
    let form: VerifyForm = request.read()?;
    let token = form.token.unwrap_or_default();
    let (registration, details) = find(app, request, &token).await?;
    let hash_of = |person: &PersonId, secret: &SecretRef| -> Result<String, Failure> {
        let text = app.keys.token().map_err(Failure::unavailable)?.password("provisional", person.as_str(), secret);
        password::hash(&text).map_err(Failure::unavailable)
    };
    // Derived from the registration: a repeat makes the same person.
    let digest = app.keys.mac("person", registration.id.as_str().as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    let id = PersonId::from_bytes(id);
    let nonce = app.random::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
    let secret = SecretRef { key_version: TokenKeys::CURRENT, attempt: 1, nonce };
    let hash = hash_of(&id, &secret)?;
    let now = request.now();
    let ended = Registration {
        version: registration.version + 1,
        details: None,
        step: Step::Verified { person: id.clone(), at: now },
        ..registration.clone()
    };
    for attempt in 0..USERNAMES {
        let salt = u16::from_be_bytes([digest[16].wrapping_add(attempt), digest[17]]);
        let person = Person {
            id: id.clone(),
            version: 1,
            generation: 1,
            fiscal_code: registration.fiscal_code.clone(),
            name: details.name.clone(),
            surname: details.surname.clone(),
            email: details.email.clone(),
            language: registration.language,
            username: Username::compose(details.name.reveal(), details.surname.reveal(), salt),
            password_hash: Personal::new(hash.clone()),
            provisional: Some(Provisional {
                secret: secret.clone(),
                expires_at: now + SignedDuration::from_hours(24 * PROVISIONAL_DAYS),
            }),
            created_at: now,
            credentials: Some(Cause { id: CauseId::from_bytes(app.random()), at: now }),
            recovery: None,
            changed: None,
        };
        match app.store.verify_registration(&ended, &person).await? {
            Created::Done => {
                let at = "/registration/verify?done=1".to_owned();
                return Frame::signed_out(app, request).show(Outcome::Created { at, what: Verified::new() });
            }
            // Somebody pressed the button a moment before: the next look says "used".
            Created::Moved => {
                find(app, request, &token).await?;
                return Err(Failure::conflict("moved", "Riprova tra un momento.", "Try again in a moment."));
            }
            Created::FiscalCodeTaken => return Err(already_registered()),
            Created::UsernameTaken => {}
        }
    }
    Err(Failure::unavailable("no free username was found"))
}

/// The registration that the token opens, still waiting for its address.
async fn find(app: &App, request: &Request, token: &str) -> Result<(Registration, Details), Failure> {
    let Some(Subject::Registration { id, attempt }) = app.store.token(&TokenKeys::digest(token), request.now()).await?
    else {
        return Err(expired());
    };
    let registration = app.store.registration(&id, request.now()).await?.ok_or_else(expired)?;
    match (&registration.step, registration.details.clone()) {
        (Step::Verified { .. }, _) => Err(Failure::gone(
            "used-link",
            "Questo collegamento è già stato usato: il tuo indirizzo è confermato. Accedi con le credenziali che ti abbiamo inviato.",
            "This link has been used already: your address is confirmed. Sign in with the credentials we sent you.",
        )),
        // Asking again replaced this link by a newer one.
        (Step::Submitted { secret, .. }, Some(details)) if secret.attempt == attempt || mutated(Mutant::TokenTwice) => {
            Ok((registration, details))
        }
        _ => Err(expired()),
    }
}

fn expired() -> Failure {
    Failure::gone(
        "expired-link",
        "Questo collegamento è scaduto, è stato sostituito da uno più recente o non è completo. Apri l'ultimo messaggio ricevuto, oppure ripeti la registrazione.",
        "This link has expired, was replaced by a newer one or is not complete. Open the latest message you got, or register again.",
    )
}

fn already_registered() -> Failure {
    Failure::conflict(
        "already-registered",
        "Per questo codice fiscale esiste già un profilo: accedi con le stesse credenziali, oppure recupera il nome utente o la password.",
        "There is a profile for this codice fiscale already: sign in with the same credentials, or recover the username or the password.",
    )
}
