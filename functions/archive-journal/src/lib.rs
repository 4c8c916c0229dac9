//! Writes the exchange journal with pagoPA ("giornale degli eventi", R-21) to write-once object storage.
//!
//! One object a batch, JSON lines: each line is one message as it was sent, byte for byte. A message may stand in two
//! objects (queues deliver at least once): exchange id and part tell.

use std::env;

use aws_lc_rs::digest::{Context, SHA256};
use aws_sdk_s3::{Client, error::DisplayErrorContext, primitives::ByteStream};
use lambda_runtime::LambdaEvent;
use runtime::{Batch, BoxError, Message, Mutant, mutated};
use serde_json::{Value, json};

pub struct Archive {
    client: Client,
    bucket: String,
}

impl Archive {
    pub async fn from_env() -> Result<Self, BoxError> {
        let bucket = env::var("ARCHIVE_BUCKET").map_err(|_| "the environment variable ARCHIVE_BUCKET is missing")?;
        let aws = runtime::sdk_config().await?;
        // Path style is what emulators understand too.
        let config = aws_sdk_s3::config::Builder::from(&aws).force_path_style(true).build();
        Ok(Self { client: Client::from_conf(config), bucket })
    }
}

/// All messages of a batch in one object, named by day and content: a repeat of the batch writes the same object again,
/// and a batch that shares only some of its messages with an earlier one replaces nothing.
pub async fn archive(archive: &Archive, event: LambdaEvent<Value>) -> Result<Value, BoxError> {
    let batch: Batch = serde_json::from_value(event.payload)?;
    if batch.records.is_empty() {
        return Ok(json!({ "batchItemFailures": [] }));
    }
    let day = runtime::now().strftime("%Y/%m/%d").to_string();
    let key = format!("journal/{day}/{}.jsonl", name(&batch.records));
    let lines: String = batch.records.iter().flat_map(|message| [message.body.as_str(), "\n"]).collect();
    let put = archive
        .client
        .put_object()
        .bucket(&archive.bucket)
        .key(&key)
        .content_type("application/jsonl")
        .body(ByteStream::from(lines.into_bytes()))
        .send()
        .await;
    // One object for all: an error fails the whole batch, which comes again.
    put.map_err(|error| DisplayErrorContext(&error).to_string())?;
    tracing::info!(function = "archive-journal", messages = batch.records.len(), "Journal archived");
    Ok(json!({ "batchItemFailures": [] }))
}

/// A digest of the messages' ids and bodies, in whatever order they come.
fn name(messages: &[Message]) -> String {
    if mutated(Mutant::JournalOverwrites) {
        return messages.first().map(|message| message.message_id.clone()).unwrap_or_default();
    }
    let mut parts: Vec<(&str, &str)> = messages.iter().map(|m| (m.message_id.as_str(), m.body.as_str())).collect();
    parts.sort_unstable();
    let mut context = Context::new(&SHA256);
    for text in parts.into_iter().flat_map(|(id, body)| [id, body]) {
        // Each text with its length before it: no two batches read alike.
        context.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(text.as_bytes());
    }
    context.finish().as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(messages: &[(&str, &str)]) -> String {
        let message = |(id, body): &(&str, &str)| Message { message_id: (*id).to_owned(), body: (*body).to_owned() };
        name(&messages.iter().map(message).collect::<Vec<_>>())
    }

    #[test]
    fn a_repeat_has_the_same_name_and_no_other_batch_has_it() {
        let (a, b, c, d) = (("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"));
        let first = batch(&[a, b, c]);
        assert_eq!(first.len(), 32);
        assert_eq!(first, batch(&[a, b, c]));
        assert_eq!(first, batch(&[c, a, b]), "a queue keeps no order");
        // The same message again, in other company: the earlier object must stay.
        for other in [vec![a, d], vec![a], vec![a, b], vec![a, b, c, d], vec![a, b, ("c", "5")], vec![a, b, c, c]] {
            assert_ne!(first, batch(&other), "{other:?}");
        }
        assert_ne!(batch(&[("ab", "c")]), batch(&[("a", "bc")]));
    }
}
