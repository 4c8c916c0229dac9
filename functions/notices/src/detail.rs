//! `GET /notices/{school}/{number}`.

use domain::{EntityCode, Euro, Notice, NoticeNumber, NoticeState, Receipt, ReceiptId, Slot};
use family::{NoticeLine, Paying};
use jiff::{Timestamp, civil::DateTime};
use runtime::App;
use serde::{Serialize, Serializer};
use web::{Failure, Frame, Language, Outcome, Request, Response};

/// One notice: what it is, how to pay it, and the receipt once it is paid.
#[derive(Debug, Serialize)]
pub struct NoticePage {
    #[serde(flatten)]
    pub line: NoticeLine,
    pub issued_at: Timestamp,
    /// The school's words on why it cancelled the notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<Cancelled>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptFacts>,
    pub links: Links,
}

web::view!(NoticePage, "notice-detail.html");

#[derive(Debug, Serialize)]
pub struct Cancelled {
    pub at: Timestamp,
    pub reason: String,
}

/// Of the receipt, what a family looks for. What the PSP did not tell is left out.
#[derive(Debug, Serialize)]
pub struct ReceiptFacts {
    pub id: ReceiptId,
    pub psp: String,
    /// Italian time, as the receipt says it.
    pub paid_at: Option<DateTime>,
    #[serde(serialize_with = "amount_text")]
    pub amount: Option<Euro>,
    #[serde(serialize_with = "amount_text")]
    pub fee: Option<Euro>,
}

#[derive(Debug, Serialize)]
pub struct Links {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt_pdf: Option<String>,
}

/// The notice as it stands at this moment. 1 strong GetItem, and 1 for the receipt.
pub async fn notice(app: &App, request: &Request, school: &str, number: &str) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let account = web::parent(&caller)?;
    let school: EntityCode = school.parse().map_err(|_| Failure::NotFound)?;
    let number: NoticeNumber = number.parse().map_err(|_| Failure::NotFound)?;
    let notice = match app.store.slot(&school, &number).await? {
        Slot::Issued(notice) if account.sees(&notice) => notice,
        Slot::Issued(_) | Slot::Free | Slot::UnknownPaid(_) => return Err(Failure::NotFound),
    };
    let receipt = match notice.paid() {
        Some(settlement) => app.store.receipt(&school, &settlement.receipt).await?,
        None => None,
    };
    let mut line = NoticeLine::new(&notice, &account.cart, app.today());
    Paying::mark(app, request, account, std::slice::from_mut(&mut line));
    let page = NoticePage {
        links: Links { receipt_pdf: receipt.is_some().then(|| line.receipt_path()) },
        line,
        issued_at: notice.issued_at,
        cancelled: cancelled(&notice),
        receipt: receipt.map(|stored| facts(stored.receipt)),
    };
    Frame::of(app, request, &caller).show(Outcome::Shown(page))
}

fn cancelled(notice: &Notice) -> Option<Cancelled> {
    match &notice.state {
        NoticeState::Cancelled { at, reason } => Some(Cancelled { at: *at, reason: reason.clone() }),
        NoticeState::Payable | NoticeState::Paid(_) => None,
    }
}

fn facts(receipt: Receipt) -> ReceiptFacts {
    ReceiptFacts {
        id: receipt.id,
        psp: receipt.psp_name,
        paid_at: receipt.paid_at,
        amount: receipt.amount,
        fee: receipt.fee,
    }
}

impl ReceiptFacts {
    /// `30/06/2027, 14:05`.
    pub fn moment(&self, language: Language) -> Option<String> {
        let at = self.paid_at?;
        Some(format!("{}, {}", runtime::long_date(at.date(), language), at.strftime("%H:%M")))
    }
}

fn amount_text<S: Serializer>(amount: &Option<Euro>, serializer: S) -> Result<S::Ok, S::Error> {
    match amount {
        Some(amount) => serializer.collect_str(amount),
        None => serializer.serialize_none(),
    }
}
