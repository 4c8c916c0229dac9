//! Identifiers: 128 random bits in 26 letters and digits, each kind a type of its own.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const LENGTH: usize = 26;

/// The text is no identifier of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier")]
pub struct IdError;

fn encode(bytes: [u8; 16]) -> String {
    let value = u128::from_be_bytes(bytes);
    (0..LENGTH)
        .rev()
        .map(|index| {
            let five_bits = usize::try_from((value >> (index * 5)) & 31).unwrap_or(0);
            char::from(ALPHABET[five_bits])
        })
        .collect()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// From 128 random bits, or 128 bits derived from a command so that its repeat gets the same id.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(encode(bytes))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                match text.len() == LENGTH && text.bytes().all(|b| ALPHABET.contains(&b)) {
                    true => Ok(Self(text.to_owned())),
                    false => Err(IdError),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )+};
}

ids! {
    /// A user: parent, clerk or both.
    PersonId,
    /// A pupil of one school.
    PupilId,
    /// A registration under way.
    RegistrationId,
    /// A signed-in session.
    SessionId,
    /// One attempt to pay a cart at Checkout; pagoPA's `idCart`.
    AttemptId,
    /// Why a message is sent: fresh for each cause, never a counter that restarts (CORE 2.1).
    CauseId,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "abc", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "aaaaaaaaaaaaaaaaaaaaaaaaa/", "aaaaaaaaaaaaaaaaaaaaaaaaaaa"]
        {
            assert_eq!(text.parse::<PersonId>(), Err(IdError), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn distinct_bits_give_distinct_ids_that_read_back(a: [u8; 16], b: [u8; 16]) {
            let (first, second) = (PupilId::from_bytes(a), PupilId::from_bytes(b));
            prop_assert_eq!(first == second, a == b);
            prop_assert_eq!(first.as_str().parse::<PupilId>(), Ok(first.clone()));
        }
    }
}
