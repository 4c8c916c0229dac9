//! Which notices of the list are wanted.

use domain::{EntityCode, Link, Notice, NoticeState, PupilId};
use web::{Failure, Request};

/// The filters as read from the address; what is empty filters nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub state: Option<Wanted>,
    pub pupil: Option<PupilId>,
    pub school: Option<EntityCode>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Past its date or not.
    Payable,
    Paid,
    Cancelled,
}

impl Wanted {
    pub const ALL: [Self; 3] = [Self::Payable, Self::Paid, Self::Cancelled];

    /// The value in addresses.
    pub fn code(self) -> &'static str {
        match self {
            Self::Payable => "payable",
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
        }
    }

    /// Italian and English, of several.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Payable => ("Da pagare", "To be paid"),
            Self::Paid => ("Pagati", "Paid"),
            Self::Cancelled => ("Annullati", "Cancelled"),
        }
    }

    pub fn accepts(self, notice: &Notice) -> bool {
        match notice.state {
            NoticeState::Payable => self == Self::Payable,
            NoticeState::Paid(_) => self == Self::Paid,
            NoticeState::Cancelled { .. } => self == Self::Cancelled,
        }
    }
}

impl Filter {
    pub fn read(request: &Request) -> Result<Self, Failure> {
        let given = |name| request.query(name).filter(|value| !value.is_empty());
        let wrong = || {
            Failure::bad_request(
                "filter",
                "Uno dei filtri non è valido: torna all'elenco e sceglili di nuovo.",
                "One of the filters is not valid: go back to the list and choose them again.",
            )
        };
        let state = |code| Wanted::ALL.into_iter().find(|wanted| wanted.code() == code).ok_or_else(wrong);
        Ok(Self {
            state: given("state").map(state).transpose()?,
            pupil: given("pupil").map(|id| id.parse().map_err(|_| wrong())).transpose()?,
            school: given("school").map(|code| code.parse().map_err(|_| wrong())).transpose()?,
        })
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Of the caller's links, those whose notices are wanted. Whoever is not linked has none.
    pub fn links<'a>(&self, links: &'a [Link]) -> Vec<&'a Link> {
        let wanted = |link: &&Link| {
            self.pupil.as_ref().is_none_or(|pupil| link.pupil == *pupil)
                && self.school.as_ref().is_none_or(|school| link.school == *school)
        };
        links.iter().filter(wanted).collect()
    }

    /// The list's address with these filters, and where it goes on. Nothing in it needs encoding.
    pub fn path(&self, page: Option<&str>) -> String {
        let state = self.state.map(|state| state.code().to_owned());
        let parts = [
            ("state", state),
            ("pupil", self.pupil.as_ref().map(ToString::to_string)),
            ("school", self.school.as_ref().map(ToString::to_string)),
            ("page", page.map(str::to_owned)),
        ];
        let query: Vec<String> =
            parts.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?))).collect();
        let question = if query.is_empty() { "" } else { "?" };
        format!("/notices{question}{}", query.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, State};

    #[test]
    fn each_state_passes_its_own_filter_only() {
        for (state, wanted) in
            [(State::Payable, Wanted::Payable), (State::Paid, Wanted::Paid), (State::Cancelled, Wanted::Cancelled)]
        {
            let notice = sample::notice(1, "2027-01-31", state);
            let passed: Vec<_> = Wanted::ALL.into_iter().filter(|wanted| wanted.accepts(&notice)).collect();
            assert_eq!(passed, [wanted]);
        }
    }

    #[test]
    fn pupils_and_schools_narrow_the_links() {
        let links = [sample::link(1), sample::link(2)];
        let found =
            |filter: Filter| filter.links(&links).into_iter().map(|link| link.pupil.clone()).collect::<Vec<_>>();
        let pupil = |n| Filter { pupil: Some(sample::link(n).pupil), ..Filter::default() };
        assert_eq!(found(Filter::default()).len(), 2);
        assert_eq!(found(pupil(2)), [links[1].pupil.clone()]);
        assert_eq!(found(pupil(3)), [], "whoever is not linked has nothing to show");
        assert_eq!(found(Filter { school: "94060670158".parse().ok(), ..Filter::default() }), []);
    }

    #[test]
    fn addresses_hold_what_was_chosen() {
        assert_eq!(Filter::default().path(None), "/notices");
        let school = "80124890155".parse().ok();
        let filter = Filter { state: Some(Wanted::Paid), pupil: Some(sample::link(1).pupil), school };
        let pupil = sample::link(1).pupil;
        let path = filter.path(Some("a~b"));
        assert_eq!(path, format!("/notices?state=paid&pupil={pupil}&school=80124890155&page=a~b"));
        assert_eq!(web::safe_next(&path), Some(path.clone()), "a command leads back here");
    }
}
