use serde::{Deserialize, Serialize};

/// The languages of screens and mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    It,
    En,
}

impl Language {
    /// The tag of `lang` and `Content-Language`.
    pub fn tag(self) -> &'static str {
        self.choose("it", "en")
    }

    /// The text in this language: both stand side by side where they are used, so none is forgotten.
    pub fn choose<T>(self, it: T, en: T) -> T {
        match self {
            Self::It => it,
            Self::En => en,
        }
    }
}
