//! The notices of a school year: a page of those wanted, or all of them.

use domain::{EntityCode, Notice};
use jiff::civil::Date;
use runtime::App;
use serde::Serialize;
use store::{Page, Store};
use web::Failure;

use crate::{
    row::Row,
    wish::{State, Wish},
};

/// Rows of a page.
const ROWS: usize = 50;
/// One more than is shown tells whether there is a next page.
const ROWS_AND_ONE: i32 = 51;
/// Notices asked of one read for a search; the megabyte that a Query answers at most holds about as many.
const READ: i32 = 800;
/// Reads for one answer: some 5,000 notices, more than most schools issue in a year, in about a second.
const MOST_READS: usize = 6;

/// What one look found, and where the next begins.
pub struct Found {
    pub notices: Vec<Notice>,
    pub next: Option<String>,
}

/// The next [`ROWS`] notices that are wanted. Where few are, the look ends after [`MOST_READS`] with what it found and
/// the place to go on from.
pub async fn page(
    read: impl AsyncFn(Option<&str>, i32) -> Result<Page<Notice>, Failure>,
    wish: &Wish,
    today: Date,
) -> Result<Found, Failure> {
    let limit = if wish.is_narrow() { READ } else { ROWS_AND_ONE };
    let (mut notices, mut after) = (Vec::new(), wish.page.clone());
    for _ in 0..MOST_READS {
        let page = read(after.as_deref(), limit).await?;
        notices.extend(page.items.into_iter().filter(|notice| wish.wants(notice, today)));
        if notices.len() > ROWS {
            notices.truncate(ROWS);
            let next = notices.last().map(Store::after_notice).transpose()?;
            return Ok(Found { notices, next });
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(Found { notices, next: after })
}

/// A school year as far as one answer reads it.
pub struct Year {
    pub notices: Vec<Notice>,
    /// False: there are more, and every count is "at least".
    pub complete: bool,
}

pub async fn whole_year(app: &App, school: &EntityCode, year: &str) -> Result<Year, Failure> {
    let (mut notices, mut after) = (Vec::new(), None);
    for _ in 0..MOST_READS {
        let page = app.store.notices_of_school(school, year, after.as_deref(), READ).await?;
        notices.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(Year { notices, complete: true });
        }
    }
    Ok(Year { notices, complete: false })
}

/// `GET /school/notices`
#[derive(Debug, Serialize)]
pub struct NoticesPage {
    pub year: String,
    pub notices: Vec<Row>,
    pub next: Option<String>,
    #[serde(skip)]
    pub wish: Wish,
}

web::view!(NoticesPage, "notices.html");

impl NoticesPage {
    pub fn new(found: Found, wish: Wish, today: Date) -> Self {
        let notices = found.notices.iter().map(|notice| Row::new(notice, today)).collect();
        Self { year: wish.year.clone(), notices, next: found.next, wish }
    }

    pub fn states(&self) -> [State; 6] {
        State::ALL
    }

    pub fn next_href(&self) -> Option<String> {
        Some(self.wish.href("/school/notices", true, Some(self.next.as_deref()?)))
    }

    pub fn first_href(&self) -> String {
        self.wish.href("/school/notices", true, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wish::tests::{TODAY, notice, paid, wish};
    use domain::NoticeState;

    /// Answers as the index does: at most `size` notices, from after the token on.
    fn reader(all: &[Notice], size: usize) -> impl AsyncFn(Option<&str>, i32) -> Result<Page<Notice>, Failure> {
        async move |after: Option<&str>, limit: i32| {
            let start = match after {
                None => 0,
                Some(token) => all.iter().position(|notice| Store::after_notice(notice).unwrap() == token).unwrap() + 1,
            };
            let end = all.len().min(start + size.min(usize::try_from(limit).unwrap()));
            let items = all[start..end].to_vec();
            let next = (end < all.len()).then(|| Store::after_notice(&all[end - 1]).unwrap());
            Ok(Page { items, next })
        }
    }

    /// Every seventh is paid.
    fn year(count: u64) -> Vec<Notice> {
        let state = |base: u64| if base.is_multiple_of(7) { paid(2200, 0, vec![]) } else { NoticeState::Payable };
        (0..count).map(|base| notice(base, TODAY, state(base))).collect()
    }

    #[tokio::test]
    async fn every_wanted_notice_is_on_exactly_one_page() {
        for (count, size, state) in [
            (0, 800, ""),
            (50, 800, ""),
            (51, 800, ""),
            (1_234, 800, ""),
            (1_234, 800, "paid"),
            (1_234, 20, "paid"),
            (1_234, 3, "cancelled"),
        ] {
            let all = year(count);
            let read = reader(&all, size);
            let mut wish = wish(&[("state", state)]).unwrap();
            let (mut seen, mut looks) = (Vec::new(), 0);
            loop {
                let found = page(&read, &wish, TODAY).await.unwrap();
                assert!(found.notices.len() <= ROWS);
                seen.extend(found.notices);
                looks += 1;
                assert!(looks < 100, "{count} {size} {state}");
                match found.next {
                    Some(next) => wish.page = Some(next),
                    None => break,
                }
            }
            let wanted: Vec<Notice> = all.iter().filter(|notice| wish.wants(notice, TODAY)).cloned().collect();
            assert_eq!(seen, wanted, "{count} {size} {state}");
        }
    }

    #[tokio::test]
    async fn an_unfiltered_page_is_one_read() {
        let all = year(500);
        let reads = std::cell::Cell::new(0);
        let read = reader(&all, 800);
        let counted = async |after: Option<&str>, limit: i32| {
            reads.set(reads.get() + 1);
            read(after, limit).await
        };
        let found = page(counted, &wish(&[]).unwrap(), TODAY).await.unwrap();
        assert_eq!((found.notices.len(), found.next.is_some(), reads.get()), (50, true, 1));
    }
}
