//! Our own pagoPA for whoever has no contract: Checkout, the Node and the PSP, against the real station.
//!
//! It knows what pagoPA would know and nothing more: it speaks to the service through the carts API and the SOAP
//! protocol only, and keeps what it knows in a table of its own. It shares the wire types of `pagopa` with the station,
//! and no behaviour.
//!
//! | module | plays |
//! |---|---|
//! | `checkout` | the carts API and the pages on which a person pays |
//! | `node` | the Node: payment sessions, activation, receipts and their delivery |
//! | `controls` | what no pagoPA has: receipts repeated, delayed, lost, paid at a counter; for tests and the curious |

mod app;
mod checkout;
mod clock;
mod config;
mod controls;
mod http;
mod log;
mod node;
mod random;
mod store;

use std::{sync::Arc, time::Instant};

use serde_json::{Value, json};

pub use app::App;
pub use config::{Config, Waits};

/// Any error of a layer below, with its causes.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One invocation: an HTTP request of the sandbox's own API, or a batch of its deliveries queue.
pub async fn handle(app: Arc<App>, event: Value) -> Result<Value, BoxError> {
    let start = Instant::now();
    let duration_ms = || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    if event.get("Records").is_some() {
        let batch = node::deliver_batch(&app, serde_json::from_value(event)?).await;
        tracing::info!(
            function = "pagopa-sandbox",
            kind = "deliveries",
            received = batch.received,
            failed = batch.failures.len(),
            duration_ms = duration_ms(),
            "Delivered {} of {} receipts",
            batch.received - batch.failures.len(),
            batch.received
        );
        let failures: Vec<_> = batch.failures.iter().map(|id| json!({ "itemIdentifier": id })).collect();
        return Ok(json!({ "batchItemFailures": failures }));
    }
    let request = http::Request::from_event(serde_json::from_value(event)?);
    let (route, response) = http::serve(&app, &request).await;
    let (method, status) = (request.method.as_str(), response.status);
    // The route's pattern, never the path: a cart's address is what its payer holds.
    tracing::info!(
        function = "pagopa-sandbox",
        kind = "http",
        method,
        route,
        status,
        duration_ms = duration_ms(),
        "{method} {route} answered {status}"
    );
    Ok(response.into_event(&app.config))
}
