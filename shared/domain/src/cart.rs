use serde::{Deserialize, Serialize};

use crate::{EntityCode, NoticeNumber};

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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IuvBase, SegregationCode};
    use proptest::{collection::vec, prelude::*};

    fn key(base: u64) -> NoticeKey {
        NoticeKey {
            school: "80124890155".parse().unwrap(),
            number: NoticeNumber::issue(SegregationCode::new(0).unwrap(), IuvBase::new(base).unwrap()),
        }
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
