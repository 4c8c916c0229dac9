//! The Node's side of the protocol, for a sandbox: requests are written by [`crate::station::Request::to_xml`],
//! answers are read here, as strictly as the Node reads them (pagoPA reference 4.3 to 4.5).

use domain::Euro;

use crate::{
    Amount, schema, simple,
    station::{
        Demanded, Destination, MapEntry, Operation, Payload, Payment, PaymentTransfer, Subject, Unreadable, Verified,
        Version, payload,
    },
    time,
    xml::Element,
};

/// A refusal as it came: the Node forwards codes that no list has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFault {
    pub code: String,
    pub text: String,
    pub id: String,
    pub description: Option<String>,
}

/// An answer that the Node calls invalid (`PPT_STAZIONE_INT_PA_ERRORE_RESPONSE`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    #[error("unreadable: {0}")]
    Unreadable(#[from] Unreadable),
    /// A SOAP Fault: "no valid answer", a receipt is sent again.
    #[error("a SOAP fault")]
    SoapFault,
    #[error("the answer is not {0}")]
    OtherRoot(&'static str),
    #[error("{0}")]
    Schema(schema::Deviation),
    #[error("{0} is missing in an OK answer")]
    Incomplete(&'static str),
    #[error("KO without a fault")]
    NoFault,
    #[error("the transfers do not add up to the amount")]
    Sum,
    #[error("two transfers have one number")]
    TransferNumbers,
}

/// A valid answer: what was asked for, or a well-formed refusal.
pub type Answered<T> = Result<Result<T, RemoteFault>, BadAnswer>;

/// Reads the answer to `paVerifyPaymentNotice`.
pub fn read_verified(body: &[u8]) -> Answered<Verified> {
    answer(body, Operation::Verify, verified)
}

/// Reads the answer to `paGetPayment` or `paGetPaymentV2`, and checks what the Node checks of it.
pub fn read_payment(version: Version, body: &[u8]) -> Answered<Payment> {
    answer(body, Operation::GetPayment(version), |root| {
        let data = root.child("data").ok_or(BadAnswer::Incomplete("data"))?;
        let payment = payment(data).ok_or(BadAnswer::Incomplete("data"))?;
        let mut ids: Vec<_> = list(data).filter_map(|transfer| simple::int(transfer.value("idTransfer")?)).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(BadAnswer::TransferNumbers);
        }
        let sum: u64 = payment.transfers.iter().map(|transfer| transfer.amount.cents()).sum();
        match sum == payment.amount.cents() {
            true => Ok(payment),
            false => Err(BadAnswer::Sum),
        }
    })
}

/// Reads the answer to `paSendRT` or `paSendRTV2`. OK and a well-formed KO are final; anything else is sent again.
pub fn read_accepted(version: Version, body: &[u8]) -> Answered<()> {
    answer(body, Operation::SendRt(version), |_| Ok(()))
}

/// Reads the answer to `paDemandPaymentNotice`.
pub fn read_demanded(body: &[u8]) -> Answered<Demanded> {
    answer(body, Operation::Demand, |root| {
        let qr_code = crate::station::qr_code(root).ok_or(BadAnswer::Incomplete("qrCode"))?;
        Ok(Demanded { qr_code, due: verified(root)? })
    })
}

fn answer<T>(body: &[u8], operation: Operation, read: impl FnOnce(&Element) -> Result<T, BadAnswer>) -> Answered<T> {
    let payload: Payload = payload(body)?;
    if payload.is_soap_fault() {
        return Err(BadAnswer::SoapFault);
    }
    if !payload.is(operation.answer_root()) {
        return Err(BadAnswer::OtherRoot(operation.answer_root()));
    }
    let root = &payload.root;
    if let Some(first) = schema::deviations(root, operation.answer_schema()).into_iter().next() {
        return Err(BadAnswer::Schema(first));
    }
    match root.value("outcome") {
        Some("OK") => read(root).map(Ok),
        _ => {
            let fault = root.child("fault").ok_or(BadAnswer::NoFault)?;
            let text = |name: &str| fault.value(name).unwrap_or_default().to_owned();
            Ok(Err(RemoteFault {
                code: text("faultCode"),
                text: text("faultString"),
                id: text("id"),
                description: fault.value("description").map(str::to_owned),
            }))
        }
    }
}

/// All but office name, due date and detail are mandatory in an OK answer, though the schema has them optional.
fn verified(root: &Element) -> Result<Verified, BadAnswer> {
    let mandatory = |name: &'static str| owned(root, name).ok_or(BadAnswer::Incomplete(name));
    let list = root.child("paymentList").ok_or(BadAnswer::Incomplete("paymentList"))?;
    let option = list.child("paymentOptionDescription").ok_or(BadAnswer::Incomplete("paymentOptionDescription"))?;
    Ok(Verified {
        amount: euro(option, "amount").ok_or(BadAnswer::Incomplete("amount"))?,
        due_date: option.value("dueDate").and_then(time::read_date),
        detail_description: owned(option, "detailDescription"),
        all_ccp: option.value("allCCP").and_then(simple::boolean).ok_or(BadAnswer::Incomplete("allCCP"))?,
        payment_description: mandatory("paymentDescription")?,
        fiscal_code_pa: mandatory("fiscalCodePA")?,
        company_name: mandatory("companyName")?,
        office_name: owned(root, "officeName"),
    })
}

fn payment(data: &Element) -> Option<Payment> {
    Some(Payment {
        creditor_reference_id: owned(data, "creditorReferenceId")?,
        amount: euro(data, "paymentAmount")?,
        due_date: time::read_date(data.value("dueDate")?)?,
        description: owned(data, "description")?,
        company_name: owned(data, "companyName").unwrap_or_default(),
        office_name: owned(data, "officeName"),
        debtor: Subject::read(data.child("debtor")?)?,
        transfers: list(data).map(transfer).collect::<Option<_>>()?,
        metadata: metadata(data),
    })
}

fn list(data: &Element) -> impl Iterator<Item = &Element> {
    data.child("transferList").into_iter().flat_map(|list| list.children("transfer"))
}

fn transfer(transfer: &Element) -> Option<PaymentTransfer> {
    let destination = match transfer.child("richiestaMarcaDaBollo") {
        Some(stamp) => Destination::Stamp {
            document_hash: owned(stamp, "hashDocumento")?,
            province: owned(stamp, "provinciaResidenza")?,
        },
        None => Destination::Iban(owned(transfer, "IBAN")?),
    };
    Some(PaymentTransfer {
        amount: euro(transfer, "transferAmount")?,
        fiscal_code_pa: owned(transfer, "fiscalCodePA")?,
        company_name: owned(transfer, "companyName").unwrap_or_default(),
        destination,
        remittance_information: owned(transfer, "remittanceInformation")?,
        category: owned(transfer, "transferCategory")?,
        metadata: metadata(transfer),
    })
}

fn metadata(element: &Element) -> Vec<MapEntry> {
    let entries = element.child("metadata").into_iter().flat_map(|metadata| metadata.children("mapEntry"));
    entries.filter_map(|entry| Some(MapEntry { key: owned(entry, "key")?, value: owned(entry, "value")? })).collect()
}

fn euro(element: &Element, name: &str) -> Option<Euro> {
    Amount::strict(element.value(name)?)?.euro()
}

fn owned(element: &Element, name: &str) -> Option<String> {
    element.value(name).map(str::to_owned)
}
