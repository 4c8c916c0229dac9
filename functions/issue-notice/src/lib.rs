//! A school issues a notice to a pupil's family (F66–F69): one number and one announcement, however often it is asked.
//!
//! The announcement is not sent here: it is what the new notice causes.

mod form;
mod numbers;
mod once;

use domain::{EntityCode, FieldError, NoticeNumber, Order, Pupil, PupilId, Slot};
use runtime::App;
use web::{Face, Failure, Frame, Outcome, Request, Response};

use form::{FormPage, Issued, OrderForm, ReviewPage};
pub use numbers::Numbers;
use once::{Asked, Done};

pub async fn handle(app: &App, numbers: &Numbers, request: &Request) -> Result<Response, Failure> {
    match (request.method(), request.segments().as_slice()) {
        ("GET", ["school", "notices", "new"]) => blank(app, request).await,
        ("POST", ["school", "notices"]) => issue(app, numbers, request).await,
        (_, ["school", "notices", "new"]) => Err(Failure::MethodNotAllowed { allow: "GET, HEAD" }),
        // Reading the list is another function's.
        (_, ["school", "notices"]) => Err(Failure::MethodNotAllowed { allow: "GET, HEAD, POST" }),
        _ => Err(Failure::NotFound),
    }
}

/// The empty form; `?pupil=` chooses the pupil, `?like=` copies the order of another notice.
async fn blank(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let role = web::staff(&caller)?;
    let like = request.query("like").map(str::parse::<NoticeNumber>).transpose().map_err(|_| Failure::NotFound)?;
    let mut form = match like {
        None => OrderForm::default(),
        Some(number) => match app.store.slot(&role.school, &number).await? {
            Slot::Issued(notice) => OrderForm::like(&notice, app.today()),
            Slot::Free | Slot::UnknownPaid(_) => return Err(Failure::NotFound),
        },
    };
    form.pupil = request.query("pupil").map(str::to_owned);
    form.idempotency_key = Some(fresh_key(app));
    let frame = Frame::of(app, request, &caller);
    let pupils = pupils(app, &role.school).await?;
    frame.show(Outcome::Shown(FormPage::new(form, pupils, &frame)))
}

async fn issue(app: &App, numbers: &Numbers, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let role = web::staff(&caller)?;
    web::check_csrf(app, request, &caller)?;
    let form: OrderForm = request.read()?;
    let frame = Frame::of(app, request, &caller);
    // Programs get a problem without the form, so its pupils need not be read.
    let again = async |form: OrderForm| match request.face() {
        Face::Page => Ok::<_, Failure>(FormPage::new(form, pupils(app, &role.school).await?, &frame)),
        Face::Json => Ok(FormPage::new(form, Vec::new(), &frame)),
    };
    let kept = |form: OrderForm| {
        let key = form.idempotency_key.clone().filter(|key| form::read_key(key).is_ok());
        OrderForm { idempotency_key: key.or_else(|| Some(fresh_key(app))), ..form }
    };
    // A page is issued in two steps, form and review; a program says at once what it wants.
    let step = form.step.clone().filter(|_| request.face() == Face::Page);
    if step.as_deref() == Some("edit") {
        return frame.show(Outcome::Shown(again(kept(form)).await?));
    }
    let (asked, pupil) = match read(request, &form, app) {
        Ok(read) => read,
        Err(errors) => return frame.show(Outcome::Refused { errors, form: again(kept(form)).await? }),
    };
    let pupil = pupil.parse::<PupilId>().map_err(|_| Failure::NotFound)?;
    let (school, pupil) = tokio::try_join!(app.store.school(&role.school), app.store.pupil(&pupil))?;
    let school = school.ok_or_else(|| Failure::Broken("a role at a school that is not set up".into()))?;
    let pupil = pupil.filter(|pupil| pupil.school == role.school).ok_or(Failure::NotFound)?;
    if app.today() < school.active_from {
        let (it, en) =
            ("La scuola non è ancora attiva su Pago In Rete.", "The school is not active on Pago In Rete yet.");
        return Err(Failure::conflict("school-not-active", it, en));
    }
    if request.face() == Face::Page && step.as_deref() != Some("confirm") {
        return frame.show(Outcome::Shown(ReviewPage::new(form.clone(), asked.key, &asked.order, &pupil)));
    }
    match once::issue(app, numbers, &school, &pupil, asked, request.now()).await? {
        Done::Issued(notice) => {
            let what = Issued::from(&*notice);
            let response = frame.show(Outcome::Created { at: what.location.clone(), what })?;
            Ok(match request.face() {
                Face::Page => frame.flash(response, "Avviso emesso.", "Notice issued."),
                Face::Json => response,
            })
        }
        Done::KeyUsed(number) => {
            let number = number.spaced();
            // Under a key of its own, so that sending it again on purpose makes a second notice.
            let what = again(OrderForm { idempotency_key: Some(fresh_key(app)), ..form }).await?;
            frame.show(Outcome::Conflict {
                code: "key-reused",
                it: format!(
                    "Con questo modulo, con altri dati, è già stato emesso l'avviso {number}: controllalo nell'elenco. \
                     Se ne vuoi un altro con i dati qui sotto, invia di nuovo."
                ),
                en: format!(
                    "With this form, with other data, notice {number} was issued already: look at it in the list. If \
                     you want another one with the data below, send again."
                ),
                what,
            })
        }
    }
}

/// The order and its key; every wrong field is told at once.
fn read<'f>(request: &Request, form: &'f OrderForm, app: &App) -> Result<(Asked, &'f str), Vec<FieldError>> {
    let order = Order::read(
        form.description.as_deref(),
        form.category.as_deref(),
        form.amount.as_deref(),
        form.due.as_deref(),
        app.today(),
    );
    let pupil = form.pupil.as_deref().map(str::trim).filter(|id| !id.is_empty());
    let key = request.idempotency_key().or(form.idempotency_key.as_deref()).map(form::read_key);
    match (order, pupil, key) {
        (Ok(order), Some(pupil), Some(Ok(key))) => Ok((Asked { key, order }, pupil)),
        (order, pupil, key) => {
            let mut errors = Vec::new();
            if pupil.is_none() {
                errors.push(FieldError::missing("pupil"));
            }
            errors.extend(order.err().unwrap_or_default());
            errors.extend(key.unwrap_or_else(|| Err(FieldError::missing("idempotency_key"))).err());
            Err(errors)
        }
    }
}

fn fresh_key(app: &App) -> String {
    app.random::<16>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads of the index for one form, 1,500 pupils each: a select of more is of no use to anybody.
const MOST_READS: usize = 2;

async fn pupils(app: &App, school: &EntityCode) -> Result<Vec<Pupil>, Failure> {
    let (mut pupils, mut after) = (Vec::new(), None);
    for _ in 0..MOST_READS {
        let page = app.store.pupils(school, after.as_deref()).await?;
        pupils.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    Ok(pupils)
}
