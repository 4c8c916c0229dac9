//! The conditions of the service: accepted once per version, before anything can be paid (F52, F53, F55).

use domain::{Consent, ticked};
use runtime::App;
use serde::{Deserialize, Serialize};
use web::{Failure, FieldError, Frame, Outcome, Request, Response};

pub async fn handle(app: &App, request: &Request) -> Result<Response, Failure> {
    match (request.method(), request.segments().as_slice()) {
        ("GET", ["consents"]) => {
            let caller = web::signed_in(app, request).await?;
            let next = request.query("next").and_then(web::safe_next);
            let page = ConsentPage::new(caller.account.consent.clone(), next);
            Frame::of(app, request, &caller).show(Outcome::Shown(page))
        }
        ("POST", ["consents"]) => accept(app, request).await,
        (_, ["consents"]) => Err(Failure::MethodNotAllowed { allow: "GET, HEAD, POST" }),
        _ => Err(Failure::NotFound),
    }
}

#[derive(Serialize)]
pub struct ConsentPage {
    pub current_version: u32,
    pub accepted: Option<Consent>,
    /// The present version is accepted: the page shows it and asks nothing.
    #[serde(skip)]
    pub is_current: bool,
    #[serde(skip)]
    pub next: Option<String>,
}
web::view!(ConsentPage, "consents.html");

impl ConsentPage {
    fn new(accepted: Option<Consent>, next: Option<String>) -> Self {
        let is_current = accepted.as_ref().is_some_and(|consent| consent.version >= Consent::CURRENT);
        Self { current_version: Consent::CURRENT, accepted, is_current, next }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ConsentForm {
    accept: Option<String>,
    next: Option<String>,
}

async fn accept(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    web::check_csrf(app, request, &caller)?;
    let form: ConsentForm = request.read()?;
    let next = form.next.as_deref().and_then(web::safe_next);
    let frame = Frame::of(app, request, &caller);
    if !ticked(form.accept.as_deref()) {
        let error = FieldError::new(
            "accept",
            "not-accepted",
            "Per usare Pago In Rete devi accettare le condizioni del servizio.",
            "To use Pago In Rete you must accept the conditions of the service.",
        );
        let form = ConsentPage::new(caller.account.consent.clone(), next);
        return frame.show(Outcome::Refused { errors: vec![error], form });
    }
    // Accepting again changes nothing: the first moment counts.
    if !caller.account.has_consented() {
        let consent = Consent { version: Consent::CURRENT, at: request.now() };
        app.store.accept(&caller.account.person.id, caller.account.consent.as_ref(), &consent).await?;
    }
    frame.moved(next.as_deref().unwrap_or("/pago-in-rete"))
}
