//! How a person is called and reached.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::FieldError;

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = <$name as FromStr>::Err;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )+};
}

texts! {
    /// A name or a surname as the person writes it: 1 to 60 letters, blanks, apostrophes, hyphens and dots.
    Name,
    /// An e-mail address that one mailbox can have: one `@`, a domain with a dot, at most 254 ASCII characters.
    EmailAddress,
    /// What a user types to sign in: letters, digits and dots; not the fiscal code and not a secret.
    Username,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("empty")]
    Empty,
    #[error("too long")]
    TooLong,
    #[error("a character is not allowed")]
    Character,
    #[error("not of the expected form")]
    Shape,
}

impl FromStr for Name {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match text.chars().count() {
            0 => return Err(TextError::Empty),
            61.. => return Err(TextError::TooLong),
            _ => {}
        }
        let allowed =
            |c: char| c.is_alphabetic() || matches!(c, ' ' | '\'' | '’' | '-' | '.' | '`' | '\u{300}'..='\u{36f}');
        match text.chars().all(allowed) && text.chars().any(char::is_alphabetic) {
            true => Ok(Self(text)),
            false => Err(TextError::Character),
        }
    }
}

impl Name {
    pub fn from_field(field: &'static str, text: Option<&str>) -> Result<Self, FieldError> {
        text.unwrap_or_default().parse().map_err(|error| match error {
            TextError::Empty => FieldError::missing(field),
            TextError::TooLong => FieldError::too_long(field, 60),
            TextError::Character | TextError::Shape => FieldError::new(
                field,
                "character",
                "Usa solo lettere, spazi, apostrofi e trattini.",
                "Use letters, blanks, apostrophes and hyphens only.",
            ),
        })
    }

    /// The first letter with a dot, where the whole name would say too much.
    pub fn initial(&self) -> String {
        self.0.chars().next().map(|c| format!("{}.", c.to_uppercase())).unwrap_or_default()
    }
}

impl FromStr for EmailAddress {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        if text.len() > 254 {
            return Err(TextError::TooLong);
        }
        let (local, domain) = text.split_once('@').ok_or(TextError::Shape)?;
        let local_ok = (1..=64).contains(&local.len())
            && local.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~.-".contains(&b))
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..");
        let label_ok = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let domain_ok = domain.contains('.') && domain.split('.').all(label_ok);
        match local_ok && domain_ok {
            true => Ok(Self(format!("{local}@{}", domain.to_ascii_lowercase()))),
            false => Err(TextError::Shape),
        }
    }
}

impl EmailAddress {
    pub fn from_field(field: &'static str, text: Option<&str>) -> Result<Self, FieldError> {
        text.unwrap_or_default().parse().map_err(|error| match error {
            TextError::Empty => FieldError::missing(field),
            TextError::TooLong => FieldError::too_long(field, 254),
            TextError::Character | TextError::Shape => FieldError::new(
                field,
                "email",
                "Non è un indirizzo e-mail: scrivilo come nome@esempio.it.",
                "This is no e-mail address: write it like name@example.org.",
            ),
        })
    }
}

impl FromStr for Username {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let text = text.trim().to_lowercase();
        match text.len() {
            0 => return Err(TextError::Empty),
            65.. => return Err(TextError::TooLong),
            _ => {}
        }
        match text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.') {
            true => Ok(Self(text)),
            false => Err(TextError::Character),
        }
    }
}

impl Username {
    /// `m.rossi.4821`: easy to copy from a mail, with `salt` (four digits) against guessing who is here.
    pub fn compose(name: &Name, surname: &Name, salt: u16) -> Self {
        let plain = |text: &str| -> String {
            text.chars().flat_map(char::to_lowercase).map(fold).filter(char::is_ascii_alphabetic).take(20).collect()
        };
        let initial: String = plain(name.as_str()).chars().take(1).collect();
        let surname = plain(surname.as_str());
        let parts = [initial.as_str(), surname.as_str()].into_iter().filter(|part| !part.is_empty());
        let stem = parts.collect::<Vec<_>>().join(".");
        let stem = if stem.is_empty() { "utente".to_owned() } else { stem };
        Self(format!("{stem}.{:04}", salt % 10_000))
    }
}

/// The text as people search for it: small letters without accents and apostrophes.
pub fn searchable(text: &str) -> String {
    let marks = |c: &char| !matches!(c, '\'' | '’' | '`' | '\u{300}'..='\u{36f}');
    text.chars().flat_map(char::to_lowercase).map(fold).filter(marks).collect()
}

/// The letter without its accent, for the Latin letters that Italian registers hold.
fn fold(c: char) -> char {
    match c {
        'à'..='å' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'è'..='ë' | 'ę' | 'ě' => 'e',
        'ì'..='ï' | 'ı' => 'i',
        'ñ' | 'ń' => 'n',
        'ò'..='ö' | 'ø' | 'ő' => 'o',
        'ș' | 'ş' | 'š' | 'ś' => 's',
        'ț' | 'ţ' => 't',
        'ù'..='ü' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ž' | 'ź' | 'ż' => 'z',
        'ł' => 'l',
        'đ' => 'd',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses() {
        for good in ["nome@esempio.it", "a.b+c@sub.example.org", "o'hara@example.org", "X_1@EXAMPLE.ORG"] {
            assert!(good.parse::<EmailAddress>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "nome",
            "nome@",
            "@x.it",
            "a@b",
            "a@@b.it",
            "a b@c.it",
            "a@b..it",
            "a@-b.it",
            ".a@b.it",
            "a..b@c.it",
            "a@b.it\r\nBcc: c@d.it",
            "a@b.it,c@d.it",
            "<a@b.it>",
            "é@b.it",
        ] {
            assert!(bad.parse::<EmailAddress>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names() {
        for good in ["Mario", "D'Angelo", "De Luca", "Conti-Rinaldi", "Niccolò", "Çelik", "Łukasz", "Ng", "Wei"] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "  ", "R2D2", "<b>", "a\u{0}b", "-", "x@y"] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
        assert_eq!("  De   Luca ".parse::<Name>().unwrap().as_str(), "De Luca");
    }

    #[test]
    fn usernames() {
        let compose =
            |name: &str, surname: &str| Username::compose(&name.parse().unwrap(), &surname.parse().unwrap(), 42);
        assert_eq!(compose("Niccolò", "D'Angelo").as_str(), "n.dangelo.0042");
        assert_eq!(compose("伟", "王").as_str(), "utente.0042");
    }

    #[test]
    fn searches() {
        for (written, searched) in [
            ("Niccolò", "niccolo"),
            ("D’Angelo", "dangelo"),
            ("Irène", "irene"),
            ("Ire\u{300}ne", "irene"),
            ("3B", "3b"),
        ] {
            assert_eq!(searchable(written), searched);
        }
    }

    proptest! {
        #[test]
        fn composed_usernames_can_be_typed(name in "[A-Za-zÀ-ÿ' -]{1,30}", surname in "\\PC{1,40}", salt: u16) {
            if let (Ok(name), Ok(surname)) = (name.parse::<Name>(), surname.parse::<Name>()) {
                let username = Username::compose(&name, &surname, salt);
                prop_assert_eq!(username.as_str().parse::<Username>(), Ok(username.clone()));
            }
        }

        #[test]
        fn nothing_breaks_a_mail_header(text in "\\PC{0,40}(\r\n)?\\PC{0,40}") {
            if let Ok(address) = text.parse::<EmailAddress>() {
                prop_assert!(address.as_str().bytes().all(|b| b.is_ascii_graphic()));
            }
        }
    }
}
