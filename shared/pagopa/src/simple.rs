//! The schema's simple types: is a text a value of it? Sources: `paForNode.xsd`, `sac-common-types-1.0.xsd`.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{Amount, time};

/// One simple type of the schema. Texts keep their blanks (`xsd:string`), all others may have blanks around.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Simple {
    /// `xsd:string` without any bound.
    AnyText,
    /// `stText…`: a number of characters.
    Text {
        min: usize,
        max: usize,
    },
    /// `[0-9]{n}`.
    Digits(usize),
    /// `[A-Z]{2}`.
    TwoLetters,
    Email,
    OneOf(&'static [&'static str]),
    /// `stAmount`.
    Amount,
    /// `stAmountNotZero`.
    AmountNotZero,
    Date,
    DateTime,
    Boolean,
    Int,
    /// `stIdTransfer`: an int, 1 to 5.
    IdTransfer,
    Base64,
    /// `stBase64Binary72`.
    ShortBase64,
}

impl Simple {
    pub(crate) fn accepts(self, text: &str) -> bool {
        match self {
            Self::AnyText => true,
            Self::Text { min, max } => (min..=max).contains(&text.chars().count()),
            Self::Digits(count) => text.len() == count && text.bytes().all(|b| b.is_ascii_digit()),
            Self::TwoLetters => text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase()),
            Self::Email => text.len() <= 256 && is_email(text),
            Self::OneOf(values) => values.contains(&text),
            Self::Amount => Amount::strict(text).is_some(),
            Self::AmountNotZero => Amount::strict(text).is_some_and(|amount| amount.cents() > 0),
            Self::Date => time::is_date(text),
            Self::DateTime => time::is_date_time(text),
            Self::Boolean => boolean(text).is_some(),
            Self::Int => int(text).is_some(),
            Self::IdTransfer => int(text).is_some_and(|id| (1..=5).contains(&id)),
            Self::Base64 => base64(text).is_some(),
            Self::ShortBase64 => (4..=72).contains(&squeezed(text).len()) && base64(text).is_some(),
        }
    }
}

/// Without the blanks around: what the schema calls `whiteSpace="collapse"`, for values without blanks inside.
pub(crate) fn collapse(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

pub(crate) fn boolean(text: &str) -> Option<bool> {
    match collapse(text) {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

pub(crate) fn int(text: &str) -> Option<i32> {
    collapse(text).parse().ok()
}

/// The bytes; the schema allows blanks between the characters, and nothing at all.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let dense: String = text.chars().filter(|c| !matches!(c, ' ' | '\t' | '\r' | '\n')).collect();
    STANDARD.decode(dense).ok()
}

/// Runs of blanks become one: the form that a pattern is compared with.
fn squeezed(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// `[a-zA-Z0-9_\.\+\-]+@[a-zA-Z0-9\-]+(\.[a-zA-Z0-9\-]+)*`
pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let local_ok = !local.is_empty() && local.bytes().all(|b| word(b) || matches!(b, b'_' | b'.' | b'+'));
    local_ok && domain.split('.').all(|label| !label.is_empty() && label.bytes().all(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_each_type() {
        let text35 = Simple::Text { min: 1, max: 35 };
        let cases: [(Simple, &str, bool); 36] = [
            (text35, "", false),
            (text35, " ", true),
            (text35, "àèìòùàèìòùàèìòùàèìòùàèìòùàèìòùàèìòù", true),
            (text35, "àèìòùàèìòùàèìòùàèìòùàèìòùàèìòùàèìòùx", false),
            (Simple::Digits(11), "80123450589", true),
            (Simple::Digits(11), " 80123450589", false),
            (Simple::Digits(11), "8012345058٩", false),
            (Simple::TwoLetters, "IT", true),
            (Simple::TwoLetters, "it", false),
            (Simple::Email, "a.b+c@d-e.it", true),
            (Simple::Email, "a@b", true),
            (Simple::Email, "a@b.", false),
            (Simple::Email, "a@b@c", false),
            (Simple::Email, "o'hara@b.it", false),
            (Simple::OneOf(&["OK", "KO"]), "OK", true),
            (Simple::OneOf(&["OK", "KO"]), "OK ", false),
            (Simple::AmountNotZero, "0.01", true),
            (Simple::AmountNotZero, "0.00", false),
            (Simple::Amount, "0.00", true),
            (Simple::Boolean, " 1 ", true),
            (Simple::Boolean, "True", false),
            (Simple::Int, "-7", true),
            (Simple::Int, "2147483648", false),
            (Simple::IdTransfer, "+05", true),
            (Simple::IdTransfer, " 5\n", true),
            (Simple::IdTransfer, "6", false),
            (Simple::IdTransfer, "1.0", false),
            (Simple::Base64, "", true),
            (Simple::Base64, "PHNl cnZp\nY2UvPg==", true),
            (Simple::Base64, "PHNlcnZpY2UvPg", false),
            (Simple::Base64, "PHNlcnZpY2UvPh==", false),
            (Simple::Base64, "%%%%", false),
            (Simple::ShortBase64, "AAAA", true),
            (Simple::ShortBase64, "", false),
            (Simple::Date, "2026-11-30+01:00", true),
            (Simple::DateTime, "2026-11-30T24:00:00", true),
        ];
        for (kind, text, expected) in cases {
            assert_eq!(kind.accepts(text), expected, "{kind:?} {text:?}");
        }
    }
}
