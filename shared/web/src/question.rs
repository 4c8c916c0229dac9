//! Questions that a person answers at a glance, in words, so that a screen reader reads them as well as an eye.

use domain::Language;

/// A question, told by 16 random bytes: nothing of it has to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    Sum(u8, u8),
    Difference(u8, u8),
    /// Which of three words is of the kind; the first index is the kind, then the word, then where it stands.
    Kind {
        kind: u8,
        word: u8,
        others: u8,
        place: u8,
    },
}

const NUMBERS: [(&str, &str); 21] = [
    ("zero", "zero"),
    ("uno", "one"),
    ("due", "two"),
    ("tre", "three"),
    ("quattro", "four"),
    ("cinque", "five"),
    ("sei", "six"),
    ("sette", "seven"),
    ("otto", "eight"),
    ("nove", "nine"),
    ("dieci", "ten"),
    ("undici", "eleven"),
    ("dodici", "twelve"),
    ("tredici", "thirteen"),
    ("quattordici", "fourteen"),
    ("quindici", "fifteen"),
    ("sedici", "sixteen"),
    ("diciassette", "seventeen"),
    ("diciotto", "eighteen"),
    ("diciannove", "nineteen"),
    ("venti", "twenty"),
];

type Words = [(&'static str, &'static str); 5];

const KINDS: [(&str, &str, Words); 4] = [
    (
        "un colore",
        "a colour",
        [("verde", "green"), ("giallo", "yellow"), ("rosso", "red"), ("blu", "blue"), ("bianco", "white")],
    ),
    (
        "un animale",
        "an animal",
        [("gatto", "cat"), ("cavallo", "horse"), ("cane", "dog"), ("mucca", "cow"), ("pecora", "sheep")],
    ),
    (
        "un giorno della settimana",
        "a day of the week",
        [
            ("lunedì", "Monday"),
            ("martedì", "Tuesday"),
            ("giovedì", "Thursday"),
            ("sabato", "Saturday"),
            ("domenica", "Sunday"),
        ],
    ),
    (
        "un mobile",
        "a piece of furniture",
        [("tavolo", "table"), ("sedia", "chair"), ("armadio", "wardrobe"), ("letto", "bed"), ("scrivania", "desk")],
    ),
];

impl Question {
    pub fn of(seed: [u8; 16]) -> Self {
        let [which, a, b, c, d, ..] = seed;
        match which % 4 {
            0 => Self::Sum(1 + a % 10, 1 + b % 10),
            1 => Self::Difference(10 + a % 10, 1 + b % 9),
            _ => Self::Kind { kind: a % 4, word: b % 5, others: c % 25, place: d % 3 },
        }
    }

    pub fn text(self, language: Language) -> String {
        let number = |n: u8| language.choose(NUMBERS[usize::from(n)].0, NUMBERS[usize::from(n)].1);
        match (self, language) {
            (Self::Sum(a, b), Language::It) => format!("Quanto fa {} più {}?", number(a), number(b)),
            (Self::Sum(a, b), Language::En) => format!("What is {} plus {}?", number(a), number(b)),
            (Self::Difference(a, b), Language::It) => format!("Quanto fa {} meno {}?", number(a), number(b)),
            (Self::Difference(a, b), Language::En) => format!("What is {} minus {}?", number(a), number(b)),
            (Self::Kind { kind, word, others, place }, _) => {
                let pick = |kind: u8, word: u8| {
                    let (it, en) = KINDS[usize::from(kind % 4)].2[usize::from(word % 5)];
                    language.choose(it, en)
                };
                let mut words = vec![pick(kind + 1, others % 5), pick(kind + 2, others / 5)];
                words.insert(usize::from(place), pick(kind, word));
                let (it, en, _) = KINDS[usize::from(kind)];
                language.choose(
                    format!("Quale di queste parole indica {it}: {}?", words.join(", ")),
                    format!("Which of these words is {en}: {}?", words.join(", ")),
                )
            }
        }
    }

    /// The answer in figures or words, in either language.
    pub fn accepts(self, answer: &str) -> bool {
        let answer = plain(answer);
        let is_number = |n: u8| {
            let (it, en) = NUMBERS[usize::from(n)];
            answer == n.to_string() || answer == it || answer == en
        };
        match self {
            Self::Sum(a, b) => is_number(a + b),
            Self::Difference(a, b) => is_number(a - b),
            Self::Kind { kind, word, .. } => {
                let (it, en) = KINDS[usize::from(kind)].2[usize::from(word)];
                answer == plain(it) || answer == plain(en)
            }
        }
    }
}

fn plain(text: &str) -> String {
    text.trim().trim_end_matches(['.', '!', '\'', '’']).to_lowercase().replace('ì', "i")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_has_a_question_with_its_answer() {
        for which in 0..4 {
            for a in 0..=255 {
                for b in [0, 1, 9, 77, 255] {
                    let question = Question::of([which, a, b, a, b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                    for language in [Language::It, Language::En] {
                        assert!(question.text(language).ends_with('?'));
                    }
                    let right: Vec<u8> = (0..=20).filter(|n| question.accepts(&n.to_string())).collect();
                    let expected = usize::from(!matches!(question, Question::Kind { .. }));
                    assert_eq!(right.len(), expected, "{question:?}");
                    assert!(!question.accepts(""));
                }
            }
        }
    }

    #[test]
    fn answers_are_read_kindly() {
        let cases = [
            (Question::Sum(7, 4), vec!["11", " undici ", "Eleven", "11."], vec!["12", "7 4", "dodici"]),
            (Question::Difference(10, 9), vec!["1", "uno"], vec!["0"]),
            (
                Question::Kind { kind: 2, word: 0, others: 3, place: 1 },
                vec!["lunedì", "LUNEDI", "lunedi'", "monday"],
                vec!["1", "gatto"],
            ),
        ];
        for (question, right, wrong) in cases {
            for answer in right {
                assert!(question.accepts(answer), "{question:?} {answer}");
            }
            for answer in wrong {
                assert!(!question.accepts(answer), "{question:?} {answer}");
            }
        }
        assert_eq!(Question::Sum(7, 4).text(Language::It), "Quanto fa sette più quattro?");
        let kind = Question::Kind { kind: 0, word: 1, others: 0, place: 0 };
        assert_eq!(kind.text(Language::En), "Which of these words is a colour: yellow, cat, Monday?");
    }
}
