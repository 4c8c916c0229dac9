//! After the payer's confirmation: activation of every notice, the payment, one receipt a notice. All or nothing.

use std::sync::Arc;

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
    store::Saved,
};

/// How much later the receipt comes when the page could not wait for the outcome.
const LATE_SECONDS: i32 = 20;
/// Something that no payer has done.
const GENERIC_ERROR: u16 = 1;

/// Pays the cart, once: a second confirmation finds it taken and changes nothing.
pub(super) async fn confirm(app: &Arc<App>, cart: &mut Cart, psp: &'static Psp) -> Result<(), BoxError> {
    cart.state = State::Confirmed;
    if app.store.save_cart(cart, clock::now()).await? == Saved::Conflict {
        return Ok(());
    }
    // An error of ours leaves the cart confirmed: the payer is told to wait, and the token frees the notice in time.
    cart.state = settle(app, cart, psp).await?;
    app.store.save_cart(cart, clock::now()).await?;
    Ok(())
}

async fn settle(app: &Arc<App>, cart: &Cart, psp: &'static Psp) -> Result<State, BoxError> {
    let positions = positions(&cart.request).ok_or("a cart without readable notices")?;
    let mut sessions = Vec::new();
    for position in positions {
        match node::open(app, position).await? {
            Ok(session) => sessions.push(session),
            Err(fault) => return fail(app, &sessions, Failed::Node { fault }).await,
        }
    }
    let payments = match activate_all(app, cart, &sessions).await {
        Ok(payments) => payments,
        Err(fault) => return fail(app, &sessions, Failed::Node { fault }).await,
    };
    let shown = cart.request.payment_notices.iter().map(|notice| notice.amount);
    if !payments.iter().map(|payment| payment.amount.cents()).eq(shown) {
        return fail(app, &sessions, Failed::OtherAmount).await;
    }
    let behaviour = cart.card.as_ref().map_or(Behaviour::Pays, |card| card.behaviour);
    if let Behaviour::Fails(code) = behaviour {
        return fail(app, &sessions, Failed::Outcome { code }).await;
    }
    if !store_receipts(app, cart, psp, &sessions, payments).await? {
        return fail(app, &sessions, Failed::Outcome { code: GENERIC_ERROR }).await;
    }
    let late = behaviour == Behaviour::PaysLater;
    for session in &sessions {
        node::enqueue(app, &session.token, if late { LATE_SECONDS } else { 0 }).await?;
    }
    Ok(if late { State::PaidLater } else { State::Paid })
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

/// The receipts, stored before anything is sent, so that a repeat sends the same bytes. False when a token is no longer ours.
async fn store_receipts(
    app: &App,
    cart: &Cart,
    psp: &'static Psp,
    sessions: &[Opened],
    payments: Vec<Payment>,
) -> Result<bool, BoxError> {
    let at = clock::now();
    let receipts: Vec<_> = sessions
        .iter()
        .zip(payments)
        .map(|(session, payment)| {
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
        })
        .collect();
    Ok(app.store.add_receipts(&receipts, at).await? == Saved::Done)
}

/// Frees the notices and says why nothing was paid.
async fn fail(app: &App, sessions: &[Opened], why: Failed) -> Result<State, BoxError> {
    for session in sessions {
        node::close(app, session).await?;
    }
    Ok(State::Failed(why))
}
