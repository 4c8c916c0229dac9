//! Verify and activation: the amount due now. Both are pure reads; an activation is an event in the journal and
//! changes no state.

use domain::{EntityCode, Notice, Refusal, Slot};
use pagopa::station::{
    Answer, Caller, Destination, Fault, FaultCode, GetPayment, Operation, Payment, PaymentTransfer, QrCode, Subject,
    Verified, Verify,
};
use runtime::{App, BoxError};

use crate::check_caller;

pub async fn verify(app: &App, asked: &Verify) -> Result<Answer, BoxError> {
    Ok(match find(app, &asked.caller, &asked.qr_code).await? {
        Err(fault) => Answer::refused(Operation::Verify, fault),
        Ok(notice) => Answer::Verified(Verified {
            amount: notice.amount,
            due_date: Some(notice.due),
            detail_description: Some(notice.description.clone()),
            all_ccp: false,
            payment_description: notice.description.clone(),
            fiscal_code_pa: notice.school.to_string(),
            company_name: notice.school_name.clone(),
            office_name: None,
        }),
    })
}

pub async fn payment(app: &App, asked: &GetPayment) -> Result<Answer, BoxError> {
    let operation = Operation::GetPayment(asked.version);
    let notice = match find(app, &asked.caller, &asked.qr_code).await? {
        Ok(notice) => notice,
        Err(fault) => return Ok(Answer::refused(operation, fault)),
    };
    // The account is the school's present one: read at this moment, never kept in the notice.
    let school = app.store.school(&notice.school).await?.ok_or("a notice without its school")?;
    let pupil = format!("{} {}", notice.pupil_name.reveal().as_str(), notice.pupil_surname.reveal().as_str());
    let debtor = Subject::person(notice.pupil_fiscal_code.reveal().as_str(), &pupil);
    let iuv = notice.number.iuv();
    let transfer = PaymentTransfer {
        amount: notice.amount,
        fiscal_code_pa: notice.school.to_string(),
        company_name: notice.school_name.clone(),
        destination: Destination::Iban(school.iban),
        remittance_information: format!("/RFB/{iuv}/{}/TXT/{}", notice.amount, notice.description),
        category: notice.category.transfer_category(),
        metadata: Vec::new(),
    };
    let payment = Payment::single(&iuv, notice.due, &notice.description, debtor, transfer);
    Ok(Answer::Payment(asked.version, Box::new(payment)))
}

/// The notice, if it can be paid now, or the fault that says why not. 1 strong read; 2 for a number we do not know.
async fn find(app: &App, caller: &Caller, asked: &QrCode) -> Result<Result<Notice, Fault>, BoxError> {
    let refuse = |code| Ok(Err(Fault::new(code, &caller.id_pa)));
    if let Err(fault) = check_caller(app, caller) {
        return Ok(Err(fault));
    }
    let Ok(school) = caller.id_pa.parse::<EntityCode>() else { return refuse(FaultCode::IdDominioErrato) };
    if caller.id_pa != asked.fiscal_code {
        return refuse(FaultCode::IdDominioErrato);
    }
    let slot = app.store.slot(&school, &asked.notice_number).await?;
    match slot.payable() {
        Ok(notice) => Ok(Ok(notice.clone())),
        Err(Refusal::AlreadyPaid) => refuse(FaultCode::PagamentoDuplicato),
        Err(Refusal::Cancelled) => refuse(FaultCode::PagamentoAnnullato),
        // Only now does it matter whether the school is ours.
        Err(Refusal::Unknown) if matches!(slot, Slot::Free) && app.store.school(&school).await?.is_none() => {
            refuse(FaultCode::IdDominioErrato)
        }
        Err(Refusal::Unknown) => refuse(FaultCode::PagamentoSconosciuto),
    }
}
