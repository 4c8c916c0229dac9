//! Notices, the commands that issue them, and the attempts to pay them.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{
    error::ProvideErrorMetadata,
    types::{AttributeValue, KeysAndAttributes},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    AttemptId, Category, Cause, EntityCode, Euro, Name, Notice, NoticeKey, NoticeNumber, NoticeState, PersonId,
    Personal, PupilId, Quarantine, Settlement, Slot, school_year,
};
use jiff::{Timestamp, civil::Date};
use mutants::{Mutant, mutated};
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    key::{Key, by_pupil, by_school},
    table::{If, Item, With, Written, body, item, number, text},
};

/// One page of a list and where the next begins.
#[derive(Debug, Clone)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct NoticeRecord {
    pub(crate) school: EntityCode,
    school_name: String,
    pub(crate) number: NoticeNumber,
    pub(crate) version: u64,
    pupil: PupilId,
    pupil_name: Name,
    pupil_surname: Name,
    pupil_fiscal_code: String,
    class: String,
    description: String,
    category: Category,
    amount: Euro,
    due: Date,
    issued_at: Timestamp,
    pub(crate) notified: Option<Cause>,
    #[serde(flatten)]
    pub(crate) state: NoticeState,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct QuarantineRecord {
    school: EntityCode,
    number: NoticeNumber,
    version: u64,
    settlement: Settlement,
}

/// A command with an idempotency key: its repeat gets the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    pub number: NoticeNumber,
    pub cause: Cause,
    /// A digest of what was asked: the same key with another content is refused.
    pub content: String,
}

/// An attempt to pay a cart at Checkout. The return addresses carry its id; it proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub id: AttemptId,
    pub person: PersonId,
    pub notices: Vec<NoticeKey>,
    pub amount: u64,
    pub at: Timestamp,
}

impl Store {
    /// What stands under a number of a school. 1 GetItem (strong): this is all that a verify costs.
    pub async fn slot(&self, school: &EntityCode, number: &NoticeNumber) -> Result<Slot, StoreError> {
        match self.table.get(&Key::Notice(school, number)).await? {
            None => Ok(Slot::Free),
            Some(item) => self.slot_from(item),
        }
    }

    /// Several notices at once, strong. 1 BatchGetItem; unknown ones are left out.
    pub async fn notices(&self, keys: &[NoticeKey]) -> Result<Vec<Notice>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut wanted = KeysAndAttributes::builder().consistent_read(true);
        for key in keys {
            let (pk, sk) = Key::Notice(&key.school, &key.number).pair();
            wanted = wanted.keys(HashMap::from([("PK".into(), text(pk)), ("SK".into(), text(sk))]));
        }
        let wanted = wanted.build().map_err(|_| StoreError::Corrupt("a batch without keys"))?;
        let answer = self.table.db.batch_get_item().request_items(&self.table.name, wanted).send().await?;
        if answer.unprocessed_keys.is_some_and(|left| !left.is_empty()) {
            return Err(StoreError::Unavailable("a batch was answered in part".into()));
        }
        let items = answer.responses.and_then(|mut tables| tables.remove(&self.table.name)).unwrap_or_default();
        let mut notices = Vec::new();
        for item in items {
            if let Slot::Issued(notice) = self.slot_from(item)? {
                notices.push(*notice);
            }
        }
        // In the order asked for: a batch answers in any.
        notices.sort_by_key(|notice| {
            keys.iter().position(|key| key.number == notice.number && key.school == notice.school)
        });
        Ok(notices)
    }

    /// The notices of a pupil, the latest due first, from the index. 1 Query a page.
    pub async fn notices_of_pupil(&self, pupil: &PupilId, after: Option<&str>) -> Result<Page<Notice>, StoreError> {
        const PAGE: i32 = 50;
        let (slots, next) = self.list("by-pupil", "G1PK", by_pupil(pupil), after, PAGE).await?;
        Ok(Page { items: slots.into_iter().filter_map(issued).collect(), next })
    }

    /// The notices of a school in a school year, the latest due first, from the index. 1 Query a page of at most
    /// `limit` notices (a Query answers one megabyte, some 800 of them). The list can go on after any notice, see
    /// [`Store::after_notice`].
    pub async fn notices_of_school(
        &self,
        school: &EntityCode,
        year: &str,
        after: Option<&str>,
        limit: i32,
    ) -> Result<Page<Notice>, StoreError> {
        let (slots, next) = self.list("by-school", "G2PK", by_school(school, year), after, limit).await?;
        Ok(Page { items: slots.into_iter().filter_map(issued).collect(), next })
    }

    /// The page token with which a school's list goes on after this notice.
    pub fn after_notice(notice: &Notice) -> Result<String, StoreError> {
        let (pk, sk) = Key::Notice(&notice.school, &notice.number).pair();
        let (list, place) = place_at_school(notice);
        let names = ["PK", "SK", "G2PK", "G2SK"].map(String::from);
        cursor(&names.into_iter().zip([pk, sk, list, place].map(text)).collect())
    }

    /// The numbers of a school that were paid and never issued, from the index. 1 Query; there are few or none.
    pub async fn quarantined(&self, school: &EntityCode) -> Result<Vec<Quarantine>, StoreError> {
        const MOST: i32 = 100;
        let (slots, _) = self.list("by-school", "G2PK", by_school(school, QUARANTINE), None, MOST).await?;
        let quarantined = |slot| match slot {
            Slot::UnknownPaid(quarantine) => Some(*quarantine),
            Slot::Free | Slot::Issued(_) => None,
        };
        Ok(slots.into_iter().filter_map(quarantined).collect())
    }

    async fn list(
        &self,
        index: &str,
        key: &str,
        value: String,
        after: Option<&str>,
        limit: i32,
    ) -> Result<(Vec<Slot>, Option<String>), StoreError> {
        let after = after.map(|token| cursor_within(key, &value, token)).transpose()?;
        let begun = after.is_some();
        let answer = self
            .table
            .db
            .query()
            .table_name(&self.table.name)
            .index_name(index)
            .key_condition_expression(format!("{key} = :pk"))
            .expression_attribute_values(":pk", text(value))
            .scan_index_forward(false)
            .limit(limit)
            .set_exclusive_start_key(after)
            .send()
            .await
            .map_err(|error| match error.code() {
                // No key of the table: somebody wrote the token by hand.
                Some("ValidationException") if begun => StoreError::BadPage,
                _ => error.into(),
            })?;
        let next = answer.last_evaluated_key.as_ref().map(cursor).transpose()?;
        let slots: Result<Vec<Slot>, StoreError> =
            answer.items.unwrap_or_default().into_iter().map(|item| self.slot_from(item)).collect();
        Ok((slots?, next))
    }

    /// The command under this key, written if absent: whoever comes second gets the first one's. 1–2 round trips.
    pub async fn command(&self, school: &EntityCode, key: &str, command: &Command) -> Result<Command, StoreError> {
        const KEPT_SECONDS: i64 = 7 * 24 * 3600;
        let ttl = command.cause.at.as_second() + KEPT_SECONDS;
        let key = Key::Command(school, key);
        match self.table.put(item(&key, command)?.with("ttl", number(ttl)), If::Absent).await? {
            Written::Done => Ok(command.clone()),
            Written::Moved => {
                self.stored_command(&key).await?.ok_or(StoreError::Unavailable("a command vanished".into()))
            }
        }
    }

    /// The command under this key, if it was given before. 1 GetItem (strong).
    pub async fn known_command(&self, school: &EntityCode, key: &str) -> Result<Option<Command>, StoreError> {
        self.stored_command(&Key::Command(school, key)).await
    }

    async fn stored_command(&self, key: &Key<'_>) -> Result<Option<Command>, StoreError> {
        self.table.get(key).await?.map(body).transpose()
    }

    /// Puts a notice where nothing stands yet. 1 PutItem and two index entries. `Moved`: the number is taken, by a
    /// repeat of this command or by a receipt in quarantine.
    pub async fn issue(&self, notice: &Notice) -> Result<Written, StoreError> {
        let condition = if mutated(Mutant::NumberAgain) { If::Always } else { If::Absent };
        self.table.put(self.notice_item(notice)?, condition).await
    }

    /// Opens an attempt, or finds the one with this id. 1 PutItem (+ 1 GetItem).
    pub async fn attempt_once(&self, attempt: &Attempt) -> Result<Attempt, StoreError> {
        const KEPT_SECONDS: i64 = 90 * 24 * 3600;
        let item =
            item(&Key::Attempt(&attempt.id), attempt)?.with("ttl", number(attempt.at.as_second() + KEPT_SECONDS));
        match self.table.put(item, If::Absent).await? {
            Written::Done => Ok(attempt.clone()),
            Written::Moved => {
                self.attempt(&attempt.id).await?.ok_or(StoreError::Unavailable("an attempt vanished".into()))
            }
        }
    }

    /// 1 GetItem (strong).
    pub async fn attempt(&self, id: &AttemptId) -> Result<Option<Attempt>, StoreError> {
        self.table.get(&Key::Attempt(id)).await?.map(body).transpose()
    }

    pub(crate) fn slot_from(&self, item: Item) -> Result<Slot, StoreError> {
        if item.contains_key("settlement") {
            let record: QuarantineRecord = body(item)?;
            return Ok(Slot::UnknownPaid(Box::new(Quarantine {
                school: record.school,
                number: record.number,
                version: record.version,
                settlement: record.settlement,
            })));
        }
        let record: NoticeRecord = body(item)?;
        let code = self.vault()?.open_text(record.school.as_str(), &record.pupil_fiscal_code)?;
        Ok(Slot::Issued(Box::new(Notice {
            school: record.school,
            school_name: record.school_name,
            number: record.number,
            version: record.version,
            pupil: record.pupil,
            pupil_name: Personal::new(record.pupil_name),
            pupil_surname: Personal::new(record.pupil_surname),
            pupil_fiscal_code: Personal::new(code.parse().map_err(|_| StoreError::Corrupt("a debtor's fiscal code"))?),
            class: record.class,
            description: record.description,
            category: record.category,
            amount: record.amount,
            due: record.due,
            issued_at: record.issued_at,
            notified: record.notified,
            state: record.state,
        })))
    }

    pub(crate) fn notice_item(&self, notice: &Notice) -> Result<Item, StoreError> {
        let sealed = self.vault()?.seal_text(notice.school.as_str(), notice.pupil_fiscal_code.reveal().as_str())?;
        let record = NoticeRecord {
            school: notice.school.clone(),
            school_name: notice.school_name.clone(),
            number: notice.number.clone(),
            version: notice.version,
            pupil: notice.pupil.clone(),
            pupil_name: notice.pupil_name.reveal().clone(),
            pupil_surname: notice.pupil_surname.reveal().clone(),
            pupil_fiscal_code: sealed,
            class: notice.class.clone(),
            description: notice.description.clone(),
            category: notice.category,
            amount: notice.amount,
            due: notice.due,
            issued_at: notice.issued_at,
            notified: notice.notified.clone(),
            state: notice.state.clone(),
        };
        let (list, place) = place_at_school(notice);
        // State is in no index key: each transition would cost double.
        Ok(item(&Key::Notice(&notice.school, &notice.number), &record)?
            .with("kind", text("notice"))
            .with("G1PK", text(by_pupil(&notice.pupil)))
            .with("G1SK", text(format!("{}#{}", notice.due, notice.number)))
            .with("G2PK", text(list))
            .with("G2SK", text(place)))
    }

    pub(crate) fn quarantine_item(&self, quarantine: &Quarantine) -> Result<Item, StoreError> {
        let record = QuarantineRecord {
            school: quarantine.school.clone(),
            number: quarantine.number.clone(),
            version: quarantine.version,
            settlement: quarantine.settlement.clone(),
        };
        Ok(item(&Key::Notice(&quarantine.school, &quarantine.number), &record)?
            .with("kind", text("notice"))
            .with("G2PK", text(by_school(&quarantine.school, QUARANTINE)))
            .with("G2SK", text(quarantine.number.as_str())))
    }
}

/// The list of a school's quarantined numbers, in the index by school.
const QUARANTINE: &str = "QUARANTINE";

/// Where a notice stands in the index by school: its school year's list, and its place there.
fn place_at_school(notice: &Notice) -> (String, String) {
    let issued_on = notice.issued_at.to_zoned(jiff::tz::TimeZone::UTC).date();
    (by_school(&notice.school, &school_year(issued_on)), format!("{}#{}", notice.due, notice.number))
}

fn issued(slot: Slot) -> Option<Notice> {
    match slot {
        Slot::Issued(notice) => Some(*notice),
        Slot::Free | Slot::UnknownPaid(_) => None,
    }
}

/// A page token: the last key, as base64url JSON. It opens nothing: keys of lists are built from the session.
pub(crate) fn cursor(key: &HashMap<String, AttributeValue>) -> Result<String, StoreError> {
    let plain: BTreeMap<&String, &String> =
        key.iter().filter_map(|(name, value)| Some((name, value.as_s().ok()?))).collect();
    let json = serde_json::to_vec(&plain).map_err(|_| StoreError::Corrupt("a page token"))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// The key in a page token, if it is one of this very list of an index.
fn cursor_within(key: &str, value: &str, token: &str) -> Result<HashMap<String, AttributeValue>, StoreError> {
    let cursor = cursor_from(token)?;
    match cursor.get(key).and_then(|found| found.as_s().ok()) {
        Some(found) if found == value => Ok(cursor),
        _ => Err(StoreError::BadPage),
    }
}

pub(crate) fn cursor_from(token: &str) -> Result<HashMap<String, AttributeValue>, StoreError> {
    let plain: HashMap<String, String> = URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or(StoreError::BadPage)?;
    Ok(plain.into_iter().map(|(name, value)| (name, AttributeValue::S(value))).collect())
}
