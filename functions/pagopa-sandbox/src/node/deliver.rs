//! Delivery of receipts: until OK or a well-formed KO, and never again after either (pagoPA reference 4.5).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use pagopa::{node, station::Version};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{App, BoxError, clock, store::Logged};

/// One delivery, and what the Node made of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) at: Timestamp,
    pub(crate) duration_ms: u64,
    #[serde(flatten)]
    pub(crate) answer: Answer,
}

/// What the station said, as the Node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(crate) enum Answer {
    Ok,
    Ko {
        fault: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
    /// An HTTP error, or bytes that are no valid answer: the Node tries again.
    Invalid {
        why: String,
    },
    /// No answer at all: the Node tries again.
    None {
        why: String,
    },
}

impl Delivery {
    /// OK, or a well-formed KO: the Node never sends this receipt again.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.answer, Answer::Ok | Answer::Ko { .. })
    }
}

/// Sends these bytes once.
pub(crate) async fn deliver(app: &App, version: Version, xml: String) -> Delivery {
    let (at, start) = (clock::now(), Instant::now());
    let answer = match app.station.send_receipt(version, xml).await {
        Ok(answer) if answer.status != 200 => Answer::Invalid { why: format!("HTTP {}", answer.status) },
        Ok(answer) => match node::read_accepted(version, &answer.body) {
            Ok(Ok(())) => Answer::Ok,
            Ok(Err(fault)) => Answer::Ko { fault: fault.code, description: fault.description },
            Err(why) => Answer::Invalid { why: why.to_string() },
        },
        Err(fault) => Answer::None { why: fault.code },
    };
    Delivery { at, duration_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX), answer }
}

/// Sends these bytes so many times at once, and logs each answer under the receipt.
pub(crate) async fn deliver_copies(
    app: &Arc<App>,
    id: &str,
    version: Version,
    xml: &str,
    copies: usize,
) -> Result<Vec<Delivery>, BoxError> {
    let mut sending = JoinSet::new();
    for _ in 0..copies {
        let (app, xml) = (app.clone(), xml.to_owned());
        sending.spawn(async move { deliver(&app, version, xml).await });
    }
    let deliveries = sending.join_all().await;
    for delivery in &deliveries {
        app.store.log_delivery(id, delivery, None).await?;
    }
    Ok(deliveries)
}

/// Puts a receipt on the queue, to be delivered after so many seconds. It may be a promise: a receipt that is going to be
/// stored is queued before, so that none is ever stored and forgotten.
pub(crate) async fn enqueue(app: &App, receipt: &str, delay_seconds: i32) -> Result<(), BoxError> {
    let body = json!({ "receipt": receipt }).to_string();
    let message = app.queue.send_message().queue_url(&app.config.deliveries_queue_url).message_body(body);
    message.delay_seconds(delay_seconds).send().await?;
    Ok(())
}

/// The queue's event, as far as we look at it.
#[derive(Debug, Deserialize)]
pub(crate) struct QueueEvent {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    body: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Debug, Default, Deserialize)]
struct Attributes {
    #[serde(default, rename = "ApproximateReceiveCount")]
    receives: String,
}

#[derive(Debug, Deserialize)]
struct Message {
    receipt: String,
}

/// What became of a batch: the failed messages come again.
pub(crate) struct Batch {
    pub(crate) received: usize,
    pub(crate) failures: Vec<String>,
}

/// Delivers each receipt of a batch; what is not answered well stays pending and fails, so that the queue repeats it.
pub(crate) async fn deliver_batch(app: &Arc<App>, event: QueueEvent) -> Batch {
    let received = event.records.len();
    let mut delivering = JoinSet::new();
    for record in event.records {
        let app = app.clone();
        delivering.spawn(async move {
            let delivered = deliver_message(&app, &record).await.unwrap_or_else(|error| {
                tracing::error!(error = %error, message = record.message_id, "A delivery could not be tried");
                false
            });
            (record.message_id, delivered)
        });
    }
    let results = delivering.join_all().await;
    let failures = results.into_iter().filter(|(_, delivered)| !delivered).map(|(id, _)| id).collect();
    Batch { received, failures }
}

/// How often the queue asks for a receipt that was promised: by then nobody lives who could still store it.
const PROMISE_RECEIVES: u32 = 6;
/// A promise is mostly kept a moment after it was made.
const PROMISE_PAUSES: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(200), Duration::from_millis(400)];

/// Is there nothing left to do for this message?
async fn deliver_message(app: &App, record: &Record) -> Result<bool, BoxError> {
    let Message { receipt: id } = serde_json::from_str(&record.body)?;
    let receives = record.attributes.receives.parse().unwrap_or(1);
    let Some(logged) = promised(app, &id, receives).await? else {
        let is_over = receives >= PROMISE_RECEIVES;
        if is_over {
            tracing::info!(receipt = id, "Receipt {id} was promised, and nobody paid");
        }
        return Ok(is_over);
    };
    if logged.notified {
        return Ok(true); // final: never sent again
    }
    let delivery = deliver(app, logged.receipt.wire_version(), logged.xml).await;
    let carrier = app.store.log_delivery(&id, &delivery, Some(&record.message_id)).await?.or(logged.carrier);
    // Of several messages for one receipt each delivers it once, and one comes again.
    Ok(delivery.is_final() || carrier.is_some_and(|carrier| carrier != record.message_id))
}

/// The receipt, which may be stored only a moment after its message was sent.
async fn promised(app: &App, id: &str, receives: u32) -> Result<Option<Logged>, BoxError> {
    let pauses = if receives == 1 { PROMISE_PAUSES.as_slice() } else { &[] };
    for pause in pauses {
        if let Some(logged) = app.store.receipt(id).await? {
            return Ok(Some(logged));
        }
        tokio::time::sleep(*pause).await;
    }
    app.store.receipt(id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_valid_answer_is_final() {
        let delivery = |answer| Delivery { at: Timestamp::UNIX_EPOCH, duration_ms: 1, answer };
        let ko = Answer::Ko { fault: "PAA_RECEIPT_DUPLICATA".into(), description: None };
        assert!(delivery(Answer::Ok).is_final() && delivery(ko.clone()).is_final());
        assert!(!delivery(Answer::Invalid { why: "HTTP 500".into() }).is_final());
        assert!(!delivery(Answer::None { why: "PPT_STAZIONE_INT_PA_TIMEOUT".into() }).is_final());
        let json = serde_json::to_string(&delivery(ko.clone())).unwrap();
        assert_eq!(serde_json::from_str::<Delivery>(&json).unwrap(), delivery(ko));
    }
}
