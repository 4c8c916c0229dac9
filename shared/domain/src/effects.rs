//! The messages a change causes: the difference of two images of one item. The only road from a change to its
//! messages (ARCHITECTURE.md): handlers write state and send nothing.
//!
//! A cause is data with an id and a time of its own, stored in the item, so a later write to the item causes
//! nothing again (CORE 2.1).

use jiff::{SignedDuration, Timestamp};
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
    /// A cause this old is parked: nobody relays, sweeps or sends it any more. Claims outlive it by far, so that no
    /// effect is ever sent a second time because its claim is gone (CORE 2.3).
    pub const WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

    /// Is it too late to tell anybody?
    pub fn is_parked(&self, now: Timestamp) -> bool {
        now.duration_since(self.cause.at) >= Self::WINDOW
    }

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
    use proptest::{collection::vec, prelude::*};
    use std::collections::HashSet;

    /// Most causes that one image can hold.
    const MOST: usize = 3;

    /// What one write does to one cause: nothing, or a new cause in its place.
    type Write = Option<Cause>;

    fn write() -> impl Strategy<Value = Write> {
        // Few ids and instants, so that they meet: a newer cause may carry an older instant or an id that was there.
        let cause = (0u8..4, 0i64..4)
            .prop_map(|(id, at)| Cause { id: CauseId::from_bytes([id; 16]), at: Timestamp::from_second(at).unwrap() });
        prop_oneof![2 => Just(None), 1 => cause.prop_map(Some)]
    }

    /// The images of all kinds, with as many causes as each can hold.
    fn image(kind: usize, causes: &[Option<Cause>; MOST]) -> Image {
        let [a, b, c] = causes.clone();
        let (person, pupil) = (PersonId::from_bytes([1; 16]), PupilId::from_bytes([2; 16]));
        match kind {
            0 => Image::Registration { id: RegistrationId::from_bytes([3; 16]), submitted: a },
            1 => Image::Person { id: person, credentials: a, recovery: b, changed: c },
            2 => Image::Guardian { pupil, person, linked: a },
            3 => Image::Notice {
                school: "80124890155".parse().unwrap(),
                number: "312260000000004289".parse().unwrap(),
                notified: a,
                paid: b,
            },
            _ => Image::Receipt { key: "RECEIPT#80124890155#a|OK".into(), odd: a },
        }
    }

    /// How many kinds of message an image of that kind can ask for.
    fn slots(kind: usize) -> usize {
        match image(kind, &[None, None, None]) {
            Image::Registration { .. } | Image::Guardian { .. } | Image::Receipt { .. } => 1,
            Image::Notice { .. } => 2,
            Image::Person { .. } => 3,
        }
    }

    /// Any history of one item of any kind: causes come, stay and are replaced by newer ones.
    fn history() -> impl Strategy<Value = (usize, Vec<[Write; MOST]>)> {
        (0usize..5, vec([write(), write(), write()], 1..8))
    }

    /// The images that a history goes through.
    fn images(kind: usize, writes: &[[Write; MOST]]) -> Vec<Image> {
        let mut causes: [Option<Cause>; MOST] = [None, None, None];
        let mut images = Vec::new();
        for write in writes {
            for (cause, next) in causes.iter_mut().zip(write) {
                *cause = next.clone().or_else(|| cause.take());
            }
            images.push(image(kind, &causes));
        }
        images
    }

    /// The causes that stand at the end, by what the history wrote and not by what `effects` reads.
    fn latest(kind: usize, writes: &[[Write; MOST]]) -> Vec<Cause> {
        (0..slots(kind)).filter_map(|slot| writes.iter().rev().find_map(|write| write[slot].clone())).collect()
    }

    fn keys(effects: Vec<Effect>) -> HashSet<String> {
        effects.iter().map(Effect::key).collect()
    }

    proptest! {
        /// The law of CORE 2.2.
        #[test]
        fn the_sweeper_asks_for_nothing_that_no_step_asked_for_and_for_the_latest_cause_of_each_kind(
            (kind, writes) in history()
        ) {
            let images = images(kind, &writes);
            let mut stepwise = HashSet::new();
            let mut old = None;
            for image in &images {
                stepwise.extend(keys(effects(old, image)));
                old = Some(image);
            }
            let swept = effects(None, images.last().unwrap());
            let asked: Vec<Cause> = swept.iter().map(|effect| effect.cause.clone()).collect();
            prop_assert_eq!(asked, latest(kind, &writes));
            let swept = keys(swept);
            prop_assert!(swept.is_subset(&stepwise), "{:?} of {:?}", swept, stepwise);
        }

        #[test]
        fn a_write_that_touches_no_cause_causes_nothing((kind, writes) in history()) {
            for image in &images(kind, &writes) {
                prop_assert!(effects(Some(image), image).is_empty());
            }
        }

        /// Two causes of one image never share a claim, whatever their ids.
        #[test]
        fn effects_of_one_image_have_keys_of_their_own((kind, writes) in history()) {
            for image in &images(kind, &writes) {
                let asked = effects(None, image);
                prop_assert_eq!(keys(asked.clone()).len(), asked.len());
            }
        }
    }

    #[test]
    fn a_cause_is_parked_from_the_window_s_end_on() {
        let effect = Effect {
            what: What::Credentials { person: PersonId::from_bytes([1; 16]) },
            cause: Cause { id: CauseId::from_bytes([0; 16]), at: Timestamp::UNIX_EPOCH },
        };
        let after = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        assert!(!effect.is_parked(after(0)));
        assert!(!effect.is_parked(after(7 * 24 * 3600 - 1)));
        assert!(effect.is_parked(after(7 * 24 * 3600)));
        assert!(!effect.is_parked(after(-3600)), "a clock that is behind parks nothing");
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
