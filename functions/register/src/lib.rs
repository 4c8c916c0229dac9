//! The four steps of a registration (F18–F38): fiscal code, personal data, review, confirmation.

mod pages;

use domain::{Cause, CauseId, DetailsForm, FiscalCode, Personal, Registration, RegistrationId, SecretRef, Step};
use jiff::SignedDuration;
use runtime::{App, TokenKeys};
use serde::{Deserialize, Serialize};
use store::{Begun, Written};
use web::{Face, Failure, FieldError, Frame, Outcome, Request, Response, robot};

use pages::{AlreadyRegistered, DetailsPage, Review, Sent, Start};

/// The name of the protected form: an answer for it opens no other.
const FORM: &str = "registration";
/// Asking for the mail again within this time changes nothing (CORE 3.5).
const RESEND_SECONDS: i64 = 60;

pub async fn handle(app: &App, request: &Request) -> Result<Response, Failure> {
    match (request.method(), request.segments().as_slice()) {
        ("GET", ["registration"]) => {
            let start = Start { fiscal_code: None, robot: robot::challenge(app, FORM, request)? };
            Frame::signed_out(app, request).show(Outcome::Shown(start))
        }
        ("POST", ["registration"]) => begin(app, request).await,
        ("GET", ["registration", id, "details"]) => details(app, request, &find(app, request, id).await?).await,
        ("POST", ["registration", id, "details"]) => fill(app, request, find(app, request, id).await?).await,
        ("GET", ["registration", id]) => review(app, request, find(app, request, id).await?),
        ("POST", ["registration", id, "confirm"]) => submit(app, request, find(app, request, id).await?).await,
        ("GET", ["registration", id, "sent"]) => sent(app, request, find(app, request, id).await?),
        ("POST", ["registration", id, "resend"]) => resend(app, request, find(app, request, id).await?).await,
        (_, ["registration"] | ["registration", _, "details"]) => {
            Err(Failure::MethodNotAllowed { allow: "GET, HEAD, POST" })
        }
        (_, ["registration", _] | ["registration", _, "sent"]) => Err(Failure::MethodNotAllowed { allow: "GET, HEAD" }),
        (_, ["registration", _, "confirm" | "resend"]) => Err(Failure::MethodNotAllowed { allow: "POST" }),
        _ => Err(Failure::NotFound),
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct StartForm {
    fiscal_code: Option<String>,
}

/// What a program gets when a registration has begun.
#[derive(Serialize)]
struct BegunView {
    id: RegistrationId,
    next: String,
}

/// Step 1: the fiscal code, and the captcha whose answer is spent in the same transaction.
async fn begin(app: &App, request: &Request) -> Result<Response, Failure> {
    web::check_csrf(app, request, request.browser())?;
    let frame = Frame::signed_out(app, request);
    let form: StartForm = request.read()?;
    let again = |errors: Vec<FieldError>| -> Result<Response, Failure> {
        let form = Start { fiscal_code: form.fiscal_code.clone(), robot: robot::challenge(app, FORM, request)? };
        frame.show(Outcome::Refused { errors, form })
    };
    let code = FiscalCode::from_field("fiscal_code", form.fiscal_code.as_deref());
    let proof = robot::verify(app, FORM, request);
    let (code, proof) = match (code, proof) {
        (Ok(code), Ok(proof)) => (code, proof),
        (code, proof) => return again([code.err(), proof.err()].into_iter().flatten().collect()),
    };
    // A known code is told on screen only in the circulars' profile, and only to whoever did the work: a person who
    // answers the question (the way that machines would choose) goes on and is told by mail's end.
    if app.config.circular && proof.by == robot::By::Altcha && app.store.person_of_fiscal_code(&code).await?.is_some() {
        if app.store.spend(&proof.spent).await? == Begun::Replayed {
            return again(vec![robot::already_used()]);
        }
        return frame.show(pages::already_registered(AlreadyRegistered::new()));
    }
    let id = RegistrationId::from_bytes(app.random());
    let registration = Registration {
        id: id.clone(),
        version: 1,
        fiscal_code: Personal::new(code),
        browser: request.browser().digest(),
        language: request.language(),
        details: None,
        step: Step::Draft,
        created_at: request.now(),
        expires_at: request.now() + SignedDuration::from_secs(Registration::LIFETIME_SECONDS),
    };
    match app.store.begin_registration(&registration, &proof.spent).await? {
        Begun::Replayed => again(vec![robot::already_used()]),
        Begun::Done => {
            let next = format!("/registration/{id}/details");
            match request.face() {
                Face::Page => Ok(Response::see_other(&next)),
                Face::Json => {
                    let begun = Response::json(201, &BegunView { id, next: next.clone() })?;
                    Ok(begun.with_header("location", next))
                }
            }
        }
    }
}

/// The registration that this browser began; another browser finds nothing.
async fn find(app: &App, request: &Request, id: &str) -> Result<Registration, Failure> {
    let id: RegistrationId = id.parse().map_err(|_| Failure::NotFound)?;
    let found = app.store.registration(&id, request.now()).await?.ok_or_else(|| {
        Failure::gone(
            "expired-registration",
            "Questa registrazione è scaduta o non esiste più: ricominciala dal primo passaggio.",
            "This registration has expired or is gone: begin again from the first step.",
        )
    })?;
    match found.browser == request.browser().digest() {
        true => Ok(found),
        false => Err(Failure::NotFound),
    }
}

/// Where a registration stands decides which of its pages can be seen.
fn onward(request: &Request, app: &App, registration: &Registration) -> Option<Result<Response, Failure>> {
    let frame = Frame::signed_out(app, request);
    match registration.step {
        Step::Draft => None,
        Step::Submitted { .. } => Some(frame.moved(&format!("/registration/{}/sent", registration.id))),
        Step::Verified { .. } => Some(frame.moved("/login")),
    }
}

async fn details(app: &App, request: &Request, registration: &Registration) -> Result<Response, Failure> {
    if let Some(moved) = onward(request, app, registration) {
        return moved;
    }
    let form = registration.details.as_ref().map(pages::typed).unwrap_or_default();
    Frame::signed_out(app, request).show(Outcome::Shown(DetailsPage::new(registration, form)))
}

/// Step 2: personal data. What was typed is kept when something is wrong.
async fn fill(app: &App, request: &Request, registration: Registration) -> Result<Response, Failure> {
    web::check_csrf(app, request, request.browser())?;
    if let Some(moved) = onward(request, app, &registration) {
        return moved;
    }
    let frame = Frame::signed_out(app, request);
    let form: DetailsForm = request.read()?;
    let details = match form.read(registration.fiscal_code.reveal(), app.today()) {
        Ok(details) => details,
        Err(errors) => {
            return frame.show(Outcome::Refused { errors, form: DetailsPage::new(&registration, form) });
        }
    };
    let next = Registration {
        version: registration.version + 1,
        details: Some(details),
        language: request.language(),
        ..registration
    };
    match app.store.save_registration(&next).await? {
        Written::Done => frame.moved(&format!("/registration/{}", next.id)),
        Written::Moved => Err(moved_meanwhile()),
    }
}

/// Step 3: everything that was typed, read only.
fn review(app: &App, request: &Request, registration: Registration) -> Result<Response, Failure> {
    let frame = Frame::signed_out(app, request);
    match &registration.details {
        None => frame.moved(&format!("/registration/{}/details", registration.id)),
        Some(details) => frame.show(Outcome::Shown(Review::new(&registration, details))),
    }
}

/// Step 4: confirmed; mail 1 is the difference that this write makes.
async fn submit(app: &App, request: &Request, registration: Registration) -> Result<Response, Failure> {
    web::check_csrf(app, request, request.browser())?;
    if let Some(moved) = onward(request, app, &registration) {
        return moved;
    }
    if registration.details.is_none() {
        return Frame::signed_out(app, request).moved(&format!("/registration/{}/details", registration.id));
    }
    send(app, request, registration, 1).await
}

async fn resend(app: &App, request: &Request, registration: Registration) -> Result<Response, Failure> {
    web::check_csrf(app, request, request.browser())?;
    match &registration.step {
        Step::Draft => Frame::signed_out(app, request).moved(&format!("/registration/{}", registration.id)),
        Step::Verified { .. } => Frame::signed_out(app, request).moved("/login"),
        Step::Submitted { cause, secret } => {
            let waited = request.now().duration_since(cause.at).as_secs();
            if waited < RESEND_SECONDS {
                let left = u32::try_from(RESEND_SECONDS - waited).unwrap_or(60);
                return too_soon(app, request, &registration, left);
            }
            let attempt = secret.attempt + 1;
            send(app, request, registration, attempt).await
        }
    }
}

/// Nothing is sent; the page of step 4 says when one can ask again.
fn too_soon(app: &App, request: &Request, registration: &Registration, left: u32) -> Result<Response, Failure> {
    let failure = Failure::TooManyRequests { retry_after_seconds: left };
    match (request.face(), sent_view(registration)) {
        (Face::Page, Some(what)) => {
            // "1 secondi" is never said.
            let left = left.max(2);
            let (it, en) = (
                format!(
                    "Il messaggio è stato inviato da meno di un minuto: potrai chiederlo di nuovo tra {left} secondi."
                ),
                format!("The message was sent less than a minute ago: you can ask for it again in {left} seconds."),
            );
            Frame::signed_out(app, request).show(Outcome::Conflict { code: "too-soon", it, en, what })
        }
        _ => Err(failure),
    }
}

/// A fresh secret for this attempt: an earlier link no longer opens anything.
async fn send(app: &App, request: &Request, registration: Registration, attempt: u32) -> Result<Response, Failure> {
    let nonce = app.random::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
    let secret = SecretRef { key_version: TokenKeys::CURRENT, attempt, nonce };
    let token = app.keys.token().map_err(Failure::unavailable)?.link("registration", registration.id.as_str(), &secret);
    let next = Registration {
        version: registration.version + 1,
        step: Step::Submitted { cause: Cause { id: CauseId::from_bytes(app.random()), at: request.now() }, secret },
        ..registration
    };
    match app.store.submit_registration(&next, &TokenKeys::digest(&token)).await? {
        Written::Done => Frame::signed_out(app, request).moved(&format!("/registration/{}/sent", next.id)),
        Written::Moved => Err(moved_meanwhile()),
    }
}

fn sent(app: &App, request: &Request, registration: Registration) -> Result<Response, Failure> {
    let frame = Frame::signed_out(app, request);
    match (sent_view(&registration), &registration.step) {
        (Some(sent), _) => frame.show(Outcome::Shown(sent)),
        (None, Step::Verified { .. }) => frame.moved("/login"),
        (None, _) => frame.moved(&format!("/registration/{}", registration.id)),
    }
}

fn sent_view(registration: &Registration) -> Option<Sent> {
    let ((cause, secret), details) = (registration.submitted()?, registration.details.as_ref()?);
    Some(Sent {
        id: registration.id.clone(),
        email: details.email.reveal().as_str().to_owned(),
        hours: Registration::LIFETIME_SECONDS / 3600,
        sent_at: cause.at,
        again: secret.attempt > 1,
    })
}

fn moved_meanwhile() -> Failure {
    Failure::conflict(
        "moved",
        "La registrazione è stata modificata in un'altra finestra: ricarica la pagina.",
        "The registration was changed in another window: reload the page.",
    )
}
