use aws_sdk_sqs::{Client, error::DisplayErrorContext, types::SendMessageBatchRequestEntry};
use domain::{Effect, Urgency};
use mutants::{Mutant, mutated};
use serde::{Deserialize, Serialize};

use crate::{App, BoxError, needed};

/// What travels in the mail queues: ids only, with the version of its format.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope {
    pub v: u32,
    #[serde(flatten)]
    pub effect: Effect,
}

impl Envelope {
    pub const VERSION: u32 = 1;

    /// Reads a message; another version than ours fails, it is never acknowledged (CORE 2.11).
    pub fn read(body: &str) -> Result<Effect, BoxError> {
        let envelope: Self = serde_json::from_str(body)?;
        match envelope.v {
            Self::VERSION => Ok(envelope.effect),
            _ if mutated(Mutant::UnknownVersionRead) => Ok(envelope.effect),
            other => Err(format!("a message of format {other}").into()),
        }
    }
}

/// The two mail queues. Only the relay and the sweeper hold them.
pub struct Outbox {
    client: Client,
    now: String,
    bulk: String,
}

impl Outbox {
    pub fn new(app: &App) -> Result<Self, BoxError> {
        Ok(Self {
            client: Client::new(&app.aws),
            now: needed("MAIL_NOW_QUEUE_URL", app.config.mail_now_queue.as_ref())?.to_owned(),
            bulk: needed("MAIL_BULK_QUEUE_URL", app.config.mail_bulk_queue.as_ref())?.to_owned(),
        })
    }

    /// Sends the effects, ten a call. All or an error: a batch that went in part is sent again whole, claims decide.
    pub async fn send(&self, effects: &[Effect]) -> Result<(), BoxError> {
        const BATCH: usize = 10; // SendMessageBatch's own limit
        for (queue, urgency) in [(&self.now, Urgency::Now), (&self.bulk, Urgency::Bulk)] {
            let urgent: Vec<&Effect> = effects.iter().filter(|effect| effect.urgency() == urgency).collect();
            for some in urgent.chunks(BATCH) {
                let mut call = self.client.send_message_batch().queue_url(queue);
                for (index, effect) in some.iter().enumerate() {
                    let body = serde_json::to_string(&Envelope { v: Envelope::VERSION, effect: (*effect).clone() })?;
                    let entry = SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body);
                    call = call.entries(entry.build()?);
                }
                let answer = call.send().await.map_err(|error| DisplayErrorContext(&error).to_string())?;
                if let Some(failed) = answer.failed().first()
                    && !mutated(Mutant::RelayIgnoresFailed)
                {
                    return Err(format!(
                        "{} messages were refused, the first with {}",
                        answer.failed().len(),
                        failed.code()
                    )
                    .into());
                }
            }
        }
        Ok(())
    }
}
