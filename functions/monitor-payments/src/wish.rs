//! Which notices are wanted.

use domain::{Notice, Status, school_year, searchable};
use jiff::{ToSpan, civil::Date};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use web::Failure;

/// More than any class, name or reason has.
const MOST_CHARACTERS: usize = 100;
/// School years to choose from; older ones are reached by the address.
const YEARS: i16 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Payable, late or not.
    Unpaid,
    Payable,
    Overdue,
    Paid,
    Cancelled,
    /// With something that the school must look at.
    Odd,
}

impl State {
    pub const ALL: [Self; 6] = [Self::Unpaid, Self::Payable, Self::Overdue, Self::Paid, Self::Cancelled, Self::Odd];

    pub fn code(self) -> &'static str {
        match self {
            Self::Unpaid => "unpaid",
            Self::Payable => "payable",
            Self::Overdue => "overdue",
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
            Self::Odd => "odd",
        }
    }

    /// Italian and English.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Unpaid => ("Non pagati", "Not paid"),
            Self::Payable => ("Non pagati, in tempo", "Not paid, in time"),
            Self::Overdue => ("Non pagati, scaduti", "Not paid, overdue"),
            Self::Paid => ("Pagati", "Paid"),
            Self::Cancelled => ("Annullati", "Cancelled"),
            Self::Odd => ("Da controllare", "To be checked"),
        }
    }

    fn holds(self, notice: &Notice, today: Date) -> bool {
        match (self, notice.status(today)) {
            (Self::Odd, _) => notice.paid().is_some_and(|paid| !paid.oddities.is_empty() || !paid.further.is_empty()),
            (Self::Unpaid, status) => status.can_be_paid(),
            (Self::Payable, status) => status == Status::Payable,
            (Self::Overdue, status) => status == Status::Overdue,
            (Self::Paid, status) => status == Status::Paid,
            (Self::Cancelled, status) => status == Status::Cancelled,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub state: Option<State>,
    pub class: Option<String>,
    pub q: Option<String>,
    /// As `2026-27`.
    pub year: String,
    pub page: Option<String>,
    /// To choose from, the present one first.
    pub years: Vec<String>,
    /// `q`, ready to be compared.
    words: Vec<String>,
}

impl Wish {
    pub fn read<'q>(query: impl Fn(&str) -> Option<&'q str>, today: Date) -> Result<Self, Failure> {
        let text = |name: &str| {
            let text: String = query(name).unwrap_or_default().trim().chars().take(MOST_CHARACTERS).collect();
            (!text.is_empty()).then_some(text)
        };
        let state = match text("state") {
            None => None,
            Some(code) => {
                let known = State::ALL.into_iter().find(|state| state.code() == code);
                Some(known.ok_or_else(|| wrong("state", "Lo stato richiesto non esiste.", "There is no such state."))?)
            }
        };
        let years: Vec<String> =
            (0..YEARS).filter_map(|back| Some(school_year(today.checked_sub(back.years()).ok()?))).collect();
        let year = text("year").unwrap_or_else(|| school_year(today));
        if !is_school_year(&year) {
            let (it, en) = ("L'anno scolastico si scrive come 2026-27.", "Write the school year like 2026-27.");
            return Err(wrong("year", it, en));
        }
        let q = text("q");
        let words = words(q.as_deref().unwrap_or_default());
        Ok(Self { state, class: text("class"), q, year, page: text_of_page(query("page")), years, words })
    }

    /// The same wish among what is paid.
    pub fn paid(self) -> Self {
        Self { state: Some(State::Paid), ..self }
    }

    pub fn wants(&self, notice: &Notice, today: Date) -> bool {
        self.state.is_none_or(|state| state.holds(notice, today))
            && self.class.as_ref().is_none_or(|class| compact(class) == compact(&notice.class))
            && self.says(notice)
    }

    /// Does each word of the search occur in the notice?
    fn says(&self, notice: &Notice) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let (name, surname) = (notice.pupil_name.reveal().as_str(), notice.pupil_surname.reveal().as_str());
        let text = searchable(&format!("{surname} {name} {} {}", notice.description, notice.number));
        self.words.iter().all(|word| text.contains(word))
    }

    /// Is anything left out?
    pub fn is_narrow(&self) -> bool {
        self.state.is_some() || self.class.is_some() || self.q.is_some()
    }

    pub fn state_code(&self) -> Option<&'static str> {
        self.state.map(State::code)
    }

    /// The same list from another page on. `state` is left out where the path says it.
    pub fn href(&self, path: &str, with_state: bool, page: Option<&str>) -> String {
        let parts = [
            ("state", self.state_code().filter(|_| with_state)),
            ("class", self.class.as_deref()),
            ("q", self.q.as_deref()),
            ("year", Some(self.year.as_str())),
            ("page", page),
        ];
        let pairs: Vec<String> = parts
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", utf8_percent_encode(value?, NON_ALPHANUMERIC))))
            .collect();
        format!("{path}?{}", pairs.join("&"))
    }
}

/// A page token is not cut: a piece of one is none.
fn text_of_page(page: Option<&str>) -> Option<String> {
    page.filter(|page| !page.is_empty()).map(str::to_owned)
}

/// The words of a search. A number is found in groups of four, as it is printed, and in one.
fn words(q: &str) -> Vec<String> {
    let whole: String = q.split_whitespace().collect();
    match whole.len() == 18 && whole.bytes().all(|b| b.is_ascii_digit()) {
        true => vec![whole],
        false => q.split_whitespace().map(searchable).filter(|word| !word.is_empty()).collect(),
    }
}

/// `3 b` and `3B` are one class.
fn compact(class: &str) -> String {
    searchable(class).split_whitespace().collect()
}

/// Part of a list's key, so nothing but a school year passes.
fn is_school_year(text: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    text.split_once('-').is_some_and(|(start, end)| start.len() == 4 && end.len() == 2 && digits(start) && digits(end))
}

fn wrong(name: &str, it: &'static str, en: &'static str) -> Failure {
    let code = if name == "state" { "unknown-state" } else { "unknown-year" };
    Failure::bad_request(code, it, en)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use domain::{
        Category, Cause, CauseId, Euro, IuvBase, NoticeNumber, NoticeState, Oddity, Personal, PupilId, ReceiptId,
        SegregationCode, Settlement,
    };
    use jiff::{Timestamp, civil::date};

    pub(crate) const TODAY: Date = date(2026, 11, 24);

    pub(crate) fn notice(base: u64, due: Date, state: NoticeState) -> Notice {
        let cause = Cause { id: CauseId::from_bytes([1; 16]), at: "2026-10-01T08:00:00Z".parse().unwrap() };
        Notice {
            school: "80124890155".parse().unwrap(),
            school_name: "Istituto".into(),
            number: NoticeNumber::issue(SegregationCode::new(12).unwrap(), IuvBase::new(base).unwrap()),
            version: 1,
            pupil: PupilId::from_bytes([1; 16]),
            pupil_name: Personal::new("Sofia".parse().unwrap()),
            pupil_surname: Personal::new("D'Angelo".parse().unwrap()),
            pupil_fiscal_code: Personal::new("RSSLCU10H21L219B".parse().unwrap()),
            class: "3B".into(),
            description: "Gita a Forlì".into(),
            category: Category::Trip,
            amount: Euro::from_cents(2200).unwrap(),
            due,
            issued_at: cause.at,
            notified: Some(cause),
            state,
        }
    }

    pub(crate) fn paid(cents: u64, second: i64, oddities: Vec<Oddity>) -> NoticeState {
        let at = Timestamp::from_second(1_790_000_000 + second).unwrap();
        NoticeState::Paid(Settlement {
            receipt: ReceiptId("r".into()),
            cause: Cause { id: CauseId::from_bytes([2; 16]), at },
            amount: Euro::from_cents(cents).ok(),
            oddities,
            further: Vec::new(),
        })
    }

    pub(crate) fn wish(query: &[(&str, &'static str)]) -> Result<Wish, Failure> {
        Wish::read(|name| query.iter().find(|(other, _)| *other == name).map(|(_, value)| *value), TODAY)
    }

    #[test]
    fn states() {
        let cancelled = NoticeState::Cancelled { at: Timestamp::UNIX_EPOCH, reason: String::new() };
        let mut twice = notice(5, TODAY, paid(2200, 0, vec![]));
        if let NoticeState::Paid(settlement) = &mut twice.state {
            settlement.further.push(ReceiptId("s".into()));
        }
        let all = [
            ("in time", notice(1, TODAY, NoticeState::Payable)),
            ("late", notice(2, date(2026, 11, 23), NoticeState::Payable)),
            ("paid", notice(3, TODAY, paid(2200, 0, vec![]))),
            ("paid oddly", notice(4, TODAY, paid(2200, 0, vec![Oddity::CancelledBefore]))),
            ("paid twice", twice),
            ("cancelled", notice(6, TODAY, cancelled)),
        ];
        let cases: [(&str, &[&str]); 6] = [
            ("unpaid", &["in time", "late"]),
            ("payable", &["in time"]),
            ("overdue", &["late"]),
            ("paid", &["paid", "paid oddly", "paid twice"]),
            ("cancelled", &["cancelled"]),
            ("odd", &["paid oddly", "paid twice"]),
        ];
        for (state, expected) in cases {
            let wish = wish(&[("state", state)]).unwrap();
            let found: Vec<&str> =
                all.iter().filter(|(_, notice)| wish.wants(notice, TODAY)).map(|(name, _)| *name).collect();
            assert_eq!(found, expected, "{state}");
        }
        assert!(wish(&[("state", "new")]).is_err());
        assert!(all.iter().all(|(_, notice)| wish(&[]).unwrap().wants(notice, TODAY)));
    }

    #[test]
    fn searched_as_people_type() {
        let notice = notice(2_600_000_000_042, TODAY, NoticeState::Payable);
        let cases = [
            ("dangelo", true),
            ("Sofia D’ANGELO", true),
            ("forli", true),
            ("gita sofia", true),
            ("gita luca", false),
            ("312260000000004289", true),
            (" 3122 6000 0000 0042 89 ", true),
            ("312260000000004390", false),
            ("004289", true),
            ("' '", true),
        ];
        for (q, expected) in cases {
            let q: &'static str = Box::leak(q.to_owned().into_boxed_str());
            assert_eq!(wish(&[("q", q)]).unwrap().wants(&notice, TODAY), expected, "{q:?}");
        }
        for (class, expected) in [("3b", true), ("3 B", true), ("3", false), ("", true)] {
            assert_eq!(wish(&[("class", class)]).unwrap().wants(&notice, TODAY), expected, "{class:?}");
        }
    }

    #[test]
    fn years() {
        let wished = wish(&[]).unwrap();
        assert_eq!(wished.year, "2026-27");
        assert_eq!(wished.years, ["2026-27", "2025-26", "2024-25", "2023-24", "2022-23"]);
        assert_eq!(wish(&[("year", "2019-20")]).unwrap().year, "2019-20");
        for year in ["PUPILS", "QUARANTINE", "2026", "26-27", "2026-2027", "2026-2x", "2026-27#x"] {
            assert!(wish(&[("year", year)]).is_err(), "{year}");
        }
    }

    #[test]
    fn links_keep_the_search() {
        let wish = wish(&[("state", "odd"), ("class", "3 B"), ("q", "a&b")]).unwrap();
        let href = wish.href("/school/notices", true, Some("x_1"));
        assert_eq!(href, "/school/notices?state=odd&class=3%20B&q=a%26b&year=2026%2D27&page=x%5F1");
    }
}
