//! Reading a receipt: money has moved, so whatever can be read is kept, and what is odd about it is told.

use std::fmt;

use domain::{NoticeNumber, Outcome, ReceiptId};

use super::{MapEntry, Receipt, Request, SendRt, Subject, Transfer, Version};
use crate::{
    Amount, PaymentTime,
    schema::{Departure, Deviation},
    simple, time,
    xml::Element,
};

/// What was unusual in a delivered receipt. Its text is for an engineer and holds no personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiptOddity {
    /// Something the schema does not allow; what could be read of it was read.
    Schema(Deviation),
    /// The schema's five at most, one at least.
    Transfers { count: usize },
    /// The transfers do not add up to the amount paid.
    Sum,
    /// Two transfers have one number.
    TransferNumbers,
    /// The outcome could not be read. Receipts are only sent for successful payments, so it is taken as `OK`.
    OutcomeUnreadable,
    /// No creditor is named, so the addressee is taken for it.
    NoCreditor,
}

impl fmt::Display for ReceiptOddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(deviation) => deviation.fmt(f),
            Self::Transfers { count } => write!(f, "{count} transfers"),
            Self::Sum => f.write_str("the transfers do not add up to the amount"),
            Self::TransferNumbers => f.write_str("two transfers have one number"),
            Self::OutcomeUnreadable => f.write_str("no readable outcome, taken as OK"),
            Self::NoCreditor => f.write_str("no creditor named, taken as the addressee's own"),
        }
    }
}

/// More transfers than any oddity needs; the raw bytes are kept anyway.
const MAX_TRANSFERS: usize = 50;

/// `None` only when the addressee, the notice number or the receipt's id cannot be read.
pub(super) fn receipt(root: &Element, version: Version, deviations: &[Deviation]) -> Option<Request> {
    let id_pa = text(root, "idPA")?;
    let element = root.child("receipt")?;
    let receipt_id = ReceiptId(text(element, "receiptId")?);
    let notice_number: NoticeNumber = text(element, "noticeNumber")?.parse().ok()?;
    let mut oddities: Vec<ReceiptOddity> = deviations.iter().cloned().map(ReceiptOddity::Schema).collect();

    let outcome = match text(element, "outcome").map(|text| text.to_ascii_uppercase()).as_deref() {
        Some("OK") => Outcome::Ok,
        Some("KO") => Outcome::Ko,
        _ => {
            oddities.push(ReceiptOddity::OutcomeUnreadable);
            Outcome::Ok
        }
    };
    let fiscal_code = text(element, "fiscalCode");
    if fiscal_code.is_none() {
        oddities.push(ReceiptOddity::NoCreditor);
    }
    let list = element.child("transferList");
    let all = list.map(|list| list.children("transfer").collect::<Vec<_>>()).unwrap_or_default();
    let transfers: Vec<Transfer> = all.iter().take(MAX_TRANSFERS).map(|element| transfer(element)).collect();
    let payment_amount = amount(element, "paymentAmount");
    oddities.extend(odd_transfers(&transfers, all.len(), payment_amount));

    let receipt = Receipt {
        receipt_id,
        notice_number,
        fiscal_code,
        outcome,
        creditor_reference_id: text(element, "creditorReferenceId"),
        payment_amount,
        description: text(element, "description"),
        company_name: text(element, "companyName"),
        office_name: text(element, "officeName"),
        debtor: element.child("debtor").and_then(Subject::read),
        transfers,
        psp_id: text(element, "idPSP"),
        psp_fiscal_code: text(element, "pspFiscalCode"),
        psp_vat_number: text(element, "pspPartitaIVA"),
        psp_name: text(element, "PSPCompanyName"),
        channel_id: text(element, "idChannel"),
        channel_description: text(element, "channelDescription"),
        payer: element.child("payer").and_then(Subject::read),
        payment_method: text(element, "paymentMethod"),
        payment_note: text(element, "paymentNote"),
        fee: amount(element, "fee"),
        primary_ci_incurred_fee: amount(element, "primaryCiIncurredFee"),
        bundle_id: text(element, "idBundle"),
        ci_bundle_id: text(element, "idCiBundle"),
        payment_date_time: element.value("paymentDateTime").and_then(PaymentTime::read),
        application_date: element.value("applicationDate").and_then(time::read_date),
        transfer_date: element.value("transferDate").and_then(time::read_date),
        metadata: metadata(element),
        stand_in: stand_in(element),
    };
    let (id_broker_pa, id_station) = (text(root, "idBrokerPA"), text(root, "idStation"));
    Some(Request::SendRt(Box::new(SendRt { version, id_pa, id_broker_pa, id_station, receipt, oddities })))
}

fn odd_transfers(transfers: &[Transfer], count: usize, paid: Option<Amount>) -> Vec<ReceiptOddity> {
    let mut oddities = Vec::new();
    if !(1..=5).contains(&count) {
        oddities.push(ReceiptOddity::Transfers { count });
    }
    let sum: Option<u64> = transfers.iter().map(|transfer| transfer.amount.map(Amount::cents)).sum();
    if count > 0 && (sum.is_none() || sum != paid.map(Amount::cents)) {
        oddities.push(ReceiptOddity::Sum);
    }
    let mut ids: Vec<i32> = transfers.iter().filter_map(|transfer| transfer.id).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        oddities.push(ReceiptOddity::TransferNumbers);
    }
    oddities
}

fn transfer(element: &Element) -> Transfer {
    Transfer {
        id: element.value("idTransfer").and_then(simple::int),
        amount: amount(element, "transferAmount"),
        fiscal_code: text(element, "fiscalCodePA"),
        company_name: text(element, "companyName"),
        iban: text(element, "IBAN"),
        stamp: text(element, "MBDAttachment"),
        remittance_information: text(element, "remittanceInformation"),
        category: text(element, "transferCategory"),
        metadata: metadata(element),
    }
}

fn metadata(element: &Element) -> Vec<MapEntry> {
    let entries = element.child("metadata").into_iter().flat_map(|metadata| metadata.children("mapEntry"));
    let entry =
        |entry: &Element| Some(MapEntry { key: text(entry, "key")?, value: text(entry, "value").unwrap_or_default() });
    entries.take(MapEntry::MAX).filter_map(entry).collect()
}

/// The schema writes `standIn`, the documentation `standin`.
fn stand_in(element: &Element) -> Option<bool> {
    ["standIn", "standin"].into_iter().find_map(|name| simple::boolean(element.value(name)?))
}

fn amount(element: &Element, name: &str) -> Option<Amount> {
    element.value(name).and_then(Amount::lenient)
}

/// Without blanks around: pretty-printing must not make another id of the same receipt.
fn text(element: &Element, name: &str) -> Option<String> {
    let text = element.value(name)?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Is the oddity only about form, with nothing lost? Told to engineers, not to schools.
impl ReceiptOddity {
    pub fn is_formal(&self) -> bool {
        match self {
            Self::Schema(deviation) => !matches!(deviation.what, Departure::Missing),
            Self::Transfers { .. } | Self::Sum | Self::TransferNumbers | Self::OutcomeUnreadable | Self::NoCreditor => {
                false
            }
        }
    }
}
