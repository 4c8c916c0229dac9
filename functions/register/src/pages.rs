use domain::{Details, DetailsForm, Registration, RegistrationId, Sex, Step};
use jiff::Timestamp;
use serde::Serialize;
use web::{Outcome, robot::Challenge};

/// Step 1.
#[derive(Serialize)]
pub struct Start {
    #[serde(skip)]
    pub fiscal_code: Option<String>,
    pub robot: Challenge,
}
web::view!(Start, "start.html");

/// The code has a profile already: the same credentials work (F16).
#[derive(Serialize)]
pub struct AlreadyRegistered {
    pub login: &'static str,
    pub recover_username: &'static str,
    pub recover_password: &'static str,
}
web::view!(AlreadyRegistered, "already-registered.html");

impl AlreadyRegistered {
    pub fn new() -> Self {
        Self { login: "/login", recover_username: "/username/forgot", recover_password: "/password/forgot" }
    }
}

pub fn already_registered(what: AlreadyRegistered) -> Outcome<AlreadyRegistered> {
    Outcome::Conflict {
        code: "already-registered",
        it: "Per questo codice fiscale esiste già un profilo: puoi entrare con le stesse credenziali. Se non le ricordi, recupera il nome utente o la password.".into(),
        en: "There is a profile for this codice fiscale already: sign in with the same credentials. If you do not remember them, recover the username or the password.".into(),
        what,
    }
}

/// Step 2.
#[derive(Serialize)]
pub struct DetailsPage {
    pub id: RegistrationId,
    pub fiscal_code: String,
    pub form: DetailsForm,
}
web::view!(DetailsPage, "details.html");

impl DetailsPage {
    pub fn new(registration: &Registration, form: DetailsForm) -> Self {
        let fiscal_code = registration.fiscal_code.reveal().as_str().to_owned();
        Self { id: registration.id.clone(), fiscal_code, form }
    }
}

/// Stored details as they were typed, so that going back loses nothing.
pub fn typed(details: &Details) -> DetailsForm {
    let email = details.email.reveal().as_str().to_owned();
    DetailsForm {
        name: Some(details.name.reveal().as_str().to_owned()),
        surname: Some(details.surname.reveal().as_str().to_owned()),
        birth_date: Some(details.birth_date.reveal().strftime("%d/%m/%Y").to_string()),
        birth_place: Some(details.birth_place.reveal().clone()),
        sex: Some(letter(details.sex).to_owned()),
        email: Some(email.clone()),
        email_confirmation: Some(email),
        terms: Some("on".into()),
        privacy: Some("on".into()),
    }
}

/// Step 3: all that was typed (X11).
#[derive(Serialize)]
pub struct Review {
    pub id: RegistrationId,
    pub step: &'static str,
    pub fiscal_code: String,
    pub name: String,
    pub surname: String,
    pub email: String,
    pub birth_date: jiff::civil::Date,
    pub birth_place: String,
    pub sex: &'static str,
}
web::view!(Review, "review.html");

impl Review {
    pub fn new(registration: &Registration, details: &Details) -> Self {
        Self {
            id: registration.id.clone(),
            step: match registration.step {
                Step::Draft => "draft",
                Step::Submitted { .. } => "submitted",
                Step::Verified { .. } => "verified",
            },
            fiscal_code: registration.fiscal_code.reveal().as_str().to_owned(),
            name: details.name.reveal().as_str().to_owned(),
            surname: details.surname.reveal().as_str().to_owned(),
            email: details.email.reveal().as_str().to_owned(),
            birth_date: *details.birth_date.reveal(),
            birth_place: details.birth_place.reveal().clone(),
            sex: letter(details.sex),
        }
    }
}

/// Step 4.
#[derive(Serialize)]
pub struct Sent {
    pub id: RegistrationId,
    pub email: String,
    pub hours: i64,
    /// When the latest mail was asked for.
    pub sent_at: Timestamp,
    /// Asked for once more than at first.
    pub again: bool,
}
web::view!(Sent, "sent.html");

fn letter(sex: Sex) -> &'static str {
    match sex {
        Sex::M => "M",
        Sex::F => "F",
    }
}
