//! What a password must be. Source: F47 for the `circular` profile, ASVS 6.2 for `hardened`.

use crate::FieldError;

/// Which rules a new password obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordRule {
    /// At least 8 characters with a digit, an upper-case and a lower-case letter (F47).
    Circular,
    /// At least 12 characters, none of the well-known ones, no rule of composition.
    Hardened,
}

/// Above this a hash would be work for nothing; nothing is ever cut.
pub const MAX_CHARACTERS: usize = 128;

/// Passwords that lists of leaked ones begin with, lower case.
const WELL_KNOWN: [&str; 24] = [
    "password",
    "password1",
    "password12",
    "password123",
    "password1234",
    "passw0rd",
    "12345678",
    "123456789",
    "1234567890",
    "123456789012",
    "qwerty123",
    "qwertyuiop",
    "qwertyuiop12",
    "abc12345",
    "abcd1234",
    "iloveyou1",
    "welcome1",
    "benvenuto1",
    "juventus1",
    "ciaociao1",
    "amoremio1",
    "scuola2024",
    "scuola2025",
    "scuola2026",
];

impl PasswordRule {
    /// Checks a new password; `field` is where the error belongs.
    pub fn check(self, field: &'static str, password: &str) -> Result<(), FieldError> {
        let length = password.chars().count();
        if length == 0 {
            return Err(FieldError::missing(field));
        }
        if length > MAX_CHARACTERS {
            return Err(FieldError::too_long(field, MAX_CHARACTERS));
        }
        let weak = |it: String, en: String| Err(FieldError::new(field, "weak", it, en));
        let missing: Vec<(&str, &str)> = match self {
            Self::Circular => [
                (length < 8, ("almeno otto caratteri", "at least eight characters")),
                (!password.chars().any(|c| c.is_ascii_digit()), ("una cifra", "a digit")),
                (!password.chars().any(char::is_uppercase), ("una lettera maiuscola", "an upper-case letter")),
                (!password.chars().any(char::is_lowercase), ("una lettera minuscola", "a lower-case letter")),
            ]
            .into_iter()
            .filter_map(|(missing, words)| missing.then_some(words))
            .collect(),
            Self::Hardened if length < 12 => vec![("almeno dodici caratteri", "at least twelve characters")],
            Self::Hardened => Vec::new(),
        };
        if !missing.is_empty() {
            let list = |language: fn(&(&'static str, &'static str)) -> &'static str| {
                missing.iter().map(language).collect::<Vec<_>>().join(", ")
            };
            return weak(
                format!("Alla nuova password manca: {}.", list(|words| words.0)),
                format!("The new password lacks: {}.", list(|words| words.1)),
            );
        }
        match WELL_KNOWN.contains(&password.to_lowercase().as_str()) {
            true => weak(
                "Questa password è tra le prime che si provano: scegline un'altra.".into(),
                "This password is among the first that are tried: choose another.".into(),
            ),
            false => Ok(()),
        }
    }

    /// The rule in words, beside the field.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Circular => (
                "Almeno otto caratteri, con una cifra, una lettera maiuscola e una minuscola.",
                "At least eight characters, with a digit, an upper-case and a lower-case letter.",
            ),
            Self::Hardened => (
                "Almeno dodici caratteri, non una password molto comune. Una frase va benissimo.",
                "At least twelve characters, not a very common password. A phrase is fine.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules() {
        use PasswordRule::*;
        let cases = [
            (Circular, "Abcdefg1", Ok(())),
            (Circular, "Perché-no-1", Ok(())),
            (Circular, "Abcdef1", Err("weak")),
            (Circular, "abcdefg1", Err("weak")),
            (Circular, "ABCDEFG1", Err("weak")),
            (Circular, "Abcdefgh", Err("weak")),
            (Circular, "Password1", Err("weak")),
            (Circular, "", Err("missing")),
            (Hardened, "una frase qualsiasi", Ok(())),
            (Hardened, "Abcdefg1", Err("weak")),
            (Hardened, "qwertyuiop12", Err("weak")),
        ];
        for (rule, password, expected) in cases {
            let checked = rule.check("new_password", password).map_err(|error| error.code);
            assert_eq!(checked, expected, "{rule:?} {password:?}");
        }
        assert_eq!(Circular.check("new_password", &"aA1".repeat(43)).unwrap_err().code, "too-long");
    }

    #[test]
    fn says_what_is_missing() {
        let error = PasswordRule::Circular.check("new_password", "abc").unwrap_err();
        assert_eq!(error.it, "Alla nuova password manca: almeno otto caratteri, una cifra, una lettera maiuscola.");
    }
}
