//! Schools, their pupils, and what a notice can be for.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{EntityCode, FiscalCode, Name, Personal, PupilId, SegregationCode};

/// A creditor institution: issues notices in its own name (F105).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct School {
    pub fiscal_code: EntityCode,
    pub name: String,
    /// Mechanographic codes, the principal first; its sections share the fiscal code.
    pub codes: Vec<String>,
    pub address: String,
    pub city: String,
    pub email: String,
    pub phone: String,
    /// The account that pagoPA credits; never shown on a page (Guidelines 5).
    pub iban: String,
    pub segregation: SegregationCode,
    /// Notices are issued from this day on (F107).
    pub active_from: Date,
}

/// A pupil of one school. The fiscal code is sealed in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pupil {
    pub id: PupilId,
    pub school: EntityCode,
    pub name: Personal<Name>,
    pub surname: Personal<Name>,
    pub fiscal_code: Personal<FiscalCode>,
    /// As the school writes it: `3B`.
    pub class: String,
}

/// What a notice is for: the taxonomy of collections, macro area "Istruzione" (pagoPA reference 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    VoluntaryContribution,
    Trip,
    Outing,
    Insurance,
    Canteen,
    Transport,
    Course,
    Laboratory,
    Material,
    Sport,
    Enrichment,
    Other,
}

impl Category {
    pub const ALL: [Self; 12] = [
        Self::VoluntaryContribution,
        Self::Trip,
        Self::Outing,
        Self::Insurance,
        Self::Canteen,
        Self::Transport,
        Self::Course,
        Self::Laboratory,
        Self::Material,
        Self::Sport,
        Self::Enrichment,
        Self::Other,
    ];

    /// The value in forms and JSON.
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// The words in Italian and English.
    pub fn words(self) -> (&'static str, &'static str) {
        (self.row().2, self.row().3)
    }

    /// pagoPA's `transferCategory`: prefix 9, entity type 06, area 01, service and legal ground.
    pub fn transfer_category(self) -> String {
        format!("9/0601{}/", self.row().1)
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.code() == code)
    }

    fn row(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::VoluntaryContribution => {
                ("voluntary-contribution", "134AP", "Contributo volontario", "Voluntary contribution")
            }
            Self::Trip => ("trip", "125AP", "Viaggio di istruzione o visita guidata", "School trip or guided visit"),
            Self::Outing => ("outing", "150AP", "Uscita didattica", "Educational outing"),
            Self::Insurance => ("insurance", "139AP", "Assicurazione degli alunni", "Pupils' insurance"),
            Self::Canteen => ("canteen", "104TS", "Mensa scolastica", "School canteen"),
            Self::Transport => ("transport", "105SP", "Trasporto scolastico", "School transport"),
            Self::Course => ("course", "131AP", "Corso o certificazione", "Course or certification"),
            Self::Laboratory => ("laboratory", "146AP", "Laboratorio didattico", "Laboratory"),
            Self::Material => ("material", "147AP", "Materiale scolastico", "School material"),
            Self::Sport => ("sport", "130AP", "Attività sportiva", "Sport"),
            Self::Enrichment => {
                ("enrichment", "135AP", "Ampliamento dell'offerta formativa", "Widening of the educational offer")
            }
            Self::Other => ("other", "113AP", "Altro", "Other"),
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The school year a day belongs to, as `2026-27`: it begins on 1 September.
pub fn school_year(day: Date) -> String {
    let start = if day.month() >= 9 { day.year() } else { day.year() - 1 };
    format!("{start}-{:02}", (start + 1).rem_euclid(100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn school_years_begin_in_september() {
        assert_eq!(school_year(date(2026, 8, 31)), "2025-26");
        assert_eq!(school_year(date(2026, 9, 1)), "2026-27");
        assert_eq!(school_year(date(2099, 12, 1)), "2099-00");
    }

    #[test]
    fn categories_read_back_and_carry_the_taxonomy() {
        for category in Category::ALL {
            assert_eq!(Category::from_code(category.code()), Some(category));
            let text = category.transfer_category();
            assert_eq!((text.len(), &text[..6]), (12, "9/0601"), "{text}");
        }
        assert_eq!(Category::VoluntaryContribution.transfer_category(), "9/0601134AP/");
        assert_eq!(Category::from_code("taxes"), None);
    }
}
