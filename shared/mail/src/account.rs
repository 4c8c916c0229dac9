//! Mails about a person's own access: registration, credentials, recovery, changes (F39–F50).

use domain::{EmailAddress, Language, Name, Personal, Username};
use jiff::Timestamp;

use crate::{
    letter::{Content, Letter},
    link::Link,
    notices::moment,
};

/// M1: the address must be confirmed. The link's page asks for a click, as scanners open links.
#[derive(Debug, Clone)]
pub struct ConfirmRegistration {
    pub name: Name,
    pub link: Link,
    pub valid_hours: u16,
}

impl Content for ConfirmRegistration {
    fn letter(&self, language: Language) -> Letter {
        let hours = hours(self.valid_hours, language);
        Letter::to(self.name.as_str(), language.choose("Conferma registrazione", "Confirm your registration").into(), language)
            .says(language.choose(
                format!("hai chiesto di registrarti a Pago In Rete. Per completare la registrazione apri il collegamento qui sotto entro {hours}."),
                format!("You asked to register with Pago In Rete. To complete your registration, open the link below within {hours}."),
            ))
            .goes(language.choose("Conferma l'indirizzo e-mail", "Confirm the e-mail address"), &self.link)
            .says(language.choose(
                "Dopo la conferma ti invieremo un secondo messaggio con i dati per il primo accesso.",
                "After that we shall send you a second message with what you need to sign in for the first time.",
            ))
            .says(not_you(language))
    }
}

/// M2: the profile exists, this is how to sign in.
#[derive(Debug, Clone)]
pub struct AccountCreated {
    pub name: Name,
    pub username: Username,
    /// `None` where the person has chosen a password already.
    pub password: Option<ProvisionalPassword>,
    /// The page to sign in.
    pub link: Link,
}

#[derive(Debug, Clone)]
pub struct ProvisionalPassword {
    pub text: Personal<String>,
    pub valid_days: u16,
}

impl Content for AccountCreated {
    fn letter(&self, language: Language) -> Letter {
        let mut facts = vec![(language.choose("Nome utente", "Username"), self.username.as_str().to_owned())];
        let next = match &self.password {
            Some(password) => {
                facts.push((
                    language.choose("Password provvisoria", "Provisional password"),
                    password.text.reveal().clone(),
                ));
                let days = days(password.valid_days, language);
                language.choose(
                    format!("La password provvisoria vale {days}. Al primo accesso ti chiederemo di sceglierne una nuova: la conoscerai solo tu."),
                    format!("The provisional password is valid for {days}. At your first sign-in we shall ask you to choose a new one that only you know."),
                )
            }
            None => language
                .choose("Entra con la password che hai scelto.", "Sign in with the password that you have chosen.")
                .to_owned(),
        };
        Letter::to(self.name.as_str(), language.choose("Creazione utenza", "Your account").into(), language)
            .says(language.choose("il tuo profilo su Pago In Rete è pronto.", "Your profile on Pago In Rete is ready."))
            .facts(facts)
            .says(next)
            .goes(language.choose("Vai alla pagina di accesso", "Go to the sign-in page"), &self.link)
    }
}

/// M3: the forgotten username. Goes to the address of the profile only, and says nothing of other profiles.
#[derive(Debug, Clone)]
pub struct RecoverUsername {
    pub name: Name,
    pub username: Username,
    pub link: Link,
}

impl Content for RecoverUsername {
    fn letter(&self, language: Language) -> Letter {
        Letter::to(self.name.as_str(), language.choose("Recupero nome utente", "Your username").into(), language)
            .says(language.choose("ecco il nome utente che hai chiesto.", "Here is the username that you asked for."))
            .facts(vec![(language.choose("Nome utente", "Username"), self.username.as_str().to_owned())])
            .goes(language.choose("Vai alla pagina di accesso", "Go to the sign-in page"), &self.link)
            .says(not_you(language))
    }
}

/// M4: a link to choose a new password.
#[derive(Debug, Clone)]
pub struct ResetPassword {
    pub name: Name,
    pub link: Link,
    pub valid_hours: u16,
}

impl Content for ResetPassword {
    fn letter(&self, language: Language) -> Letter {
        let hours = hours(self.valid_hours, language);
        Letter::to(self.name.as_str(), language.choose("Reimpostazione password", "Reset your password").into(), language)
            .says(language.choose(
                format!("qualcuno, probabilmente tu, ha chiesto di reimpostare la password del tuo profilo. Per sceglierne una nuova apri il collegamento qui sotto entro {hours}: funziona una volta sola."),
                format!("Somebody, probably you, asked to reset the password of your profile. To choose a new one, open the link below within {hours}: it works only once."),
            ))
            .goes(language.choose("Scegli una nuova password", "Choose a new password"), &self.link)
            .says(language.choose(
                "Se non sei stato tu, ignora questo messaggio: la password resta quella di prima.",
                "If it was not you, ignore this message: your password stays as it was.",
            ))
    }
}

/// M5: the password was changed. The link leads to its recovery, for whoever did not do it.
#[derive(Debug, Clone)]
pub struct PasswordChanged {
    pub name: Name,
    pub at: Timestamp,
    pub link: Link,
}

impl Content for PasswordChanged {
    fn letter(&self, language: Language) -> Letter {
        let at = moment(self.at, language);
        Letter::to(self.name.as_str(), language.choose("Password modificata", "Password changed").into(), language)
            .says(language.choose(
                format!("la password del tuo profilo è stata cambiata il {at}. Gli accessi aperti in precedenza sono stati chiusi."),
                format!("The password of your profile was changed on {at}. Earlier sign-ins have been ended."),
            ))
            .says(language.choose(
                "Se sei stato tu non devi fare nulla. Se non sei stato tu, reimposta subito la password.",
                "If it was you, there is nothing to do. If it was not you, reset your password now.",
            ))
            .goes(language.choose("Reimposta la password", "Reset the password"), &self.link)
    }
}

/// M5: the address for messages was changed. Sent to both, so that its owner knows even if somebody else did it.
#[derive(Debug, Clone)]
pub struct AddressChanged {
    pub name: Name,
    pub new_address: EmailAddress,
    pub sent_to: WhichAddress,
    pub at: Timestamp,
    pub link: Link,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichAddress {
    Old,
    New,
}

impl Content for AddressChanged {
    fn letter(&self, language: Language) -> Letter {
        let (at, new) = (moment(self.at, language), masked(&self.new_address));
        let subject = language.choose("Indirizzo e-mail modificato", "E-mail address changed");
        let what = match self.sent_to {
            WhichAddress::Old => language.choose(
                format!("il {at} l'indirizzo per i messaggi di Pago In Rete è stato cambiato in {new}. D'ora in poi scriveremo là: questo è l'ultimo messaggio al vecchio indirizzo."),
                format!("On {at} the address for messages of Pago In Rete was changed to {new}. From now on we write there: this is the last message to the old address."),
            ),
            WhichAddress::New => language.choose(
                format!("dal {at} questo è l'indirizzo per i messaggi di Pago In Rete. Ne abbiamo avvisato anche l'indirizzo precedente."),
                format!("Since {at} this is the address for messages of Pago In Rete. We have told the former address as well."),
            ),
        };
        Letter::to(self.name.as_str(), subject.into(), language)
            .says(what)
            .says(language.choose(
                "Se non sei stato tu, reimposta subito la password e controlla l'indirizzo nel tuo profilo.",
                "If it was not you, reset your password now and check the address in your profile.",
            ))
            .goes(language.choose("Reimposta la password", "Reset the password"), &self.link)
    }
}

/// `n•••@esempio.it`: known to its owner, of no use to others.
fn masked(address: &EmailAddress) -> String {
    let (local, domain) = address.as_str().split_once('@').unwrap_or_default();
    let first: String = local.chars().take(1).collect();
    format!("{first}•••@{domain}")
}

fn not_you(language: Language) -> &'static str {
    language.choose(
        "Se non l'hai chiesto tu, ignora questo messaggio: non succederà nulla.",
        "If you did not ask for it, ignore this message: nothing will happen.",
    )
}

fn hours(hours: u16, language: Language) -> String {
    match hours {
        1 => language.choose("un'ora", "one hour").to_owned(),
        _ => language.choose(format!("{hours} ore"), format!("{hours} hours")),
    }
}

fn days(days: u16, language: Language) -> String {
    match days {
        1 => language.choose("un giorno", "one day").to_owned(),
        _ => language.choose(format!("{days} giorni"), format!("{days} days")),
    }
}
