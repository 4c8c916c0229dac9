//! Where a list over several pupils goes on.

use domain::{Link, PupilId};
use store::StoreError;

/// For each pupil whose list goes on, from where. The first page has no place yet: all lists begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(Vec<(PupilId, String)>);

impl Place {
    /// `None` at the list's end.
    pub fn after(open: Vec<(PupilId, String)>) -> Option<Self> {
        (!open.is_empty()).then_some(Self(open))
    }

    /// `pupil~cursor.pupil~cursor`: letters that an address can hold as they are.
    pub fn token(&self) -> String {
        self.0.iter().map(|(pupil, cursor)| format!("{pupil}~{cursor}")).collect::<Vec<_>>().join(".")
    }

    pub fn read(token: &str) -> Result<Self, StoreError> {
        let part = |part: &str| {
            let (pupil, cursor) = part.split_once('~')?;
            let ours = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            (!cursor.is_empty() && cursor.bytes().all(ours)).then_some((pupil.parse().ok()?, cursor.to_owned()))
        };
        token.split('.').map(part).collect::<Option<Vec<_>>>().map(Self).ok_or(StoreError::BadPage)
    }

    /// Which of the wanted pupils are read now, each from where. Pupils in the token that are not among them are
    /// left out: a token grants nothing.
    pub fn begin(place: Option<&Self>, wanted: &[&Link]) -> Vec<(PupilId, Option<String>)> {
        let begin = |link: &&Link| match place {
            None => Some((link.pupil.clone(), None)),
            Some(Self(open)) => {
                let (pupil, cursor) = open.iter().find(|(pupil, _)| *pupil == link.pupil)?;
                Some((pupil.clone(), Some(cursor.clone())))
            }
        };
        wanted.iter().filter_map(begin).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_token_reads_back_and_grants_nothing() {
        let (mine, other) = (sample::link(1), sample::link(2));
        let place = Place::after(vec![(mine.pupil.clone(), "eyJQ-_".into()), (other.pupil, "x1".into())]).unwrap();
        let read = Place::read(&place.token()).unwrap();
        assert_eq!(read, place);
        let begun = Place::begin(Some(&read), &[&mine]);
        assert_eq!(begun, [(mine.pupil.clone(), Some("eyJQ-_".to_owned()))], "only who is linked");
        assert_eq!(Place::begin(None, &[&mine]), [(mine.pupil.clone(), None)]);
        assert_eq!(Place::begin(Some(&read), &[&sample::link(3)]), [], "this list is at its end");
        assert_eq!(Place::after(Vec::new()), None);
    }

    #[test]
    fn other_tokens_are_refused() {
        let id = sample::link(1).pupil;
        for token in ["", "x", "~", &format!("{id}~"), &format!("{id}~a/b"), &format!("{id}~a."), "x~abc"] {
            assert!(matches!(Place::read(token), Err(StoreError::BadPage)), "{token:?}");
        }
    }
}
