use domain::{Euro, NoticeNumber, Quarantine, ReceiptId};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use web::Failure;

use crate::{
    dashboard::{latest, sum},
    list::Year,
    row::{Row, as_text_if_any},
    wish::Wish,
};

/// Rows of a page.
const ROWS: usize = 50;

/// `GET /school/payments`
#[derive(Debug, Serialize)]
pub struct PaymentsPage {
    pub year: String,
    pub payments: Vec<Row>,
    /// Of all pages.
    pub count: usize,
    #[serde(serialize_with = "as_text_if_any")]
    pub total: Option<Euro>,
    /// False where the school has more notices than one answer reads.
    pub complete: bool,
    /// Paid under numbers that were never issued; of any year.
    pub unknown: Vec<Unknown>,
    pub next: Option<String>,
    #[serde(skip)]
    pub wish: Wish,
}

web::view!(PaymentsPage, "payments.html");

/// A payment without a notice of ours.
#[derive(Debug, Serialize)]
pub struct Unknown {
    pub number: NoticeNumber,
    #[serde(serialize_with = "as_text_if_any")]
    pub amount: Option<Euro>,
    pub paid_at: Timestamp,
    pub receipt: ReceiptId,
}

impl PaymentsPage {
    /// Newest first. A page begins after the notice that its token names, so that what is paid meanwhile moves nothing.
    pub fn choose(year: Year, unknown: Vec<Quarantine>, wish: Wish, today: Date) -> Result<Self, Failure> {
        let mut paid: Vec<_> = year.notices.iter().filter(|notice| wish.wants(notice, today)).collect();
        paid.sort_by(|a, b| latest(b).cmp(&latest(a)));
        let total = paid.iter().filter_map(|notice| notice.paid()).fold(None, |total, paid| sum(total, paid.amount));
        let start = match &wish.page {
            None => 0,
            Some(token) => {
                let place = paid.iter().position(|notice| notice.number.as_str() == token);
                place.ok_or(store::StoreError::BadPage)? + 1
            }
        };
        let payments: Vec<Row> = paid.iter().skip(start).take(ROWS).map(|notice| Row::new(notice, today)).collect();
        let next = match payments.last() {
            Some(last) if start + payments.len() < paid.len() => Some(last.number.to_string()),
            _ => None,
        };
        let mut unknown: Vec<Unknown> = unknown
            .into_iter()
            .map(|quarantine| Unknown {
                number: quarantine.number,
                amount: quarantine.settlement.amount,
                paid_at: quarantine.settlement.cause.at,
                receipt: quarantine.settlement.receipt,
            })
            .collect();
        unknown.sort_by_key(|unknown| std::cmp::Reverse(unknown.paid_at));
        let (count, complete) = (paid.len(), year.complete);
        Ok(Self { year: wish.year.clone(), payments, count, total, complete, unknown, next, wish })
    }

    pub fn next_href(&self) -> Option<String> {
        Some(self.wish.href("/school/payments", false, Some(self.next.as_deref()?)))
    }

    pub fn first_href(&self) -> String {
        self.wish.href("/school/payments", false, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wish::tests::{TODAY, notice, paid, wish};
    use domain::{Notice, NoticeState};

    fn year() -> Vec<Notice> {
        let state = |n: u64| match n % 3 {
            0 => NoticeState::Payable,
            // Several in the same second.
            _ => paid(100 + n, i64::try_from(n / 4).unwrap(), vec![]),
        };
        (0..200).map(|n| notice(n, TODAY, state(n))).collect()
    }

    fn all_paid() -> Wish {
        wish(&[]).unwrap().paid()
    }

    #[test]
    fn every_payment_is_on_exactly_one_page_newest_first() {
        let (mut rows, mut wish) = (Vec::new(), all_paid());
        loop {
            let page =
                PaymentsPage::choose(Year { notices: year(), complete: true }, vec![], wish.clone(), TODAY).unwrap();
            assert_eq!(page.count, 133);
            rows.extend(page.payments);
            match page.next {
                Some(next) => wish.page = Some(next),
                None => break,
            }
        }
        assert_eq!(rows.len(), 133);
        assert!(rows.is_sorted_by(|a, b| (b.paid_at, b.number.as_str()) < (a.paid_at, a.number.as_str())));
        let cents: u64 = (0..200u64).filter(|n| n % 3 != 0).map(|n| 100 + n).sum();
        let page = PaymentsPage::choose(Year { notices: year(), complete: true }, vec![], all_paid(), TODAY);
        assert_eq!(page.unwrap().total.map(Euro::cents), Some(cents));
    }

    #[test]
    fn a_token_that_names_no_payment_is_refused() {
        for page in ["x", "312260000000004289"] {
            let mut wish = all_paid();
            wish.page = Some(page.into());
            let year = Year { notices: year(), complete: true };
            assert!(PaymentsPage::choose(year, vec![], wish, TODAY).is_err(), "{page}");
        }
    }
}
