//! The form that all mails share: what is said once becomes both the text and the HTML part.

use std::fmt;

use askama::Template;
use domain::Language;

use crate::{discreet, link::Link};

/// A mail to send. It holds personal data and perhaps a one-time secret, so it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// One line of at most [`MAX_SUBJECT`] characters.
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mail(..)")
    }
}

/// A mail of some kind, in either language.
pub trait Message {
    fn render(&self, language: Language) -> Mail;
}

/// What a kind of mail says. Implemented by the mails of this crate only.
pub trait Content {
    fn letter(&self, language: Language) -> Letter;
}

impl<C: Content> Message for C {
    fn render(&self, language: Language) -> Mail {
        let mut letter = self.letter(language);
        letter.subject = one_line(&letter.subject);
        const WRITES: &str = "a template writes to a String, which takes all";
        Mail {
            text: Text { letter: &letter }.render().expect(WRITES),
            html: Html { letter: &letter, language }.render().expect(WRITES),
            subject: letter.subject,
        }
    }
}

const MAX_SUBJECT: usize = 150;

/// The last guard before a header: texts of others have come through [`discreet::line`] already.
fn one_line(subject: &str) -> String {
    let line: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(MAX_SUBJECT) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

pub struct Letter {
    pub subject: String,
    /// The heading of the HTML part.
    pub title: String,
    pub greeting: Option<String>,
    pub blocks: Vec<Block>,
    pub footer: String,
}

pub enum Block {
    Says(String),
    /// Labels and values.
    Facts(Vec<(&'static str, String)>),
    /// A link with its words.
    Goes {
        words: String,
        link: Link,
    },
}

impl Letter {
    /// A letter whose heading is its subject.
    pub fn to(name: &str, subject: String, language: Language) -> Self {
        let name = discreet::line(name);
        Self {
            title: subject.clone(),
            greeting: Some(language.choose(format!("Gentile {name},"), format!("Dear {name},"))),
            ..Self::to_office(subject, language)
        }
    }

    /// A letter to an office rather than to a person.
    pub fn to_office(subject: String, language: Language) -> Self {
        let footer = language.choose(
            "Messaggio automatico: a questo indirizzo non risponde nessuno.",
            "This is an automatic message: nobody answers at this address.",
        );
        Self { title: subject.clone(), subject, greeting: None, blocks: Vec::new(), footer: footer.to_owned() }
    }

    pub fn says(mut self, words: impl Into<String>) -> Self {
        self.blocks.push(Block::Says(words.into()));
        self
    }

    pub fn facts(mut self, facts: Vec<(&'static str, String)>) -> Self {
        self.blocks.push(Block::Facts(facts));
        self
    }

    pub fn goes(mut self, words: impl Into<String>, link: &Link) -> Self {
        self.blocks.push(Block::Goes { words: words.into(), link: link.clone() });
        self
    }
}

#[derive(Template)]
#[template(path = "letter.txt", escape = "none")]
struct Text<'a> {
    letter: &'a Letter,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Html<'a> {
    letter: &'a Letter,
    language: Language,
}
