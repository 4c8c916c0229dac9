//! Signs people in and out (F08, F45).
//!
//! An unknown user costs the same reads and the same hash as a known one, and reads the same answer.

use domain::{Level, PersonId, Session, SessionId, Stage, Username};
use jiff::SignedDuration;
use runtime::{App, password};
use serde::{Deserialize, Serialize};
use store::Partition;
use web::{Face, Failure, FieldError, Frame, Language, Outcome, Request, Response};

/// A sign-in ends after this long, whatever happens.
const SESSION: SignedDuration = SignedDuration::from_hours(2);

pub async fn handle(app: &App, request: &Request) -> Result<Response, Failure> {
    match (request.method(), request.segments().as_slice()) {
        ("GET", ["login"]) => {
            request.browser(); // the form's token is bound to it
            let page = LoginPage { username: None, next: request.query("next").and_then(web::safe_next) };
            Frame::signed_out(app, request).show(Outcome::Shown(page))
        }
        ("POST", ["login"]) => login(app, request).await,
        ("POST", ["logout"]) => logout(app, request).await,
        (_, ["login"]) => Err(Failure::MethodNotAllowed { allow: "GET, HEAD, POST" }),
        (_, ["logout"]) => Err(Failure::MethodNotAllowed { allow: "POST" }),
        _ => Err(Failure::NotFound),
    }
}

#[derive(Serialize)]
pub struct LoginPage {
    pub username: Option<String>,
    pub next: Option<String>,
}
web::view!(LoginPage, "login.html");

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LoginForm {
    username: Option<String>,
    password: Option<String>,
    next: Option<String>,
}

/// What a program gets.
#[derive(Serialize)]
struct SignedIn {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    must_change_password: bool,
    next: String,
}

async fn login(app: &App, request: &Request) -> Result<Response, Failure> {
    web::check_csrf(app, request, request.browser())?;
    let form: LoginForm = request.read()?;
    let next = form.next.as_deref().and_then(web::safe_next);
    let (typed, secret) = (form.username.as_deref().unwrap_or_default(), form.password.as_deref().unwrap_or_default());
    let missing: Vec<FieldError> = [("username", typed.trim()), ("password", secret)]
        .into_iter()
        .filter(|(_, text)| text.is_empty())
        .map(|(field, _)| FieldError::missing(field))
        .collect();
    if !missing.is_empty() {
        let form = LoginPage { username: form.username.clone(), next };
        return Frame::signed_out(app, request).show(Outcome::Refused { errors: missing, form });
    }
    let Some(partition) = authenticate(app, request, typed, secret).await? else {
        return wrong_credentials(app, request, LoginPage { username: form.username.clone(), next });
    };
    let person = &partition.person;
    let session = Session {
        id: SessionId::from_bytes(app.random()),
        person: person.id.clone(),
        // The generation read with the credential: a log-out everywhere in between voids this session (CORE 3.1).
        generation: person.generation,
        stage: if person.provisional.is_some() { Stage::MustChangePassword } else { Stage::Full },
        level: Level::Password,
        created_at: request.now(),
        expires_at: request.now() + SESSION,
    };
    app.store.begin_session(&session, &partition.sessions).await?;
    let signed = web::sign_session(app, &session).map_err(Failure::unavailable)?;
    let must_change_password = session.stage == Stage::MustChangePassword;
    let home = if partition.roles.is_empty() { "/services" } else { "/school" };
    let wanted = next.unwrap_or_else(|| home.to_owned());
    let next = if must_change_password { format!("/password/change?next={}", web::in_query(&wanted)) } else { wanted };
    let response = match request.face() {
        Face::Page => Response::see_other(&next),
        Face::Json => Response::json(
            200,
            &SignedIn {
                access_token: signed.token.clone(),
                token_type: "Bearer",
                expires_in: SESSION.as_secs(),
                must_change_password,
                next,
            },
        )?,
    };
    Ok(response.with_session(&signed))
}

/// The person whose password this is. Known or not: two reads and one hash.
async fn authenticate(app: &App, request: &Request, typed: &str, secret: &str) -> Result<Option<Partition>, Failure> {
    let nobody = || {
        let mut id = [0; 16];
        id.copy_from_slice(&app.keys.mac("nobody", typed.as_bytes())[..16]);
        PersonId::from_bytes(id)
    };
    // What is no username at all is looked for like one, under a name that nobody can have.
    let username = typed.parse::<Username>().or_else(|_| "nobody.0000000000".parse()).map_err(|_| Failure::NotFound)?;
    let id = app.store.person_of_username(&username).await?.unwrap_or_else(nobody);
    let partition = app.store.partition(&id).await?;
    let hash = partition.as_ref().map(|partition| partition.person.password_hash.reveal().as_str());
    if secret.chars().count() > domain::MAX_CHARACTERS || !password::matches(secret, hash) {
        return Ok(None);
    }
    // An expired provisional password is a wrong one.
    Ok(partition.filter(|partition| {
        partition.person.provisional.as_ref().is_none_or(|provisional| provisional.expires_at > request.now())
    }))
}

fn wrong_credentials(app: &App, request: &Request, form: LoginPage) -> Result<Response, Failure> {
    if request.face() == Face::Json {
        return Err(Failure::WrongCredentials);
    }
    let words = [Language::It, Language::En].map(|language| Failure::WrongCredentials.words(language).detail);
    let [it, en] = words;
    let error = FieldError::new("password", "wrong-credentials", it, en);
    let refused = Frame::signed_out(app, request).show(Outcome::Refused { errors: vec![error], form })?;
    Ok(Response { status: 401, ..refused })
}

async fn logout(app: &App, request: &Request) -> Result<Response, Failure> {
    // Whoever is signed out already is where they wanted to be.
    match web::signed_in_any_stage(app, request).await {
        Ok(caller) => {
            web::check_csrf(app, request, &caller)?;
            app.store.end_session(&caller.account.person.id, &caller.account.session.id).await?;
        }
        Err(Failure::NotSignedIn) => {}
        // The session may well be alive: never say that it has ended.
        Err(failure) => return Err(failure),
    }
    let frame = Frame::signed_out(app, request);
    let moved = frame.moved("/")?.with_cookie(web::clear_session(app).map_err(Failure::unavailable)?);
    Ok(frame.flash(moved, "Sei uscito dal servizio.", "You have signed out."))
}
