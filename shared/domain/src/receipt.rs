//! The receipt ("ricevuta telematica") that the Node delivers, as far as decisions and people need it.

use std::fmt;

use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};

use crate::{EntityCode, Euro, NoticeNumber};

/// pagoPA's `receiptId` (= payment token = IUR): 32 characters in practice, without a bound in the schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReceiptId(pub String);

impl fmt::Display for ReceiptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the payment service provider reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    Ok,
    /// Never sent, says the protocol; kept, flagged, and pays nothing if it comes.
    Ko,
}

/// A receipt as delivered to one of our schools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// `idPA`: the school this copy is meant for.
    pub addressee: EntityCode,
    /// `fiscalCode`: the body that owns the notice; another than the addressee for a secondary beneficiary's copy.
    pub creditor: String,
    pub id: ReceiptId,
    pub number: NoticeNumber,
    pub outcome: Outcome,
    /// `None` where the delivered text is no amount: money has moved all the same.
    pub amount: Option<Euro>,
    pub psp_name: String,
    /// The PSP's fiscal code, VAT number or identifier, the first that was given.
    pub psp_code: String,
    pub method: Option<String>,
    pub fee: Option<Euro>,
    /// As delivered, without a zone: Italian time.
    pub paid_at: Option<DateTime>,
    pub application_date: Option<Date>,
    pub payer_name: Option<String>,
    /// `paymentNote`: our attempt's id, when the payment began in our cart.
    pub note: Option<String>,
    pub stand_in: bool,
    /// What was unusual in the delivered text itself, in words for an engineer.
    pub wire_oddities: Vec<String>,
    /// A digest of the fields that are money, to notice the same id with other money.
    pub money: String,
}

impl Receipt {
    /// A copy for a secondary beneficiary touches no notice, even if the addressee has one of the same number.
    pub fn is_for_its_creditor(&self) -> bool {
        self.creditor == self.addressee.as_str()
    }
}

/// A means of payment in Italian and English, by pagoPA's code; a code that we do not know stays as it is.
pub fn method_words(code: &str) -> (&str, &str) {
    match code {
        "creditCard" | "CP" => ("carta", "card"),
        "bancomat" => ("bancomat", "debit card"),
        "cash" | "PO" => ("contanti", "cash"),
        "other" => ("altro", "other"),
        "MYBK" => ("MyBank", "MyBank"),
        "BPAY" => ("Bancomat Pay", "Bancomat Pay"),
        "PPAL" => ("PayPal", "PayPal"),
        "SATY" => ("Satispay", "Satispay"),
        other => (other, other),
    }
}

/// What a school must look at. The money has moved in every case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Oddity {
    /// Paid another amount than the one due.
    OtherAmount { due: Euro, paid: Option<Euro> },
    /// The notice was already paid by another receipt: a refund, or another notice to cover.
    Second { first: ReceiptId },
    /// The school had cancelled the notice.
    CancelledBefore,
    /// We never issued this number.
    UnknownNotice,
    /// The receipt says that nothing was paid.
    OutcomeKo,
    /// The same receipt id came again with other money fields.
    OtherMoney,
    /// The delivered text departs from the schema.
    Wire { detail: String },
}
