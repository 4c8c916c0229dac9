//! Replaces a password (F45–F48). Forced at the first access: a session with a provisional password can do nothing else.

use domain::{Cause, CauseId, PasswordRule, Person, Personal, Session, SessionId, Stage};
use jiff::SignedDuration;
use runtime::{App, password};
use serde::{Deserialize, Serialize};
use store::Written;
use web::{Caller, Face, Failure, FieldError, Frame, Outcome, Request, Response};

const SESSION: SignedDuration = SignedDuration::from_hours(2);

pub async fn handle(app: &App, request: &Request) -> Result<Response, Failure> {
    match (request.method(), request.segments().as_slice()) {
        ("GET", ["password", "change"]) => show(app, request).await,
        ("POST", ["password", "change"]) => change(app, request).await,
        (_, ["password", "change"]) => Err(Failure::MethodNotAllowed { allow: "GET, HEAD, POST" }),
        _ => Err(Failure::NotFound),
    }
}

#[derive(Serialize)]
pub struct ChangePage {
    /// The first access, or after a reset (F45).
    pub forced: bool,
    pub next: Option<String>,
    pub requirements_it: &'static str,
    pub requirements_en: &'static str,
}
web::view!(ChangePage, "change.html");

/// "Informazione: la password è stata modificata" (F48).
#[derive(Serialize)]
pub struct Changed {
    pub next: String,
}
web::view!(Changed, "changed.html");

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ChangeForm {
    old_password: Option<String>,
    new_password: Option<String>,
    new_password_confirmation: Option<String>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Renewed {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    next: String,
}

fn rule(app: &App) -> PasswordRule {
    if app.config.circular { PasswordRule::Circular } else { PasswordRule::Hardened }
}

fn page(app: &App, caller: &Caller, next: Option<String>) -> ChangePage {
    let (requirements_it, requirements_en) = rule(app).words();
    let forced = caller.account.session.stage == Stage::MustChangePassword;
    ChangePage { forced, next, requirements_it, requirements_en }
}

async fn show(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in_any_stage(app, request).await?;
    let frame = Frame::of(app, request, &caller);
    let next = request.query("next").and_then(web::safe_next);
    match request.query("done") {
        Some(_) => frame.show(Outcome::Shown(Changed { next: next.unwrap_or_else(|| "/services".into()) })),
        None => frame.show(Outcome::Shown(page(app, &caller, next))),
    }
}

async fn change(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in_any_stage(app, request).await?;
    web::check_csrf(app, request, &caller)?;
    let form: ChangeForm = request.read()?;
    let next = form.next.as_deref().and_then(web::safe_next);
    let person = &caller.account.person;
    let errors = check(app, person, &form);
    if !errors.is_empty() {
        let form = page(app, &caller, next);
        return Frame::of(app, request, &caller).show(Outcome::Refused { errors, form });
    }
    let first = person.provisional.is_some();
    let new = form.new_password.unwrap_or_default();
    let changed = Person {
        version: person.version + 1,
        // Every other session, token and provisional password of this person ends with this one write.
        generation: person.generation + 1,
        password_hash: Personal::new(password::hash(&new).map_err(Failure::unavailable)?),
        provisional: None,
        recovery: None,
        // At the first access the person has just been told everything by mail.
        changed: match first {
            true => person.changed.clone(),
            false => Some(Cause { id: CauseId::from_bytes(app.random()), at: request.now() }),
        },
        ..person.clone()
    };
    let session = Session {
        id: SessionId::from_bytes(app.random()),
        person: person.id.clone(),
        generation: changed.generation,
        stage: Stage::Full,
        level: caller.account.session.level,
        created_at: request.now(),
        expires_at: request.now() + SESSION,
    };
    match app.store.change_password(&changed, &session, Some(&caller.account.session.id)).await? {
        Written::Done => {}
        Written::Moved => {
            return Err(Failure::conflict(
                "moved",
                "Il tuo profilo è stato modificato in un'altra finestra: riprova.",
                "Your profile was changed in another window: try again.",
            ));
        }
    }
    let signed = web::sign_session(app, &session).map_err(Failure::unavailable)?;
    let next = next.unwrap_or_else(|| "/services".into());
    let response = match request.face() {
        Face::Page => Response::see_other(&format!("/password/change?done=1&next={}", web::in_query(&next))),
        Face::Json => Response::json(
            200,
            &Renewed { access_token: signed.token.clone(), token_type: "Bearer", expires_in: SESSION.as_secs(), next },
        )?,
    };
    Ok(response.with_session(&signed))
}

/// All wrong fields at once. The old password is checked last: its hash is the costly part.
fn check(app: &App, person: &Person, form: &ChangeForm) -> Vec<FieldError> {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let (old, new, again) = (text(&form.old_password), text(&form.new_password), text(&form.new_password_confirmation));
    let mut errors = Vec::new();
    if old.is_empty() {
        errors.push(FieldError::missing("old_password"));
    }
    if let Err(error) = rule(app).check("new_password", &new) {
        errors.push(error);
    } else if new == old {
        errors.push(FieldError::new(
            "new_password",
            "same-as-old",
            "La nuova password è uguale alla vecchia: scegline un'altra.",
            "The new password equals the old one: choose another.",
        ));
    }
    if new != again {
        errors.push(FieldError::new(
            "new_password_confirmation",
            "differs",
            "Le due nuove password sono diverse: riscrivile uguali.",
            "The two new passwords differ: type the same one twice.",
        ));
    }
    let known = !old.is_empty()
        && old.chars().count() <= domain::MAX_CHARACTERS
        && password::matches(&old, Some(person.password_hash.reveal()));
    if !old.is_empty() && !known {
        errors.insert(
            0,
            FieldError::new(
                "old_password",
                "wrong",
                "La vecchia password non è questa: al primo accesso è quella ricevuta per e-mail.",
                "This is not the old password: at the first access it is the one you got by mail.",
            ),
        );
    }
    errors
}
