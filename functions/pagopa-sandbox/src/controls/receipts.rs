use std::sync::Arc;

use jiff::Timestamp;
use pagopa::{
    Amount,
    checkout::ProblemJson,
    station::{Subject, Version},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{MAX_COPIES, bad_request, read};
use crate::{
    App, BoxError,
    http::{Request, Response},
    node::{self, Delivery},
    store::Logged,
};

/// Receipts a page at most, and without being asked.
const MAX_PAGE: i32 = 200;
const PAGE: i32 = 50;

/// A receipt as the Node's log shows it.
#[derive(Debug, Serialize)]
pub(super) struct ReceiptView {
    receipt_id: String,
    /// `idPA`: whom it is delivered to.
    addressee: String,
    creditor: String,
    notice_number: String,
    amount_cents: u64,
    version: u8,
    stand_in: bool,
    /// Of the bytes that are sent, each time the same.
    sha256: String,
    size_bytes: usize,
    created_at: Timestamp,
    /// `NOTIFIED` once it was answered OK or with a well-formed KO: then the Node never sends it again.
    state: &'static str,
    lost: bool,
    deliveries: Vec<Delivery>,
}

impl From<Logged> for ReceiptView {
    fn from(logged: Logged) -> Self {
        let receipt = logged.receipt;
        Self {
            receipt_id: receipt.id,
            addressee: receipt.addressee,
            creditor: receipt.creditor,
            notice_number: receipt.number.to_string(),
            amount_cents: receipt.amount_cents,
            version: receipt.version,
            stand_in: receipt.wire.stand_in == Some(true),
            sha256: receipt.sha256,
            size_bytes: logged.xml.len(),
            created_at: receipt.created_at,
            state: if logged.notified { "NOTIFIED" } else { "PENDING" },
            lost: receipt.lost,
            deliveries: logged.deliveries,
        }
    }
}

/// `GET /sandbox/receipts?limit=&before=&notice_number=&state=`: the newest first; `before` is the last id of the page before.
pub(crate) async fn receipts(app: &App, request: &Request) -> Result<Response, BoxError> {
    let limit = request.query.text("limit").parse().unwrap_or(PAGE).clamp(1, MAX_PAGE);
    let before = Some(request.query.text("before")).filter(|id| !id.is_empty());
    let found = app.store.receipts(before, limit).await?;
    let is_full = i32::try_from(found.len()).is_ok_and(|count| count == limit);
    let next = found.last().filter(|_| is_full).map(|last| last.receipt.id.clone());
    let (number, state) = (request.query.text("notice_number"), request.query.text("state"));
    let receipts: Vec<ReceiptView> = found
        .into_iter()
        .map(ReceiptView::from)
        .filter(|view| number.is_empty() || view.notice_number == number)
        .filter(|view| state.is_empty() || view.state == state)
        .collect();
    Ok(Response::json(200, &json!({ "receipts": receipts, "next": next })))
}

/// `GET /sandbox/receipts/{id}`
pub(crate) async fn receipt(app: &App, id: &str) -> Result<Response, BoxError> {
    Ok(match app.store.receipt(id).await? {
        Some(logged) => Response::json(200, &ReceiptView::from(logged)),
        None => not_found(),
    })
}

fn not_found() -> Response {
    Response::problem(&ProblemJson::new(404, "Not found", "No receipt of that id"))
}

/// How a receipt is sent again. Without any field: once, now, the same bytes.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Repeat {
    /// So many at once.
    copies: Option<usize>,
    /// The same receipt in the other version's form, as another station of ours would get it.
    version: Option<u8>,
    /// For another school: the copy of a secondary beneficiary.
    addressee: Option<String>,
    /// Another amount under the same id: what must never happen.
    amount_cents: Option<u64>,
    /// Another payer, which is no money and no conflict.
    other_payer: bool,
    /// Through the queue after so many seconds instead of now; the same bytes only.
    delay_seconds: Option<i32>,
}

/// `POST /sandbox/receipts/{id}/repeat`: what real life does to receipts. Answers with what the station answered.
pub(crate) async fn repeat(app: &Arc<App>, request: &Request, id: &str) -> Result<Response, BoxError> {
    let how: Repeat = match read(request.body()) {
        Ok(how) => how,
        Err(problem) => return Ok(problem),
    };
    let Some(logged) = app.store.receipt(id).await? else { return Ok(not_found()) };
    let copies = how.copies.unwrap_or(1);
    if !(1..=MAX_COPIES).contains(&copies) {
        return Ok(bad_request(&format!("copies must be 1 to {MAX_COPIES}")));
    }
    if let Some(delay_seconds) = how.delay_seconds {
        if !(0..=900).contains(&delay_seconds) {
            return Ok(bad_request("delay_seconds must be 0 to 900"));
        }
        for _ in 0..copies {
            node::enqueue(app, id, delay_seconds).await?;
        }
        return Ok(Response::json(202, &json!({ "receipt_id": id, "queued": copies })));
    }
    let (version, xml) = match changed(app, &logged, &how) {
        Ok(changed) => changed,
        Err(detail) => return Ok(bad_request(detail)),
    };
    let deliveries = node::deliver_copies(app, id, version, &xml, copies).await?;
    Ok(Response::json(200, &json!({ "receipt_id": id, "deliveries": deliveries })))
}

fn changed(app: &App, logged: &Logged, how: &Repeat) -> Result<(Version, String), &'static str> {
    let stored = &logged.receipt;
    let version = match how.version {
        None => stored.wire_version(),
        Some(1) => Version::V1,
        Some(2) => Version::V2,
        Some(_) => return Err("version must be 1 or 2"),
    };
    let same = version == stored.wire_version() && how.addressee.is_none() && how.amount_cents.is_none();
    if same && !how.other_payer {
        return Ok((version, logged.xml.clone()));
    }
    let mut wire = stored.wire.clone();
    if let Some(cents) = how.amount_cents {
        let amount =
            Amount::from_cents(cents).filter(|amount| amount.cents() > 0).ok_or("amount_cents is out of range")?;
        wire.payment_amount = Some(amount);
        wire.transfers.truncate(1);
        wire.transfers.iter_mut().for_each(|transfer| transfer.amount = Some(amount));
    }
    if how.other_payer {
        wire.payer = Some(Subject::person("VRDLGI80A01F205X", "Luigi Verdi"));
    }
    let addressee = how.addressee.as_deref().unwrap_or(&stored.addressee);
    Ok((version, node::wire(&app.station, version, addressee, wire)))
}
