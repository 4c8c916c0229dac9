//! The 11-digit fiscal code of a body: a school, a broker.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The fiscal code of a creditor institution: 11 digits, the last a check digit.
///
/// Source: domain reference 3.5. On the wire pagoPA promises only 11 digits, so a *request* carries text
/// that is looked up; an `EntityCode` is what we issue by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntityCode(String);

/// Why a text is no fiscal code of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntityCodeError {
    #[error("not 11 digits")]
    Shape,
    #[error("the check digit does not match")]
    CheckDigit,
}

impl EntityCode {
    /// The eleven digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EntityCode {
    type Err = EntityCodeError;

    fn from_str(text: &str) -> Result<Self, EntityCodeError> {
        let text = text.trim();
        if text.len() != 11 || !text.bytes().all(|b| b.is_ascii_digit()) || text.starts_with("0000000") {
            return Err(EntityCodeError::Shape);
        }
        let sum: u32 = text
            .bytes()
            .take(10)
            .enumerate()
            .map(|(index, byte)| {
                let digit = u32::from(byte - b'0');
                match (index % 2, digit * 2) {
                    (0, _) => digit,
                    (_, doubled @ 10..) => doubled - 9,
                    (_, doubled) => doubled,
                }
            })
            .sum();
        let check = (10 - sum % 10) % 10;
        match text.as_bytes()[10] - b'0' {
            last if u32::from(last) == check => Ok(Self(text.to_owned())),
            _ => Err(EntityCodeError::CheckDigit),
        }
    }
}

impl fmt::Display for EntityCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for EntityCode {
    type Error = EntityCodeError;
    fn try_from(text: String) -> Result<Self, EntityCodeError> {
        text.parse()
    }
}

impl From<EntityCode> for String {
    fn from(code: EntityCode) -> Self {
        code.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_the_circulars_hold() {
        for code in ["80124890155", "94060670158", "97191280581", "97199520582", "00743110157"] {
            assert_eq!(code.parse::<EntityCode>().map(|c| c.to_string()), Ok(code.to_owned()));
        }
        let cases = [
            ("97199520583", EntityCodeError::CheckDigit),
            ("12345678901", EntityCodeError::CheckDigit),
            ("1234567890", EntityCodeError::Shape),
            ("123456789012", EntityCodeError::Shape),
            ("8012489015A", EntityCodeError::Shape),
            ("00000000000", EntityCodeError::Shape),
            ("", EntityCodeError::Shape),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<EntityCode>(), Err(error), "{text:?}");
        }
    }
}
