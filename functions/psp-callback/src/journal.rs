//! The exchange journal ("giornale degli eventi", R-21): request and answer, byte for byte, before the answer goes out.
//!
//! The one message that is not the difference of two images, and the one queue that holds personal data: encrypted,
//! with a role of its own and short retention. A budget of its own: a slow queue must not slow a payment (CORE 4.2).

use std::{io::Write, time::Duration};

use aws_sdk_sqs::{Client, error::DisplayErrorContext};
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::DeflateEncoder};
use runtime::{App, BoxError, needed};
use serde_json::json;

use crate::Said;

const BUDGET: Duration = Duration::from_millis(300);
/// One message holds at most this much text; a longer exchange goes in several, numbered.
const PART_CHARACTERS: usize = 180_000;

pub struct Journal {
    client: Client,
    queue: String,
}

impl Journal {
    pub fn new(app: &App) -> Result<Self, BoxError> {
        let queue = needed("JOURNAL_QUEUE_URL", app.config.journal_queue.as_ref())?.to_owned();
        Ok(Self { client: Client::new(&app.aws), queue })
    }

    /// A gap is logged and counted, and the answer still goes out.
    pub async fn keep(&self, app: &App, request: &[u8], said: &Said) {
        let kept = tokio::time::timeout(BUDGET, self.send(app, request, said)).await;
        match kept {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(alarm = "journal-gap", error = %error, "An exchange is missing in the journal")
            }
            Err(_) => {
                tracing::error!(alarm = "journal-gap", "An exchange is missing in the journal: the queue was too slow")
            }
        }
    }

    async fn send(&self, app: &App, request: &[u8], said: &Said) -> Result<(), BoxError> {
        let id = domain::CauseId::from_bytes(app.random());
        let exchange = format!("{}|{}", pack(request)?, pack(said.xml.as_bytes())?);
        let parts: Vec<&str> = exchange
            .as_bytes()
            .chunks(PART_CHARACTERS)
            .map(|part| std::str::from_utf8(part).unwrap_or_default()) // base64 and one bar: ASCII
            .collect();
        for (index, part) in parts.iter().enumerate() {
            let body = json!({
                "v": 1, "id": id, "part": index + 1, "parts": parts.len(), "at": app.now(),
                "operation": said.operation, "outcome": said.outcome, "status": said.status,
                "exchange": part,
            });
            let sent = self.client.send_message().queue_url(&self.queue).message_body(body.to_string()).send().await;
            sent.map_err(|error| DisplayErrorContext(&error).to_string())?;
        }
        Ok(())
    }
}

fn pack(bytes: &[u8]) -> Result<String, BoxError> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(STANDARD.encode(encoder.finish()?))
}
