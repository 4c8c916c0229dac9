//! Walks the table and re-sends what the relay lost: the stream forgets after 24 hours, this closes that hole.
//!
//! A pass is a chain of messages with a cursor, one page of the table each; the schedule begins one.

use aws_sdk_sqs::{Client, error::DisplayErrorContext};
use domain::effects;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::LambdaEvent;
use runtime::{App, Batch, BoxError, Mutant, Outbox, mutated, needed};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An effect is asked for again at most once in so many lags: once a day with the default lag of 15 minutes.
const PAUSE_IN_LAGS: i64 = 96;

pub struct Sweeper {
    outbox: Outbox,
    client: Client,
    queue: String,
}

impl Sweeper {
    pub fn new(app: &App) -> Result<Self, BoxError> {
        Ok(Self {
            outbox: Outbox::new(app)?,
            client: Client::new(&app.aws),
            queue: needed("SWEEP_QUEUE_URL", app.config.sweep_queue.as_ref())?.to_owned(),
        })
    }
}

/// Where a pass stands.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    /// When the pass began: what is younger than the relay's lag then is the relay's business.
    began: Timestamp,
    after: Option<String>,
}

/// The schedule begins a pass; each message goes one page further.
pub async fn sweep(app: &App, sweeper: &Sweeper, event: LambdaEvent<Value>) -> Result<Value, BoxError> {
    if event.payload.get("Records").is_none() {
        page(app, sweeper, Cursor { began: app.now(), after: None }).await?;
        return Ok(json!({}));
    }
    let batch: Batch = serde_json::from_value(event.payload)?;
    let mut failures = Vec::new();
    for message in batch.records {
        let step = match serde_json::from_str::<Cursor>(&message.body) {
            Ok(cursor) => page(app, sweeper, cursor).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = step {
            tracing::warn!(message.id = %message.message_id, error = %error, "A page of the sweep failed and will come again");
            failures.push(json!({ "itemIdentifier": message.message_id }));
        }
    }
    Ok(json!({ "batchItemFailures": failures }))
}

async fn page(app: &App, sweeper: &Sweeper, cursor: Cursor) -> Result<(), BoxError> {
    let walk = app.store.walk(cursor.after.as_deref()).await?;
    let lag = SignedDuration::from_secs(app.config.sweep_lag_seconds);
    let pause = match mutated(Mutant::SweepForgetsPause) {
        true => 0,
        false => app.config.sweep_lag_seconds * PAUSE_IN_LAGS,
    };
    let (items, mut unreadable, mut lost) = (walk.images.len(), 0, Vec::new());
    for image in walk.images {
        let Ok(image) = image else {
            if mutated(Mutant::SweepStopsAtPoison) {
                return Err("an item cannot be read".into());
            }
            unreadable += 1;
            continue;
        };
        for effect in image.map(|image| effects(None, &image)).unwrap_or_default() {
            let is_late = cursor.began.duration_since(effect.cause.at) > lag;
            if is_late && !effect.is_parked(cursor.began) && app.store.is_open(&effect, app.now(), pause).await? {
                lost.push(effect);
            }
        }
    }
    if mutated(Mutant::SweepFindsNothing) {
        lost.clear();
    }
    sweeper.outbox.send(&lost).await?;
    for effect in &lost {
        app.store.resent(effect, app.now()).await?;
    }
    match (lost.len(), unreadable) {
        (0, 0) => {}
        // Anything found means that the road from a change to its message is broken somewhere: the alarm counts this line.
        (resent, unreadable) => {
            tracing::warn!(alarm = "sweep", resent, unreadable, "The sweep found what the relay had lost")
        }
    }
    let finished = walk.next.is_none();
    if let Some(after) = walk.next {
        let body = serde_json::to_string(&Cursor { began: cursor.began, after: Some(after) })?;
        let sent = sweeper.client.send_message().queue_url(&sweeper.queue).message_body(body).send().await;
        sent.map_err(|error| DisplayErrorContext(&error).to_string())?;
    }
    tracing::info!(function = app.function, items, finished, "Page swept");
    Ok(())
}
