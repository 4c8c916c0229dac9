//! `POST …/carts`: what a creditor's server asks, answered as Checkout does (pagoPA reference 8).

use std::sync::Arc;

use domain::NoticeNumber;
use pagopa::checkout::{CartRequest, CartVersion, ProblemJson};
use tokio::task::JoinSet;

use super::{Cart, Step};
use crate::{
    App, BoxError, clock,
    http::{Request, Response},
    node::{self, NodeFault, Position},
};

/// 302 to the cart's page; or the problem, and then nothing was made.
pub(crate) async fn create(app: &Arc<App>, request: &Request, version: CartVersion) -> Result<Response, BoxError> {
    let Ok(cart) = serde_json::from_slice::<CartRequest>(request.body()) else {
        return Ok(Response::problem(&ProblemJson::invalid_request()));
    };
    if let Err(problem) = cart.check(version) {
        return Ok(Response::problem(&problem));
    }
    let Some(positions) = positions(&cart) else { return Ok(Response::problem(&ProblemJson::invalid_request())) };
    if let Err(fault) = check_all(app, positions).await? {
        return Ok(Response::problem(&match fault.is_technical() {
            true => ProblemJson::new(502, "Bad gateway", &fault.code),
            // The real one does not say which notice it is.
            false => ProblemJson::invalid_payment_info("Invalid payment notice data"),
        }));
    }
    let now = clock::now();
    let cart = Cart::new(cart, version, now);
    app.store.add_cart(&cart, now).await?;
    Ok(Response::redirect(302, &format!("{}{}", app.config.origin, Step::Start.path(&cart.id))))
}

/// The notices of a cart as the Node knows them.
pub(super) fn positions(cart: &CartRequest) -> Option<Vec<Position>> {
    let number = |text: &str| text.parse::<NoticeNumber>().ok();
    cart.payment_notices
        .iter()
        .map(|notice| Some(Position { creditor: notice.fiscal_code.clone(), number: number(&notice.notice_number)? }))
        .collect()
}

/// All positions at once: the creditor's server waits. The first fault found, if any.
async fn check_all(app: &Arc<App>, positions: Vec<Position>) -> Result<Result<(), NodeFault>, BoxError> {
    let mut checking = JoinSet::new();
    for position in positions {
        let app = app.clone();
        checking.spawn(async move { node::check(&app, &position).await });
    }
    checking.join_all().await.into_iter().find(|checked| !matches!(checked, Ok(Ok(())))).unwrap_or(Ok(Ok(())))
}
