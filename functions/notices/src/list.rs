//! `GET /notices` and `GET /payments`.

use domain::{Account, Cart, Notice, PupilId};
use family::{NoticeLine, Paying, PupilName, SchoolName};
use jiff::civil::Date;
use runtime::App;
use serde::Serialize;
use store::{Store, StoreError};
use tokio::task::JoinSet;
use web::{Failure, Frame, Outcome, Request, Response};

use crate::{
    filter::{Filter, Wanted},
    place::Place,
};

/// How many pages of one pupil a request reads in search of a notice that passes the filter.
const PAGES: usize = 4;

/// `GET /notices`.
#[derive(Debug, Serialize)]
pub struct NoticesPage {
    /// What is to be paid first, the earliest due on top; then the rest, the latest on top.
    pub notices: Vec<NoticeLine>,
    /// The caller's pupils, for the filter.
    pub pupils: Vec<Pupil>,
    /// The token of the page with earlier notices.
    pub next: Option<String>,
    #[serde(skip)]
    pub filter: Filter,
    /// Not the list's beginning.
    #[serde(skip)]
    pub later: bool,
}

web::view!(NoticesPage, "notices.html");

/// A linked pupil, and the school.
#[derive(Debug, Serialize)]
pub struct Pupil {
    #[serde(flatten)]
    pub pupil: PupilName,
    pub school: SchoolName,
}

/// `GET /payments`.
#[derive(Debug, Serialize)]
pub struct PaymentsPage {
    /// The latest paid on top.
    pub notices: Vec<NoticeLine>,
    pub next: Option<String>,
    #[serde(skip)]
    pub later: bool,
}

web::view!(PaymentsPage, "payments.html");

pub async fn notices(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let account = web::parent(&caller)?;
    let filter = Filter::read(request)?;
    let place = request.query("page").map(Place::read).transpose()?;
    let (found, next) = read(app, account, &filter, place.as_ref()).await?;
    let mut notices = by_need(&found, &account.cart, app.today());
    Paying::mark(app, request, account, &mut notices);
    let page = NoticesPage {
        notices,
        pupils: pupils(account),
        next: next.map(|next| next.token()),
        filter,
        later: place.is_some(),
    };
    Frame::of(app, request, &caller).show(Outcome::Shown(page))
}

pub async fn payments(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let account = web::parent(&caller)?;
    let filter = Filter { state: Some(Wanted::Paid), ..Filter::default() };
    let place = request.query("page").map(Place::read).transpose()?;
    let (found, next) = read(app, account, &filter, place.as_ref()).await?;
    let page = PaymentsPage {
        notices: by_payment(&found, &account.cart, app.today()),
        next: next.map(|next| next.token()),
        later: place.is_some(),
    };
    Frame::of(app, request, &caller).show(Outcome::Shown(page))
}

/// The notices of all wanted pupils, each pupil's list read at the same time. 1 Query on the index for each pupil,
/// more only while a filter lets nothing through.
async fn read(
    app: &App,
    account: &Account,
    filter: &Filter,
    place: Option<&Place>,
) -> Result<(Vec<Notice>, Option<Place>), Failure> {
    let mut reads = JoinSet::new();
    for (pupil, from) in Place::begin(place, &filter.links(&account.links)) {
        reads.spawn(of_pupil(app.store.clone(), pupil, from, filter.state));
    }
    let (mut found, mut open) = (Vec::new(), Vec::new());
    while let Some(read) = reads.join_next().await {
        let read = read.map_err(|error| Failure::Broken(error.into()))??;
        // An index is not asked who may see what: the links of the strong read decide.
        found.extend(read.notices.into_iter().filter(|notice| account.sees(notice)));
        open.extend(read.next.map(|next| (read.pupil, next)));
    }
    open.sort();
    Ok((found, Place::after(open)))
}

struct OfPupil {
    pupil: PupilId,
    notices: Vec<Notice>,
    next: Option<String>,
}

async fn of_pupil(
    store: Store,
    pupil: PupilId,
    mut from: Option<String>,
    state: Option<Wanted>,
) -> Result<OfPupil, StoreError> {
    let mut notices = Vec::new();
    for _ in 0..PAGES {
        let page = store.notices_of_pupil(&pupil, from.as_deref()).await?;
        notices.extend(page.items.into_iter().filter(|notice| state.is_none_or(|state| state.accepts(notice))));
        from = page.next;
        if from.is_none() || !notices.is_empty() {
            break;
        }
    }
    Ok(OfPupil { pupil, notices, next: from })
}

fn by_need(notices: &[Notice], cart: &Cart, today: Date) -> Vec<NoticeLine> {
    let line = |notice: &Notice| NoticeLine::new(notice, cart, today);
    let (mut payable, mut rest): (Vec<_>, Vec<_>) =
        notices.iter().map(line).partition(|line| line.status.can_be_paid());
    payable.sort_by(|a, b| (a.due, &a.number).cmp(&(b.due, &b.number)));
    rest.sort_by(|a, b| (b.due, &b.number).cmp(&(a.due, &a.number)));
    payable.into_iter().chain(rest).collect()
}

fn by_payment(notices: &[Notice], cart: &Cart, today: Date) -> Vec<NoticeLine> {
    let mut lines: Vec<_> = notices.iter().map(|notice| NoticeLine::new(notice, cart, today)).collect();
    lines.sort_by(|a, b| (b.paid_at, &b.number).cmp(&(a.paid_at, &a.number)));
    lines
}

fn pupils(account: &Account) -> Vec<Pupil> {
    let pupil = |link: &domain::Link| Pupil {
        pupil: PupilName::of(link),
        school: SchoolName { fiscal_code: link.school.clone(), name: link.school_name.clone() },
    };
    account.links.iter().map(pupil).collect()
}

impl NoticesPage {
    pub fn payable(&self) -> &[NoticeLine] {
        &self.notices[..self.divide()]
    }

    pub fn rest(&self) -> &[NoticeLine] {
        &self.notices[self.divide()..]
    }

    fn divide(&self) -> usize {
        self.notices.iter().take_while(|line| line.status.can_be_paid()).count()
    }

    /// Each school once.
    pub fn schools(&self) -> Vec<&SchoolName> {
        let mut schools: Vec<_> = self.pupils.iter().map(|pupil| &pupil.school).collect();
        schools.sort_by(|a, b| (&a.name, &a.fiscal_code).cmp(&(&b.name, &b.fiscal_code)));
        schools.dedup_by(|a, b| a.fiscal_code == b.fiscal_code);
        schools
    }

    pub fn states(&self) -> [Wanted; 3] {
        Wanted::ALL
    }

    /// Where the browser goes on after a command on this page.
    pub fn here(&self) -> String {
        self.filter.path(None)
    }

    pub fn next_path(&self) -> Option<String> {
        self.next.as_deref().map(|next| self.filter.path(Some(next)))
    }

    pub fn state_code(&self) -> Option<&'static str> {
        self.filter.state.map(Wanted::code)
    }

    pub fn pupil_id(&self) -> Option<&str> {
        self.filter.pupil.as_ref().map(PupilId::as_str)
    }

    pub fn school_code(&self) -> Option<&str> {
        self.filter.school.as_ref().map(domain::EntityCode::as_str)
    }
}

impl PaymentsPage {
    pub fn next_path(&self) -> Option<String> {
        self.next.as_deref().map(|next| format!("/payments?page={next}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, State};

    #[test]
    fn what_is_to_be_paid_comes_first() {
        let notices = [
            sample::notice(1, "2026-10-01", State::Paid),
            sample::notice(2, "2027-03-31", State::Payable),
            sample::notice(3, "2026-11-30", State::Cancelled),
            sample::notice(4, "2026-09-30", State::Payable),
            sample::notice(5, "2027-03-31", State::Payable),
        ];
        let today = "2026-11-24".parse().unwrap();
        let cart = Cart { notices: vec![notices[1].key()], version: 1 };
        let lines = by_need(&notices, &cart, today);
        let order: Vec<_> = lines.iter().map(|line| notices.iter().position(|n| n.number == line.number)).collect();
        assert_eq!(order, [Some(3), Some(1), Some(4), Some(2), Some(0)]);
        let tones: Vec<_> = lines.iter().map(NoticeLine::tone).collect();
        assert_eq!(tones, ["late", "due", "due", "over", "paid"]);
        assert_eq!(lines.iter().filter(|line| line.in_cart).count(), 1);
        let page =
            NoticesPage { notices: lines, pupils: Vec::new(), next: None, filter: Filter::default(), later: false };
        assert_eq!((page.payable().len(), page.rest().len()), (3, 2));
    }

    #[test]
    fn payments_begin_with_the_latest() {
        let notices = [sample::paid(1, "2026-11-01T10:00:00Z"), sample::paid(2, "2026-11-02T10:00:00Z")];
        let lines = by_payment(&notices, &Cart::default(), "2026-11-24".parse().unwrap());
        let order: Vec<_> = lines.iter().map(|line| line.number.clone()).collect();
        assert_eq!(order, [notices[1].number.clone(), notices[0].number.clone()]);
    }
}
