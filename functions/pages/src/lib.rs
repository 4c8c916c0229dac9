//! The pages that belong to no step: welcome, services, home, information, our own files, and what is not found.

mod assets;
mod information;
mod views;

use domain::Link;
use runtime::App;
use web::{Failure, Frame, Outcome, Request, Response};

use information::Information;
use views::{Branches, Home, Pupil, Services, Status, Welcome};

pub async fn handle(app: &App, request: &Request) -> Result<Response, Failure> {
    match (request.method(), request.segments().as_slice()) {
        ("GET", ["assets", hash, name]) => assets::serve(request, hash, name),
        ("GET", ["assets", hash, folder, name]) => assets::serve(request, hash, &format!("{folder}/{name}")),
        ("GET", []) => welcome(app, request).await,
        ("GET", ["services"]) => services(app, request).await,
        ("GET", ["pago-in-rete"]) => branches(app, request).await,
        ("GET", ["home"]) => home(app, request).await,
        ("GET", ["status"]) => Frame::signed_out(app, request).show(Outcome::Shown(Status::of(app.now()))),
        ("GET", [name]) => match Information::named(name) {
            Some(page) => inform(app, request, page).await,
            None => not_found(app, request).await,
        },
        ("GET", _) => not_found(app, request).await,
        (_, [] | ["services" | "pago-in-rete" | "home" | "status"] | ["assets", ..]) => {
            Err(Failure::MethodNotAllowed { allow: "GET, HEAD" })
        }
        (_, [name]) if Information::named(name).is_some() => Err(Failure::MethodNotAllowed { allow: "GET, HEAD" }),
        _ => not_found(app, request).await,
    }
}

/// Where everybody arrives (F03): what the service is, how to get in.
async fn welcome(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::recognise(app, request).await;
    Frame::signed_out(app, request).show(Outcome::Shown(Welcome { signed_in: caller.is_some() }))
}

/// "Area riservata", all services in alphabetical order (F49).
async fn services(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    Frame::of(app, request, &caller).show(Outcome::Shown(Services::all(caller.account.staff())))
}

/// The service's branches, once its conditions are accepted (F56).
async fn branches(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let account = web::parent(&caller)?;
    let page = Branches { school: account.staff().map(|role| role.school_name.clone()) };
    Frame::of(app, request, &caller).show(Outcome::Shown(page))
}

/// The service's home for a parent (F62).
async fn home(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let account = web::parent(&caller)?;
    let pupil = |link: &Link| Pupil {
        id: link.pupil.clone(),
        name: link.pupil_name.clone(),
        surname: link.pupil_surname.clone(),
        class: link.class.clone(),
        school: link.school_name.clone(),
    };
    let page = Home { pupils: account.links.iter().map(pupil).collect(), in_cart: account.cart.notices.len() };
    Frame::of(app, request, &caller).show(Outcome::Shown(page))
}

async fn inform(app: &App, request: &Request, page: Information) -> Result<Response, Failure> {
    web::recognise(app, request).await;
    Frame::signed_out(app, request).show(Outcome::Shown(page))
}

async fn not_found(app: &App, request: &Request) -> Result<Response, Failure> {
    // Whoever is signed in keeps their menu on the way back.
    web::recognise(app, request).await;
    Err(Failure::NotFound)
}
