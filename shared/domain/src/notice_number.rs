//! The notice number ("numero avviso", NAV) and the IUV inside it: the rule lives here and nowhere else.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Two digits by which the Node routes a school's notices to one station, 00 to 45. Source: SACI 3.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct SegregationCode(u8);

impl SegregationCode {
    pub fn new(code: u8) -> Result<Self, NumberError> {
        match code {
            0..=45 => Ok(Self(code)),
            _ => Err(NumberError::Segregation),
        }
    }
}

impl TryFrom<u8> for SegregationCode {
    type Error = NumberError;
    fn try_from(code: u8) -> Result<Self, NumberError> {
        Self::new(code)
    }
}

impl From<SegregationCode> for u8 {
    fn from(code: SegregationCode) -> Self {
        code.0
    }
}

impl fmt::Display for SegregationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

/// The 13 free digits of a number, taken from an allocator per school and segregation code, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IuvBase(u64);

impl IuvBase {
    pub const MAX: u64 = 9_999_999_999_999;

    pub fn new(base: u64) -> Result<Self, NumberError> {
        match base {
            0..=Self::MAX => Ok(Self(base)),
            _ => Err(NumberError::Exhausted),
        }
    }
}

/// Why a number cannot be made or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    #[error("not 18 digits")]
    Shape,
    #[error("the segregation code is outside 00 to 45")]
    Segregation,
    #[error("the 13 digits of this school and segregation code are used up")]
    Exhausted,
}

/// The 18 digits printed on a payment notice ("codice avviso").
///
/// Any 18 digits can be *looked up*: the Node may ask for numbers we never issued.
/// Only [`NoticeNumber::issue`] makes new ones, and those always carry right check digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NoticeNumber(String);

impl NoticeNumber {
    /// Aux digit 3, segregation code, base, and `int("3" + segregation + base) mod 93`. Source: SACI 3.2.1.
    pub fn issue(segregation: SegregationCode, base: IuvBase) -> Self {
        let head = 3_000_000_000_000_000 + u64::from(segregation.0) * 10_000_000_000_000 + base.0;
        Self(format!("{head}{:02}", head % 93))
    }

    /// The eighteen digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The IUV ("creditorReferenceId"): without the aux digit; 17 digits for the aux digit 3.
    pub fn iuv(&self) -> Iuv {
        Iuv(match self.0.as_bytes()[0] {
            b'0' => self.0[3..].to_owned(), // the application code is no part of the old 15-digit IUV
            _ => self.0[1..].to_owned(),
        })
    }

    /// In groups of four, as the printed notice shows it: `3122 6000 0000 0042 89`.
    pub fn spaced(&self) -> String {
        self.0.as_bytes().chunks(4).map(|four| String::from_utf8_lossy(four)).collect::<Vec<_>>().join(" ")
    }
}

impl FromStr for NoticeNumber {
    type Err = NumberError;

    /// Reads any 18 digits, blanks between groups allowed.
    fn from_str(text: &str) -> Result<Self, NumberError> {
        let digits: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        match digits.len() == 18 && digits.bytes().all(|b| b.is_ascii_digit()) {
            true => Ok(Self(digits)),
            false => Err(NumberError::Shape),
        }
    }
}

impl fmt::Display for NoticeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for NoticeNumber {
    type Error = NumberError;
    fn try_from(text: String) -> Result<Self, NumberError> {
        text.parse()
    }
}

impl From<NoticeNumber> for String {
    fn from(number: NoticeNumber) -> Self {
        number.0
    }
}

/// The unique payment identifier inside a notice number ("identificativo univoco di versamento").
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Iuv(String);

impl Iuv {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Iuv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn issue(segregation: u8, base: u64) -> String {
        NoticeNumber::issue(SegregationCode::new(segregation).unwrap(), IuvBase::new(base).unwrap()).to_string()
    }

    #[test]
    fn check_digits_agree_with_the_published_examples() {
        // pagoPA reference 2.2.
        let cases = [
            (12, 2_600_000_000_042, "312260000000004289"),
            (12, 2_600_000_000_043, "312260000000004390"),
            (1, 1, "301000000000000144"),
            (45, 9_999_999_999_999, "345999999999999975"),
            (0, 93, "300000000000009303"),
            (1, 2_396_000_035_478, "301239600003547815"),
            (0, 7_157_000_000_000, "300715700000000032"),
        ];
        for (segregation, base, expected) in cases {
            assert_eq!(issue(segregation, base), expected);
        }
    }

    #[test]
    fn any_eighteen_digits_can_be_looked_up_and_nothing_else() {
        assert!("311111111112222222".parse::<NoticeNumber>().is_ok(), "a fake number is asked for, not refused");
        assert!("3122 6000 0000 0042 89".parse::<NoticeNumber>().is_ok());
        for text in ["", "31226000000000428", "3122600000000042890", "31226000000000428A", "３12260000000004289"] {
            assert_eq!(text.parse::<NoticeNumber>(), Err(NumberError::Shape), "{text:?}");
        }
    }

    #[test]
    fn the_iuv_leaves_out_the_aux_digit() {
        let number: NoticeNumber = "312260000000004289".parse().unwrap();
        assert_eq!(number.iuv().as_str(), "12260000000004289");
        assert_eq!(number.spaced(), "3122 6000 0000 0042 89");
        let old: NoticeNumber = "001009202599000361".parse().unwrap();
        assert_eq!(old.iuv().as_str(), "009202599000361");
    }

    #[test]
    fn segregation_codes_end_at_45_and_bases_at_13_digits() {
        assert_eq!(SegregationCode::new(46), Err(NumberError::Segregation));
        assert_eq!(IuvBase::new(IuvBase::MAX + 1), Err(NumberError::Exhausted));
    }

    proptest! {
        #[test]
        fn every_issued_number_is_distinct_and_checks(segregation in 0u8..=45, a in 0..=IuvBase::MAX, b in 0..=IuvBase::MAX) {
            let (first, second) = (issue(segregation, a), issue(segregation, b));
            prop_assert_eq!(first == second, a == b);
            prop_assert_eq!(first.len(), 18);
            let head: u64 = first[..16].parse().unwrap();
            let check: u64 = first[16..].parse().unwrap();
            prop_assert_eq!(head % 93, check);
        }
    }
}
