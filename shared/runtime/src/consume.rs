use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{LambdaEvent, service_fn};
use mutants::{Mutant, mutated};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{App, BoxError};

/// A batch of queue messages, as far as a consumer needs it.
#[derive(Debug, Deserialize)]
pub struct Batch {
    #[serde(rename = "Records", default)]
    pub records: Vec<Message>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub message_id: String,
    pub body: String,
}

/// How much of an invocation is left. Nothing that may take long is begun in its second half: it comes again with the
/// next batch (CORE 2.7). With the template's 30 seconds that is more than one mail's time.
pub struct Deadline {
    at_ms: u64,
    half: Duration,
}

impl Deadline {
    fn of(at_ms: u64) -> Self {
        Self { at_ms, half: time_left(at_ms) / 2 }
    }

    /// May another send begin?
    pub fn leaves_time(&self) -> bool {
        time_left(self.at_ms) >= self.half
    }
}

/// Serves a queue: one message after the other, each failure reported alone, so that a poison message spoils no other.
pub async fn consume<S, F>(app: &App, state: &S, handle: F) -> Result<(), BoxError>
where
    F: AsyncFn(&App, &S, &str, &Deadline) -> Result<(), BoxError>,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = Deadline::of(event.context.deadline);
        let batch: Batch = serde_json::from_value(event.payload)?;
        let (total, mut failed) = (batch.records.len(), Vec::new());
        for message in batch.records {
            if !deadline.leaves_time() {
                failed.push(message.message_id);
                continue;
            }
            if let Err(error) = handle(app, state, &message.body, &deadline).await {
                if mutated(Mutant::ConsumeForgets) {
                    continue;
                }
                tracing::warn!(message.id = %message.message_id, error = %error, "A message failed and will come again");
                failed.push(message.message_id);
            } else if mutated(Mutant::NeverAcknowledged) {
                failed.push(message.message_id);
            }
        }
        tracing::info!(function = app.function, messages = total, failed = failed.len(), "Batch handled");
        let failures: Vec<Value> = failed.into_iter().map(|id| json!({ "itemIdentifier": id })).collect();
        Ok::<Value, BoxError>(json!({ "batchItemFailures": failures }))
    }))
    .await
}

fn time_left(deadline_ms: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(deadline_ms).saturating_sub(now)
}
