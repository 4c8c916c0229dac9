use domain::{Name, Personal, PupilId, Role};
use serde::Serialize;
use web::assets::HASH;

/// `GET /`
#[derive(Debug, Serialize)]
pub struct Welcome {
    pub signed_in: bool,
}

web::view!(Welcome, "welcome.html");

/// `GET /services`
#[derive(Debug, Serialize)]
pub struct Services {
    pub services: Vec<Service>,
}

#[derive(Debug, Serialize)]
pub struct Service {
    pub name: &'static str,
    #[serde(skip)]
    pub title: (&'static str, &'static str),
    #[serde(skip)]
    pub description: (&'static str, &'static str),
    pub path: &'static str,
}

impl Services {
    pub fn all(role: Option<&Role>) -> Self {
        let payments = Service {
            name: "payments",
            title: ("Pago in rete", "Pago in rete"),
            description: (
                "Pagamenti alle scuole: avvisi, carrello, ricevute.",
                "Payments to schools: notices, cart, receipts.",
            ),
            path: "/pago-in-rete",
        };
        let school = Service {
            name: "school",
            title: ("Pago in rete: area della scuola", "Pago in rete: school area"),
            description: (
                "Emissione degli avvisi e controllo dei pagamenti.",
                "Issuing notices and following payments.",
            ),
            path: "/school",
        };
        Self { services: std::iter::once(payments).chain(role.map(|_| school)).collect() }
    }

    /// The letters of the index, each with its services: a name begins alike in both languages.
    pub fn letters(&self) -> Vec<(char, Vec<&Service>)> {
        let with = |letter: char| self.services.iter().filter(|service| service.title.0.starts_with(letter)).collect();
        ('A'..='Z').map(|letter| (letter, with(letter))).collect()
    }
}

web::view!(Services, "services.html");

/// `GET /pago-in-rete`
#[derive(Debug, Serialize)]
pub struct Branches {
    /// The school this person works for.
    pub school: Option<String>,
}

web::view!(Branches, "branches.html");

/// `GET /home`
#[derive(Debug, Serialize)]
pub struct Home {
    pub pupils: Vec<Pupil>,
    pub in_cart: usize,
}

#[derive(Debug, Serialize)]
pub struct Pupil {
    pub id: PupilId,
    pub name: Personal<Name>,
    pub surname: Personal<Name>,
    pub class: String,
    pub school: String,
}

web::view!(Home, "home.html");

/// `GET /status`: this function answers; nothing else is asked, so that anybody may ask often.
#[derive(Debug, Serialize)]
pub struct Status {
    pub status: &'static str,
    /// The release of the pages' files.
    pub assets: &'static str,
    pub at: String,
}

impl Status {
    pub fn of(now: impl ToString) -> Self {
        Self { status: "ok", assets: HASH, at: now.to_string() }
    }
}

web::view!(Status, "status.html");
