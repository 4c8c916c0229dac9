//! After the payer's confirmation: activation of every notice, the payment, one receipt a notice. All or nothing.

use std::sync::Arc;

use jiff::Timestamp;
use pagopa::{
    Amount,
    station::{Payment, Version},
};
use tokio::task::JoinSet;

use super::{
    Cart, Psp,
    card::Behaviour,
    cart::{Failed, State},
    create::positions,
};
use crate::{
    App, BoxError, clock,
    node::{self, Activation, NodeFault, Opened, Paid, Source},
    store::{NewReceipt, Saved},
};

/// How much later the receipt comes when the page could not wait for the outcome.
const LATE_SECONDS: i32 = 20;
/// Something that no payer has done.
const GENERIC_ERROR: u16 = 1;

/// Pays the cart, once. A second confirmation goes on where the first was left: with the same sessions, to the same end.
///
/// However often and however parallel it runs, the cart's version decides: whoever brings it to its end first, either with
/// the receipts or without, has settled it for all.
pub(super) async fn confirm(app: &Arc<App>, cart: &mut Cart, psp: &'static Psp) -> Result<(), BoxError> {
    if cart.state == State::Open {
        cart.state = State::Confirmed;
        if app.store.save_cart(cart, clock::now()).await? == Saved::Conflict {
            *cart = present(app, cart).await?;
        }
    }
    // An error of ours leaves the cart confirmed: whoever confirms again goes on, else the tokens free the notices in time.
    let psp = cart.psp().unwrap_or(psp); // another window may have confirmed another offer
    match cart.state {
        State::Confirmed => settle(app, cart, psp).await,
        _ => Ok(()), // another window was quicker
    }
}

async fn settle(app: &Arc<App>, cart: &mut Cart, psp: &'static Psp) -> Result<(), BoxError> {
    let positions = positions(&cart.request).ok_or("a cart without readable notices")?;
    let mut sessions = Vec::new();
    for position in positions {
        match node::open(app, position, &cart.id).await? {
            Ok(session) => sessions.push(session),
            Err(fault) => return fail(app, cart, &sessions, Failed::Node { fault }).await,
        }
    }
    let payments = match activate_all(app, cart, &sessions).await {
        Ok(payments) => payments,
        Err(fault) => return fail(app, cart, &sessions, Failed::Node { fault }).await,
    };
    let shown = cart.request.payment_notices.iter().map(|notice| notice.amount);
    if !payments.iter().map(|payment| payment.amount.cents()).eq(shown) {
        return fail(app, cart, &sessions, Failed::OtherAmount).await;
    }
    let behaviour = cart.card.as_ref().map_or(Behaviour::Pays, |card| card.behaviour);
    if let Behaviour::Fails(code) = behaviour {
        return fail(app, cart, &sessions, Failed::Outcome { code }).await;
    }
    let late = behaviour == Behaviour::PaysLater;
    // Before the receipts are there: whoever dies in between has paid and told, or neither.
    for session in &sessions {
        node::enqueue(app, &session.token, if late { LATE_SECONDS } else { 0 }).await?;
    }
    let at = clock::now();
    let paid = Cart { state: if late { State::PaidLater } else { State::Paid }, ..cart.clone() };
    let receipts = receipts(app, cart, psp, &sessions, payments, at);
    match app.store.add_receipts(&receipts, Some(&paid), at).await? {
        Saved::Done => *cart = paid,
        Saved::Conflict => {
            *cart = present(app, cart).await?;
            if !cart.state.is_paid() {
                return fail(app, cart, &sessions, Failed::Outcome { code: GENERIC_ERROR }).await;
            }
        }
    }
    Ok(())
}

/// The cart as it is now.
async fn present(app: &App, cart: &Cart) -> Result<Cart, BoxError> {
    Ok(app.store.cart(&cart.id).await?.ok_or("the cart is gone")?)
}

/// One activation a notice, all at once; the payments in the notices' order, or the first fault.
async fn activate_all(app: &Arc<App>, cart: &Cart, sessions: &[Opened]) -> Result<Vec<Payment>, NodeFault> {
    let mut activating = JoinSet::new();
    for (at, (session, notice)) in sessions.iter().zip(&cart.request.payment_notices).enumerate() {
        let (app, session, note) = (app.clone(), session.clone(), cart.request.id_cart.clone());
        let amount = domain::Euro::from_cents(notice.amount).ok();
        activating.spawn(async move {
            let how = Activation { version: Version::V2, amount, note: note.as_deref(), transfer_type: None };
            (at, node::activate(&app, &session, &how).await)
        });
    }
    let mut answers = activating.join_all().await;
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, payment)| payment).collect()
}

/// A receipt a notice. Once stored it never changes, so that a repeat sends the same bytes.
fn receipts(
    app: &App,
    cart: &Cart,
    psp: &'static Psp,
    sessions: &[Opened],
    payments: Vec<Payment>,
    at: Timestamp,
) -> Vec<NewReceipt> {
    let receipt = |(session, payment): (&Opened, Payment)| {
        let paid = Paid {
            token: &session.token,
            position: &session.position,
            at,
            amount: Amount::from(payment.amount),
            source: Source::Activated(Box::new(payment)),
            psp,
            fee: Amount::from_cents(psp.max_fee_cents).unwrap_or_else(|| unreachable!("fees are small")),
            method: psp.payment_method(),
            note: cart.request.id_cart.as_deref(),
            stand_in: false,
            version: Version::V2,
            lost: false,
        };
        let (receipt, xml) = paid.receipt(&app.station);
        (receipt, xml, Some(session.position.clone()))
    };
    sessions.iter().zip(payments).map(receipt).collect()
}

/// Frees the notices and says why nothing was paid, unless somebody has brought the cart to another end meanwhile.
async fn fail(app: &App, cart: &mut Cart, sessions: &[Opened], why: Failed) -> Result<(), BoxError> {
    for session in sessions {
        node::close(app, session).await?;
    }
    if cart.state == State::Confirmed {
        cart.state = State::Failed(why);
        if app.store.save_cart(cart, clock::now()).await? == Saved::Conflict {
            *cart = present(app, cart).await?;
        }
    }
    Ok(())
}
