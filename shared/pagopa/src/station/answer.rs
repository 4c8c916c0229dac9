//! What the station answers: typed inside, exact on the wire.

use domain::{Euro, Iuv};
use jiff::civil::Date;

use super::{Fault, MapEntry, Operation, QrCode, Subject, Version, close, open};
use crate::xml::Writer;

/// The answer to one request; HTTP 200 in every case.
///
/// [`Answer::to_xml`] always writes what the schema accepts: texts are cut to their lengths, and nothing is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Verified(Verified),
    Payment(Version, Box<Payment>),
    /// The receipt is stored.
    Accepted(Version),
    Demanded(Demanded),
    Refused(Operation, Fault),
}

/// What is due now (`paVerifyPaymentNoticeRes`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub amount: Euro,
    pub due_date: Option<Date>,
    pub detail_description: Option<String>,
    /// Every transfer can go to a postal account.
    pub all_ccp: bool,
    pub payment_description: String,
    /// 11 digits.
    pub fiscal_code_pa: String,
    pub company_name: String,
    pub office_name: Option<String>,
}

/// The payment (`data` of `paGetPaymentRes` and `paGetPaymentV2Response`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub creditor_reference_id: String,
    /// Must be the sum of the transfers, or the Node refuses the answer.
    pub amount: Euro,
    /// Mandatory here; a notice without one gets a far but credible day (reference 4.4).
    pub due_date: Date,
    /// No personal data: it travels to PSPs and bank apps.
    pub description: String,
    pub company_name: String,
    pub office_name: Option<String>,
    pub debtor: Subject,
    /// One to five; their numbers are given by their place.
    pub transfers: Vec<PaymentTransfer>,
    pub metadata: Vec<MapEntry>,
}

/// One part of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentTransfer {
    pub amount: Euro,
    /// The beneficiary's fiscal code, 11 digits.
    pub fiscal_code_pa: String,
    /// Written in V2 only, where the documentation wants it and the schema does not.
    pub company_name: String,
    pub destination: Destination,
    pub remittance_information: String,
    /// The taxonomy code: `9/0601125AP/`.
    pub category: String,
    pub metadata: Vec<MapEntry>,
}

/// Where the money goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    Iban(String),
    /// An electronic revenue stamp (V2 only): the document's hash in base64, and the debtor's province.
    Stamp {
        document_hash: String,
        province: String,
    },
}

/// A payment that began at the PSP (`paDemandPaymentNoticeResponse`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demanded {
    pub qr_code: QrCode,
    pub due: Verified,
}

impl Answer {
    pub fn refused(operation: Operation, fault: Fault) -> Self {
        Self::Refused(operation, fault)
    }

    pub fn operation(&self) -> Operation {
        match self {
            Self::Verified(_) => Operation::Verify,
            Self::Payment(version, _) => Operation::GetPayment(*version),
            Self::Accepted(version) => Operation::SendRt(*version),
            Self::Demanded(_) => Operation::Demand,
            Self::Refused(operation, _) => *operation,
        }
    }

    pub fn to_xml(&self) -> String {
        let root = self.operation().answer_root();
        let mut writer = open(root);
        writer.value("outcome", if matches!(self, Self::Refused(..)) { "KO" } else { "OK" });
        match self {
            Self::Verified(due) => due.write(&mut writer),
            Self::Payment(version, payment) => writer.group("data", |data| payment.write(*version, data)),
            Self::Accepted(_) => {}
            Self::Demanded(demanded) => {
                demanded.qr_code.write(&mut writer);
                demanded.due.write(&mut writer);
            }
            Self::Refused(_, fault) => fault.write(&mut writer),
        }
        close(writer, root)
    }
}

impl Verified {
    fn write(&self, writer: &mut Writer) {
        writer.group("paymentList", |list| {
            list.group("paymentOptionDescription", |option| {
                option.value("amount", self.amount);
                option.value("options", "EQ"); // the only value allowed today
                option.optional("dueDate", self.due_date);
                option.optional_text("detailDescription", self.detail_description.as_deref(), 140);
                option.value("allCCP", self.all_ccp);
            });
        });
        writer.text("paymentDescription", &self.payment_description, 140);
        writer.value("fiscalCodePA", &self.fiscal_code_pa);
        writer.text("companyName", &self.company_name, 140);
        writer.optional_text("officeName", self.office_name.as_deref(), 140);
    }
}

impl Payment {
    /// A payment of one part, all to one account of the creditor: the usual notice of a school.
    pub fn single(iuv: &Iuv, due_date: Date, description: &str, debtor: Subject, transfer: PaymentTransfer) -> Self {
        Self {
            creditor_reference_id: iuv.as_str().to_owned(),
            amount: transfer.amount,
            due_date,
            description: description.to_owned(),
            company_name: transfer.company_name.clone(),
            office_name: None,
            debtor,
            transfers: vec![transfer],
            metadata: Vec::new(),
        }
    }

    fn write(&self, version: Version, writer: &mut Writer) {
        writer.text("creditorReferenceId", &self.creditor_reference_id, 35);
        writer.value("paymentAmount", self.amount);
        writer.value("dueDate", self.due_date);
        writer.text("description", &self.description, 140);
        writer.text("companyName", &self.company_name, 140);
        writer.optional_text("officeName", self.office_name.as_deref(), 140);
        self.debtor.write("debtor", writer);
        writer.group("transferList", |list| {
            for (at, transfer) in self.transfers.iter().enumerate() {
                list.group("transfer", |writer| transfer.write(at + 1, version, writer));
            }
        });
        MapEntry::write_all(&self.metadata, writer);
    }
}

impl PaymentTransfer {
    fn write(&self, number: usize, version: Version, writer: &mut Writer) {
        writer.value("idTransfer", number);
        writer.value("transferAmount", self.amount);
        writer.value("fiscalCodePA", &self.fiscal_code_pa);
        if version == Version::V2 {
            writer.text("companyName", &self.company_name, 140);
        }
        match &self.destination {
            Destination::Iban(iban) => writer.text("IBAN", iban, 35),
            Destination::Stamp { document_hash, province } => writer.group("richiestaMarcaDaBollo", |stamp| {
                stamp.value("hashDocumento", document_hash);
                stamp.value("tipoBollo", "01");
                stamp.value("provinciaResidenza", province);
            }),
        }
        writer.text("remittanceInformation", &self.remittance_information, 140);
        writer.text("transferCategory", &self.category, 140);
        MapEntry::write_all(&self.metadata, writer);
    }
}
