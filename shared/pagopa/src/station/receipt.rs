//! The receipt as it travels (`ctReceipt`, `ctReceiptV2`).

use domain::{NoticeNumber, Outcome, ReceiptId};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{ReceiptOddity, Subject, Version};
use crate::{Amount, PaymentTime, xml::Writer};

/// `paSendRT` and `paSendRTV2`: one receipt for one addressee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendRt {
    pub version: Version,
    /// The school this copy is meant for; the idempotency key is this with the receipt's id.
    pub id_pa: String,
    pub id_broker_pa: Option<String>,
    pub id_station: Option<String>,
    pub receipt: Receipt,
    /// Where the message departed from the schema and was read all the same. Never a reason to refuse it.
    pub oddities: Vec<ReceiptOddity>,
}

/// Everything a citizen's receipt needs. `None` where the sender gave nothing that could be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub receipt_id: ReceiptId,
    pub notice_number: NoticeNumber,
    /// The body that owns the notice; another than `idPA` in the copy for a secondary beneficiary.
    pub fiscal_code: Option<String>,
    pub outcome: Outcome,
    pub creditor_reference_id: Option<String>,
    pub payment_amount: Option<Amount>,
    pub description: Option<String>,
    pub company_name: Option<String>,
    pub office_name: Option<String>,
    pub debtor: Option<Subject>,
    pub transfers: Vec<Transfer>,
    pub psp_id: Option<String>,
    pub psp_fiscal_code: Option<String>,
    pub psp_vat_number: Option<String>,
    pub psp_name: Option<String>,
    pub channel_id: Option<String>,
    pub channel_description: Option<String>,
    pub payer: Option<Subject>,
    pub payment_method: Option<String>,
    /// Our attempt's id, when the payment began in a cart (V2 only).
    pub payment_note: Option<String>,
    /// The PSP's; a cart's one fee may be repeated in each receipt, so never sum it (reference 7).
    pub fee: Option<Amount>,
    pub primary_ci_incurred_fee: Option<Amount>,
    pub bundle_id: Option<String>,
    pub ci_bundle_id: Option<String>,
    pub payment_date_time: Option<PaymentTime>,
    pub application_date: Option<Date>,
    pub transfer_date: Option<Date>,
    pub metadata: Vec<MapEntry>,
    /// Paid while the Node answered in our place.
    pub stand_in: Option<bool>,
}

/// One part of the payment: to whom and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    pub id: Option<i32>,
    pub amount: Option<Amount>,
    pub fiscal_code: Option<String>,
    pub company_name: Option<String>,
    pub iban: Option<String>,
    /// The electronic revenue stamp, base64 XML (V2 only).
    pub stamp: Option<String>,
    pub remittance_information: Option<String>,
    pub category: Option<String>,
    pub metadata: Vec<MapEntry>,
}

/// What the school gave at activation and gets back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapEntry {
    pub key: String,
    pub value: String,
}

impl SendRt {
    /// The body that owns the notice. A receipt that does not say it is the addressee's own.
    pub fn creditor(&self) -> &str {
        self.receipt.fiscal_code.as_deref().unwrap_or(&self.id_pa)
    }

    /// The fields that are money, as one stable text to hash: notice, creditor, outcome, amount, and each transfer's
    /// amount, beneficiary and account. Copies of one receipt in V1 and V2, through other stations, with other blanks
    /// or in another order have the same text; the same receipt id with another text is a conflict (DESIGN 5).
    pub fn money_fingerprint(&self) -> String {
        let amount = |amount: Option<Amount>| amount.map_or_else(|| "?".to_owned(), |amount| amount.to_string());
        let mut transfers: Vec<String> = self
            .receipt
            .transfers
            .iter()
            .map(|transfer| {
                let account = match (&transfer.iban, &transfer.stamp) {
                    (Some(iban), _) => iban.split_whitespace().collect::<String>().to_uppercase(),
                    (None, Some(_)) => "stamp".to_owned(),
                    (None, None) => "?".to_owned(),
                };
                let beneficiary = transfer.fiscal_code.as_deref().unwrap_or("?");
                format!("{}|{beneficiary}|{account}", amount(transfer.amount))
            })
            .collect();
        transfers.sort_unstable();
        let outcome = match self.receipt.outcome {
            Outcome::Ok => "OK",
            Outcome::Ko => "KO",
        };
        let head = [self.receipt.notice_number.as_str(), self.creditor(), outcome].join("|");
        format!("money/1|{head}|{}\n{}", amount(self.receipt.payment_amount), transfers.join("\n"))
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.text("idPA", &self.id_pa, 35);
        writer.optional_text("idBrokerPA", self.id_broker_pa.as_deref(), 35);
        writer.optional_text("idStation", self.id_station.as_deref(), 35);
        writer.group("receipt", |writer| self.receipt.write(self.version, writer));
    }
}

impl Receipt {
    /// The PSP's fiscal code, VAT number or identifier, the first that was given.
    pub fn psp_code(&self) -> Option<&str> {
        self.psp_fiscal_code.as_deref().or(self.psp_vat_number.as_deref()).or(self.psp_id.as_deref())
    }

    /// A field without a value is left out, mandatory or not: the sandbox can send what the schema would refuse.
    fn write(&self, version: Version, writer: &mut Writer) {
        let second = version == Version::V2;
        writer.value("receiptId", &self.receipt_id);
        writer.value("noticeNumber", &self.notice_number);
        writer.optional("fiscalCode", self.fiscal_code.as_deref());
        writer.value("outcome", if self.outcome == Outcome::Ok { "OK" } else { "KO" });
        writer.optional_text("creditorReferenceId", self.creditor_reference_id.as_deref(), 35);
        writer.optional("paymentAmount", self.payment_amount);
        writer.optional_text("description", self.description.as_deref(), 140);
        writer.optional_text("companyName", self.company_name.as_deref(), 140);
        writer.optional_text("officeName", self.office_name.as_deref(), 140);
        if let Some(debtor) = &self.debtor {
            debtor.write("debtor", writer);
        }
        writer.group("transferList", |list| self.transfers.iter().for_each(|transfer| transfer.write(version, list)));
        writer.optional_text("idPSP", self.psp_id.as_deref(), 35);
        writer.optional_text("pspFiscalCode", self.psp_fiscal_code.as_deref(), 70);
        writer.optional_text("pspPartitaIVA", self.psp_vat_number.as_deref(), 20);
        writer.optional_text("PSPCompanyName", self.psp_name.as_deref(), 70);
        writer.optional_text("idChannel", self.channel_id.as_deref(), 35);
        writer.optional_text("channelDescription", self.channel_description.as_deref(), 35);
        if let Some(payer) = &self.payer {
            payer.write("payer", writer);
        }
        writer.optional_text("paymentMethod", self.payment_method.as_deref(), 35);
        writer.optional_text("paymentNote", self.payment_note.as_deref().filter(|_| second), 210);
        writer.optional("fee", self.fee);
        writer.optional("primaryCiIncurredFee", self.primary_ci_incurred_fee.filter(|_| second));
        writer.optional_text("idBundle", self.bundle_id.as_deref().filter(|_| second), 70);
        writer.optional_text("idCiBundle", self.ci_bundle_id.as_deref().filter(|_| second), 70);
        writer.optional("paymentDateTime", self.payment_date_time.map(written));
        writer.optional("applicationDate", self.application_date);
        writer.optional("transferDate", self.transfer_date);
        MapEntry::write_all(&self.metadata, writer);
        writer.optional("standIn", self.stand_in);
    }
}

fn written(time: PaymentTime) -> String {
    let zone = match time.offset_seconds {
        None => String::new(),
        Some(0) => "Z".to_owned(),
        Some(seconds) => {
            let sign = if seconds < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", seconds.abs() / 3600, seconds.abs() % 3600 / 60)
        }
    };
    format!("{}{zone}", time.written)
}

impl Transfer {
    fn write(&self, version: Version, writer: &mut Writer) {
        let second = version == Version::V2;
        writer.group("transfer", |transfer| {
            transfer.optional("idTransfer", self.id);
            transfer.optional("transferAmount", self.amount);
            transfer.optional("fiscalCodePA", self.fiscal_code.as_deref());
            transfer.optional_text("companyName", self.company_name.as_deref().filter(|_| second), 140);
            transfer.optional_text("IBAN", self.iban.as_deref(), 35);
            transfer.optional("MBDAttachment", self.stamp.as_deref().filter(|_| second && self.iban.is_none()));
            transfer.optional_text("remittanceInformation", self.remittance_information.as_deref(), 140);
            transfer.optional_text("transferCategory", self.category.as_deref(), 140);
            MapEntry::write_all(&self.metadata, transfer);
        });
    }
}

impl MapEntry {
    /// The schema's limit (reference 4.2).
    pub const MAX: usize = 15;

    pub(super) fn write_all(entries: &[Self], writer: &mut Writer) {
        if entries.is_empty() {
            return;
        }
        writer.group("metadata", |metadata| {
            for entry in entries.iter().take(Self::MAX) {
                metadata.group("mapEntry", |map_entry| {
                    map_entry.text("key", &entry.key, 140);
                    map_entry.text("value", &entry.value, 140);
                });
            }
        });
    }
}
