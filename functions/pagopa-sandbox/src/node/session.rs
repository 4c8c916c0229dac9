//! Payment sessions: one living token a notice, none after payment (pagoPA reference 1.3).

use pagopa::station::Payment;

use super::{Activation, NodeFault, Position};
use crate::{App, BoxError, clock, random, store::Session};

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
        Session::InProgress => Ok(Err(NodeFault::in_progress())),
        Session::Paid => Ok(Err(NodeFault::paid())),
        Session::Opened => Ok(app.station.verify(position).await.map(|_| ())),
    }
}

/// Opens a session, unless a token lives or the notice is paid.
pub(crate) async fn open(app: &App, position: Position) -> Result<Result<Opened, NodeFault>, BoxError> {
    let now = clock::now();
    let token = random::token(now);
    Ok(match app.store.open_session(&position, &token, TOKEN_SECONDS, now).await? {
        Session::Opened => Ok(Opened { position, token }),
        Session::InProgress => Err(NodeFault::in_progress()),
        Session::Paid => Err(NodeFault::paid()),
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
