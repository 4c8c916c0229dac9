//! A person or body in a message: the debtor, the payer (`ctSubject`).

use domain::Personal;
use serde::{Deserialize, Serialize};

use crate::{
    simple::{Simple, is_email},
    xml::{Element, Writer},
};

/// `F` natural person, `G` legal person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubjectKind {
    #[serde(rename = "F")]
    Person,
    #[serde(rename = "G")]
    Body,
}

/// Who owes or who paid. Printing it shows no datum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    pub kind: SubjectKind,
    /// A fiscal code, or `ANONIMO` when it is not known.
    pub code: Personal<String>,
    pub full_name: Personal<String>,
    pub details: Personal<SubjectDetails>,
}

/// Where the subject lives; all optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SubjectDetails {
    pub street_name: Option<String>,
    pub civic_number: Option<String>,
    pub postal_code: Option<String>,
    pub city: Option<String>,
    pub province: Option<String>,
    pub country: Option<String>,
    pub email: Option<String>,
}

impl Subject {
    pub const ANONYMOUS: &'static str = "ANONIMO";

    /// A natural person.
    pub fn person(fiscal_code: &str, full_name: &str) -> Self {
        Self {
            kind: SubjectKind::Person,
            code: Personal::new(fiscal_code.to_owned()),
            full_name: Personal::new(full_name.to_owned()),
            details: Personal::new(SubjectDetails::default()),
        }
    }

    /// A payer who gave no name.
    pub fn anonymous() -> Self {
        Self::person(Self::ANONYMOUS, Self::ANONYMOUS)
    }

    /// Whatever can be read of it; `None` when neither code nor name is there.
    pub(crate) fn read(element: &Element) -> Option<Self> {
        let value = |name: &str| element.value(name).map(str::trim).filter(|text| !text.is_empty());
        let owned = |name: &str| value(name).map(str::to_owned);
        let identifier = element.child("uniqueIdentifier");
        let identified = |name: &str| {
            let text = identifier.and_then(|identifier| identifier.value(name)).map(str::trim);
            text.filter(|text| !text.is_empty())
        };
        let (code, name) = (identified("entityUniqueIdentifierValue"), value("fullName"));
        if code.is_none() && name.is_none() {
            return None;
        }
        let kind = match identified("entityUniqueIdentifierType") {
            Some("G") => SubjectKind::Body,
            _ => SubjectKind::Person,
        };
        let details = SubjectDetails {
            street_name: owned("streetName"),
            civic_number: owned("civicNumber"),
            postal_code: owned("postalCode"),
            city: owned("city"),
            province: owned("stateProvinceRegion"),
            country: owned("country"),
            email: owned("e-mail"),
        };
        Some(Self {
            kind,
            code: Personal::new(code.unwrap_or(Self::ANONYMOUS).to_owned()),
            full_name: Personal::new(name.unwrap_or(Self::ANONYMOUS).to_owned()),
            details: Personal::new(details),
        })
    }

    pub(crate) fn write(&self, name: &str, writer: &mut Writer) {
        let details = self.details.reveal();
        let code = Some(self.code.reveal().as_str()).filter(|code| Simple::Text { min: 2, max: 16 }.accepts(code));
        writer.group(name, |subject| {
            subject.group("uniqueIdentifier", |identifier| {
                let kind = match self.kind {
                    SubjectKind::Person => "F",
                    SubjectKind::Body => "G",
                };
                identifier.value("entityUniqueIdentifierType", kind);
                identifier.value("entityUniqueIdentifierValue", code.unwrap_or(Self::ANONYMOUS));
            });
            subject.text("fullName", self.full_name.reveal(), 70);
            subject.optional_text("streetName", details.street_name.as_deref(), 70);
            subject.optional_text("civicNumber", details.civic_number.as_deref(), 16);
            subject.optional_text("postalCode", details.postal_code.as_deref(), 16);
            subject.optional_text("city", details.city.as_deref(), 35);
            subject.optional_text("stateProvinceRegion", details.province.as_deref(), 35);
            let country = details.country.as_deref().filter(|country| Simple::TwoLetters.accepts(country));
            subject.optional("country", country);
            // The schema's pattern refuses many real addresses; the message is worth more than the address.
            let email = details.email.as_deref().filter(|email| email.len() <= 256 && is_email(email));
            subject.optional("e-mail", email);
        });
    }
}
