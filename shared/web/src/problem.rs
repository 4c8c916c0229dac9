//! The JSON face of what did not happen: RFC 9457.

use domain::{FieldError, Language};
use serde::Serialize;

use crate::way::Way;

#[derive(Debug, Serialize)]
pub struct Problem<'a> {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: &'a str,
    pub status: u16,
    pub detail: &'a str,
    /// Stable, for programs: the end of `type`.
    pub code: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<WrongField<'a>>,
    /// Where the person can go on.
    #[serde(skip_serializing_if = "<[Way]>::is_empty")]
    pub links: &'static [Way],
    pub correlation_id: &'a str,
}

#[derive(Debug, Serialize)]
pub struct WrongField<'a> {
    pub field: &'a str,
    pub code: &'a str,
    pub detail: &'a str,
}

pub const CONTENT_TYPE: &str = "application/problem+json";

pub fn kind(code: &str) -> String {
    format!("urn:pagoinrete:problem:{code}")
}

pub fn wrong_fields(errors: &[FieldError], language: Language) -> Vec<WrongField<'_>> {
    errors
        .iter()
        .map(|error| WrongField { field: error.field, code: error.code, detail: error.message(language) })
        .collect()
}
