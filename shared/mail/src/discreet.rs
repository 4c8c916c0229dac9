//! Texts of others, made fit for a mail: one line, no link, nothing that a mailbox should not hold.

use domain::{FiscalCode, Language};

/// Longer texts end in an ellipsis: a mail points to the service, where the whole text stands.
const MAX_CHARACTERS: usize = 200;

/// One line of visible characters that no mail program takes for a link, any codice fiscale in it masked.
///
/// A name can be `www.example.com`: in a mail that anybody can have sent to any address, it must not become a link.
pub fn line(text: &str) -> String {
    let words: Vec<String> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .map(|word| word.chars().filter(|c| !is_format(*c)).collect::<String>())
        .filter(|word| !word.is_empty())
        .map(|word| if is_fiscal_code(&word) { MASK.to_owned() } else { unlink(&word) })
        .collect();
    let joined = words.join(" ");
    match joined.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}…", joined[..end].trim_end()),
        None => joined,
    }
}

/// A blank after each dot or colon that an address could need: `evil.com` becomes `evil. com`, `S.p.A.` stays.
fn unlink(word: &str) -> String {
    let characters: Vec<char> = word.chars().collect();
    let mut out = String::with_capacity(word.len() + 4);
    for (index, character) in characters.iter().enumerate() {
        out.push(*character);
        let rest = &characters[index + 1..];
        let starts_label = rest.iter().take(2).filter(|c| c.is_alphanumeric()).count() == 2;
        let dot = matches!(character, '.' | '。' | '．' | '｡') && index > 0 && starts_label;
        let scheme = matches!(character, ':' | '：') && rest.first().is_some_and(|c| !c.is_ascii_digit());
        if dot || scheme {
            out.push(' ');
        }
    }
    out
}

/// Marks of direction, joiners and other characters that are there and not seen.
fn is_format(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// What a payment is for, unless that tells more of a child than a mailbox should hold (health, faith, income):
/// then it is to be read in the service.
pub fn reason(text: &str, language: Language) -> String {
    let lower = text.to_lowercase();
    let words = || lower.split(|c: char| !c.is_alphanumeric());
    let tells = STEMS.iter().any(|stem| words().any(|word| word.starts_with(stem)))
        || WORDS.iter().any(|whole| words().any(|word| word == *whole));
    match tells {
        true => language.choose("da leggere nel servizio", "to be read in the service").to_owned(),
        false => line(text),
    }
}

const STEMS: [&str; 25] = [
    "sostegn",
    "disab",
    "handicap",
    "terap",
    "logoped",
    "psicolog",
    "psichiatr",
    "neuropsich",
    "diagnos",
    "malatt",
    "farmac",
    "allerg",
    "celiac",
    "intoller",
    "autis",
    "dislessi",
    "religio",
    "cattolic",
    "islam",
    "isee",
    "indigen",
    "bisognos",
    "esoner",
    "esenzion",
    "dieta",
];
const WORDS: [&str; 6] = ["dsa", "bes", "adhd", "104", "irc", "diete"];

const MASK: &str = "••••";

fn is_fiscal_code(word: &str) -> bool {
    word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).parse::<FiscalCode>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_text_looks_like_a_link() {
        let cases = [
            ("Mario", "Mario"),
            ("M.Teresa", "M. Teresa"),
            ("vinci su www.evil.com", "vinci su www. evil. com"),
            ("https://evil.com/a?b", "https: //evil. com/a?b"),
            ("a@evil.it", "a@evil. it"),
            ("javascript:alert", "javascript: alert"),
            ("Banca S.p.A.", "Banca S.p.A."),
            ("ore 10:30, 45.5 euro", "ore 10:30, 45.5 euro"),
            ("a\r\nBcc: b\u{202e}c\u{0}d", "a Bcc: bc d"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(line(text), expected, "{text:?}");
        }
        assert_eq!(line(&"è".repeat(500)).chars().count(), MAX_CHARACTERS + 1);
    }

    #[test]
    fn a_reason_that_tells_too_much_stays_in_the_service() {
        for text in [
            "Mensa: dieta per celiachia",
            "Progetto SOSTEGNO",
            "Corso per DSA",
            "Visita psicologica",
            "Esenzione ISEE",
            "Legge 104",
        ] {
            assert_eq!(reason(text, Language::It), "da leggere nel servizio", "{text}");
        }
        for text in ["Visita guidata Firenze - classe 3B", "Assicurazione 2026-27", "Mensa novembre", "Gita a Besana"] {
            assert_eq!(reason(text, Language::It), text);
        }
        assert_eq!(reason("Gita, alunno (RSSMRA80A01F205X).", Language::It), "Gita, alunno ••••");
    }

    proptest! {
        #[test]
        fn one_visible_line(text in prop_oneof![any::<String>(), "[a-z.:/ @]{0,30}"]) {
            let line = line(&text);
            prop_assert!(!line.chars().any(|c| c.is_control() || is_format(c)), "{line:?}");
            let characters: Vec<char> = line.chars().collect();
            let is_host = |four: &[char]| {
                four[1] == '.' && four[0].is_alphanumeric() && four[2].is_alphanumeric() && four[3].is_alphanumeric()
            };
            prop_assert!(!line.contains("://") && !characters.windows(4).any(is_host), "{line:?}");
        }
    }
}
