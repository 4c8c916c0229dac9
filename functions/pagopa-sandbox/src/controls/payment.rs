//! A notice paid as at a PSP's counter, without Checkout: verify, activation, payment, receipt; and what can go wrong.

use std::sync::Arc;

use domain::{Euro, NoticeNumber};
use pagopa::{
    Amount,
    checkout::ProblemJson,
    station::{Payment, TransferType, Verified, Version},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{MAX_COPIES, bad_request, read};
use crate::{
    App, BoxError,
    checkout::{PSPS, Psp},
    clock,
    http::{Request, Response},
    node::{self, Activation, Delivery, NodeFault, Opened, Paid, Position, Source},
    random,
    store::Saved,
};

/// Which notice, and how. Without any option: paid properly, the receipt delivered through the queue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PayNotice {
    fiscal_code: String,
    notice_number: NoticeNumber,
    /// Another amount than the creditor answered.
    #[serde(default)]
    amount_cents: Option<u64>,
    #[serde(default = "yes")]
    verify: bool,
    /// False: the creditor is not asked, as in stand-in; then `verify` or `amount_cents` gives the amount.
    #[serde(default = "yes")]
    activate: bool,
    #[serde(default)]
    stand_in: bool,
    /// Of activation and receipt: 1 or 2.
    #[serde(default = "two")]
    version: u8,
    #[serde(default)]
    transfer_type: Option<Transfers>,
    /// Goes into activation and receipt, as a cart's id does.
    #[serde(default)]
    payment_note: Option<String>,
    #[serde(default)]
    psp: Option<String>,
    /// KO: the payment fails, and the creditor hears nothing.
    #[serde(default)]
    outcome: Ends,
    /// Past the Node's guard: a second payment of a paid notice, which a late PSP can cause.
    #[serde(default)]
    again: bool,
    /// The receipt is made and never sent.
    #[serde(default)]
    lose: bool,
    #[serde(default)]
    delay_seconds: i32,
    /// Now instead of through the queue: the answer says what the station said.
    #[serde(default)]
    deliver_now: bool,
    #[serde(default = "one")]
    copies: usize,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Transfers {
    Postal,
    Pagopa,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Ends {
    #[default]
    Ok,
    Ko,
}

fn yes() -> bool {
    true
}
fn one() -> usize {
    1
}
fn two() -> u8 {
    2
}

/// What was paid and sent.
#[derive(Debug, Default, Serialize)]
struct PaymentView {
    /// None where nothing was paid.
    receipt_id: Option<String>,
    amount_cents: Option<u64>,
    /// What the creditor answered on the way.
    verified_cents: Option<u64>,
    activated_cents: Option<u64>,
    sha256: Option<String>,
    /// `queued`, `lost`, `delivered`, `failed`
    receipt: &'static str,
    deliveries: Vec<Delivery>,
}

/// `POST /sandbox/payments`: 201 with the payment, 422 with the Node's fault. The same `Idempotency-Key` again is the same
/// payment, whatever became of the first answer.
pub(crate) async fn pay(app: &Arc<App>, request: &Request) -> Result<Response, BoxError> {
    let how: PayNotice = match read(request.body()) {
        Ok(how) => how,
        Err(problem) => return Ok(problem),
    };
    if let Some(detail) = how.invalid() {
        return Ok(bad_request(detail));
    }
    let position = Position { creditor: how.fiscal_code.clone(), number: how.notice_number.clone() };
    let key = request.header("idempotency-key").map(|key| format!("key {key}"));
    if let Some(by) = key.as_deref().filter(|_| !how.again)
        && let Some(token) = node::paid_by(app, &position, by).await?
    {
        return paid_before(app, &how, &token).await;
    }
    let by = key.unwrap_or_else(random::id);
    let verified = match how.verify {
        true => match app.station.verify(&position).await {
            Ok(verified) => Some(verified),
            Err(fault) => return Ok(refused(&fault)),
        },
        false => None,
    };
    let (session, guarded) = match how.again {
        true => (Opened { token: random::token(clock::now()), position }, false),
        false => match node::open(app, position, &by).await? {
            Ok(session) => (session, true),
            Err(fault) => return Ok(refused(&fault)),
        },
    };
    let paid = pay_session(app, &how, &session, guarded, verified).await;
    // What was not paid may be tried again at once; a session that was paid stays as it is.
    match paid {
        Ok(Ok(view)) => Ok(Response::json(201, &view)),
        Ok(Err(answer)) => {
            if guarded {
                node::close(app, &session).await?;
            }
            Ok(answer)
        }
        Err(error) => {
            if guarded {
                let _ = node::close(app, &session).await;
            }
            Err(error)
        }
    }
}

/// What became of the payment that the same client has made before.
async fn paid_before(app: &Arc<App>, how: &PayNotice, token: &str) -> Result<Response, BoxError> {
    let logged = app.store.receipt(token).await?.ok_or("a paid notice without its receipt")?;
    let mut view = PaymentView {
        receipt_id: Some(logged.receipt.id.clone()),
        amount_cents: Some(logged.receipt.amount_cents),
        sha256: Some(logged.receipt.sha256.clone()),
        receipt: if logged.receipt.lost { "lost" } else { "queued" },
        ..PaymentView::default()
    };
    if how.deliver_now && !logged.receipt.lost {
        if logged.notified {
            (view.receipt, view.deliveries) = ("delivered", logged.deliveries);
        } else {
            deliver_now(app, how, token, logged.receipt.wire_version(), &logged.xml, &mut view).await?;
        }
    }
    Ok(Response::json(201, &view))
}

/// With an opened session: activation, payment, receipt. An answer as error means that nothing was paid.
async fn pay_session(
    app: &Arc<App>,
    how: &PayNotice,
    session: &Opened,
    guarded: bool,
    verified: Option<Verified>,
) -> Result<Result<PaymentView, Response>, BoxError> {
    let version = if how.version == 1 { Version::V1 } else { Version::V2 };
    let asked = how.amount_cents.and_then(|cents| Euro::from_cents(cents).ok());
    let activated = match how.activate {
        true => {
            let how = Activation {
                version,
                amount: asked.or(verified.as_ref().map(|verified| verified.amount)),
                note: how.payment_note.as_deref(),
                transfer_type: how.transfer_type.map(|transfers| match transfers {
                    Transfers::Postal => TransferType::Postal,
                    Transfers::Pagopa => TransferType::PagoPa,
                }),
            };
            match node::activate(app, session, &how).await {
                Ok(payment) => Some(payment),
                Err(fault) => return Ok(Err(refused(&fault))),
            }
        }
        false => None,
    };
    let mut view = PaymentView {
        verified_cents: verified.as_ref().map(|verified| verified.amount.cents()),
        activated_cents: activated.as_ref().map(|payment| payment.amount.cents()),
        ..PaymentView::default()
    };
    if how.outcome == Ends::Ko {
        if guarded {
            node::close(app, session).await?;
        }
        return Ok(Ok(PaymentView { receipt: "none", ..view }));
    }
    let due = activated.as_ref().map(|payment| payment.amount).or(verified.as_ref().map(|verified| verified.amount));
    let Some(amount) = asked.or(due) else {
        return Ok(Err(bad_request("without verify and activate, amount_cents is needed")));
    };
    let psp = how.psp.as_deref().and_then(Psp::by_id).unwrap_or(&PSPS[0]);
    let at = clock::now();
    let paid = Paid {
        token: &session.token,
        position: &session.position,
        at,
        source: source(activated, verified),
        amount: Amount::from(amount),
        psp,
        fee: Amount::from_cents(psp.max_fee_cents).unwrap_or_else(|| unreachable!("fees are small")),
        method: psp.payment_method(),
        note: how.payment_note.as_deref(),
        stand_in: how.stand_in,
        version,
        lost: how.lose,
    };
    let (receipt, xml) = paid.receipt(&app.station);
    view.receipt_id = Some(receipt.id.clone());
    view.amount_cents = Some(receipt.amount_cents);
    view.sha256 = Some(receipt.sha256.clone());
    let position = guarded.then(|| session.position.clone());
    view.receipt = if how.lose { "lost" } else { "queued" };
    if !how.lose && !how.deliver_now {
        // Before the receipt is there: whoever dies in between has paid and told, or neither.
        for _ in 0..how.copies {
            node::enqueue(app, &session.token, how.delay_seconds).await?;
        }
    }
    let saved = app.store.add_receipts(&[(receipt, xml.clone(), position)], None, at).await?;
    // Nobody else has this token: where its receipt is there, an answer was lost.
    if saved == Saved::Conflict && app.store.receipt(&session.token).await?.is_none() {
        return Ok(Err(refused(&NodeFault::in_progress())));
    }
    if !how.lose && how.deliver_now {
        deliver_now(app, how, &session.token, version, &xml, &mut view).await?;
    }
    Ok(Ok(view))
}

async fn deliver_now(
    app: &Arc<App>,
    how: &PayNotice,
    id: &str,
    version: Version,
    xml: &str,
    view: &mut PaymentView,
) -> Result<(), BoxError> {
    view.deliveries = node::deliver_copies(app, id, version, xml, how.copies).await?;
    view.receipt = if view.deliveries.iter().any(Delivery::is_final) { "delivered" } else { "failed" };
    Ok(())
}

fn source(activated: Option<Payment>, verified: Option<Verified>) -> Source {
    match (activated, verified) {
        (Some(payment), _) => Source::Activated(Box::new(payment)),
        (None, Some(verified)) => {
            Source::Unasked { company_name: verified.company_name, description: verified.payment_description }
        }
        (None, None) => {
            Source::Unasked { company_name: "Ente creditore".to_owned(), description: "Pagamento".to_owned() }
        }
    }
}

impl PayNotice {
    fn invalid(&self) -> Option<&'static str> {
        let digits = self.fiscal_code.len() == 11 && self.fiscal_code.bytes().all(|b| b.is_ascii_digit());
        let known = |psp: &String| Psp::by_id(psp).is_some();
        let rules = [
            (digits, "fiscal_code must be 11 digits"),
            (self.amount_cents.is_none_or(|cents| Euro::from_cents(cents).is_ok()), "amount_cents is out of range"),
            (matches!(self.version, 1 | 2), "version must be 1 or 2"),
            ((0..=900).contains(&self.delay_seconds), "delay_seconds must be 0 to 900"),
            ((1..=MAX_COPIES).contains(&self.copies), "copies must be 1 to 50"),
            (self.psp.as_ref().is_none_or(known), "psp is not one of ours"),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map(|(_, detail)| detail)
    }
}

fn refused(fault: &NodeFault) -> Response {
    let problem = ProblemJson::new(422, "The Node refuses", fault.description.as_deref().unwrap_or_default());
    let mut body = json!(problem);
    body["fault"] = json!(fault);
    Response::json(422, &body)
}
