//! The pupils of a school by class and name. A whole school is one or two reads of the index, so sorting, searching and
//! paging happen here.

use std::borrow::Borrow;

use domain::{EntityCode, Pupil, searchable};
use runtime::App;
use web::Failure;

use crate::views::{PupilsPage, Row, encoded};

/// Rows of a page.
const ROWS: usize = 50;
/// Reads of the index for one answer, 1,500 pupils each: no school of ours comes near.
const MOST_READS: usize = 4;
/// More than any class or name has.
const MOST_CHARACTERS: usize = 80;

/// The pupils of the school, and whether these are all of them.
pub async fn all(app: &App, school: &EntityCode) -> Result<(Vec<Pupil>, bool), Failure> {
    let (mut pupils, mut after) = (Vec::new(), None);
    for _ in 0..MOST_READS {
        let page = app.store.pupils(school, after.as_deref()).await?;
        pupils.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok((pupils, true)),
        }
    }
    Ok((pupils, false))
}

/// Which of them are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wish {
    class: Option<String>,
    q: Option<String>,
    /// From 1.
    page: usize,
}

impl Wish {
    pub fn read(class: Option<&str>, q: Option<&str>, page: Option<&str>) -> Result<Self, Failure> {
        let text = |text: Option<&str>| {
            let text: String = text.unwrap_or_default().trim().chars().take(MOST_CHARACTERS).collect();
            (!text.is_empty()).then_some(text)
        };
        let page = match page.unwrap_or("1").parse() {
            Ok(page @ 1..) => page,
            _ => return Err(store::StoreError::BadPage.into()),
        };
        Ok(Self { class: text(class), q: text(q), page })
    }

    pub fn choose(self, pupils: Vec<Pupil>, complete: bool) -> PupilsPage {
        let mut classes: Vec<String> = pupils.iter().map(|pupil| pupil.class.clone()).collect();
        classes.sort();
        classes.dedup();
        let words: Vec<String> =
            self.q.iter().flat_map(|q| q.split_whitespace().map(searchable).collect::<Vec<_>>()).collect();
        let mut rows: Vec<(String, Row)> = pupils
            .iter()
            .filter(|pupil| self.class.as_ref().is_none_or(|class| compact(class) == compact(&pupil.class)))
            .map(|pupil| (searchable(&Row::from(pupil).full_name()), Row::from(pupil)))
            .filter(|(name, _)| words.iter().all(|word| name.contains(word)))
            .collect();
        rows.sort_by(|(a, x), (b, y)| (&x.class, a, &x.id).cmp(&(&y.class, b, &y.id)));
        let (total, pages) = (rows.len(), rows.len().div_ceil(ROWS).max(1));
        let page = self.page;
        PupilsPage {
            pupils: rows.into_iter().map(|(_, row)| row).skip((page - 1).saturating_mul(ROWS)).take(ROWS).collect(),
            total,
            classes,
            class: self.class,
            q: self.q,
            complete,
            next: (page < pages).then(|| (page + 1).to_string()),
            page,
            pages,
        }
    }
}

/// `3 b` and `3B` are one class.
fn compact(class: &str) -> String {
    searchable(class).split_whitespace().collect()
}

impl PupilsPage {
    /// The same list at another page.
    pub fn at(&self, page: impl Borrow<usize>) -> String {
        let mut href = "/school/pupils?".to_owned();
        let page = page.borrow().to_string();
        let wishes = [("class", self.class.as_deref()), ("q", self.q.as_deref()), ("page", Some(page.as_str()))];
        for (name, value) in wishes.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            let glue = if href.ends_with('?') { "" } else { "&" };
            href.push_str(&format!("{glue}{name}={}", encoded(value)));
        }
        href
    }

    /// Is anything filtered?
    pub fn is_filtered(&self) -> bool {
        self.class.is_some() || self.q.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Personal, PupilId};

    fn pupil(id: u8, class: &str, name: &str, surname: &str) -> Pupil {
        Pupil {
            id: PupilId::from_bytes([id; 16]),
            school: "80124890155".parse().unwrap(),
            name: Personal::new(name.parse().unwrap()),
            surname: Personal::new(surname.parse().unwrap()),
            fiscal_code: Personal::new("RSSLCU10H21L219B".parse().unwrap()),
            class: class.into(),
        }
    }

    fn school() -> Vec<Pupil> {
        vec![
            pupil(1, "3B", "Sofia", "D'Angelo"),
            pupil(2, "1A", "Giulia", "Rossi"),
            pupil(3, "3B", "Irène", "Niccolai"),
            pupil(4, "3B", "Luca", "De Luca"),
        ]
    }

    fn found(class: Option<&str>, q: Option<&str>) -> Vec<String> {
        let page = Wish::read(class, q, None).unwrap().choose(school(), true);
        page.pupils.iter().map(Row::full_name).collect()
    }

    #[test]
    fn by_class_then_surname() {
        assert_eq!(found(None, None), ["Rossi Giulia", "D'Angelo Sofia", "De Luca Luca", "Niccolai Irène"]);
    }

    #[test]
    fn searched_as_people_type() {
        let cases: [(Option<&str>, Option<&str>, &[&str]); 8] = [
            (Some("3b"), None, &["D'Angelo Sofia", "De Luca Luca", "Niccolai Irène"]),
            (Some(" 3 B "), None, &["D'Angelo Sofia", "De Luca Luca", "Niccolai Irène"]),
            (Some("3"), None, &[]),
            (None, Some("dangelo"), &["D'Angelo Sofia"]),
            (None, Some("IRENE nicc"), &["Niccolai Irène"]),
            (None, Some("luca de"), &["De Luca Luca"]),
            (Some("1A"), Some("luca"), &[]),
            (Some(""), Some("  "), &["Rossi Giulia", "D'Angelo Sofia", "De Luca Luca", "Niccolai Irène"]),
        ];
        for (class, q, expected) in cases {
            assert_eq!(found(class, q), expected, "{class:?} {q:?}");
        }
    }

    #[test]
    fn every_pupil_is_on_exactly_one_page() {
        let many: Vec<Pupil> = (0..=u8::MAX).map(|id| pupil(id, "1A", "Anna", "Rossi")).collect();
        let (mut seen, mut next) = (Vec::new(), Some("1".to_owned()));
        while let Some(token) = next {
            let page = Wish::read(None, None, Some(&token)).unwrap().choose(many.clone(), true);
            assert_eq!((page.total, page.pages), (256, 6));
            seen.extend(page.pupils.into_iter().map(|row| row.id));
            next = page.next;
        }
        let mut ids: Vec<PupilId> = many.into_iter().map(|pupil| pupil.id).collect();
        ids.sort();
        assert_eq!(seen, ids);
        let beyond = Wish::read(None, None, Some("18446744073709551615")).unwrap().choose(school(), true);
        assert!(beyond.pupils.is_empty() && beyond.next.is_none());
    }

    #[test]
    fn other_pages_are_refused() {
        for page in ["0", "-1", "x", "", "1e3"] {
            assert!(Wish::read(None, None, Some(page)).is_err(), "{page:?}");
        }
    }

    #[test]
    fn links_keep_the_search() {
        let page = Wish::read(Some("3 B"), Some("de luca&x"), None).unwrap().choose(school(), true);
        assert_eq!(page.at(2), "/school/pupils?class=3%20B&q=de%20luca%26x&page=2");
    }
}
