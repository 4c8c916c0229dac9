//! What a guardian has to pay and has paid: the notices of all linked pupils, at all schools together.

mod detail;
mod filter;
mod list;
mod place;
#[cfg(test)]
mod sample;

use runtime::App;
use web::{Failure, Request, Response};

pub async fn handle(app: &App, request: &Request) -> Result<Response, Failure> {
    match (request.method(), request.segments().as_slice()) {
        ("GET", ["notices"]) => list::notices(app, request).await,
        ("GET", ["notices", school, number]) => detail::notice(app, request, school, number).await,
        ("GET", ["payments"]) => list::payments(app, request).await,
        (_, ["notices"] | ["notices", _, _] | ["payments"]) => Err(Failure::MethodNotAllowed { allow: "GET, HEAD" }),
        _ => Err(Failure::NotFound),
    }
}
