use serde::{Deserialize, Serialize};

use crate::{Account, EntityCode, Euro, Notice, NoticeNumber, NoticeState};

/// Which notice, for every list and link: the school it is owed to and its number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NoticeKey {
    pub school: EntityCode,
    pub number: NoticeNumber,
}

/// The notices a person means to pay together: a set, so that adding twice or removing twice is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cart {
    pub notices: Vec<NoticeKey>,
    /// The condition of every write; 0 is the cart that was never written.
    pub version: u64,
}

/// Five notices are in the cart already: pagoPA takes no more at once (pagoPA reference 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cart holds five notices already")]
pub struct CartFull;

impl Cart {
    /// Checkout's own limit.
    pub const MAX: usize = 5;

    /// The cart with the notice in it.
    pub fn with(&self, notice: NoticeKey) -> Result<Self, CartFull> {
        let mut notices = self.notices.clone();
        if !notices.contains(&notice) {
            if notices.len() == Self::MAX {
                return Err(CartFull);
            }
            notices.push(notice);
        }
        Ok(Self { notices, version: self.version })
    }

    /// The cart without the notice.
    pub fn without(&self, notice: &NoticeKey) -> Self {
        let notices = self.notices.iter().filter(|other| *other != notice).cloned().collect();
        Self { notices, version: self.version }
    }

    /// What of the cart `account` can pay; `found` are its notices as just read. Nothing leaves it unsaid.
    pub fn review(&self, found: &[Notice], account: &Account) -> Review {
        let mut review = Review::default();
        for key in &self.notices {
            let notice = found.iter().find(|notice| notice.key() == *key && account.sees(notice)).cloned();
            let why = match notice.as_ref().map(|notice| &notice.state) {
                None => Why::NotYours,
                Some(NoticeState::Paid(_)) => Why::Paid,
                Some(NoticeState::Cancelled { .. }) => Why::Cancelled,
                Some(NoticeState::Payable) => {
                    review.payable.extend(notice);
                    continue;
                }
            };
            review.dropped.push(Dropped { key: key.clone(), why, notice });
        }
        review
    }
}

/// A cart as it stands: what can be paid, and what cannot any more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Review {
    /// In the cart's order.
    pub payable: Vec<Notice>,
    pub dropped: Vec<Dropped>,
}

/// A notice that leaves the cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    pub key: NoticeKey,
    pub why: Why,
    /// `None` where the person must not see it.
    pub notice: Option<Notice>,
}

/// Why a notice leaves the cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    Paid,
    Cancelled,
    /// No longer linked to the pupil, or there is no such notice.
    NotYours,
}

impl Review {
    /// What is due, without commissions. `None` for an empty cart (and above the largest amount, which five notices
    /// of a school do not reach).
    pub fn total(&self) -> Option<Euro> {
        let (first, others) = self.payable.split_first()?;
        others.iter().try_fold(first.amount, |total, notice| total.checked_add(notice.amount))
    }

    /// The cart with only what can be paid in it.
    pub fn kept(&self, cart: &Cart) -> Cart {
        self.dropped.iter().fold(cart.clone(), |cart, dropped| cart.without(&dropped.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Category, Cause, CauseId, IuvBase, Language, Level, Link, Person, PersonId, Personal, PupilId, ReceiptId,
        SegregationCode, Session, SessionId, Settlement, Stage,
    };
    use jiff::{Timestamp, civil::date};
    use proptest::{collection::vec, prelude::*};

    fn key(base: u64) -> NoticeKey {
        NoticeKey {
            school: "80124890155".parse().unwrap(),
            number: NoticeNumber::issue(SegregationCode::new(0).unwrap(), IuvBase::new(base).unwrap()),
        }
    }

    fn cause() -> Cause {
        Cause { id: CauseId::from_bytes([1; 16]), at: Timestamp::UNIX_EPOCH }
    }

    fn notice(base: u64, pupil: u8, amount: &str, state: NoticeState) -> Notice {
        let NoticeKey { school, number } = key(base);
        Notice {
            school,
            school_name: "Istituto".into(),
            number,
            version: 1,
            pupil: PupilId::from_bytes([pupil; 16]),
            pupil_name: Personal::new("Luca".parse().unwrap()),
            pupil_surname: Personal::new("Russo".parse().unwrap()),
            pupil_fiscal_code: Personal::new("RSSLCU10H21L219B".parse().unwrap()),
            class: "3B".into(),
            description: "Contributo".into(),
            category: Category::Trip,
            amount: amount.parse().unwrap(),
            due: date(2027, 1, 31),
            issued_at: Timestamp::UNIX_EPOCH,
            notified: Some(cause()),
            state,
        }
    }

    /// A guardian of pupil 1.
    fn guardian() -> Account {
        let id = PersonId::from_bytes([9; 16]);
        let person = Person {
            id: id.clone(),
            version: 1,
            generation: 1,
            fiscal_code: Personal::new("BNCNNA85M55H501B".parse().unwrap()),
            name: Personal::new("Anna".parse().unwrap()),
            surname: Personal::new("Bianchi".parse().unwrap()),
            email: Personal::new("anna@example.org".parse().unwrap()),
            language: Language::It,
            username: "a.bianchi.0042".parse().unwrap(),
            password_hash: Personal::new(String::new()),
            provisional: None,
            created_at: Timestamp::UNIX_EPOCH,
            credentials: None,
            recovery: None,
            changed: None,
        };
        let session = Session {
            id: SessionId::from_bytes([8; 16]),
            person: id.clone(),
            generation: 1,
            stage: Stage::Full,
            level: Level::Password,
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::MAX,
        };
        let link = Link {
            person: id,
            pupil: PupilId::from_bytes([1; 16]),
            school: "80124890155".parse().unwrap(),
            school_name: "Istituto".into(),
            pupil_name: Personal::new("Luca".parse().unwrap()),
            pupil_surname: Personal::new("Russo".parse().unwrap()),
            class: "3B".into(),
            linked: cause(),
        };
        Account { person, session, roles: Vec::new(), links: vec![link], consent: None, cart: Cart::default() }
    }

    #[test]
    fn what_cannot_be_paid_drops_out_and_is_named() {
        let paid = NoticeState::Paid(Settlement {
            receipt: ReceiptId("a".into()),
            cause: cause(),
            amount: None,
            oddities: Vec::new(),
            further: Vec::new(),
        });
        let cancelled = NoticeState::Cancelled { at: Timestamp::UNIX_EPOCH, reason: String::new() };
        let draft = Notice { notified: None, ..notice(5, 1, "1", NoticeState::Payable) };
        let found = [
            notice(1, 1, "22.00", NoticeState::Payable),
            notice(2, 1, "1.00", paid),
            notice(3, 1, "1.00", cancelled),
            notice(4, 2, "1.00", NoticeState::Payable),
            draft,
            notice(7, 1, "13.50", NoticeState::Payable),
        ];
        let cart = Cart { notices: (1..=7).map(key).collect(), version: 3 };
        let review = cart.review(&found, &guardian());
        assert_eq!(review.payable.iter().map(Notice::key).collect::<Vec<_>>(), [key(1), key(7)]);
        let dropped: Vec<_> = review.dropped.iter().map(|d| (d.key.clone(), d.why, d.notice.is_some())).collect();
        let expected = [
            (key(2), Why::Paid, true),
            (key(3), Why::Cancelled, true),
            (key(4), Why::NotYours, false),
            (key(5), Why::NotYours, false),
            (key(6), Why::NotYours, false),
        ];
        assert_eq!(dropped, expected);
        assert_eq!(review.total().map(|total| total.to_string()).as_deref(), Some("35.50"));
        assert_eq!(review.kept(&cart), Cart { notices: vec![key(1), key(7)], version: 3 });
        assert_eq!(Cart::default().review(&[], &guardian()).total(), None);
    }

    proptest! {
        #[test]
        fn is_a_set_of_at_most_five(steps in vec((any::<bool>(), 0u64..8), 0..40)) {
            let mut cart = Cart::default();
            for (add, base) in steps {
                let (before, notice) = (cart.clone(), key(base));
                match (add, cart.with(notice.clone())) {
                    (true, Ok(next)) => {
                        prop_assert_eq!(next.with(notice.clone()), Ok(next.clone()));
                        cart = next;
                        prop_assert!(cart.notices.contains(&notice));
                    }
                    (true, Err(CartFull)) => prop_assert!(before.notices.len() == Cart::MAX && !before.notices.contains(&notice)),
                    (false, _) => {
                        cart = cart.without(&notice);
                        prop_assert!(!cart.notices.contains(&notice));
                    }
                }
                prop_assert!(cart.notices.len() <= Cart::MAX);
            }
        }
    }
}
