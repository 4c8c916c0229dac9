//! The walk of a payer: each page asks one thing, each answer is kept in the cart, and nobody can skip a question.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use domain::{EmailAddress, Personal};

use super::{
    Cart, Method, Psp, Step, card,
    cart::State,
    pay,
    psp::{Order, offers},
    views,
};
use crate::{
    App, BoxError, clock,
    http::{Form, Request, Response},
    store::Saved,
};

/// One page, or one answer to it.
pub(crate) async fn step(app: &Arc<App>, request: &Request, id: &str, step: Step) -> Result<Response, BoxError> {
    let language = request.language;
    let Some(cart) = load(app, id).await? else { return views::not_found(language) };
    if cart.has_expired(clock::now()) {
        return views::expired(language, &cart);
    }
    let form = request.form();
    if request.method == "POST" && !is_ours(request, &form, &cart) {
        return views::forbidden(language);
    }
    // Whoever confirms again did not hear how it ended.
    let is_repeat = cart.state == State::Confirmed && step == Step::Confirm;
    if cart.state != State::Open && !is_repeat {
        return match step {
            Step::Outcome => views::outcome(language, &cart),
            _ => Ok(Response::see_other(&Step::Outcome.path(&cart.id))),
        };
    }
    match request.method.as_str() {
        "POST" => posted(app, request, &form, cart, step).await,
        _ => shown(request, &cart, step),
    }
}

/// A cart's id has one form; anything else is not asked of the table.
async fn load(app: &App, id: &str) -> Result<Option<Cart>, BoxError> {
    match id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
        true => app.store.cart(id).await,
        false => Ok(None),
    }
}

/// The form carries the cart's token, and no other site's page has sent it.
fn is_ours(request: &Request, form: &Form, cart: &Cart) -> bool {
    let known = verify_slices_are_equal(form.text("token").as_bytes(), cart.form_token.as_bytes()).is_ok();
    let from = request.header("sec-fetch-site").unwrap_or("same-origin");
    known && matches!(from, "same-origin" | "none")
}

fn shown(request: &Request, cart: &Cart, step: Step) -> Result<Response, BoxError> {
    let language = request.language;
    let next = cart.next_step();
    let may = |wanted: Step| match wanted {
        Step::Method => cart.email.is_some(),
        Step::Card => cart.email.is_some() && cart.method == Some(Method::Card),
        Step::Psp => matches!(next, Step::Psp | Step::Summary),
        Step::Summary => next == Step::Summary,
        Step::Start | Step::Cancel => true,
        Step::Confirm | Step::Outcome => false,
    };
    if !may(step) || (step != Step::Start && cart.email.is_none() && step != Step::Cancel) {
        return Ok(Response::see_other(&next.path(&cart.id)));
    }
    match step {
        Step::Method => views::method(language, cart),
        Step::Card => views::card(language, cart, &Form::default(), &[]),
        Step::Psp => {
            let method = cart.method.unwrap_or(Method::Card);
            let (order, search) = (Order::of(request.query.text("sort")), request.query.text("q"));
            let offers = offers(method, cart.request.total_cents(), order, search, &cart.id);
            views::psp(language, cart, method, offers, order, search)
        }
        Step::Summary => match cart.psp() {
            Some(psp) => views::summary(language, cart, psp),
            None => Ok(Response::see_other(&next.path(&cart.id))),
        },
        Step::Cancel => views::cancel(language, cart),
        Step::Start | Step::Confirm | Step::Outcome => views::start(language, cart, None, false),
    }
}

async fn posted(
    app: &Arc<App>,
    request: &Request,
    form: &Form,
    mut cart: Cart,
    step: Step,
) -> Result<Response, BoxError> {
    let language = request.language;
    match step {
        Step::Start => match form.text("email").parse::<EmailAddress>() {
            Ok(email) => cart.email = Some(Personal::new(email.as_str().to_owned())),
            Err(_) => return views::start(language, &cart, Some(form.text("email")), true),
        },
        Step::Method => match Method::of(form.text("method")) {
            Some(method) => (cart.method, cart.card, cart.psp) = (Some(method), None, None),
            None => return Ok(Response::see_other(&Step::Method.path(&cart.id))),
        },
        Step::Card => {
            if cart.method != Some(Method::Card) {
                return Ok(Response::see_other(&cart.next_step().path(&cart.id)));
            }
            match card::read(form, clock::rome(clock::now()).date()) {
                Ok(card) => (cart.card, cart.psp) = (Some(card), None),
                Err(errors) => return views::card(language, &cart, form, &errors),
            }
        }
        Step::Psp => {
            let psp = Psp::by_id(form.text("psp")).filter(|psp| cart.request.total_cents() <= psp.max_amount_cents);
            match psp.filter(|psp| Some(psp.method) == cart.method) {
                Some(psp) => cart.psp = Some(psp.id.to_owned()),
                None => return Ok(Response::see_other(&Step::Psp.path(&cart.id))),
            }
        }
        Step::Confirm => {
            // What was confirmed is what the summary showed: another offer chosen in another window is asked again.
            let is_next = cart.state == State::Confirmed || cart.next_step() == Step::Summary;
            match cart.psp().filter(|psp| is_next && psp.id == form.text("psp")) {
                Some(psp) => pay::confirm(app, &mut cart, psp).await?,
                None => return Ok(Response::see_other(&cart.next_step().path(&cart.id))),
            }
            return Ok(Response::see_other(&Step::Outcome.path(&cart.id)));
        }
        Step::Cancel => {
            cart.state = State::Cancelled;
            return Ok(match app.store.save_cart(&mut cart, clock::now()).await? {
                Saved::Done => Response::see_other(cart.return_url()),
                Saved::Conflict => Response::see_other(&Step::Outcome.path(&cart.id)),
            });
        }
        Step::Summary | Step::Outcome => {}
    }
    // A conflict means that another window was quicker: the next page shows what it did.
    let _ = app.store.save_cart(&mut cart, clock::now()).await?;
    Ok(Response::see_other(&cart.next_step().path(&cart.id)))
}
