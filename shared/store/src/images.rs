//! What of an item can cause messages, from a stream record or from a walk over the table.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Cause, CauseId, EntityCode, Image, NoticeNumber, PersonId, PupilId};
use mutants::{Mutant, mutated};
use serde::Deserialize;

use crate::{
    Store, StoreError,
    notices::{NoticeRecord, QuarantineRecord, cursor, cursor_from},
    persons::PersonRecord,
    registrations::RegistrationRecord,
    table::{Item, body},
};

/// The kinds of item that cause messages: the stream mapping's filter lets only these through.
pub const KINDS: [&str; 5] = ["registration", "person", "guardian", "notice", "receipt"];

/// The causes in an item; `None` where the item causes nothing. Sealed fields stay sealed: no data key is needed.
pub fn image(item: Item) -> Result<Option<Image>, StoreError> {
    let Some(kind) = item.get("kind").and_then(|kind| kind.as_s().ok()).cloned() else { return Ok(None) };
    Ok(Some(match kind.as_str() {
        "registration" => {
            let record: RegistrationRecord = body(item)?;
            let submitted = match record.step {
                domain::Step::Submitted { cause, .. } => Some(cause),
                domain::Step::Draft | domain::Step::Verified { .. } => None,
            };
            Image::Registration { id: record.id, submitted }
        }
        "person" => {
            let record: PersonRecord = body(item)?;
            Image::Person {
                id: record.id,
                credentials: own(record.credentials, record.version),
                recovery: own(record.recovery.map(|recovery| recovery.cause), record.version),
                changed: own(record.changed, record.version),
            }
        }
        "guardian" => {
            #[derive(Deserialize)]
            struct Guardian {
                pupil: PupilId,
                person: PersonId,
                linked: Option<Cause>,
            }
            let record: Guardian = body(item)?;
            Image::Guardian { pupil: record.pupil, person: record.person, linked: record.linked }
        }
        "notice" if item.contains_key("settlement") => {
            #[derive(Deserialize)]
            struct Keys {
                school: EntityCode,
                number: NoticeNumber,
            }
            // Quarantined: no family to tell; the receipt's own oddity tells the school.
            let _: QuarantineRecord = body(item.clone())?;
            let keys: Keys = body(item)?;
            Image::Notice { school: keys.school, number: keys.number, notified: None, paid: None }
        }
        "notice" => {
            let record: NoticeRecord = body(item)?;
            let paid = match record.state {
                domain::NoticeState::Paid(settlement) => Some(settlement.cause),
                domain::NoticeState::Payable | domain::NoticeState::Cancelled { .. } => None,
            };
            let (notified, paid) = (own(record.notified, record.version), own(paid, record.version));
            Image::Notice { school: record.school, number: record.number, notified, paid }
        }
        "receipt" => {
            #[derive(Deserialize)]
            struct Odd {
                #[serde(rename = "PK")]
                pk: String,
                #[serde(rename = "SK")]
                sk: String,
                odd: Option<Cause>,
            }
            let record: Odd = body(item)?;
            Image::Receipt { key: format!("{}|{}", record.pk, record.sk), odd: record.odd }
        }
        // An unknown kind fails, it is never acknowledged (CORE 2.11).
        _ => return Err(StoreError::Corrupt("an item of an unknown kind")),
    }))
}

/// A cause is data with an id of its own, whatever else becomes of the item (CORE 2.1).
fn own(cause: Option<Cause>, version: u64) -> Option<Cause> {
    match cause {
        Some(Cause { at, .. }) if mutated(Mutant::CausesFromVersion) => {
            Some(Cause { id: CauseId::from_bytes(u128::from(version).to_be_bytes()), at })
        }
        cause => cause,
    }
}

/// The causes in a stream image, as the relay's event carries it.
pub fn stream_image(image_json: serde_json::Value) -> Result<Option<Image>, StoreError> {
    let item: serde_dynamo::Item =
        serde_json::from_value(image_json).map_err(|_| StoreError::Corrupt("a stream image"))?;
    image(item.into())
}

/// One step of a walk over the table.
pub struct Walk {
    /// Each item's causes, or why it could not be read: one bad item stops nothing.
    pub images: Vec<Result<Option<Image>, StoreError>>,
    pub next: Option<String>,
}

impl Store {
    /// One page of a Scan, items with causes only. 1 Scan.
    pub async fn walk(&self, after: Option<&str>) -> Result<Walk, StoreError> {
        const PAGE: i32 = 500;
        let answer = self
            .table
            .db
            .scan()
            .table_name(&self.table.name)
            .consistent_read(true)
            .filter_expression("attribute_exists(kind)")
            .limit(PAGE)
            .set_exclusive_start_key(after.map(cursor_from).transpose()?)
            .send()
            .await?;
        let next = answer.last_evaluated_key.as_ref().map(cursor).transpose()?;
        let images = answer.items.unwrap_or_default().into_iter().map(|item: HashItem| image(item)).collect();
        Ok(Walk { images, next })
    }
}

type HashItem = std::collections::HashMap<String, AttributeValue>;
