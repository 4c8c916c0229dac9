//! Receipts, built once: a repeat sends the same bytes.

use aws_lc_rs::digest::{SHA256, digest};
use domain::{NoticeNumber, Outcome, ReceiptId};
use jiff::Timestamp;
use pagopa::{
    Amount, PaymentTime,
    station::{Destination, Payment, Receipt, Request, SendRt, Subject, Transfer, Version},
};
use serde::{Deserialize, Serialize};

use super::{Position, Station};
use crate::{checkout::Psp, clock, random};

/// A receipt as the Node keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredReceipt {
    /// The payment token.
    pub(crate) id: String,
    /// Whom it is delivered to: `idPA`.
    pub(crate) addressee: String,
    pub(crate) creditor: String,
    pub(crate) number: NoticeNumber,
    pub(crate) amount_cents: u64,
    /// 1 or 2.
    pub(crate) version: u8,
    /// Of the bytes sent.
    pub(crate) sha256: String,
    pub(crate) created_at: Timestamp,
    /// Never put on the queue: the receipt that gets lost.
    pub(crate) lost: bool,
    /// What the bytes say, for odd copies of it.
    pub(crate) wire: Receipt,
}

/// What the payment's parts are, from the creditor's answer at activation or, without one, made up by us.
pub(crate) enum Source {
    Activated(Box<Payment>),
    /// Paid while the creditor was not asked: what the archive of notices would know.
    Unasked {
        company_name: String,
        description: String,
    },
}

/// One payment that succeeded.
pub(crate) struct Paid<'a> {
    pub(crate) token: &'a str,
    pub(crate) position: &'a Position,
    pub(crate) at: Timestamp,
    pub(crate) source: Source,
    /// May differ from what the creditor answered.
    pub(crate) amount: Amount,
    pub(crate) psp: &'a Psp,
    /// The one fee of a whole cart stands in each of its receipts.
    pub(crate) fee: Amount,
    pub(crate) method: &'a str,
    pub(crate) note: Option<&'a str>,
    pub(crate) stand_in: bool,
    pub(crate) version: Version,
    pub(crate) lost: bool,
}

/// An account for money whose creditor was not asked.
const SOME_IBAN: &str = "IT60X0542811101000000123456";

impl Paid<'_> {
    /// The receipt and the bytes to send.
    pub(crate) fn receipt(self, station: &Station) -> (StoredReceipt, String) {
        let position = self.position;
        let clock = clock::rome(self.at);
        let psp = self.psp;
        let Parts { reference, description, company_name, office_name, debtor, transfers, metadata } = self.parts();
        let wire = Receipt {
            receipt_id: ReceiptId(self.token.to_owned()),
            notice_number: position.number.clone(),
            fiscal_code: Some(position.creditor.clone()),
            outcome: Outcome::Ok,
            creditor_reference_id: Some(reference),
            payment_amount: Some(self.amount),
            description: Some(description),
            company_name: Some(company_name),
            office_name,
            debtor: Some(debtor),
            transfers,
            psp_id: Some(psp.psp_id.to_owned()),
            psp_fiscal_code: Some(psp.fiscal_code.to_owned()),
            psp_vat_number: Some(psp.fiscal_code.to_owned()),
            psp_name: Some(psp.name.to_owned()),
            channel_id: Some(format!("{}_01", psp.fiscal_code)),
            channel_description: Some("onLine".to_owned()),
            payer: Some(Subject::anonymous()),
            payment_method: Some(self.method.to_owned()),
            payment_note: self.note.map(str::to_owned),
            fee: Some(self.fee),
            primary_ci_incurred_fee: None,
            bundle_id: Some(psp.id.to_owned()),
            ci_bundle_id: None,
            payment_date_time: Some(PaymentTime::local(clock)),
            application_date: Some(clock.date()),
            transfer_date: Some(clock::next_working_day(clock.date())),
            metadata,
            stand_in: Some(self.stand_in),
        };
        stored(station, self.version, position.creditor.clone(), wire, self.at, self.lost)
    }

    fn parts(&self) -> Parts {
        let position = self.position;
        match &self.source {
            Source::Activated(payment) => {
                let as_answered = Amount::from(payment.amount) == self.amount;
                let mut transfers: Vec<Transfer> = (1..).zip(&payment.transfers).map(transfer).collect();
                if !as_answered {
                    // Another amount than the creditor asked for goes to its first account.
                    transfers.truncate(1);
                    transfers.iter_mut().for_each(|first| first.amount = Some(self.amount));
                }
                Parts {
                    reference: payment.creditor_reference_id.clone(),
                    description: payment.description.clone(),
                    company_name: payment.company_name.clone(),
                    office_name: payment.office_name.clone(),
                    debtor: payment.debtor.clone(),
                    transfers,
                    metadata: payment.metadata.clone(),
                }
            }
            Source::Unasked { company_name, description } => Parts {
                reference: position.number.iuv().as_str().to_owned(),
                description: description.clone(),
                company_name: company_name.clone(),
                office_name: None,
                debtor: Subject::anonymous(),
                transfers: vec![Transfer {
                    id: Some(1),
                    amount: Some(self.amount),
                    fiscal_code: Some(position.creditor.clone()),
                    company_name: Some(company_name.clone()),
                    iban: Some(SOME_IBAN.to_owned()),
                    stamp: None,
                    remittance_information: Some(description.clone()),
                    category: Some("9/0601113AP/".to_owned()),
                    metadata: Vec::new(),
                }],
                metadata: Vec::new(),
            },
        }
    }
}

struct Parts {
    reference: String,
    description: String,
    company_name: String,
    office_name: Option<String>,
    debtor: Subject,
    transfers: Vec<Transfer>,
    metadata: Vec<pagopa::station::MapEntry>,
}

fn transfer((id, part): (i32, &pagopa::station::PaymentTransfer)) -> Transfer {
    let (iban, stamp) = match &part.destination {
        Destination::Iban(iban) => (Some(iban.clone()), None),
        // The stamp itself would be made by its issuer; an empty document stands for it.
        Destination::Stamp { .. } => (None, Some("PG1hcmNhRGFCb2xsby8+".to_owned())),
    };
    Transfer {
        id: Some(id),
        amount: Some(part.amount.into()),
        fiscal_code: Some(part.fiscal_code_pa.clone()),
        company_name: Some(part.company_name.clone()).filter(|name| !name.is_empty()),
        iban,
        stamp,
        remittance_information: Some(part.remittance_information.clone()),
        category: Some(part.category.clone()),
        metadata: part.metadata.clone(),
    }
}

fn stored(
    station: &Station,
    version: Version,
    addressee: String,
    wire: Receipt,
    created_at: Timestamp,
    lost: bool,
) -> (StoredReceipt, String) {
    let xml = self::wire(station, version, &addressee, wire.clone());
    let receipt = StoredReceipt {
        id: wire.receipt_id.0.clone(),
        addressee,
        creditor: wire.fiscal_code.clone().unwrap_or_default(),
        number: wire.notice_number.clone(),
        amount_cents: wire.payment_amount.map_or(0, Amount::cents),
        version: if version == Version::V2 { 2 } else { 1 },
        sha256: random::hex(digest(&SHA256, xml.as_bytes()).as_ref()),
        created_at,
        lost,
        wire,
    };
    (receipt, xml)
}

/// The bytes of a receipt for one addressee.
pub(crate) fn wire(station: &Station, version: Version, addressee: &str, receipt: Receipt) -> String {
    let caller = station.caller(addressee);
    let sent = SendRt {
        version,
        id_pa: caller.id_pa,
        id_broker_pa: Some(caller.id_broker_pa),
        id_station: Some(caller.id_station),
        receipt,
        oddities: Vec::new(),
    };
    Request::SendRt(Box::new(sent)).to_xml()
}

impl StoredReceipt {
    pub(crate) fn wire_version(&self) -> Version {
        match self.version {
            1 => Version::V1,
            _ => Version::V2,
        }
    }
}
