//! What a school has issued and what has been paid, up to date at every look (F101, F102).
//!
//! Reads only. Every key's school is the caller's own: what belongs to another school does not exist here.

mod dashboard;
mod list;
mod notice;
mod oddities;
mod payments;
mod row;
mod wish;

use domain::{NoticeNumber, NoticeState, Settlement, Slot, school_year};
use runtime::App;
use web::{Failure, Frame, Outcome, Request, Response};

use dashboard::{Dashboard, Summary};
use list::{NoticesPage, whole_year};
use notice::{NoticePage, QuarantinePage, ReceiptFacts};
use payments::PaymentsPage;
use wish::Wish;

pub async fn handle(app: &App, request: &Request) -> Result<Response, Failure> {
    match (request.method(), request.segments().as_slice()) {
        ("GET", ["school"]) => dashboard(app, request).await,
        ("GET", ["school", "notices"]) => notices(app, request).await,
        ("GET", ["school", "notices", number]) => notice(app, request, number).await,
        ("GET", ["school", "payments"]) => payments(app, request).await,
        (_, ["school"] | ["school", "notices" | "payments"] | ["school", "notices", _]) => {
            Err(Failure::MethodNotAllowed { allow: "GET, HEAD" })
        }
        _ => Err(Failure::NotFound),
    }
}

async fn dashboard(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let role = web::staff(&caller)?;
    let today = app.today();
    let year = school_year(today);
    let (school, issued, unknown) = tokio::try_join!(
        async { Ok(app.store.school(&role.school).await?) },
        whole_year(app, &role.school, &year),
        async { Ok(app.store.quarantined(&role.school).await?) },
    )?;
    let school = school.ok_or_else(|| Failure::Broken("a role at a school that is not set up".into()))?;
    let page = Dashboard::new(school, year, Summary::of(&issued.notices, today), issued.complete, unknown.len());
    Frame::of(app, request, &caller).show(Outcome::Shown(page))
}

async fn notices(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let role = web::staff(&caller)?;
    let today = app.today();
    let wish = Wish::read(|name| request.query(name), today)?;
    let found = list::page(
        async |after: Option<&str>, limit| {
            Ok(app.store.notices_of_school(&role.school, &wish.year, after, limit).await?)
        },
        &wish,
        today,
    )
    .await?;
    Frame::of(app, request, &caller).show(Outcome::Shown(NoticesPage::new(found, wish, today)))
}

/// One strong read of what stands under the number, one for each receipt.
async fn notice(app: &App, request: &Request, number: &str) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let role = web::staff(&caller)?;
    let number: NoticeNumber = number.parse().map_err(|_| Failure::NotFound)?;
    let frame = Frame::of(app, request, &caller);
    match app.store.slot(&role.school, &number).await? {
        Slot::Free => Err(Failure::NotFound),
        Slot::Issued(notice) => {
            let receipts = match &notice.state {
                NoticeState::Paid(settlement) => receipts(app, &frame, &notice.school, settlement).await?,
                NoticeState::Payable | NoticeState::Cancelled { .. } => Vec::new(),
            };
            frame.show(Outcome::Shown(NoticePage::new(*notice, receipts, app.today())))
        }
        Slot::UnknownPaid(quarantine) => {
            let receipts = receipts(app, &frame, &quarantine.school, &quarantine.settlement).await?;
            frame.show(Outcome::Shown(QuarantinePage::new(quarantine.number, receipts)))
        }
    }
}

/// The receipt that settled, and those that came after it: nearly always none, [`Settlement::FURTHER`] at most.
async fn receipts(
    app: &App,
    frame: &Frame<'_>,
    school: &domain::EntityCode,
    settlement: &Settlement,
) -> Result<Vec<ReceiptFacts>, Failure> {
    let stored = app.store.receipt(school, &settlement.receipt).await?;
    let mut receipts = vec![ReceiptFacts::settling(settlement, stored, frame)];
    for id in &settlement.further {
        let stored = app.store.receipt(school, id).await?;
        receipts.push(ReceiptFacts::further(id, stored, frame));
    }
    Ok(receipts)
}

/// Newest first: the index knows no payment dates, so the school year is read whole and sorted here.
async fn payments(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let role = web::staff(&caller)?;
    let today = app.today();
    let wish = Wish::read(|name| request.query(name), today)?.paid();
    let (issued, unknown) = tokio::try_join!(whole_year(app, &role.school, &wish.year), async {
        Ok(app.store.quarantined(&role.school).await?)
    },)?;
    let page = PaymentsPage::choose(issued, unknown, wish, today)?;
    Frame::of(app, request, &caller).show(Outcome::Shown(page))
}
