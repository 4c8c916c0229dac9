//! Amounts on the wire: like [`domain::Euro`], but zero is possible (a fee of 0.00, R-12).

use std::fmt;

use domain::Euro;
use serde::{Deserialize, Serialize};

/// Whole cents, 0.00 to 999 999 999.99, as the pagoPA type `stAmount` allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amount(u64);

impl Amount {
    const MAX_CENTS: u64 = 99_999_999_999;

    /// `None` above the largest amount of the schema.
    pub fn from_cents(cents: u64) -> Option<Self> {
        (cents <= Self::MAX_CENTS).then_some(Self(cents))
    }

    pub fn cents(self) -> u64 {
        self.0
    }

    /// The amount as money due or paid; `None` for zero.
    pub fn euro(self) -> Option<Euro> {
        Euro::from_cents(self.0).ok()
    }

    /// The schema's own form: digits, a dot, two digits; leading zeros and blanks around are allowed.
    pub(crate) fn strict(text: &str) -> Option<Self> {
        let (units, cents) = crate::simple::collapse(text).split_once('.')?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if cents.len() != 2 || !digits(units) || !digits(cents) {
            return None;
        }
        // Leading zeros are allowed without end, digits that count are not.
        let units = units.trim_start_matches('0');
        let total = if units.len() > 9 { return None } else { format!("{units}{cents}") };
        Self::from_cents(total.parse().ok()?)
    }

    /// What a receipt's amount can only mean, though the schema refuses the form: `45`, `45.5`, `45,50`, `45.500`.
    pub(crate) fn lenient(text: &str) -> Option<Self> {
        if let Some(amount) = Self::strict(text) {
            return Some(amount);
        }
        let text = text.trim().trim_start_matches('+');
        let (units, decimals) = text.split_once(['.', ',']).unwrap_or((text, ""));
        let decimals = decimals.trim_end_matches('0');
        match decimals.len() {
            0..=2 => Self::strict(&format!("{units}.{decimals:0<2}")),
            _ => None,
        }
    }
}

impl From<Euro> for Amount {
    fn from(euro: Euro) -> Self {
        Self(euro.cents())
    }
}

impl fmt::Display for Amount {
    /// As pagoPA writes it: `0.00`, `22.50`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_schema_allows_and_guesses_only_what_is_certain() {
        let cases = [
            ("45.50", Some(4550), Some(4550)),
            (" 45.50\n", Some(4550), Some(4550)),
            ("00045.50", Some(4550), Some(4550)),
            ("0000000000000000000000000000045.50", Some(4550), Some(4550)),
            ("0.00", Some(0), Some(0)),
            ("999999999.99", Some(99_999_999_999), Some(99_999_999_999)),
            ("1000000000.00", None, None),
            ("45", None, Some(4500)),
            ("45.5", None, Some(4550)),
            ("45,50", None, Some(4550)),
            ("45.500", None, Some(4550)),
            ("+45.50", None, Some(4550)),
            ("45.505", None, None),
            ("1.234,50", None, None),
            ("-1.00", None, None),
            (".50", None, None),
            ("4 5.50", None, None),
            ("4e1", None, None),
            ("٤٥.٥٠", None, None),
            ("\u{a0}45.50", None, Some(4550)),
            ("", None, None),
        ];
        for (text, strict, lenient) in cases {
            assert_eq!(Amount::strict(text).map(Amount::cents), strict, "strict {text:?}");
            assert_eq!(Amount::lenient(text).map(Amount::cents), lenient, "lenient {text:?}");
        }
    }
}
