//! Hands a cart over to Checkout, and shows how an attempt stands afterwards.
//!
//! A browser that comes back from Checkout proves nothing: what is paid is what a receipt has paid.

mod attempt;
mod carts;
mod pay;

use runtime::App;
use web::{Failure, Request, Response};

pub use carts::Carts;

pub async fn handle(app: &App, carts: &Carts, request: &Request) -> Result<Response, Failure> {
    match (request.method(), request.segments().as_slice()) {
        ("POST", ["cart", "checkout"]) => pay::pay(app, carts, request).await,
        ("GET", ["cart", "attempts", id, returned]) => attempt::show(app, request, id, returned).await,
        (_, ["cart", "checkout"]) => Err(Failure::MethodNotAllowed { allow: "POST" }),
        (_, ["cart", "attempts", _, _]) => Err(Failure::MethodNotAllowed { allow: "GET, HEAD" }),
        _ => Err(Failure::NotFound),
    }
}
