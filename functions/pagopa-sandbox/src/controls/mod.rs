//! What no pagoPA has: the Node's log to read, receipts repeated, delayed or lost, a notice paid at a counter.
//!
//! For tests and for the curious. Nothing here shows a person or a secret.

mod payment;
mod receipts;

pub(crate) use payment::pay;
pub(crate) use receipts::{receipt, receipts, repeat};

use pagopa::checkout::ProblemJson;
use serde::de::DeserializeOwned;

use crate::http::Response;

/// More copies at once than any test of ours needs.
const MAX_COPIES: usize = 50;

/// The body as the type, or the answer that says what is wrong with it. No body is an empty object.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Response> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| bad_request(&error.to_string()))
}

fn bad_request(detail: &str) -> Response {
    Response::problem(&ProblemJson::new(400, "Request validation error", detail))
}
