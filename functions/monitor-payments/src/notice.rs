use domain::{Euro, Iuv, Notice, NoticeNumber, NoticeState, Outcome, ReceiptId, Settlement};
use jiff::{
    Timestamp,
    civil::{Date, DateTime},
};
use serde::Serialize;
use store::StoredReceipt;
use web::Frame;

use crate::{
    oddities::{Flag, flag},
    row::{Row, as_text_if_any},
};

/// `GET /school/notices/{number}`
#[derive(Debug, Serialize)]
pub struct NoticePage {
    #[serde(flatten)]
    pub row: Row,
    pub iuv: Iuv,
    pub issued_at: Timestamp,
    /// When the family was told.
    pub notified_at: Option<Timestamp>,
    pub cancelled: Option<Cancelled>,
    /// The one that settled, then those that came after it.
    pub receipts: Vec<ReceiptFacts>,
    /// The path of the receipt as a document.
    pub receipt_pdf: Option<String>,
}

web::view!(NoticePage, "notice.html");

#[derive(Debug, Serialize)]
pub struct Cancelled {
    pub at: Timestamp,
    pub reason: String,
}

/// A number that was paid and never issued.
#[derive(Debug, Serialize)]
pub struct QuarantinePage {
    pub number: NoticeNumber,
    pub iuv: Iuv,
    pub status: &'static str,
    pub receipts: Vec<ReceiptFacts>,
}

web::view!(QuarantinePage, "quarantine.html");

impl NoticePage {
    pub fn new(notice: Notice, receipts: Vec<ReceiptFacts>, today: Date) -> Self {
        let cancelled = match &notice.state {
            NoticeState::Cancelled { at, reason } => Some(Cancelled { at: *at, reason: reason.clone() }),
            NoticeState::Payable | NoticeState::Paid(_) => None,
        };
        Self {
            row: Row::new(&notice, today),
            iuv: notice.number.iuv(),
            issued_at: notice.issued_at,
            notified_at: notice.notified.as_ref().map(|cause| cause.at),
            cancelled,
            receipt_pdf: notice.paid().map(|_| format!("/documents/{}/{}/receipt.pdf", notice.school, notice.number)),
            receipts,
        }
    }

    /// A new form with this notice's order, for another pupil.
    pub fn like(&self) -> String {
        format!("/school/notices/new?like={}", self.row.number)
    }
}

impl QuarantinePage {
    pub fn new(number: NoticeNumber, receipts: Vec<ReceiptFacts>) -> Self {
        Self { iuv: number.iuv(), number, status: "unknown-paid", receipts }
    }
}

/// A receipt as the school needs it.
#[derive(Debug, Serialize)]
pub struct ReceiptFacts {
    pub id: ReceiptId,
    /// The first one: it settled the notice.
    pub settles: bool,
    #[serde(serialize_with = "as_text_if_any")]
    pub amount: Option<Euro>,
    /// The PSP's commission, paid on top.
    #[serde(serialize_with = "as_text_if_any")]
    pub fee: Option<Euro>,
    pub psp: Option<String>,
    pub method: Option<String>,
    /// As the PSP wrote it: Italian time.
    pub paid_at: Option<DateTime>,
    pub application_date: Option<Date>,
    pub payer: Option<String>,
    pub recorded_at: Option<Timestamp>,
    pub oddities: Vec<Flag>,
}

impl ReceiptFacts {
    pub fn settling(settlement: &Settlement, stored: Option<StoredReceipt>, frame: &Frame<'_>) -> Self {
        let facts = Self::new(&settlement.receipt, stored, frame);
        Self {
            settles: true,
            amount: settlement.amount,
            recorded_at: Some(settlement.cause.at),
            oddities: settlement.oddities.iter().map(|oddity| flag(oddity, frame)).collect(),
            ..facts
        }
    }

    pub fn further(id: &ReceiptId, stored: Option<StoredReceipt>, frame: &Frame<'_>) -> Self {
        Self::new(id, stored, frame)
    }

    fn new(id: &ReceiptId, stored: Option<StoredReceipt>, frame: &Frame<'_>) -> Self {
        let blank = Self {
            id: id.clone(),
            settles: false,
            amount: None,
            fee: None,
            psp: None,
            method: None,
            paid_at: None,
            application_date: None,
            payer: None,
            recorded_at: None,
            oddities: Vec::new(),
        };
        let Some(StoredReceipt { receipt, oddities, received_at, .. }) = stored else { return blank };
        Self {
            amount: receipt.amount.filter(|_| receipt.outcome == Outcome::Ok),
            fee: receipt.fee,
            psp: Some(receipt.psp_name),
            method: receipt.method,
            paid_at: receipt.paid_at,
            application_date: receipt.application_date,
            payer: receipt.payer_name,
            recorded_at: Some(received_at),
            oddities: oddities.iter().map(|oddity| flag(oddity, frame)).collect(),
            ..blank
        }
    }
}
