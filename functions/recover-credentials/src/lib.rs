//! Recovers a forgotten username or password by mail (F17). The answer never tells whether anybody was found.

use domain::{
    Cause, CauseId, FiscalCode, PasswordRule, Person, PersonId, Personal, Recover, Recovery, SecretRef, Username,
};
use jiff::SignedDuration;
use runtime::{App, TokenKeys, password};
use serde::{Deserialize, Serialize};
use store::{Begun, Subject, Written};
use web::{Face, Failure, FieldError, Frame, Outcome, Request, Response, robot};

/// How long the link of a password's recovery works.
const LIFETIME: SignedDuration = SignedDuration::from_hours(2);
/// Asking again within this time changes nothing (CORE 3.5).
const AGAIN_SECONDS: i64 = 60;

pub async fn handle(app: &App, request: &Request) -> Result<Response, Failure> {
    match (request.method(), request.segments().as_slice()) {
        ("GET", ["username", "forgot"]) => ask(app, request, Recover::Username),
        ("GET", ["password", "forgot"]) => ask(app, request, Recover::Password),
        ("POST", ["username", "forgot"]) => begin(app, request, Recover::Username).await,
        ("POST", ["password", "forgot"]) => begin(app, request, Recover::Password).await,
        ("GET", ["password", "reset"]) => {
            let token = request.query("token").unwrap_or_default();
            find(app, request, token).await?;
            request.browser(); // the form's token is bound to it
            Frame::signed_out(app, request).show(Outcome::Shown(ResetPage::new(app, token)))
        }
        ("POST", ["password", "reset"]) => reset(app, request).await,
        (_, ["username" | "password", "forgot"] | ["password", "reset"]) => {
            Err(Failure::MethodNotAllowed { allow: "GET, HEAD, POST" })
        }
        _ => Err(Failure::NotFound),
    }
}

#[derive(Serialize)]
pub struct ForgotPage {
    #[serde(skip)]
    pub what: Recover,
    #[serde(skip)]
    pub typed: Option<String>,
    pub robot: robot::Challenge,
}
web::view!(ForgotPage, "forgot.html");

/// "If we know you, a mail is on its way."
#[derive(Serialize)]
pub struct Asked {
    #[serde(skip)]
    pub what: Recover,
    pub sent: &'static str,
}
web::view!(Asked, "asked.html");

#[derive(Serialize)]
pub struct ResetPage {
    pub token: String,
    pub requirements_it: &'static str,
    pub requirements_en: &'static str,
}
web::view!(ResetPage, "reset.html");

impl ResetPage {
    fn new(app: &App, token: &str) -> Self {
        let (requirements_it, requirements_en) = rule(app).words();
        Self { token: token.to_owned(), requirements_it, requirements_en }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ForgotForm {
    fiscal_code: Option<String>,
    username: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ResetForm {
    token: Option<String>,
    new_password: Option<String>,
    new_password_confirmation: Option<String>,
}

fn rule(app: &App) -> PasswordRule {
    if app.config.circular { PasswordRule::Circular } else { PasswordRule::Hardened }
}

/// The captcha's form name: an answer for one recovery opens no other.
fn form_name(what: Recover) -> &'static str {
    match what {
        Recover::Username => "recover-username",
        Recover::Password => "recover-password",
    }
}

fn ask(app: &App, request: &Request, what: Recover) -> Result<Response, Failure> {
    let page = ForgotPage { what, typed: None, robot: robot::challenge(app, form_name(what), request)? };
    Frame::signed_out(app, request).show(Outcome::Shown(page))
}

async fn begin(app: &App, request: &Request, what: Recover) -> Result<Response, Failure> {
    web::check_csrf(app, request, request.browser())?;
    let frame = Frame::signed_out(app, request);
    let form: ForgotForm = request.read()?;
    let typed = match what {
        Recover::Username => form.fiscal_code.clone(),
        Recover::Password => form.username.clone(),
    };
    let again = |errors: Vec<FieldError>| -> Result<Response, Failure> {
        let robot = robot::challenge(app, form_name(what), request)?;
        frame.show(Outcome::Refused { errors, form: ForgotPage { what, typed: typed.clone(), robot } })
    };
    let wanted = match what {
        Recover::Username => FiscalCode::from_field("fiscal_code", typed.as_deref()).map(Wanted::Code),
        Recover::Password => match typed.as_deref().unwrap_or_default().trim() {
            "" => Err(FieldError::missing("username")),
            // What cannot be a username is nobody's: no error, or the answer would tell.
            text => Ok(text.parse().map_or(Wanted::Nobody, Wanted::Name)),
        },
    };
    let proof = robot::verify(app, form_name(what), request);
    let (wanted, proof) = match (wanted, proof) {
        (Ok(wanted), Ok(proof)) => (wanted, proof),
        (wanted, proof) => return again([wanted.err(), proof.err()].into_iter().flatten().collect()),
    };
    let id = match wanted {
        Wanted::Code(code) => app.store.person_of_fiscal_code(&code).await?,
        Wanted::Name(name) => app.store.person_of_username(&name).await?,
        Wanted::Nobody => None,
    };
    let person = match id {
        Some(id) => app.store.person(&id).await?,
        None => None,
    };
    let written = match person.filter(|person| !asked_just_now(person, request)) {
        Some(person) => recover(app, request, what, person, &proof.spent).await?,
        None => Written::Moved,
    };
    // Nothing was written: nobody was found, the answer was used before, or the person changed in between. The answer is
    // used up all the same, so that a second use reads the same for known and unknown.
    if written == Written::Moved && app.store.spend(&proof.spent).await? == Begun::Replayed {
        return again(vec![robot::already_used()]);
    }
    let shown = frame.show(Outcome::Shown(Asked { what, sent: "if-known" }))?;
    let status = if request.face() == Face::Json { 202 } else { 200 };
    Ok(Response { status, ..shown })
}

enum Wanted {
    Code(FiscalCode),
    Name(Username),
    Nobody,
}

fn asked_just_now(person: &Person, request: &Request) -> bool {
    let recent = |recovery: &Recovery| request.now().duration_since(recovery.cause.at).as_secs() < AGAIN_SECONDS;
    person.recovery.as_ref().is_some_and(recent)
}

/// Writes that a recovery is under way; the mail is the difference that this makes.
async fn recover(
    app: &App,
    request: &Request,
    what: Recover,
    person: Person,
    spent: &store::Spent,
) -> Result<Written, Failure> {
    let attempt = person.recovery.as_ref().map_or(1, |recovery| recovery.secret.attempt + 1);
    let nonce = app.random::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
    let secret = SecretRef { key_version: TokenKeys::CURRENT, attempt, nonce };
    let link = app.keys.token().map_err(Failure::unavailable)?.link("recovery", person.id.as_str(), &secret);
    let token = match what {
        Recover::Username => None,
        Recover::Password => Some(TokenKeys::digest(&link)),
    };
    let next = Person {
        version: person.version + 1,
        recovery: Some(Recovery {
            cause: Cause { id: CauseId::from_bytes(app.random()), at: request.now() },
            what,
            secret,
            generation: person.generation,
            expires_at: request.now() + LIFETIME,
        }),
        ..person
    };
    Ok(app.store.begin_recovery(&next, token.as_deref(), spent).await?)
}

async fn reset(app: &App, request: &Request) -> Result<Response, Failure> {
    web::check_csrf(app, request, request.browser())?;
    let form: ResetForm = request.read()?;
    let token = form.token.unwrap_or_default();
    let person = find(app, request, &token).await?;
    let frame = Frame::signed_out(app, request);
    let (new, again) = (form.new_password.unwrap_or_default(), form.new_password_confirmation.unwrap_or_default());
    let mut errors: Vec<FieldError> = rule(app).check("new_password", &new).err().into_iter().collect();
    if new != again {
        errors.push(FieldError::new(
            "new_password_confirmation",
            "differs",
            "Le due nuove password sono diverse: riscrivile uguali.",
            "The two new passwords differ: type the same one twice.",
        ));
    }
    if !errors.is_empty() {
        return frame.show(Outcome::Refused { errors, form: ResetPage::new(app, &token) });
    }
    let next = Person {
        version: person.version + 1,
        generation: person.generation + 1,
        password_hash: Personal::new(password::hash(&new).map_err(Failure::unavailable)?),
        provisional: None,
        recovery: None,
        changed: Some(Cause { id: CauseId::from_bytes(app.random()), at: request.now() }),
        ..person
    };
    match app.store.save_person(&next).await? {
        Written::Done => {
            let moved = frame.moved("/login")?;
            Ok(frame.flash(
                moved,
                "La password è stata reimpostata: ora puoi accedere.",
                "The password was reset: you can sign in now.",
            ))
        }
        Written::Moved => Err(expired()),
    }
}

/// The person whose recovery the token opens, while it holds.
async fn find(app: &App, request: &Request, token: &str) -> Result<Person, Failure> {
    let subject = app.store.token(&TokenKeys::digest(token), request.now()).await?;
    let Some(Subject::Recovery { person, attempt, generation }) = subject else { return Err(expired()) };
    let person = load(app, &person).await?;
    let holds = person.recovery.as_ref().is_some_and(|recovery| {
        recovery.secret.attempt == attempt
            && recovery.what == Recover::Password
            && generation == person.generation
            && recovery.expires_at > request.now()
    });
    if holds { Ok(person) } else { Err(expired()) }
}

async fn load(app: &App, id: &PersonId) -> Result<Person, Failure> {
    app.store.person(id).await?.ok_or_else(expired)
}

fn expired() -> Failure {
    Failure::gone(
        "expired-link",
        "Questo collegamento è scaduto, è già stato usato o è stato sostituito da uno più recente: chiedine un altro.",
        "This link has expired, was used already or was replaced by a newer one: ask for another.",
    )
}
