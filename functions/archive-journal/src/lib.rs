//! Writes the exchange journal with pagoPA ("giornale degli eventi", R-21) to write-once object storage.
//!
//! One object a batch, JSON lines: each line is one message as it was sent, byte for byte.

use std::env;

use aws_sdk_s3::{Client, error::DisplayErrorContext, primitives::ByteStream};
use lambda_runtime::LambdaEvent;
use runtime::{Batch, BoxError};
use serde_json::{Value, json};

pub struct Archive {
    client: Client,
    bucket: String,
}

impl Archive {
    pub async fn from_env() -> Result<Self, BoxError> {
        let bucket = env::var("ARCHIVE_BUCKET").map_err(|_| "the environment variable ARCHIVE_BUCKET is missing")?;
        let aws = runtime::sdk_config().await;
        // Path style is what emulators understand too.
        let config = aws_sdk_s3::config::Builder::from(&aws).force_path_style(true).build();
        Ok(Self { client: Client::from_conf(config), bucket })
    }
}

/// All messages of a batch in one object, named by day and by the first message: a repeat writes the same name.
pub async fn archive(archive: &Archive, event: LambdaEvent<Value>) -> Result<Value, BoxError> {
    let batch: Batch = serde_json::from_value(event.payload)?;
    let Some(first) = batch.records.first() else { return Ok(json!({ "batchItemFailures": [] })) };
    let day = jiff::Timestamp::now().strftime("%Y/%m/%d").to_string();
    let key = format!("journal/{day}/{}.jsonl", first.message_id);
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
