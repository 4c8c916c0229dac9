//! Payment sessions: one living token a notice, none after payment (pagoPA reference 1.3).

use pagopa::station::Payment;

use super::{Activation, NodeFault, Position};
use crate::{
    App, BoxError, clock, random,
    store::{Holder, Session},
};

/// A token lives at most 30 minutes; Checkout's payers need less.
const TOKEN_SECONDS: i64 = 15 * 60;

/// A payment session of one notice.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) position: Position,
    pub(crate) token: String,
}

/// Is the notice payable: to the Node's own knowledge, and to the creditor's?
pub(crate) async fn check(app: &App, position: &Position) -> Result<Result<(), NodeFault>, BoxError> {
    match app.store.session(position, clock::now()).await? {
        Session::InProgress(_) => Ok(Err(NodeFault::in_progress())),
        Session::Paid(_) => Ok(Err(NodeFault::paid())),
        Session::Free => Ok(app.station.verify(position).await.map(|_| ())),
    }
}

/// Opens a session, unless another's token lives or the notice is paid. Whoever comes again, because an answer was lost,
/// gets the session that they have.
pub(crate) async fn open(app: &App, position: Position, by: &str) -> Result<Result<Opened, NodeFault>, BoxError> {
    for _ in 0..2 {
        let now = clock::now();
        let ours = Holder { by: by.to_owned(), token: random::token(now) };
        match app.store.open_session(&position, ours, TOKEN_SECONDS, now).await? {
            Session::InProgress(Holder { by: holder, token }) if holder == by => {
                return Ok(Ok(Opened { position, token }));
            }
            Session::InProgress(_) => break,
            Session::Paid(_) => return Ok(Err(NodeFault::paid())),
            Session::Free => {} // it has ended just now
        }
    }
    Ok(Err(NodeFault::in_progress()))
}

/// The token under which the same payer has paid the notice, if so.
pub(crate) async fn paid_by(app: &App, position: &Position, by: &str) -> Result<Option<String>, BoxError> {
    Ok(match app.store.session(position, clock::now()).await? {
        Session::Paid(holder) if holder.by == by => Some(holder.token),
        _ => None,
    })
}

/// Asks the creditor for the payment of an opened session.
pub(crate) async fn activate(app: &App, session: &Opened, how: &Activation<'_>) -> Result<Payment, NodeFault> {
    app.station.payment(&session.position, how).await
}

/// The payment failed: the notice is free again at once. The creditor hears nothing.
pub(crate) async fn close(app: &App, session: &Opened) -> Result<(), BoxError> {
    app.store.close_session(&session.position, &session.token).await
}
