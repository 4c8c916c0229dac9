//! The receipt of a paid notice as a PDF, for its family and its school.

use documents::{Party, Receipt, School};
use domain::{Account, EntityCode, Notice, NoticeNumber, Slot};
use runtime::App;
use store::StoredReceipt;
use web::{Caller, Failure, Request, Response};

pub async fn handle(app: &App, request: &Request) -> Result<Response, Failure> {
    match (request.method(), request.segments().as_slice()) {
        ("GET", ["documents", school, number, "receipt.pdf"]) => receipt(app, request, school, number).await,
        (_, ["documents", _, _, "receipt.pdf"]) => Err(Failure::MethodNotAllowed { allow: "GET, HEAD" }),
        _ => Err(Failure::NotFound),
    }
}

/// 3 strong GetItems: the notice says who may see it, the receipt and the school what stands in it.
async fn receipt(app: &App, request: &Request, school: &str, number: &str) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let school: EntityCode = school.parse().map_err(|_| Failure::NotFound)?;
    let number: NoticeNumber = number.parse().map_err(|_| Failure::NotFound)?;
    let at_school = works_at(&caller.account, &school);
    if !at_school {
        web::parent(&caller)?;
    }
    let Slot::Issued(notice) = app.store.slot(&school, &number).await? else { return Err(Failure::NotFound) };
    let settlement = notice.paid().filter(|_| at_school || is_theirs(&caller, &notice)).ok_or(Failure::NotFound)?;
    let (stored, creditor) = tokio::join!(app.store.receipt(&school, &settlement.receipt), app.store.school(&school));
    let stored = stored?.ok_or_else(|| Failure::Broken("a settlement without its receipt".into()))?;
    let creditor = creditor?.ok_or_else(|| Failure::Broken("a notice without its school".into()))?;
    let pdf =
        documents::receipt(&contents(&notice, stored, creditor)).map_err(|error| Failure::Broken(error.into()))?;
    Ok(web::document(pdf, "application/pdf", &format!("ricevuta-{number}.pdf")))
}

/// The role at this very school, if the session is strong enough for it.
fn works_at(account: &Account, school: &EntityCode) -> bool {
    account.roles.iter().any(|role| role.school == *school && role.level <= account.session.level)
}

fn is_theirs(caller: &Caller, notice: &Notice) -> bool {
    caller.account.has_consented() && caller.account.sees(notice)
}

fn contents(notice: &Notice, stored: StoredReceipt, creditor: domain::School) -> Receipt {
    let told = |text: String| Some(text).filter(|text| !text.trim().is_empty());
    let name = format!("{} {}", notice.pupil_name.reveal().as_str(), notice.pupil_surname.reveal().as_str());
    let address: Vec<String> = [creditor.address, creditor.city].into_iter().filter_map(told).collect();
    let contacts: Vec<String> = [creditor.phone, creditor.email].into_iter().filter_map(told).collect();
    let StoredReceipt { receipt, received_at, .. } = stored;
    Receipt {
        school: School {
            name: creditor.name,
            fiscal_code: creditor.fiscal_code,
            code: creditor.codes.into_iter().next(),
            address: told(address.join(", ")),
            contacts: told(contacts.join(" · ")),
        },
        debtor: Party { name, fiscal_code: Some(notice.pupil_fiscal_code.reveal().as_str().to_owned()) },
        payer: receipt.payer_name.map(|name| Party { name, fiscal_code: None }),
        reason: notice.description.clone(),
        amount: receipt.amount,
        iuv: receipt.number.iuv().to_string(),
        number: receipt.number,
        receipt_id: receipt.id.to_string(),
        psp_name: receipt.psp_name,
        psp_code: receipt.psp_code,
        paid_at: receipt.paid_at,
        application_date: receipt.application_date,
        fee: receipt.fee,
        method: receipt.method,
        stand_in: receipt.stand_in,
        recorded_at: received_at,
    }
}
