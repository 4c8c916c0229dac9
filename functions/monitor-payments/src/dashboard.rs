use domain::{EntityCode, Euro, Notice, School, Status};
use jiff::civil::Date;
use runtime::{Mutant, mutated};
use serde::Serialize;

use crate::row::{Row, as_text_if_any};

/// Payments shown, the latest first.
const LATEST: usize = 8;

/// How many notices stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    pub payable: usize,
    pub overdue: usize,
    pub paid: usize,
    pub cancelled: usize,
    pub draft: usize,
    /// Paid, with something that the school must look at.
    pub odd: usize,
}

/// What a school year's notices come to.
#[derive(Debug, Clone)]
pub struct Summary {
    pub counts: Counts,
    /// `None`: nothing.
    pub collected: Option<Euro>,
    pub open: Option<Euro>,
    pub latest: Vec<Row>,
}

impl Summary {
    pub fn of(notices: &[Notice], today: Date) -> Self {
        let (mut counts, mut collected, mut open) = (Counts::default(), None, None);
        let mut paid: Vec<&Notice> = Vec::new();
        for notice in notices {
            match notice.status(today) {
                Status::Draft => counts.draft += 1,
                Status::Payable => counts.payable += 1,
                Status::Overdue if mutated(Mutant::CountWrong) => {}
                Status::Overdue => counts.overdue += 1,
                Status::Cancelled => counts.cancelled += 1,
                Status::Paid => {
                    counts.paid += 1;
                    paid.push(notice);
                }
            }
            match notice.paid() {
                Some(settlement) => {
                    collected = sum(collected, settlement.amount);
                    counts.odd += usize::from(!crate::oddities::codes(settlement).is_empty());
                }
                None if notice.status(today).can_be_paid() => open = sum(open, Some(notice.amount)),
                None => {}
            }
        }
        paid.sort_by(|a, b| latest(b).cmp(&latest(a)));
        let latest = paid.into_iter().take(LATEST).map(|notice| Row::new(notice, today)).collect();
        Self { counts, collected, open, latest }
    }
}

/// The order of payments: by the moment the receipt was recorded.
pub fn latest(notice: &Notice) -> (Option<jiff::Timestamp>, &str) {
    (notice.paid().map(|paid| paid.cause.at), notice.number.as_str())
}

/// The sum; an amount that cannot be read adds nothing, and the largest amount stays the largest.
pub fn sum(total: Option<Euro>, more: Option<Euro>) -> Option<Euro> {
    match (total, more) {
        (Some(total), Some(more)) => Some(total.checked_add(more).unwrap_or(total)),
        (total, more) => total.or(more),
    }
}

/// `GET /school`
#[derive(Debug, Serialize)]
pub struct Dashboard {
    pub school: SchoolFacts,
    pub year: String,
    pub counts: Counts,
    /// False where the school has more notices than one answer counts: then each count is "at least".
    pub complete: bool,
    #[serde(serialize_with = "as_text_if_any")]
    pub collected: Option<Euro>,
    #[serde(serialize_with = "as_text_if_any")]
    pub open: Option<Euro>,
    /// Payments under numbers that were never issued.
    pub unknown_paid: usize,
    pub latest: Vec<Row>,
}

web::view!(Dashboard, "dashboard.html");

/// What identifies a school (F105). Its account is nobody's business here.
#[derive(Debug, Serialize)]
pub struct SchoolFacts {
    pub fiscal_code: EntityCode,
    pub name: String,
    /// Mechanographic codes, the principal first.
    pub codes: Vec<String>,
    pub address: String,
    pub city: String,
    pub email: String,
    pub phone: String,
    pub active_from: Date,
}

impl Dashboard {
    pub fn new(school: School, year: String, summary: Summary, complete: bool, unknown_paid: usize) -> Self {
        let Summary { counts, collected, open, latest } = summary;
        let school = SchoolFacts {
            fiscal_code: school.fiscal_code,
            name: school.name,
            codes: school.codes,
            address: school.address,
            city: school.city,
            email: school.email,
            phone: school.phone,
            active_from: school.active_from,
        };
        Self { school, year, counts, complete, collected, open, unknown_paid, latest }
    }

    /// How many things need the school's eye.
    pub fn to_check(&self) -> usize {
        self.counts.odd + self.unknown_paid
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wish::tests::{TODAY, notice, paid};
    use domain::{NoticeState, Oddity};
    use jiff::{Timestamp, civil::date};

    #[test]
    fn counts_and_sums() {
        let cancelled = NoticeState::Cancelled { at: Timestamp::UNIX_EPOCH, reason: String::new() };
        let odd = vec![Oddity::CancelledBefore];
        let notices = [
            notice(1, TODAY, NoticeState::Payable),
            notice(2, date(2026, 11, 1), NoticeState::Payable),
            notice(3, TODAY, paid(2200, 5, vec![])),
            notice(4, TODAY, paid(1050, 9, odd)),
            notice(5, TODAY, paid(0, 7, vec![Oddity::OtherAmount { due: "22".parse().unwrap(), paid: None }])),
            notice(6, TODAY, cancelled),
        ];
        let summary = Summary::of(&notices, TODAY);
        let counts = Counts { payable: 1, overdue: 1, paid: 3, cancelled: 1, draft: 0, odd: 2 };
        assert_eq!(summary.counts, counts);
        assert_eq!(summary.collected.map(Euro::cents), Some(3250));
        assert_eq!(summary.open.map(Euro::cents), Some(4400));
        let numbers: Vec<_> = summary.latest.iter().map(|row| row.number.clone()).collect();
        assert_eq!(numbers, [3, 4, 2].map(|index: usize| notices[index].number.clone()));
        let nothing = Summary::of(&[], TODAY);
        assert_eq!((nothing.collected, nothing.open, nothing.counts), (None, None, Counts::default()));
    }

    #[test]
    fn the_latest_are_few() {
        let many: Vec<Notice> =
            (0..100).map(|n| notice(n, TODAY, paid(100, i64::try_from(n).unwrap(), vec![]))).collect();
        assert_eq!(Summary::of(&many, TODAY).latest.len(), LATEST);
    }
}
