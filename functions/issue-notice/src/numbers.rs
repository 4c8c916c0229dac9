//! Notice numbers, from blocks that this environment has reserved. Gaps are fine, reuse is not.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Mutex, PoisonError},
};

use aws_sdk_sqs::{Client, error::DisplayErrorContext};
use domain::{EntityCode, IuvBase, NoticeNumber, School, SegregationCode};
use runtime::{App, BoxError, Mutant, mutated, needed};
use serde_json::json;
use web::Failure;

/// Numbers of a block: no weight among ten million million, and rarely a message.
const BLOCK: u64 = 1_000;
/// Schools whose blocks one environment keeps.
const MOST_SCHOOLS: usize = 200;

/// The blocks in hand, per school and segregation code.
pub struct Numbers {
    client: Client,
    queue: String,
    blocks: Mutex<HashMap<(EntityCode, SegregationCode), Range<u64>>>,
}

impl Numbers {
    pub fn new(app: &App) -> Result<Self, BoxError> {
        let queue = needed("JOURNAL_QUEUE_URL", app.config.journal_queue.as_ref())?.to_owned();
        Ok(Self { client: Client::new(&app.aws), queue, blocks: Mutex::default() })
    }

    /// A number that nobody else gets. 1 UpdateItem and 1 message for every [`BLOCK`] of them.
    pub async fn take(&self, app: &App, school: &School) -> Result<NoticeNumber, Failure> {
        let base = match self.next(school) {
            _ if mutated(Mutant::NumberAgain) => 1,
            Some(base) => base,
            None => {
                let first = app.store.reserve_numbers(&school.fiscal_code, school.segregation, BLOCK).await?;
                // Before the first use: after a restore of the table allocators begin above what is known outside it
                // (CORE 1.6). A block that could not be told is a gap.
                if !mutated(Mutant::BlockUntold) {
                    self.tell(app, school, first).await.map_err(Failure::unavailable)?;
                }
                self.keep(school, first + 1..first + BLOCK);
                first
            }
        };
        let base = IuvBase::new(base).map_err(|error| Failure::Broken(error.into()))?;
        Ok(NoticeNumber::issue(school.segregation, base))
    }

    fn next(&self, school: &School) -> Option<u64> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.get_mut(&key(school))?.next()
    }

    fn keep(&self, school: &School, block: Range<u64>) {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if blocks.len() >= MOST_SCHOOLS {
            blocks.clear();
        }
        blocks.insert(key(school), block);
    }

    async fn tell(&self, app: &App, school: &School, first: u64) -> Result<(), BoxError> {
        let body = json!({
            "v": 1, "kind": "numbers-reserved", "school": school.fiscal_code, "segregation": school.segregation,
            "first": first, "count": BLOCK, "at": app.now(),
        });
        let sent = self.client.send_message().queue_url(&self.queue).message_body(body.to_string()).send().await;
        sent.map_err(|error| DisplayErrorContext(&error).to_string())?;
        Ok(())
    }
}

fn key(school: &School) -> (EntityCode, SegregationCode) {
    (school.fiscal_code.clone(), school.segregation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sqs::config::{BehaviorVersion, Config};
    use jiff::civil::date;

    fn school(fiscal_code: &str, segregation: u8) -> School {
        School {
            fiscal_code: fiscal_code.parse().unwrap(),
            name: String::new(),
            codes: Vec::new(),
            address: String::new(),
            city: String::new(),
            email: String::new(),
            phone: String::new(),
            iban: String::new(),
            segregation: SegregationCode::new(segregation).unwrap(),
            active_from: date(2020, 7, 1),
        }
    }

    #[test]
    fn each_number_of_a_block_is_taken_once_and_only_by_its_school() {
        let client = Client::from_conf(Config::builder().behavior_version(BehaviorVersion::latest()).build());
        let numbers = Numbers { client, queue: String::new(), blocks: Mutex::default() };
        let (ours, other) = (school("80124890155", 12), school("94060670158", 12));
        assert_eq!(numbers.next(&ours), None);
        numbers.keep(&ours, 7..9);
        assert_eq!((numbers.next(&ours), numbers.next(&other)), (Some(7), None));
        assert_eq!(numbers.next(&school("80124890155", 13)), None, "another segregation code has blocks of its own");
        assert_eq!((numbers.next(&ours), numbers.next(&ours)), (Some(8), None));
    }
}
