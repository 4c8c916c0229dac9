//! Demo data: the circulars' three schools and invented people. Run twice, it changes nothing.
//!
//!     seed                          the demo
//!     seed --schools 100 --from 0   schools for the fault rig, a JSON line each
//!     seed --mutants                the faults that this build can be given, a JSON line each
//!
//! Never run on a live deployment: it refuses.

mod many;

use std::io::Write;

use aws_lc_rs::digest::{SHA256, digest};
use domain::{
    Category, Cause, CauseId, Consent, EntityCode, Euro, IuvBase, Language, Level, Link, NoticeNumber, Order, Person,
    PersonId, Personal, Pupil, PupilId, Role, School, SegregationCode,
};
use jiff::{ToSpan, civil::date};
use runtime::{App, BoxError};

/// The password of every demo account; `make run` prints it.
const PASSWORD: &str = "Prova2026!";

const SCHOOLS: [SchoolRow; 3] = [
    SchoolRow {
        fiscal_code: "80124890155",
        name: "Istituto Comprensivo \"Sandro Pertini\"",
        codes: &["MIIC8DF00R"],
        address: "Via Thomas Mann, 8",
        city: "20162 Milano (MI)",
        email: "segreteria.pertini@example.org",
        phone: "02 88447715",
        iban: "IT60X0542811101000000123456",
        segregation: 12,
        clerk: ("Rosa", "Galli", "GLLRSO70A50F205Q", "segreteria.pertini"),
    },
    SchoolRow {
        fiscal_code: "94060670158",
        name: "Istituto di Istruzione Superiore \"Einstein\"",
        codes: &["MBIS106008", "MBTF10601R", "MBSL10601G", "MBTF106516"],
        address: "Via Adda, 6",
        city: "20871 Vimercate (MB)",
        email: "segreteria.einstein@example.org",
        phone: "039 668046",
        iban: "IT79K0300203280000400162854",
        segregation: 7,
        clerk: ("Carlo", "Riva", "RVICRL68B11M052M", "segreteria.einstein"),
    },
    SchoolRow {
        fiscal_code: "97191280581",
        // The circular prints only the fiscal code.
        name: "Istituto scolastico della circolare sull'assicurazione",
        codes: &[],
        address: "",
        city: "Roma (RM)",
        email: "segreteria.assicurazione@example.org",
        phone: "",
        iban: "IT40S0542811101000000654321",
        segregation: 1,
        clerk: ("Lucia", "Conti", "CNTLCU75C52H501V", "segreteria.assicurazione"),
    },
];

struct SchoolRow {
    fiscal_code: &'static str,
    name: &'static str,
    codes: &'static [&'static str],
    address: &'static str,
    city: &'static str,
    email: &'static str,
    phone: &'static str,
    iban: &'static str,
    segregation: u8,
    /// Name, surname, fiscal code, username.
    clerk: (&'static str, &'static str, &'static str, &'static str),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => demo(&start().await?).await,
        ["--schools", count, "--from", from] => many::schools(&start().await?, count.parse()?, from.parse()?).await,
        ["--mutants"] => mutants(),
        _ => Err("seed [--schools N --from M | --mutants]".into()),
    }
}

async fn start() -> Result<App, BoxError> {
    let app = runtime::start("seed").await?;
    if !app.config.demo {
        return Err("demo data do not belong in a live deployment".into());
    }
    Ok(app)
}

fn mutants() -> Result<(), BoxError> {
    for about in mutants::ALL {
        let line = serde_json::json!({ "name": about.name, "checks": about.checks, "breaks": about.breaks });
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(())
}

async fn demo(app: &App) -> Result<(), BoxError> {
    let first = app.store.school(&SCHOOLS[0].fiscal_code.parse()?).await?.is_none();
    if !first {
        return Ok(());
    }
    let hash = runtime::password::hash(PASSWORD)?;
    for row in SCHOOLS.iter().rev() {
        let school = school(row)?;
        for pupil in pupils(&school.fiscal_code)? {
            app.store.save_pupil(&pupil).await?;
        }
        let (name, surname, code, username) = row.clerk;
        let clerk = person(app, name, surname, code, username, row.email, &hash)?;
        if app.store.add_person(&clerk).await? {
            let role =
                Role { school: school.fiscal_code.clone(), school_name: school.name.clone(), level: Level::Password };
            app.store.add_role(&clerk.id, &role).await?;
        }
        // Last: the school's presence says that all of it was written.
        app.store.save_school(&school).await?;
    }
    parent(app, &hash).await
}

/// A parent with a child in two schools and something to pay.
async fn parent(app: &App, hash: &str) -> Result<(), BoxError> {
    let anna = person(app, "Anna", "Bianchi", "BNCNNA85M55H501B", "anna.bianchi", "anna.bianchi@example.org", hash)?;
    if !app.store.add_person(&anna).await? {
        return Ok(());
    }
    app.store.accept(&anna.id, None, &Consent { version: Consent::CURRENT, at: app.now() }).await?;
    let notices = [
        (
            "80124890155",
            "Giulia",
            "Contributo volontario anno scolastico 2026/27",
            Category::VoluntaryContribution,
            2200,
            45,
        ),
        ("80124890155", "Giulia", "Assicurazione integrativa alunni", Category::Insurance, 850, 20),
        ("94060670158", "Tommaso", "Visita guidata a Firenze - classe 2AI", Category::Trip, 13500, 60),
    ];
    for (school_code, name, description, category, cents, days) in notices {
        let row = SCHOOLS.iter().find(|row| row.fiscal_code == school_code).ok_or("no such demo school")?;
        let school = school(row)?;
        let pupil = pupils(&school.fiscal_code)?
            .into_iter()
            .find(|pupil| pupil.name.reveal().as_str() == name)
            .ok_or("no such demo pupil")?;
        let link = Link {
            person: anna.id.clone(),
            pupil: pupil.id.clone(),
            school: school.fiscal_code.clone(),
            school_name: school.name.clone(),
            pupil_name: pupil.name.clone(),
            pupil_surname: pupil.surname.clone(),
            class: pupil.class.clone(),
            linked: cause(app),
        };
        app.store.link(&link).await?; // a second notice of one pupil finds the link
        let base = app.store.reserve_numbers(&school.fiscal_code, school.segregation, 1).await?;
        let number = NoticeNumber::issue(school.segregation, IuvBase::new(base)?);
        let order = Order {
            description: description.into(),
            category,
            amount: Euro::from_cents(cents)?,
            due: app.today().checked_add(days.days())?,
        };
        app.store.issue(&order.issue(&school, &pupil, number, cause(app))).await?;
    }
    Ok(())
}

fn school(row: &SchoolRow) -> Result<School, BoxError> {
    Ok(School {
        fiscal_code: row.fiscal_code.parse()?,
        name: row.name.into(),
        codes: row.codes.iter().map(ToString::to_string).collect(),
        address: row.address.into(),
        city: row.city.into(),
        email: row.email.into(),
        phone: row.phone.into(),
        iban: row.iban.into(),
        segregation: SegregationCode::new(row.segregation)?,
        active_from: date(2020, 7, 1),
    })
}

fn pupils(school: &EntityCode) -> Result<Vec<Pupil>, BoxError> {
    let rows = include_str!("../pupils.csv").lines().skip(1);
    rows.filter(|row| row.starts_with(school.as_str()))
        .map(|row| {
            let cells: Vec<&str> = row.split(',').collect();
            let [school, class, name, surname, code] = cells.as_slice() else {
                return Err("a row of five cells".into());
            };
            Ok(Pupil {
                id: PupilId::from_bytes(stable(code)),
                school: school.parse()?,
                name: Personal::new(name.parse()?),
                surname: Personal::new(surname.parse()?),
                fiscal_code: Personal::new(code.parse()?),
                class: (*class).into(),
            })
        })
        .collect()
}

fn person(
    app: &App,
    name: &str,
    surname: &str,
    code: &str,
    username: &str,
    email: &str,
    hash: &str,
) -> Result<Person, BoxError> {
    Ok(Person {
        id: PersonId::from_bytes(stable(code)),
        version: 1,
        generation: 1,
        fiscal_code: Personal::new(code.parse()?),
        name: Personal::new(name.parse()?),
        surname: Personal::new(surname.parse()?),
        email: Personal::new(email.parse()?),
        language: Language::It,
        username: username.parse()?,
        password_hash: Personal::new(hash.to_owned()),
        provisional: None,
        created_at: app.now(),
        credentials: None,
        recovery: None,
        changed: None,
    })
}

fn cause(app: &App) -> Cause {
    Cause { id: CauseId::from_bytes(app.random()), at: app.now() }
}

/// The same id at every run.
fn stable(text: &str) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
    id
}
