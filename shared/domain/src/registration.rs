//! The four steps of a registration (F18–F38).

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    Cause, Details, EmailAddress, Errors, FieldError, FiscalCode, Language, Name, PersonId, Personal, RegistrationId,
    SecretRef, Sex, read_date,
};

/// A registration under way. It blocks nobody: uniqueness is decided when an address is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    pub id: RegistrationId,
    pub version: u64,
    pub fiscal_code: Personal<FiscalCode>,
    /// A digest of the cookie of the browser that began: another browser finds nothing.
    pub browser: String,
    pub language: Language,
    pub details: Option<Details>,
    pub step: Step,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    Draft,
    /// Confirmed by the person; the address waits to be verified by the link of mail 1.
    Submitted {
        cause: Cause,
        secret: SecretRef,
    },
    /// The address is verified and the user exists.
    Verified {
        person: PersonId,
        at: Timestamp,
    },
}

impl Registration {
    /// A registration that nobody finishes is forgotten after this many seconds: 72 hours.
    pub const LIFETIME_SECONDS: i64 = 72 * 3600;

    pub fn submitted(&self) -> Option<(&Cause, &SecretRef)> {
        match &self.step {
            Step::Submitted { cause, secret } => Some((cause, secret)),
            Step::Draft | Step::Verified { .. } => None,
        }
    }
}

/// The fields of step 2 as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetailsForm {
    pub name: Option<String>,
    pub surname: Option<String>,
    pub birth_date: Option<String>,
    pub birth_place: Option<String>,
    pub sex: Option<String>,
    pub email: Option<String>,
    pub email_confirmation: Option<String>,
    pub terms: Option<String>,
    pub privacy: Option<String>,
}

/// The youngest who may register as a parent or guardian.
const ADULT: i16 = 18;

impl DetailsForm {
    /// Reads step 2. The code decides on sex and birth date: what disagrees is refused; names only warn (domain
    /// reference 3.4), so they are not compared here.
    pub fn read(&self, code: &FiscalCode, today: Date) -> Result<Details, Vec<FieldError>> {
        let mut errors = Errors::default();
        let name = errors.take(Name::from_field("name", self.name.as_deref()));
        let surname = errors.take(Name::from_field("surname", self.surname.as_deref()));
        let birth_date = errors.take(read_birth_date(self.birth_date.as_deref(), code, today));
        let birth_place = errors.take(read_place(self.birth_place.as_deref()));
        let sex = errors.take(read_sex(self.sex.as_deref(), code));
        let email = errors.take(EmailAddress::from_field("email", self.email.as_deref()));
        let again = errors.take(EmailAddress::from_field("email_confirmation", self.email_confirmation.as_deref()));
        if let (Some(email), Some(again)) = (&email, &again)
            && email != again
        {
            errors.push(FieldError::new(
                "email_confirmation",
                "differs",
                "I due indirizzi e-mail sono diversi: riscrivili uguali.",
                "The two e-mail addresses differ: type the same one twice.",
            ));
        }
        if !ticked(self.terms.as_deref()) {
            errors.push(FieldError::new(
                "terms",
                "not-accepted",
                "Per registrarti devi accettare le condizioni generali del servizio.",
                "To register you must accept the general conditions of the service.",
            ));
        }
        if !ticked(self.privacy.as_deref()) {
            errors.push(FieldError::new(
                "privacy",
                "not-seen",
                "Per registrarti devi dichiarare di aver letto l'informativa sulla privacy.",
                "To register you must declare that you have read the privacy notice.",
            ));
        }
        match (errors.is_empty(), name, surname, birth_date, birth_place, sex, email) {
            (true, Some(name), Some(surname), Some(birth_date), Some(birth_place), Some(sex), Some(email)) => {
                Ok(Details {
                    name: Personal::new(name),
                    surname: Personal::new(surname),
                    birth_date: Personal::new(birth_date),
                    birth_place: Personal::new(birth_place),
                    sex,
                    email: Personal::new(email),
                })
            }
            _ => Err(errors.into_vec()),
        }
    }
}

/// A ticked box: browsers send `on`, programs `true`.
pub fn ticked(value: Option<&str>) -> bool {
    matches!(value, Some("on" | "true" | "1" | "yes"))
}

fn read_birth_date(text: Option<&str>, code: &FiscalCode, today: Date) -> Result<Date, FieldError> {
    let text = text.unwrap_or_default().trim();
    if text.is_empty() {
        return Err(FieldError::missing("birth_date"));
    }
    let error = |code, it: &str, en: &str| Err(FieldError::new("birth_date", code, it, en));
    match read_date(text) {
        None => error(
            "date",
            "Questa data non esiste: scrivila come 31/12/1985.",
            "There is no such date: write it like 1985-12-31.",
        ),
        Some(date) if !code.is_born_on(date) => error(
            "differs-from-code",
            "La data di nascita non corrisponde al codice fiscale: controlla entrambi.",
            "The birth date does not match the codice fiscale: check both.",
        ),
        Some(date) if date.year() < 1900 || date > today => {
            error("date", "Controlla l'anno di nascita.", "Check the year of birth.")
        }
        Some(date) if date.saturating_add(jiff::Span::new().years(ADULT)) > today => error(
            "minor",
            "Può registrarsi solo chi ha almeno 18 anni: genitore, tutore o altro pagante.",
            "Only people of 18 or more can register: a parent, a guardian or another payer.",
        ),
        Some(date) => Ok(date),
    }
}

fn read_place(text: Option<&str>) -> Result<String, FieldError> {
    let text = text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    match text.chars().count() {
        0 => Err(FieldError::missing("birth_place")),
        61.. => Err(FieldError::too_long("birth_place", 60)),
        _ if text.chars().any(|c| c.is_control() || c == '<' || c == '>') => Err(FieldError::new(
            "birth_place",
            "character",
            "Scrivi il nome del Comune o dello Stato di nascita.",
            "Write the name of the municipality or state of birth.",
        )),
        _ => Ok(text),
    }
}

fn read_sex(text: Option<&str>, code: &FiscalCode) -> Result<Sex, FieldError> {
    let sex = match text.unwrap_or_default().trim() {
        "M" => Sex::M,
        "F" => Sex::F,
        _ => return Err(FieldError::missing("sex")),
    };
    match sex == code.sex() {
        true => Ok(sex),
        false => Err(FieldError::new(
            "sex",
            "differs-from-code",
            "Il sesso indicato non corrisponde al codice fiscale: controlla entrambi.",
            "The sex does not match the codice fiscale: check both.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const TODAY: Date = date(2026, 11, 24);

    fn form() -> DetailsForm {
        let text = |text: &str| Some(text.to_owned());
        DetailsForm {
            name: text("Anna"),
            surname: text("Bianchi"),
            birth_date: text("15/08/1985"),
            birth_place: text("Roma"),
            sex: text("F"),
            email: text("anna@example.org"),
            email_confirmation: text("anna@EXAMPLE.org"),
            terms: text("on"),
            privacy: text("true"),
        }
    }

    fn errors(form: DetailsForm) -> Vec<(&'static str, &'static str)> {
        let code = "BNCNNA85M55H501B".parse().unwrap();
        match form.read(&code, TODAY) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.iter().map(|error| (error.field, error.code)).collect(),
        }
    }

    #[test]
    fn each_wrong_field_has_its_error() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(errors(form()), []);
        assert_eq!(
            errors(DetailsForm { email_confirmation: text("ana@example.org"), ..form() }),
            [("email_confirmation", "differs")]
        );
        assert_eq!(errors(DetailsForm { sex: text("M"), ..form() }), [("sex", "differs-from-code")]);
        assert_eq!(
            errors(DetailsForm { birth_date: text("1985-08-16"), ..form() }),
            [("birth_date", "differs-from-code")]
        );
        assert_eq!(errors(DetailsForm { birth_date: text("15/08/2085"), ..form() }), [("birth_date", "date")]);
        assert_eq!(
            errors(DetailsForm { terms: None, privacy: None, ..form() }),
            [("terms", "not-accepted"), ("privacy", "not-seen")]
        );
        assert_eq!(errors(DetailsForm::default()).len(), 9);
    }

    #[test]
    fn minors_are_told_so() {
        let code = "RSSLCU10H21L219B".parse().unwrap();
        let form = DetailsForm { birth_date: Some("21/06/2010".into()), sex: Some("M".into()), ..form() };
        let errors = form.read(&code, TODAY).unwrap_err();
        assert_eq!(errors[0].code, "minor");
    }
}
