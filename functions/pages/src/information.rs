//! Pages that inform: honest as far as software can know, with a mark where the deploying body must complete them.

use serde::Serialize;

/// `GET /privacy` and its like: for programs only what the page is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Information {
    /// The path, without its slash.
    pub name: &'static str,
    #[serde(skip)]
    pub title: (&'static str, &'static str),
}

web::view!(Information, "information.html");

const PAGES: [Information; 5] = [
    Information { name: "privacy", title: ("Informativa sulla privacy", "Privacy notice") },
    Information {
        name: "conditions",
        title: ("Condizioni generali del servizio", "General conditions of the service"),
    },
    Information { name: "legal-notes", title: ("Note legali", "Legal notes") },
    Information { name: "accessibility", title: ("Dichiarazione di accessibilità", "Accessibility statement") },
    Information { name: "assistance", title: ("Assistenza e domande frequenti", "Assistance and frequent questions") },
];

impl Information {
    pub fn named(name: &str) -> Option<Self> {
        PAGES.into_iter().find(|page| page.name == name)
    }
}
