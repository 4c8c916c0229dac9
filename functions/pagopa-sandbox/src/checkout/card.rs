//! The card form. What is typed is looked at and forgotten: nothing but the last four digits is ever kept or shown, and
//! only the numbers of the list are taken, so that nobody types a real card here.

use domain::Language;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::http::Form;

/// What a test card does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Behaviour {
    Pays,
    /// The payment succeeds, but later than the page waits: outcome 17.
    PaysLater,
    /// Fails with this outcome code (pagoPA reference 8).
    Fails(u16),
}

/// A card for tests.
pub(crate) struct TestCard {
    pub(crate) number: &'static str,
    pub(crate) behaviour: Behaviour,
}

pub(crate) static TEST_CARDS: &[TestCard] = &[
    TestCard { number: "4242424242424242", behaviour: Behaviour::Pays },
    TestCard { number: "4111111111111111", behaviour: Behaviour::Pays },
    TestCard { number: "5555555555554444", behaviour: Behaviour::Pays },
    TestCard { number: "378282246310005", behaviour: Behaviour::Pays },
    TestCard { number: "4000000000000119", behaviour: Behaviour::PaysLater },
    TestCard { number: "4000000000000002", behaviour: Behaviour::Fails(2) },
    TestCard { number: "4000000000009995", behaviour: Behaviour::Fails(116) },
    TestCard { number: "4000000000000069", behaviour: Behaviour::Fails(7) },
    TestCard { number: "4000000000000127", behaviour: Behaviour::Fails(117) },
];

impl TestCard {
    /// In groups, as a card shows it.
    pub(crate) fn grouped(&self) -> String {
        let digits = self.number.as_bytes();
        let sizes: &[usize] = if digits.len() == 15 { &[4, 6, 5] } else { &[4, 4, 4, 4] };
        let mut rest = self.number;
        let groups = sizes.iter().map(|size| {
            let (group, after) = rest.split_at(*size);
            rest = after;
            group
        });
        groups.collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn meaning(&self, language: Language) -> String {
        match self.behaviour {
            Behaviour::Pays => language.choose("il pagamento riesce", "the payment succeeds").to_owned(),
            Behaviour::PaysLater => language
                .choose(
                    "il pagamento riesce, ma l'esito arriva tardi (attesa, ricevuta dopo 20 secondi)",
                    "the payment succeeds, but the outcome comes late (waiting page, receipt after 20 seconds)",
                )
                .to_owned(),
            Behaviour::Fails(outcome) => language.choose(
                format!("il pagamento fallisce con esito {outcome}, nessuna ricevuta"),
                format!("the payment fails with outcome {outcome}, no receipt"),
            ),
        }
    }
}

/// All that is kept of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MaskedCard {
    pub(crate) last_four: String,
    pub(crate) behaviour: Behaviour,
}

/// What is wrong with a field of the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CardError {
    pub(crate) field: &'static str,
    pub(crate) it: &'static str,
    pub(crate) en: &'static str,
}

/// Checks the form and keeps the last four digits.
pub(crate) fn read(form: &Form, today: Date) -> Result<MaskedCard, Vec<CardError>> {
    let mut errors = Vec::new();
    let mut wrong = |field, it, en| errors.push(CardError { field, it, en });
    if !is_holder(form.text("holder")) {
        wrong(
            "holder",
            "Nome e cognome non validi: non ci devono essere caratteri speciali.",
            "Name and surname are not valid: special characters are not allowed.",
        );
    }
    let number: String = form.text("number").chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let card = TEST_CARDS.iter().find(|card| card.number == number);
    if !is_card_number(&number) {
        wrong("number", "Il numero della carta non è valido.", "The card number is not valid.");
    } else if card.is_none() {
        wrong(
            "number",
            "Questo è un simulatore: usa una delle carte di prova, mai una carta vera.",
            "This is a simulator: use one of the test cards, never a real one.",
        );
    }
    match expiry(form.text("expiry")) {
        None => wrong("expiry", "Scrivi la scadenza come mm/aa.", "Write the expiry date as mm/yy."),
        Some(month) if month < (today.year(), today.month()) => {
            wrong("expiry", "La carta è scaduta.", "The card has expired.")
        }
        Some((year, _)) if year > today.year() + 20 => {
            wrong("expiry", "La scadenza non è valida.", "The expiry date is not valid.");
        }
        Some(_) => {}
    }
    let american = number.starts_with("34") || number.starts_with("37");
    let code = form.text("cvv");
    if code.len() != if american { 4 } else { 3 } || !code.bytes().all(|b| b.is_ascii_digit()) {
        wrong(
            "cvv",
            "Il codice di verifica ha 3 cifre (4 per American Express).",
            "The security code has 3 digits (4 for American Express).",
        );
    }
    match (card, errors.is_empty()) {
        (Some(card), true) => {
            let last_four = number[number.len() - 4..].to_owned(); // digits only, 13 at least
            Ok(MaskedCard { last_four, behaviour: card.behaviour })
        }
        _ => Err(errors),
    }
}

/// Letters, blanks and apostrophes; a name and a surname.
fn is_holder(text: &str) -> bool {
    let words = text.split_whitespace().count();
    words >= 2 && text.chars().count() <= 70 && text.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '\'' | '’'))
}

/// 13 to 19 digits with the right check digit (ISO/IEC 7812).
fn is_card_number(number: &str) -> bool {
    let digits = (13..=19).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(index, byte)| match (index % 2, u32::from(byte.wrapping_sub(b'0'))) {
            (0, digit) => digit,
            (_, digit @ 0..=4) => digit * 2,
            (_, digit) => digit.wrapping_mul(2).wrapping_sub(9),
        })
        .fold(0, u32::wrapping_add);
    digits && sum.is_multiple_of(10)
}

/// `08/29`, `8/29`, `0829` or `08/2029`: year and month.
fn expiry(text: &str) -> Option<(i16, i8)> {
    let text: String = text.split_whitespace().collect();
    let (month, year) = match text.split_once('/') {
        Some(parts) => parts,
        None if text.len() == 4 && text.is_ascii() => text.split_at(2),
        None => return None,
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(month) || !digits(year) {
        return None;
    }
    let year = match year.len() {
        2 => 2000 + year.parse::<i16>().ok()?,
        4 => year.parse().ok()?,
        _ => return None,
    };
    let month = month.parse().ok().filter(|month| (1..=12).contains(month))?;
    Some((year, month))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const TODAY: Date = date(2026, 11, 20);

    fn fields(holder: &str, number: &str, expiry: &str, cvv: &str) -> Vec<&'static str> {
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let form = format!(
            "holder={}&number={}&expiry={}&cvv={}",
            encode(holder),
            encode(number),
            encode(expiry),
            encode(cvv)
        );
        match read(&Form::parse(&form), TODAY) {
            Ok(_) => vec![],
            Err(errors) => errors.into_iter().map(|error| error.field).collect(),
        }
    }

    #[test]
    fn the_form_is_checked() {
        let good = "4242 4242 4242 4242";
        assert!(fields("Mario Rossi", good, "12/30", "123").is_empty());
        assert!(
            fields("Niccolò D'Angelo", "4242-4242-4242-4242", "1126", "123").is_empty(),
            "this month is still good"
        );
        assert!(fields("Mario Rossi", "3782 822463 10005", "12/2030", "1234").is_empty());
        assert_eq!(fields("Mario R0ssi!", good, "12/30", "123"), ["holder"]);
        assert_eq!(fields("Mario", good, "12/30", "123"), ["holder"]);
        assert_eq!(fields("Mario Rossi", "4242 4242 4242 4243", "12/30", "123"), ["number"]);
        assert_eq!(
            fields("Mario Rossi", "4012888888881881", "12/30", "123"),
            ["number"],
            "a real-looking card is not taken"
        );
        assert_eq!(fields("Mario Rossi", "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", "12/30", "123"), ["number"]);
        for bad in ["10/26", "13/30", "00/30", "12-30", "12/3", "12/60", "1/1/30", "é/30", "éé"] {
            assert_eq!(fields("Mario Rossi", good, bad, "123"), ["expiry"], "{bad}");
        }
        for bad in ["", "12", "1234", "12a"] {
            assert_eq!(fields("Mario Rossi", good, "12/30", bad), ["cvv"], "{bad}");
        }
        assert_eq!(fields("", "", "", ""), ["holder", "number", "expiry", "cvv"]);
    }

    #[test]
    fn all_test_cards_could_be_real_and_show_as_cards() {
        assert!(TEST_CARDS.iter().all(|card| is_card_number(card.number)));
        assert_eq!(TEST_CARDS[0].grouped(), "4242 4242 4242 4242");
        assert_eq!(TEST_CARDS[3].grouped(), "3782 822463 10005");
    }

    #[test]
    fn nothing_but_the_last_four_digits_stays() {
        let form = Form::parse("holder=Mario+Rossi&number=5555555555554444&expiry=12/30&cvv=123");
        let kept = serde_json::to_string(&read(&form, TODAY).unwrap()).unwrap();
        assert_eq!(kept, r#"{"last_four":"4444","behaviour":"pays"}"#);
    }
}
