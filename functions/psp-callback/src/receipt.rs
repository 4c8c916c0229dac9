//! Receipts: stored with their notice in one transaction, then OK. Safe to run twice, at once or in any order.

use aws_lc_rs::digest::{SHA256, digest};
use domain::{Cause, CauseId, Change, EntityCode, NoticeState, Outcome, Receipt, Slot};
use pagopa::station::{Answer, Fault, FaultCode, Operation, SendRt, Subject};
use runtime::{App, BoxError, Mutant, mutated};
use store::Recorded;

/// Lost races before we ask whether somebody else stored it; the Node comes back hourly anyway (CORE 1.5).
const RACES: usize = 3;

pub async fn receive(app: &App, sent: &SendRt, raw: &[u8]) -> Result<Answer, BoxError> {
    let operation = Operation::SendRt(sent.version);
    let refuse = |code| Ok(Answer::refused(operation, Fault::new(code, &sent.id_pa)));
    let Ok(school) = sent.id_pa.parse::<EntityCode>() else { return refuse(FaultCode::IdDominioErrato) };
    let receipt = receipt(app, sent, school);
    let cause = cause(app, &receipt);
    for _ in 0..RACES {
        let slot = app.store.slot(&receipt.addressee, &receipt.number).await?;
        // A notice of the school proves that it is ours; otherwise a strong read must (CORE 1.3).
        if matches!(slot, Slot::Free) && app.store.school(&receipt.addressee).await?.is_none() {
            return refuse(FaultCode::IdDominioErrato);
        }
        let mut received = slot.receive(&receipt, cause.clone());
        if mutated(Mutant::PaidAmountOfNotice)
            && let Change::Settle(notice) = &mut received.change
            && let NoticeState::Paid(settlement) = &mut notice.state
        {
            settlement.amount = Some(notice.amount);
        }
        match app.store.record(&receipt, raw, &slot, &received, &cause).await? {
            Recorded::Done => return Ok(Answer::Accepted(sent.version)),
            Recorded::Known => return known(app, &receipt, raw, operation).await,
            Recorded::NoticeMoved => {}
        }
    }
    match app.store.known_receipt(&receipt).await? {
        Some(_) => known(app, &receipt, raw, operation).await,
        None => Err("the notice moved three times while its receipt was being stored".into()),
    }
}

/// The same receipt id again: a repeat changes nothing; other money under the same id is kept and told (CORE 1.2).
/// A duplicate is final for the Node, so it is said only of what is there.
async fn known(app: &App, receipt: &Receipt, raw: &[u8], operation: Operation) -> Result<Answer, BoxError> {
    let first = app.store.known_receipt(receipt).await?.ok_or("a receipt was there and is not")?;
    if first.receipt.money != receipt.money && !mutated(Mutant::CopiesUnseen) {
        app.store.record_conflict(receipt, raw, &cause(app, receipt)).await?;
    }
    Ok(Answer::refused(operation, Fault::new(FaultCode::ReceiptDuplicata, receipt.addressee.as_str())))
}

/// The same cause for every copy of one receipt with the same money: a repeat asks for no second mail.
fn cause(app: &App, receipt: &Receipt) -> Cause {
    let text = format!("{}|{}|{}", receipt.addressee, receipt.id, receipt.money);
    let mut id = [0; 16];
    id.copy_from_slice(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
    Cause { id: CauseId::from_bytes(id), at: app.now() }
}

/// What decisions and people need of the delivered receipt; the bytes are kept beside it.
fn receipt(app: &App, sent: &SendRt, addressee: EntityCode) -> Receipt {
    let delivered = &sent.receipt;
    let mut oddities: Vec<String> =
        sent.oddities.iter().filter(|oddity| !oddity.is_formal()).map(ToString::to_string).collect();
    if sent.id_broker_pa.as_deref() != Some(&app.config.broker)
        || sent.id_station.as_deref() != Some(&app.config.station)
    {
        oddities.push("delivered through another broker or station than ours".to_owned());
    }
    Receipt {
        creditor: sent.creditor().to_owned(),
        id: delivered.receipt_id.clone(),
        number: delivered.notice_number.clone(),
        outcome: if mutated(Mutant::KoPays) { Outcome::Ok } else { delivered.outcome },
        amount: delivered.payment_amount.and_then(|amount| amount.euro()),
        psp_name: delivered.psp_name.clone().unwrap_or_default(),
        psp_code: delivered.psp_code().unwrap_or_default().to_owned(),
        method: delivered.payment_method.clone(),
        fee: delivered.fee.and_then(|fee| fee.euro()),
        paid_at: delivered.payment_date_time.map(|time| time.rome()),
        application_date: delivered.application_date,
        // An anonymous payer has no name to print.
        payer_name: delivered
            .payer
            .as_ref()
            .map(|payer| payer.full_name.reveal().clone())
            .filter(|name| name != Subject::ANONYMOUS),
        note: delivered.payment_note.clone(),
        stand_in: delivered.stand_in.unwrap_or_default(),
        wire_oddities: oddities,
        money: hex(digest(&SHA256, sent.money_fingerprint().as_bytes()).as_ref()),
        addressee,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
