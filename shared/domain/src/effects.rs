//! The messages a change causes: the difference of two images of one item. The only road from a change to its
//! messages (ARCHITECTURE.md): handlers write state and send nothing.
//!
//! A cause is data with an id and a time of its own, stored in the item, so a later write to the item causes
//! nothing again (CORE 2.1).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CauseId, EntityCode, NoticeNumber, PersonId, PupilId, RegistrationId};

/// Why somebody must be told something, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    pub id: CauseId,
    pub at: Timestamp,
}

/// What of an item can cause messages; nothing personal is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// A registration whose address waits to be confirmed.
    Registration { id: RegistrationId, submitted: Option<Cause> },
    /// A user with credentials to be told, or whose credentials changed.
    Person { id: PersonId, credentials: Option<Cause>, recovery: Option<Cause>, changed: Option<Cause> },
    /// A guardian's link to a pupil.
    Guardian { pupil: PupilId, person: PersonId, linked: Option<Cause> },
    /// A notice: told to the pupil's guardians, and paid.
    Notice { school: EntityCode, number: NoticeNumber, notified: Option<Cause>, paid: Option<Cause> },
    /// A receipt with an oddity that the school must know of. `key` is the item's own key.
    Receipt { key: String, odd: Option<Cause> },
}

/// One message to be sent, by ids only. Consumers read the state again and act on what is true then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    pub what: What,
    pub cause: Cause,
}

/// Each kind of message. A new kind is a new variant: the key format of a kind never changes (CORE 2.11).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum What {
    ConfirmAddress { registration: RegistrationId },
    Credentials { person: PersonId },
    Recovery { person: PersonId },
    PasswordChanged { person: PersonId },
    Linked { pupil: PupilId, person: PersonId },
    Announce { school: EntityCode, number: NoticeNumber },
    Paid { school: EntityCode, number: NoticeNumber },
    OddReceipt { key: String },
}

/// Which queue carries an effect: what somebody waits for, or what may take its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Urgency {
    Now,
    Bulk,
}

impl Effect {
    /// The key by which a consumer claims the effect: a repeat finds it taken.
    pub fn key(&self) -> String {
        let cause = &self.cause.id;
        match &self.what {
            What::ConfirmAddress { registration } => format!("confirm-address/{registration}/{cause}"),
            What::Credentials { person } => format!("credentials/{person}/{cause}"),
            What::Recovery { person } => format!("recovery/{person}/{cause}"),
            What::PasswordChanged { person } => format!("password-changed/{person}/{cause}"),
            What::Linked { pupil, person } => format!("linked/{pupil}/{person}/{cause}"),
            What::Announce { school, number } => format!("announce/{school}/{number}/{cause}"),
            What::Paid { school, number } => format!("paid/{school}/{number}/{cause}"),
            What::OddReceipt { key } => format!("odd-receipt/{key}/{cause}"),
        }
    }

    /// Told to each guardian of a pupil: claimed per recipient. By kind, not by count: guardians come and go between
    /// two deliveries of one message.
    pub fn has_many_recipients(&self) -> bool {
        matches!(self.what, What::Announce { .. } | What::Paid { .. })
    }

    pub fn urgency(&self) -> Urgency {
        match self.what {
            What::ConfirmAddress { .. }
            | What::Credentials { .. }
            | What::Recovery { .. }
            | What::PasswordChanged { .. }
            | What::Paid { .. } => Urgency::Now,
            What::Linked { .. } | What::Announce { .. } | What::OddReceipt { .. } => Urgency::Bulk,
        }
    }
}

/// The messages that a change of one item causes. `sweep-changes` passes `None` for `old`.
pub fn effects(old: Option<&Image>, new: &Image) -> Vec<Effect> {
    let before = old.map(causes).unwrap_or_default();
    causes(new).into_iter().filter(|effect| !before.contains(effect)).collect()
}

/// Every present cause of an item, as the message it asks for.
fn causes(image: &Image) -> Vec<Effect> {
    let effect = |cause: &Option<Cause>, what: What| cause.clone().map(|cause| Effect { what, cause });
    match image.clone() {
        Image::Registration { id, submitted } => {
            vec![effect(&submitted, What::ConfirmAddress { registration: id })]
        }
        Image::Person { id, credentials, recovery, changed } => vec![
            effect(&credentials, What::Credentials { person: id.clone() }),
            effect(&recovery, What::Recovery { person: id.clone() }),
            effect(&changed, What::PasswordChanged { person: id }),
        ],
        Image::Guardian { pupil, person, linked } => vec![effect(&linked, What::Linked { pupil, person })],
        Image::Notice { school, number, notified, paid } => vec![
            effect(&notified, What::Announce { school: school.clone(), number: number.clone() }),
            effect(&paid, What::Paid { school, number }),
        ],
        Image::Receipt { key, odd } => vec![effect(&odd, What::OddReceipt { key })],
    }
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, option, prelude::*};
    use std::collections::HashSet;

    fn cause() -> impl Strategy<Value = Option<Cause>> {
        option::of(
            (any::<u8>(), 0i64..100).prop_map(|(id, at)| Cause {
                id: CauseId::from_bytes([id; 16]),
                at: Timestamp::from_second(at).unwrap(),
            }),
        )
    }

    /// Any history of one notice: causes come, stay and are replaced, but never vanish (deletions cause nothing).
    fn history() -> impl Strategy<Value = Vec<Image>> {
        vec((cause(), cause()), 1..8).prop_map(|steps| {
            let (mut notified, mut paid) = (None, None);
            steps
                .into_iter()
                .map(|(n, p)| {
                    notified = n.or_else(|| notified.take());
                    paid = p.or_else(|| paid.take());
                    Image::Notice {
                        school: "80124890155".parse().unwrap(),
                        number: "312260000000004289".parse().unwrap(),
                        notified: notified.clone(),
                        paid: paid.clone(),
                    }
                })
                .collect()
        })
    }

    fn keys(effects: Vec<Effect>) -> HashSet<String> {
        effects.iter().map(Effect::key).collect()
    }

    proptest! {
        /// The law of CORE 2.2.
        #[test]
        fn the_sweeper_asks_for_nothing_that_no_step_asked_for_and_for_the_latest_cause_of_each_kind(history in history()) {
            let mut stepwise = HashSet::new();
            let mut old = None;
            for image in &history {
                stepwise.extend(keys(effects(old, image)));
                old = Some(image);
            }
            let last = history.last().unwrap();
            let swept = keys(effects(None, last));
            prop_assert!(swept.is_subset(&stepwise));
            let Image::Notice { notified, paid, .. } = last else { unreachable!() };
            prop_assert_eq!(swept.len(), usize::from(notified.is_some()) + usize::from(paid.is_some()));
        }

        #[test]
        fn a_write_that_touches_no_cause_causes_nothing(history in history()) {
            for image in &history {
                prop_assert!(effects(Some(image), image).is_empty());
            }
        }
    }

    #[test]
    fn message_and_key_are_what_they_always_were() {
        let effect = Effect {
            what: What::Paid { school: "80124890155".parse().unwrap(), number: "312260000000004289".parse().unwrap() },
            cause: Cause { id: CauseId::from_bytes([0; 16]), at: Timestamp::UNIX_EPOCH },
        };
        assert_eq!(effect.key(), "paid/80124890155/312260000000004289/aaaaaaaaaaaaaaaaaaaaaaaaaa");
        assert_eq!(
            serde_json::to_string(&effect).unwrap(),
            r#"{"what":{"kind":"paid","school":"80124890155","number":"312260000000004289"},"cause":{"id":"aaaaaaaaaaaaaaaaaaaaaaaaaa","at":"1970-01-01T00:00:00Z"}}"#
        );
    }
}
