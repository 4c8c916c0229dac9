//! pagoPA's station, one URL for all operations (pagoPA reference 4): what is due, and receipts, durable before OK.
//!
//! Strict where nothing has happened, lenient where money has moved. A passing fault of ours answers HTTP 500, which
//! the Node tries again; a well-formed KO is final for it.

mod due;
mod journal;
mod receipt;

use std::time::Instant;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use lambda_http::{Body, Request, Response, http::Method};
use pagopa::station::{self, Answer, Caller, Fault, FaultCode, Operation, Refused, soap_fault};
use runtime::{App, BoxError, Mutant, mutated};

use journal::Journal;

/// Bodies above this are refused: a receipt with five stamps is some tens of kilobytes.
const MAX_BODY_BYTES: usize = 1_000_000;

/// What the station holds beside the table.
pub struct Station {
    journal: Journal,
    secret: String,
}

impl Station {
    /// Fails without a secret: whoever can reach the station can claim that something was paid.
    pub fn new(app: &App) -> Result<Self, BoxError> {
        let secret = app.keys.station().ok_or("the station has no STATION_SECRET")?.to_owned();
        Ok(Self { journal: Journal::new(app)?, secret })
    }

    fn knows(&self, request: &Request) -> bool {
        let given = request.headers().get("x-station-secret").map(|value| value.as_bytes()).unwrap_or_default();
        verify_slices_are_equal(given, self.secret.as_bytes()).is_ok()
    }
}

/// What is said to the Node, and what of it may be logged.
struct Said {
    status: u16,
    operation: &'static str,
    outcome: &'static str,
    xml: String,
}

impl Said {
    fn answer(answer: &Answer) -> Self {
        let outcome = match answer {
            Answer::Refused(_, fault) => fault.code.code(),
            Answer::Verified(_) | Answer::Payment(..) | Answer::Accepted(_) | Answer::Demanded(_) => "OK",
        };
        Self { status: 200, operation: answer.operation().name(), outcome, xml: answer.to_xml() }
    }

    fn fault(status: u16, outcome: &'static str, xml: String) -> Self {
        Self { status, operation: "-", outcome, xml }
    }
}

/// One exchange: answered, written to the journal, then sent.
pub async fn handle(app: &App, station: &Station, request: Request) -> Result<Response<Body>, BoxError> {
    let start = Instant::now();
    let correlation =
        lambda_http::RequestExt::lambda_context_ref(&request).map(|c| c.request_id.clone()).unwrap_or_default();
    let body = match request.body() {
        Body::Empty => &[][..],
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        _ => &[][..],
    };
    let said = match (request.method(), station.knows(&request)) {
        (_, false) => Said::fault(403, "not-the-node", soap_fault("Client", "the caller is not known here")),
        (&Method::POST, true) if body.len() > MAX_BODY_BYTES => {
            let too_large = station::Unreadable::TooLarge;
            Said::fault(too_large.http_status(), "too-large", too_large.to_xml())
        }
        (&Method::POST, true) => {
            let said = answer(app, body).await;
            if !mutated(Mutant::JournalSkipped) {
                station.journal.keep(app, body, &said).await;
            }
            said
        }
        (_, true) => Said::fault(405, "method", soap_fault("Client", "the station takes POST only")),
    };
    let duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let Said { status, operation, outcome, xml } = said;
    tracing::info!(function = app.function, operation, outcome, status, duration_ms, correlation, "Station answered");
    let mut response = Response::builder().status(status).header("content-type", "text/xml; charset=utf-8");
    if status == 405 {
        response = response.header("allow", "POST");
    }
    Ok(response.body(Body::Text(xml))?)
}

async fn answer(app: &App, body: &[u8]) -> Said {
    let request = match station::read(body) {
        Ok(request) => request,
        Err(Refused::Invalid(invalid)) => return Said::answer(&invalid.to_answer(&app.config.broker)),
        Err(Refused::Unreadable(why)) => return Said::fault(why.http_status(), "unreadable", why.to_xml()),
    };
    let operation = request.operation();
    let answered = match &request {
        station::Request::Verify(asked) => due::verify(app, asked).await,
        station::Request::GetPayment(asked) => due::payment(app, asked).await,
        station::Request::SendRt(sent) => receipt::receive(app, sent, body).await,
        // Spontaneous payments at a PSP need a service in pagoPA's catalogue; we have none registered.
        station::Request::Demand(asked) => Ok(Answer::refused(
            operation,
            Fault::new(FaultCode::PagamentoSconosciuto, &asked.caller.id_pa).because("servizio non registrato"),
        )),
    };
    match (answered, operation) {
        (Ok(answer), _) => Said::answer(&answer),
        (Err(_), Operation::SendRt(version)) if mutated(Mutant::OkBeforeCommit) => {
            Said::answer(&Answer::Accepted(version))
        }
        (Err(_), Operation::SendRt(_)) if mutated(Mutant::KoOnTransient) => {
            let duplicate = Fault::new(FaultCode::ReceiptDuplicata, &app.config.broker);
            Said::answer(&Answer::refused(operation, duplicate))
        }
        (Err(error), _) => {
            tracing::error!(error = %error, operation = operation.name(), "The station could not answer: the Node will ask again");
            Said { operation: operation.name(), ..Said::fault(500, "unavailable", soap_fault("Server", "try again")) }
        }
    }
}

/// Broker and station, in the order of the guide to errors (reference 4.8). Verify and activation only: a receipt
/// through another station of ours is money all the same.
fn check_caller(app: &App, caller: &Caller) -> Result<(), Fault> {
    let wrong = |code| Err(Fault::new(code, &caller.id_pa));
    match (caller.id_broker_pa == app.config.broker, caller.id_station == app.config.station) {
        (false, _) => wrong(FaultCode::IdIntermediarioErrato),
        (true, false) => wrong(FaultCode::StazioneIntErrata),
        (true, true) => Ok(()),
    }
}
