use domain::{FieldError, Name, Personal, Pupil, PupilId};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use web::{Frame, View, askama};

use crate::full_name;

/// A pupil as lists and pages show them.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub id: PupilId,
    pub name: Personal<Name>,
    pub surname: Personal<Name>,
    pub class: String,
}

impl Row {
    pub fn full_name(&self) -> String {
        full_name(&self.surname, &self.name)
    }
}

impl From<&Pupil> for Row {
    fn from(pupil: &Pupil) -> Self {
        Self {
            id: pupil.id.clone(),
            name: pupil.name.clone(),
            surname: pupil.surname.clone(),
            class: pupil.class.clone(),
        }
    }
}

/// `GET /school/pupils`
#[derive(Debug, Serialize)]
pub struct PupilsPage {
    pub pupils: Vec<Row>,
    /// How many there are in all pages.
    pub total: usize,
    /// The classes of the school, to choose from.
    pub classes: Vec<String>,
    pub class: Option<String>,
    pub q: Option<String>,
    /// False where the school has more pupils than one answer walks through.
    pub complete: bool,
    pub next: Option<String>,
    #[serde(skip)]
    pub page: usize,
    #[serde(skip)]
    pub pages: usize,
}

web::view!(PupilsPage, "pupils.html");

/// A guardian as the school may know them: no address, no codice fiscale.
#[derive(Debug, Serialize)]
pub struct Guardian {
    pub name: Personal<Name>,
    pub surname: Personal<Name>,
    pub linked_at: Timestamp,
}

impl Guardian {
    pub fn full_name(&self) -> String {
        full_name(&self.surname, &self.name)
    }
}

/// `GET /school/pupils/{id}`, and the form to link a parent.
#[derive(Debug, Serialize)]
pub struct PupilPage {
    #[serde(flatten)]
    pub pupil: Row,
    pub guardians: Vec<Guardian>,
    /// As the clerk typed it.
    #[serde(skip)]
    pub fiscal_code: Option<String>,
}

web::view!(PupilPage, "pupil.html");

impl PupilPage {
    pub fn new(pupil: &Pupil, guardians: Vec<Guardian>, typed: Option<String>) -> Self {
        Self { pupil: pupil.into(), guardians, fiscal_code: typed }
    }

    pub fn guardians_path(&self) -> String {
        format!("/school/pupils/{}/guardians", self.pupil.id)
    }

    pub fn new_notice(&self) -> String {
        format!("/school/notices/new?pupil={}", self.pupil.id)
    }

    /// The notices of the class that name the pupil.
    pub fn notices(&self) -> String {
        format!("/school/notices?class={}&q={}", encoded(&self.pupil.class), encoded(&self.pupil.full_name()))
    }
}

/// As a query's value.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The guardian just linked.
#[derive(Debug, Serialize)]
pub struct Linked {
    #[serde(flatten)]
    pub guardian: Guardian,
}

impl View for Linked {
    /// A page goes on to the pupil: this is for programs only.
    fn render(&self, _: &Frame<'_>, _: &[FieldError]) -> Result<String, askama::Error> {
        Ok(String::new())
    }
}
