//! The 16-character "codice fiscale" of a person. Source: decree of 23 December 1976; domain reference 3.

use std::{fmt, str::FromStr};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::FieldError;

/// A well-formed codice fiscale: shape, real dates and check character hold. Only the tax agency's register
/// can tell whether it belongs to somebody. Omocodes stay as they are: they belong to other people.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FiscalCode(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sex {
    M,
    F,
}

/// Why a text is no codice fiscale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FiscalCodeError {
    #[error("not 16 characters")]
    Length,
    #[error("a character is not allowed at its place")]
    Shape,
    #[error("no such day")]
    Date,
    #[error("the check character does not match")]
    CheckCharacter,
}

const MONTHS: &[u8; 12] = b"ABCDEHLMPRST";
const OMOCODES: &[u8; 10] = b"LMNPQRSTUV";
/// Where digits stand, counted from zero.
const DIGITS: [usize; 7] = [6, 7, 9, 10, 12, 13, 14];
/// Value of `0`–`9` and `A`–`Z` in odd positions.
const ODD: [u32; 26] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

impl FiscalCode {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The code with omocodia letters turned back into digits, to read dates and place; never another person's key.
    fn decoded(&self) -> [u8; 16] {
        decode(self.0.as_bytes()).unwrap_or([b'0'; 16]) // parsing has proved that it decodes
    }

    pub fn sex(&self) -> Sex {
        match two_digits(&self.decoded(), 9) {
            41.. => Sex::F,
            _ => Sex::M,
        }
    }

    /// Does the code tell this day? The century is not in the code.
    pub fn is_born_on(&self, date: Date) -> bool {
        let code = self.decoded();
        let day = two_digits(&code, 9) % 40;
        i16::from(two_digits(&code, 6)) == date.year().rem_euclid(100)
            && MONTHS.iter().position(|month| *month == code[8]) == usize::try_from(date.month() - 1).ok()
            && i8::try_from(day) == Ok(date.day())
    }

    /// The latest birth date not after `today` that the code allows.
    pub fn latest_birth_date(&self, today: Date) -> Option<Date> {
        let code = self.decoded();
        let month = MONTHS.iter().position(|month| *month == code[8])? + 1;
        let day = two_digits(&code, 9) % 40;
        [today.year() / 100 * 100, today.year() / 100 * 100 - 100]
            .into_iter()
            .filter_map(|century| {
                let year = century + i16::from(two_digits(&code, 6));
                Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
            })
            .find(|date| *date <= today)
    }

    /// The Belfiore code of the place of birth: a municipality, or `Z` and three digits for a foreign state.
    pub fn birth_place(&self) -> String {
        String::from_utf8_lossy(&self.decoded()[11..15]).into_owned()
    }

    /// Reads the form's field.
    pub fn from_field(field: &'static str, text: Option<&str>) -> Result<Self, FieldError> {
        let text = text.unwrap_or_default().trim();
        if text.is_empty() {
            return Err(FieldError::missing(field));
        }
        text.parse().map_err(|error| match error {
            FiscalCodeError::Length => FieldError::new(
                field,
                "length",
                "Il codice fiscale ha 16 caratteri: controlla di averli scritti tutti.",
                "A codice fiscale has 16 characters: check that you typed all of them.",
            ),
            FiscalCodeError::Shape => FieldError::new(
                field,
                "shape",
                "Questo non è un codice fiscale: lettere e cifre non sono al loro posto.",
                "This is no codice fiscale: letters and digits are not where they belong.",
            ),
            FiscalCodeError::Date => FieldError::new(
                field,
                "date",
                "Il codice fiscale contiene un giorno che non esiste: controlla le cifre.",
                "The codice fiscale tells a day that does not exist: check its digits.",
            ),
            FiscalCodeError::CheckCharacter => FieldError::new(
                field,
                "check-character",
                "L'ultima lettera non corrisponde al resto del codice fiscale: c'è un errore di battitura.",
                "The last letter does not match the rest of the codice fiscale: there is a typing error.",
            ),
        })
    }
}

impl FromStr for FiscalCode {
    type Err = FiscalCodeError;

    fn from_str(text: &str) -> Result<Self, FiscalCodeError> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
        if text.chars().count() != 16 {
            return Err(FiscalCodeError::Length);
        }
        let code = decode(text.as_bytes()).ok_or(FiscalCodeError::Shape)?;
        let Some(month) = MONTHS.iter().position(|month| *month == code[8]) else {
            return Err(FiscalCodeError::Shape);
        };
        let (year, day) = (i16::from(two_digits(&code, 6)), two_digits(&code, 9));
        let day = match day {
            1..=31 => day,
            41..=71 => day - 40,
            _ => return Err(FiscalCodeError::Date),
        };
        let exists = [1900, 2000].into_iter().any(|century| {
            let (Ok(month), Ok(day)) = (i8::try_from(month + 1), i8::try_from(day)) else { return false };
            Date::new(century + year, month, day).is_ok()
        });
        match (exists, check_character(text.as_bytes()) == code[15]) {
            (false, _) => Err(FiscalCodeError::Date),
            (true, false) => Err(FiscalCodeError::CheckCharacter),
            (true, true) => Ok(Self(text)),
        }
    }
}

fn two_digits(code: &[u8; 16], at: usize) -> u8 {
    (code[at] - b'0') * 10 + (code[at + 1] - b'0')
}

/// Letters where letters belong, digits (or their omocodia letters, turned back) where digits belong.
fn decode(text: &[u8]) -> Option<[u8; 16]> {
    let mut code: [u8; 16] = text.try_into().ok()?;
    for (index, byte) in code.iter_mut().enumerate() {
        match (DIGITS.contains(&index), *byte) {
            (true, b'0'..=b'9') | (false, b'A'..=b'Z') => {}
            (true, letter) => {
                let digit = OMOCODES.iter().position(|omocode| *omocode == letter)?;
                *byte = b'0' + u8::try_from(digit).ok()?;
            }
            (false, _) => return None,
        }
    }
    Some(code)
}

fn check_character(text: &[u8]) -> u8 {
    let sum: u32 = text
        .iter()
        .take(15)
        .enumerate()
        .map(|(index, byte)| {
            let value = match byte {
                b'0'..=b'9' => byte - b'0',
                _ => byte - b'A',
            };
            match index % 2 {
                0 => ODD[usize::from(value)],
                _ => u32::from(value),
            }
        })
        .sum();
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[usize::try_from(sum % 26).unwrap_or(0)]
}

impl fmt::Debug for FiscalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FiscalCode(..)")
    }
}

impl TryFrom<String> for FiscalCode {
    type Error = FiscalCodeError;
    fn try_from(text: String) -> Result<Self, FiscalCodeError> {
        text.parse()
    }
}

impl From<FiscalCode> for String {
    fn from(code: FiscalCode) -> Self {
        code.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    /// Domain reference 3.6: people invented, codes computed by three implementations that agree.
    const VECTORS: [(&str, Sex, Date, &str); 12] = [
        ("RSSMRA80A01F205X", Sex::M, date(1980, 1, 1), "F205"),
        ("BNCNNA85M55H501B", Sex::F, date(1985, 8, 15), "H501"),
        ("SPSGFR72S30F839C", Sex::M, date(1972, 11, 30), "F839"),
        ("HUXWEI94B43Z210N", Sex::F, date(1994, 2, 3), "Z210"),
        ("AOIAIX99P49Z219E", Sex::F, date(1999, 9, 9), "Z219"),
        ("KVCVNI40E20G778R", Sex::M, date(1940, 5, 20), "G778"),
        ("BSSGLI00B69F257E", Sex::F, date(2000, 2, 29), "F257"),
        ("MNGSFO24E46M437N", Sex::F, date(2024, 5, 6), "M437"),
        ("XHFJSC98M71H294W", Sex::F, date(1998, 8, 31), "H294"),
        ("RSSMRA80A01F20RS", Sex::M, date(1980, 1, 1), "F205"),
        ("RSSMRA8LALMFNLRG", Sex::M, date(1980, 1, 1), "F205"),
        ("RSSMRAULALMFNLRD", Sex::M, date(1980, 1, 1), "F205"),
    ];

    #[test]
    fn reads_the_vectors() {
        for (text, sex, born, place) in VECTORS {
            let code: FiscalCode = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(code.as_str(), text, "an omocode stays as it is");
            assert_eq!(code.sex(), sex, "{text}");
            assert!(code.is_born_on(born), "{text}");
            assert!(!code.is_born_on(born.tomorrow().unwrap()), "{text}");
            assert_eq!(code.birth_place(), place);
        }
    }

    #[test]
    fn accepts_what_people_type() {
        assert!("rss mra 80a01 f205x".parse::<FiscalCode>().is_ok());
    }

    #[test]
    fn refuses_with_the_reason() {
        use FiscalCodeError::*;
        let cases = [
            ("RSSMRA80A01F205Y", CheckCharacter),
            ("RSSMRA80A01F205", Length),
            ("RSSMRA80F01F205X", Shape),
            ("RSSMRAO0A01F205X", Shape),
            ("RSSMRA80A00F205X", Date),
            ("RSSMRA80A32F205X", Date),
            ("RSSMRA80A40F205X", Date),
            ("RSSMRA80A72F205X", Date),
            ("RSSMRA80S31F205X", Date),
            ("RSSMRA81B29F205X", Date),
            ("RSSMRÀ80A01F205X", Shape),
            ("", Length),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<FiscalCode>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn the_century_is_the_latest_that_is_past() {
        let code: FiscalCode = "MNGSFO24E46M437N".parse().unwrap();
        assert_eq!(code.latest_birth_date(date(2026, 1, 1)), Some(date(2024, 5, 6)));
        assert_eq!(code.latest_birth_date(date(2023, 1, 1)), Some(date(1924, 5, 6)));
    }

    #[test]
    fn is_not_printed() {
        let code: FiscalCode = "RSSMRA80A01F205X".parse().unwrap();
        assert_eq!(format!("{code:?}"), "FiscalCode(..)");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,20}") {
            let _ = text.parse::<FiscalCode>();
        }

        #[test]
        fn one_wrong_letter_or_digit_is_noticed(vector in 0usize..12, at in 0usize..15, other in "[A-Z0-9]") {
            let (text, ..) = VECTORS[vector];
            let mut changed = text.to_owned();
            changed.replace_range(at..=at, &other);
            // The check is a sum: some single changes keep it (e.g. odd 'A' and '0'); those must still differ in shape or date.
            if changed != text && changed.parse::<FiscalCode>().is_ok() {
                let (same, before) = (check_character(changed.as_bytes()), check_character(text.as_bytes()));
                prop_assert_eq!(same, before);
            }
        }
    }
}
