//! The receipt of a paid notice as a PDF, for its family and its school.

use documents::{Party, Receipt, School};
use domain::{EntityCode, Level, Notice, NoticeNumber, Role, Slot};
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
    let at_school = works_at(&caller.account.roles, caller.account.session.level, &school);
    if !at_school && caller.account.roles.is_empty() {
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
fn works_at(roles: &[Role], level: Level, school: &EntityCode) -> bool {
    roles.iter().any(|role| role.school == *school && role.level <= level)
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
        method: receipt.method.as_deref().map(|code| domain::method_words(code).0.to_owned()),
        stand_in: receipt.stand_in,
        recorded_at: received_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        Category, Cause, CauseId, NoticeState, Outcome, Personal, PupilId, ReceiptId, SegregationCode, Settlement,
    };

    fn notice() -> Notice {
        let cause = Cause { id: CauseId::from_bytes([1; 16]), at: "2026-11-24T10:00:00Z".parse().unwrap() };
        Notice {
            school: "80124890155".parse().unwrap(),
            school_name: "Istituto".into(),
            number: "312260000000004289".parse().unwrap(),
            version: 2,
            pupil: PupilId::from_bytes([1; 16]),
            pupil_name: Personal::new("Luca".parse().unwrap()),
            pupil_surname: Personal::new("Russo".parse().unwrap()),
            pupil_fiscal_code: Personal::new("RSSLCU10H21L219B".parse().unwrap()),
            class: "3B".into(),
            description: "Contributo".into(),
            category: Category::Trip,
            amount: "22.00".parse().unwrap(),
            due: "2027-01-31".parse().unwrap(),
            issued_at: cause.at,
            notified: Some(cause.clone()),
            state: NoticeState::Paid(Settlement {
                receipt: ReceiptId("a1".into()),
                cause,
                amount: "22.00".parse().ok(),
                oddities: Vec::new(),
                further: Vec::new(),
            }),
        }
    }

    fn stored() -> StoredReceipt {
        StoredReceipt {
            receipt: domain::Receipt {
                addressee: "80124890155".parse().unwrap(),
                creditor: "80124890155".into(),
                id: ReceiptId("a1".into()),
                number: "312260000000004289".parse().unwrap(),
                outcome: Outcome::Ok,
                amount: "22.00".parse().ok(),
                psp_name: "Banca".into(),
                psp_code: "BCITITMM".into(),
                method: None,
                fee: None,
                paid_at: None,
                application_date: None,
                payer_name: None,
                note: None,
                stand_in: false,
                wire_oddities: Vec::new(),
                money: String::new(),
            },
            oddities: Vec::new(),
            received_at: "2026-11-24T10:00:00Z".parse().unwrap(),
            odd: None,
            sha256: String::new(),
        }
    }

    /// Of the circular's school only the fiscal code is known.
    fn school() -> domain::School {
        domain::School {
            fiscal_code: "80124890155".parse().unwrap(),
            name: "Istituto".into(),
            codes: Vec::new(),
            address: String::new(),
            city: "Roma (RM)".into(),
            email: "segreteria@example.org".into(),
            phone: " ".into(),
            iban: String::new(),
            segregation: SegregationCode::new(12).unwrap(),
            active_from: "2020-07-01".parse().unwrap(),
        }
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let contents = contents(&notice(), stored(), school());
        assert_eq!(contents.school.address.as_deref(), Some("Roma (RM)"));
        assert_eq!(contents.school.contacts.as_deref(), Some("segreteria@example.org"));
        assert_eq!(contents.school.code, None);
        assert_eq!((contents.debtor.name.as_str(), contents.iuv.as_str()), ("Luca Russo", "12260000000004289"));
        assert!(documents::receipt(&contents).unwrap().starts_with(b"%PDF-"));
    }

    #[test]
    fn a_role_opens_its_own_school_at_its_own_level() {
        let role =
            |school: &str, level| domain::Role { school: school.parse().unwrap(), school_name: String::new(), level };
        let roles = [role("80124890155", Level::Password), role("94060670158", Level::SecondFactor)];
        let opens = |school: &str, level| works_at(&roles, level, &school.parse().unwrap());
        assert!(opens("80124890155", Level::Password));
        assert!(!opens("94060670158", Level::Password), "this role asks for more");
        assert!(opens("94060670158", Level::SecondFactor));
        assert!(!opens("97191280581", Level::DigitalIdentity));
    }
}
