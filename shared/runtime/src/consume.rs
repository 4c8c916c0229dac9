use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{LambdaEvent, service_fn};
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

/// No message is begun with less time left than this: it comes again with the next batch (CORE 2.7).
const LEAST_TIME: Duration = Duration::from_secs(4);

/// Serves a queue: one message after the other, each failure reported alone, so that a poison message spoils no other.
pub async fn consume<S, F>(app: &App, state: &S, handle: F) -> Result<(), BoxError>
where
    F: AsyncFn(&App, &S, &str) -> Result<(), BoxError>,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = event.context.deadline;
        let batch: Batch = serde_json::from_value(event.payload)?;
        let (total, mut failed) = (batch.records.len(), Vec::new());
        for message in batch.records {
            if time_left(deadline) < LEAST_TIME {
                failed.push(message.message_id);
                continue;
            }
            if let Err(error) = handle(app, state, &message.body).await {
                tracing::warn!(message.id = %message.message_id, error = %error, "A message failed and will come again");
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
