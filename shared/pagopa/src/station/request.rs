//! Reading a request: exactly as the schema says for verify, get and demand; leniently for receipts.

use domain::NoticeNumber;
use jiff::civil::Date;

use super::{Answer, Fault, FaultCode, Operation, Payload, SendRt, Unreadable, Version, close, lenient, open, payload};
use crate::{
    Amount,
    schema::{self, Departure, Deviation},
    simple, time,
    xml::{Element, Writer},
};

/// A request of the Node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    Verify(Verify),
    GetPayment(GetPayment),
    SendRt(Box<SendRt>),
    Demand(Demand),
}

/// Why there is no request to decide on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Answer the SOAP Fault, HTTP 400 or 413.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// Answer the business refusal, HTTP 200.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// A request of a known operation whose content breaks the schema: `PAA_SINTASSI_EXTRAXSD`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {}", .deviations.first().map_or_else(|| "invalid".to_owned(), Deviation::to_string))]
pub struct Invalid {
    pub operation: Operation,
    /// The school asked for, if that much could be read.
    pub id_pa: Option<String>,
    pub deviations: Vec<Deviation>,
}

impl Invalid {
    /// The refusal; `broker` is its `id` where the school could not be read.
    pub fn to_answer(&self, broker: &str) -> Answer {
        let id = self.id_pa.as_deref().unwrap_or(broker);
        let fault = Fault::new(FaultCode::SintassiExtraXsd, id);
        let fault = match self.deviations.first() {
            // Only elements of the schema are named: an unknown name is the caller's text.
            Some(first) if first.what != Departure::Unknown => fault.because(first.to_string()),
            _ => fault,
        };
        Answer::Refused(self.operation, fault)
    }
}

/// Whom the Node asks, and through which broker and station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The school: 11 digits for a real one, any 1 to 35 characters on the wire.
    pub id_pa: String,
    pub id_broker_pa: String,
    pub id_station: String,
}

/// The notice asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrCode {
    /// 11 digits; must be the `idPA` (reference 4.8).
    pub fiscal_code: String,
    pub notice_number: NoticeNumber,
}

/// `paVerifyPaymentNotice`: what is due now?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    pub caller: Caller,
    pub qr_code: QrCode,
}

/// `paGetPayment` and `paGetPaymentV2`: give me the payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetPayment {
    pub version: Version,
    pub caller: Caller,
    pub qr_code: QrCode,
    /// May be stale: answer with the amount due now (reference 4.4).
    pub amount: Option<Amount>,
    /// The cart's id, when the payment began in a cart.
    pub payment_note: Option<String>,
    pub transfer_type: Option<TransferType>,
    pub due_date: Option<Date>,
}

/// Which accounts the payer's way of paying can credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferType {
    Postal,
    PagoPa,
}

impl TransferType {
    fn name(self) -> &'static str {
        match self {
            Self::Postal => "POSTAL",
            Self::PagoPa => "PAGOPA",
        }
    }
}

/// `paDemandPaymentNotice`: a payment that begins at the PSP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    pub caller: Caller,
    pub service_id: String,
    pub service_subject_id: String,
    /// The service's own XML, decoded.
    pub data: Vec<u8>,
}

/// Reads one request.
pub fn read(body: &[u8]) -> Result<Request, Refused> {
    let payload = payload(body)?;
    let operation = Operation::ALL.into_iter().find(|operation| payload.is(operation.request_root()));
    let operation = operation.ok_or(Unreadable::UnknownOperation)?;
    let mut deviations = schema::deviations(&payload.root, operation.request_schema());
    if payload.stray_text {
        deviations.push(Deviation { path: "Body".to_owned(), what: Departure::Mixed });
    }
    let request = match operation {
        Operation::SendRt(version) => lenient::receipt(&payload.root, version, &deviations),
        _ if !deviations.is_empty() => None,
        Operation::Verify => verify(&payload.root),
        Operation::GetPayment(version) => get_payment(&payload.root, version),
        Operation::Demand => demand(&payload.root),
    };
    request.ok_or_else(|| Invalid { operation, id_pa: readable_id_pa(&payload), deviations }.into())
}

/// The school's code as far as it is a code: it goes into the answer.
fn readable_id_pa(payload: &Payload) -> Option<String> {
    let id_pa = simple::collapse(payload.root.value("idPA")?);
    let plain = (1..=35).contains(&id_pa.len()) && id_pa.bytes().all(|b| b.is_ascii_alphanumeric());
    plain.then(|| id_pa.to_owned())
}

fn caller(root: &Element) -> Option<Caller> {
    Some(Caller {
        id_pa: root.value("idPA")?.to_owned(),
        id_broker_pa: root.value("idBrokerPA")?.to_owned(),
        id_station: root.value("idStation")?.to_owned(),
    })
}

pub(crate) fn qr_code(root: &Element) -> Option<QrCode> {
    let qr_code = root.child("qrCode")?;
    let notice_number = qr_code.value("noticeNumber")?.parse().ok()?;
    Some(QrCode { fiscal_code: qr_code.value("fiscalCode")?.to_owned(), notice_number })
}

fn verify(root: &Element) -> Option<Request> {
    Some(Request::Verify(Verify { caller: caller(root)?, qr_code: qr_code(root)? }))
}

fn get_payment(root: &Element, version: Version) -> Option<Request> {
    Some(Request::GetPayment(GetPayment {
        version,
        caller: caller(root)?,
        qr_code: qr_code(root)?,
        amount: root.value("amount").and_then(Amount::strict),
        payment_note: root.value("paymentNote").map(str::to_owned),
        transfer_type: match root.value("transferType") {
            Some("POSTAL") => Some(TransferType::Postal),
            Some("PAGOPA") => Some(TransferType::PagoPa),
            _ => None,
        },
        due_date: root.value("dueDate").and_then(time::read_date),
    }))
}

fn demand(root: &Element) -> Option<Request> {
    Some(Request::Demand(Demand {
        caller: caller(root)?,
        service_id: root.value("idServizio")?.to_owned(),
        service_subject_id: root.value("idSoggettoServizio")?.to_owned(),
        data: simple::base64(root.value("datiSpecificiServizioRequest")?)?,
    }))
}

impl Request {
    pub fn operation(&self) -> Operation {
        match self {
            Self::Verify(_) => Operation::Verify,
            Self::GetPayment(get) => Operation::GetPayment(get.version),
            Self::SendRt(sent) => Operation::SendRt(sent.version),
            Self::Demand(_) => Operation::Demand,
        }
    }

    /// The message, as the Node would send it.
    pub fn to_xml(&self) -> String {
        let root = self.operation().request_root();
        let mut writer = open(root);
        match self {
            Self::Verify(verify) => {
                verify.caller.write(&mut writer);
                verify.qr_code.write(&mut writer);
            }
            Self::GetPayment(get) => get.write(&mut writer),
            Self::SendRt(sent) => sent.write(&mut writer),
            Self::Demand(demand) => {
                demand.caller.write(&mut writer);
                writer.text("idServizio", &demand.service_id, 5);
                writer.text("idSoggettoServizio", &demand.service_subject_id, 5);
                writer.value("datiSpecificiServizioRequest", encode(&demand.data));
            }
        }
        close(writer, root)
    }
}

fn encode(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

impl Caller {
    fn write(&self, writer: &mut Writer) {
        writer.text("idPA", &self.id_pa, 35);
        writer.text("idBrokerPA", &self.id_broker_pa, 35);
        writer.text("idStation", &self.id_station, 35);
    }
}

impl QrCode {
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.group("qrCode", |qr_code| {
            qr_code.value("fiscalCode", &self.fiscal_code);
            qr_code.value("noticeNumber", &self.notice_number);
        });
    }
}

impl GetPayment {
    fn write(&self, writer: &mut Writer) {
        self.caller.write(writer);
        self.qr_code.write(writer);
        writer.optional("amount", self.amount);
        writer.optional_text("paymentNote", self.payment_note.as_deref(), 210);
        writer.optional("transferType", self.transfer_type.map(TransferType::name));
        writer.optional("dueDate", self.due_date);
    }
}
