use serde::Serialize;

use crate::Language;

/// What is wrong with one field, in words for the person who typed it: what, why, what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's name in the form and in the JSON body.
    pub field: &'static str,
    /// A stable code for programs.
    pub code: &'static str,
    #[serde(skip)]
    pub it: String,
    #[serde(skip)]
    pub en: String,
}

impl FieldError {
    pub fn new(field: &'static str, code: &'static str, it: impl Into<String>, en: impl Into<String>) -> Self {
        Self { field, code, it: it.into(), en: en.into() }
    }

    /// A mandatory field was left empty.
    pub fn missing(field: &'static str) -> Self {
        Self::new(
            field,
            "missing",
            "Campo obbligatorio: compilalo per proseguire.",
            "This field is mandatory: fill it in to go on.",
        )
    }

    /// More characters than the field holds.
    pub fn too_long(field: &'static str, max: usize) -> Self {
        Self::new(
            field,
            "too-long",
            format!("Al massimo {max} caratteri: accorcia il testo."),
            format!("At most {max} characters: shorten the text."),
        )
    }

    pub fn message(&self, language: Language) -> &str {
        language.choose(&self.it, &self.en)
    }
}

/// Collects the errors of a form: every field is read, so that all errors are told at once.
#[derive(Debug, Default)]
pub struct Errors(Vec<FieldError>);

impl Errors {
    /// The value, or its error noted and `None`.
    pub fn take<T>(&mut self, result: Result<T, FieldError>) -> Option<T> {
        result.map_err(|error| self.0.push(error)).ok()
    }

    pub fn push(&mut self, error: FieldError) {
        self.0.push(error);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn into_vec(self) -> Vec<FieldError> {
        self.0
    }
}
