//! The pupils of a school, and the link of a registered parent to a pupil (F57, F58).
//!
//! The school learns a parent's name and surname, nothing else. A pupil of another school does not exist here.

mod list;
mod views;

use domain::{Cause, CauseId, FieldError, FiscalCode, Link, Personal, Pupil, PupilId, Role};
use runtime::App;
use serde::Deserialize;
use store::Written;
use web::{Face, Failure, Frame, Outcome, Request, Response};

use list::Wish;
use views::{Guardian, Linked, PupilPage};

/// More guardians than any pupil has: the list must stay one page of a Query.
const MOST_GUARDIANS: usize = 10;

pub async fn handle(app: &App, request: &Request) -> Result<Response, Failure> {
    match (request.method(), request.segments().as_slice()) {
        ("GET", ["school", "pupils"]) => list(app, request).await,
        ("GET", ["school", "pupils", id]) => show(app, request, id).await,
        ("POST", ["school", "pupils", id, "guardians"]) => link(app, request, id).await,
        (_, ["school", "pupils"] | ["school", "pupils", _]) => Err(Failure::MethodNotAllowed { allow: "GET, HEAD" }),
        (_, ["school", "pupils", _, "guardians"]) => Err(Failure::MethodNotAllowed { allow: "POST" }),
        _ => Err(Failure::NotFound),
    }
}

async fn list(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let role = web::staff(&caller)?;
    let wish = Wish::read(request.query("class"), request.query("q"), request.query("page"))?;
    let (pupils, complete) = list::all(app, &role.school).await?;
    Frame::of(app, request, &caller).show(Outcome::Shown(wish.choose(pupils, complete)))
}

async fn show(app: &App, request: &Request, id: &str) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let role = web::staff(&caller)?;
    let id = read_id(id)?;
    let (pupil, links) = tokio::try_join!(app.store.pupil(&id), app.store.guardians(&id))?;
    let pupil = of_school(pupil, role)?;
    let page = PupilPage::new(&pupil, guardians(app, links).await?, None);
    Frame::of(app, request, &caller).show(Outcome::Shown(page))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LinkForm {
    fiscal_code: Option<String>,
}

/// Both sides of the link in one transaction; the mail to the parent is what the change causes, not a call here.
async fn link(app: &App, request: &Request, id: &str) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let role = web::staff(&caller)?;
    web::check_csrf(app, request, &caller)?;
    let form: LinkForm = request.read()?;
    let frame = Frame::of(app, request, &caller);
    let id = read_id(id)?;
    let code = FiscalCode::from_field("fiscal_code", form.fiscal_code.as_deref());
    let registered = async {
        match &code {
            Ok(code) => app.store.person_of_fiscal_code(code).await,
            Err(_) => Ok(None),
        }
    };
    let (pupil, links, person) = tokio::try_join!(app.store.pupil(&id), app.store.guardians(&id), registered)?;
    let pupil = of_school(pupil, role)?;
    let person = match person {
        Some(person) => app.store.person(&person).await?,
        None => None,
    };
    let full = links.len() >= MOST_GUARDIANS;
    // Programs get a problem without the page's data.
    let page = async |links: Vec<Link>| match request.face() {
        Face::Page => Ok::<_, Failure>(PupilPage::new(&pupil, guardians(app, links).await?, form.fiscal_code.clone())),
        Face::Json => Ok(PupilPage::new(&pupil, Vec::new(), None)),
    };
    let person = match (code, person) {
        (Ok(_), Some(person)) => person,
        (code, _) => {
            let error = code.err().unwrap_or_else(not_registered);
            return frame.show(Outcome::Refused { errors: vec![error], form: page(links).await? });
        }
    };
    if links.iter().any(|link| link.person == person.id) {
        return frame.show(already_linked(page(links).await?));
    }
    if full {
        return Err(Failure::conflict(
            "too-many-guardians",
            format!("Un alunno può avere al massimo {MOST_GUARDIANS} persone collegate."),
            format!("A pupil can have at most {MOST_GUARDIANS} people linked."),
        ));
    }
    let linked = Cause { id: CauseId::from_bytes(app.random()), at: request.now() };
    let link = Link {
        person: person.id.clone(),
        pupil: pupil.id.clone(),
        school: role.school.clone(),
        school_name: role.school_name.clone(),
        pupil_name: pupil.name.clone(),
        pupil_surname: pupil.surname.clone(),
        class: pupil.class.clone(),
        linked,
    };
    if app.store.link(&link).await? == Written::Moved {
        // Another clerk was faster.
        return frame.show(already_linked(page(app.store.guardians(&id).await?).await?));
    }
    let guardian = Guardian { name: person.name, surname: person.surname, linked_at: link.linked.at };
    let at = format!("/school/pupils/{}", pupil.id);
    let response = frame.show(Outcome::Created { at, what: Linked { guardian } })?;
    Ok(match request.face() {
        Face::Page => frame.flash(
            response,
            "Genitore collegato. Lo avvisiamo con un'e-mail.",
            "Parent linked. We tell them with an e-mail.",
        ),
        Face::Json => response,
    })
}

fn already_linked(what: PupilPage) -> Outcome<PupilPage> {
    Outcome::Conflict {
        code: "already-linked",
        it: "Questa persona è già collegata all'alunno: non serve altro.".to_owned(),
        en: "This person is linked to the pupil already: nothing else is needed.".to_owned(),
        what,
    }
}

fn not_registered() -> FieldError {
    FieldError::new(
        "fiscal_code",
        "not-registered",
        "Nessun utente registrato ha questo codice fiscale. Il genitore deve prima registrarsi a Pago In Rete, con \
         questo codice e un indirizzo e-mail, da «Registrati» nella pagina iniziale; dopo potrai collegarlo qui.",
        "No registered user has this codice fiscale. The parent must first register with Pago In Rete, with this code \
         and an e-mail address, under “Register” on the first page; then you can link them here.",
    )
}

/// The guardians as the school may see them. A few reads, one after the other: a pupil has one or two.
async fn guardians(app: &App, links: Vec<Link>) -> Result<Vec<Guardian>, Failure> {
    let mut guardians = Vec::new();
    for link in links.into_iter().take(MOST_GUARDIANS) {
        if let Some(person) = app.store.person(&link.person).await? {
            guardians.push(Guardian { name: person.name, surname: person.surname, linked_at: link.linked.at });
        }
    }
    guardians.sort_by_key(|guardian| guardian.linked_at);
    Ok(guardians)
}

fn read_id(text: &str) -> Result<PupilId, Failure> {
    text.parse().map_err(|_| Failure::NotFound)
}

fn of_school(pupil: Option<Pupil>, role: &Role) -> Result<Pupil, Failure> {
    pupil.filter(|pupil| pupil.school == role.school).ok_or(Failure::NotFound)
}

/// `Russo Luca`, as registers are sorted.
fn full_name(surname: &Personal<domain::Name>, name: &Personal<domain::Name>) -> String {
    format!("{} {}", surname.reveal().as_str(), name.reveal().as_str())
}
