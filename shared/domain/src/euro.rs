//! Money: whole cents inside, decimal text at the edges, never floating point.

use std::{fmt, str::FromStr};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// An amount of euro, held in whole cents; 0.01 to 999 999 999.99 as the pagoPA type `stAmountNotZero` allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Euro(u64);

const MAX_CENTS: u64 = 99_999_999_999;

/// Why a text or a number is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EuroError {
    #[error("not a number")]
    NotANumber,
    #[error("more than two decimals")]
    Decimals,
    #[error("outside 0.01 to 999 999 999.99")]
    OutOfRange,
}

impl Euro {
    /// An amount from whole cents.
    pub fn from_cents(cents: u64) -> Result<Self, EuroError> {
        match cents {
            1..=MAX_CENTS => Ok(Self(cents)),
            _ => Err(EuroError::OutOfRange),
        }
    }

    /// Whole cents.
    pub fn cents(self) -> u64 {
        self.0
    }

    /// The same amount as a decimal number of euro, for the edges.
    pub fn to_decimal(self) -> Decimal {
        // 99 999 999 999 fits an i64 many times over.
        Decimal::new(self.0.cast_signed(), 2)
    }

    /// The sum, or `None` above the largest amount.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::from_cents(self.0.checked_add(other.0)?).ok()
    }

    /// As Italians write it: `1.234,50`.
    pub fn italian(self) -> String {
        self.grouped('.', ',')
    }

    /// As the English pages write it: `1,234.50`.
    pub fn english(self) -> String {
        self.grouped(',', '.')
    }

    fn grouped(self, thousands: char, decimal: char) -> String {
        let units = (self.0 / 100).to_string();
        let mut text = String::with_capacity(units.len() + units.len() / 3 + 3);
        for (index, digit) in units.chars().enumerate() {
            if index > 0 && (units.len() - index).is_multiple_of(3) {
                text.push(thousands);
            }
            text.push(digit);
        }
        text.push(decimal);
        text.push_str(&format!("{:02}", self.0 % 100));
        text
    }
}

impl FromStr for Euro {
    type Err = EuroError;

    /// Reads `22`, `22.5`, `22.50` or `22,50`: a clerk types a comma, an API sends a dot.
    fn from_str(text: &str) -> Result<Self, EuroError> {
        let (units, cents) = text.trim().split_once(['.', ',']).unwrap_or((text.trim(), "00"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(units) || !cents.bytes().all(|b| b.is_ascii_digit() || b == b',' || b == b'.') {
            return Err(EuroError::NotANumber);
        }
        let digits = match (cents.len(), all_digits(cents)) {
            (1, true) => format!("{units}{cents}0"),
            (2, true) => format!("{units}{cents}"),
            (0, _) => return Err(EuroError::NotANumber),
            _ => return Err(EuroError::Decimals),
        };
        if digits.len() > 20 {
            return Err(EuroError::OutOfRange);
        }
        digits.parse::<u64>().map_err(|_| EuroError::OutOfRange).and_then(Self::from_cents)
    }
}

impl fmt::Display for Euro {
    /// As pagoPA writes it: `22.50`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl TryFrom<u64> for Euro {
    type Error = EuroError;
    fn try_from(cents: u64) -> Result<Self, EuroError> {
        Self::from_cents(cents)
    }
}

impl From<Euro> for u64 {
    fn from(euro: Euro) -> Self {
        euro.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_clerks_and_systems_write() {
        let cases = [
            ("22", Ok("22.00")),
            ("22,5", Ok("22.50")),
            ("22.50", Ok("22.50")),
            (" 22,50 ", Ok("22.50")),
            ("0,01", Ok("0.01")),
            ("0.29", Ok("0.29")),
            ("8,20", Ok("8.20")),
            ("19.99", Ok("19.99")),
            ("999999999.99", Ok("999999999.99")),
            ("007", Ok("7.00")),
            ("0", Err(EuroError::OutOfRange)),
            ("0,00", Err(EuroError::OutOfRange)),
            ("1000000000", Err(EuroError::OutOfRange)),
            ("99999999999999999999999", Err(EuroError::OutOfRange)),
            ("22.505", Err(EuroError::Decimals)),
            ("1.234,00", Err(EuroError::Decimals)),
            ("22,", Err(EuroError::NotANumber)),
            (",50", Err(EuroError::NotANumber)),
            ("", Err(EuroError::NotANumber)),
            ("-5", Err(EuroError::NotANumber)),
            ("12a", Err(EuroError::NotANumber)),
            ("1e3", Err(EuroError::NotANumber)),
            ("٣", Err(EuroError::NotANumber)),
        ];
        for (typed, expected) in cases {
            let read = typed.parse::<Euro>().map(|euro| euro.to_string());
            assert_eq!(read, expected.map(String::from), "typed {typed:?}");
        }
    }

    #[test]
    fn groups_thousands_for_people() {
        let euro = Euro::from_cents(123_456_789).unwrap();
        assert_eq!(euro.italian(), "1.234.567,89");
        assert_eq!(euro.english(), "1,234,567.89");
        assert_eq!(Euro::from_cents(100).unwrap().italian(), "1,00");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(cents in 1..=MAX_CENTS) {
            let euro = Euro::from_cents(cents).unwrap();
            prop_assert_eq!(euro.to_string().parse::<Euro>(), Ok(euro));
            prop_assert_eq!(euro.to_decimal().to_string(), euro.to_string());
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<Euro>();
        }
    }
}
