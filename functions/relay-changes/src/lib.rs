//! From a change of the table to the messages it causes: the only road (ARCHITECTURE.md, "State is the outbox").

use domain::{Effect, Image, effects};
use jiff::Timestamp;
use lambda_runtime::LambdaEvent;
use runtime::{App, BoxError, Mutant, Outbox, mutated};
use serde::Deserialize;
use serde_json::{Value, json};

/// A batch of the table's stream, as far as the relay needs it.
#[derive(Debug, Deserialize)]
pub struct StreamBatch {
    #[serde(rename = "Records", default)]
    records: Vec<StreamRecord>,
}

#[derive(Debug, Deserialize)]
struct StreamRecord {
    #[serde(rename = "eventName")]
    event: String,
    dynamodb: Images,
}

#[derive(Debug, Deserialize)]
struct Images {
    #[serde(rename = "SequenceNumber")]
    sequence: String,
    #[serde(rename = "NewImage")]
    new: Option<Value>,
    #[serde(rename = "OldImage")]
    old: Option<Value>,
}

/// Sends what each record causes. The first record that fails is reported: the batch goes on from there, and what
/// was sent before is claimed by key, so a repeat is harmless.
pub async fn relay(app: &App, outbox: &Outbox, event: LambdaEvent<Value>) -> Result<Value, BoxError> {
    let batch: StreamBatch = serde_json::from_value(event.payload)?;
    let (records, mut caused, mut failed) = (batch.records.len(), Vec::new(), None);
    for record in batch.records {
        let sequence = record.dynamodb.sequence.clone();
        match causes(record) {
            Ok(effects) => caused.extend(effects),
            Err(_) if mutated(Mutant::RelaySkipsPoison) => {}
            Err(error) => {
                tracing::error!(record = sequence, error = %error, "A change cannot be read: it stays for the next release");
                failed = Some(sequence);
                break;
            }
        }
    }
    let (due, parked) = sort(caused, app.now());
    if !parked.is_empty() {
        tracing::error!(
            alarm = "parked",
            effects = parked.len(),
            "Changes came too late for their messages: nobody is told"
        );
    }
    match outbox.send(&due).await {
        Err(_) if mutated(Mutant::RelayForgets) => {}
        // An error here fails the whole batch: nothing is lost, the stream gives it again.
        sent => sent?,
    }
    tracing::info!(function = app.function, records, effects = due.len(), failed = failed.is_some(), "Changes relayed");
    let failures: Vec<Value> = failed.into_iter().map(|id| json!({ "itemIdentifier": id })).collect();
    Ok(json!({ "batchItemFailures": failures }))
}

/// What is passed on, and what is older than the window (CORE 2.3).
fn sort(caused: Vec<Effect>, now: Timestamp) -> (Vec<Effect>, Vec<Effect>) {
    caused.into_iter().partition(|effect| mutated(Mutant::ParkedSent) || !effect.is_parked(now))
}

/// Deletions cause nothing: what somebody must still be told of ends as a state (CORE 2.6).
fn causes(record: StreamRecord) -> Result<Vec<Effect>, BoxError> {
    let (Some(new), "INSERT" | "MODIFY") = (record.dynamodb.new, record.event.as_str()) else {
        return Ok(Vec::new());
    };
    let new = store::stream_image(new)?;
    if mutated(Mutant::RelaySkipsGuardian) && matches!(new, Some(Image::Guardian { .. })) {
        return Ok(Vec::new());
    }
    let old = match record.dynamodb.old {
        Some(old) => store::stream_image(old)?,
        None => None,
    };
    Ok(new.map(|new| effects(old.as_ref(), &new)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(event: &str, old: Option<Value>, new: Option<Value>) -> StreamRecord {
        serde_json::from_value(json!({
            "eventName": event,
            "dynamodb": { "SequenceNumber": "1", "NewImage": new, "OldImage": old }
        }))
        .unwrap()
    }

    fn person(version: &str, changed: Option<&str>) -> Value {
        let mut image = json!({
            "PK": {"S": "PERSON#a"}, "SK": {"S": "R#PERSON"}, "kind": {"S": "person"},
            "id": {"S": "aaaaaaaaaaaaaaaaaaaaaaaaaa"}, "version": {"N": version}, "generation": {"N": "1"},
            "fiscal_code": {"S": "sealed"}, "name": {"S": "Anna"}, "surname": {"S": "Bianchi"},
            "email": {"S": "anna@example.org"}, "language": {"S": "it"}, "username": {"S": "a.bianchi.0001"},
            "password_hash": {"S": "x"}, "provisional": {"NULL": true}, "created_at": {"S": "2026-11-24T10:00:00Z"},
            "credentials": {"M": {"id": {"S": "baaaaaaaaaaaaaaaaaaaaaaaaa"}, "at": {"S": "2026-11-24T10:00:00Z"}}},
            "recovery": {"NULL": true}, "changed": {"NULL": true}
        });
        if let Some(id) = changed {
            image["changed"] = json!({"M": {"id": {"S": id}, "at": {"S": "2026-11-24T11:00:00Z"}}});
        }
        image
    }

    fn keys(record: StreamRecord) -> Vec<String> {
        causes(record).unwrap().iter().map(Effect::key).collect()
    }

    #[test]
    fn a_change_causes_its_difference_and_a_deletion_nothing() {
        let credentials = "credentials/aaaaaaaaaaaaaaaaaaaaaaaaaa/baaaaaaaaaaaaaaaaaaaaaaaaa";
        let changed = "password-changed/aaaaaaaaaaaaaaaaaaaaaaaaaa/caaaaaaaaaaaaaaaaaaaaaaaaa";
        assert_eq!(keys(record("INSERT", None, Some(person("1", None)))), [credentials]);
        assert_eq!(keys(record("MODIFY", Some(person("1", None)), Some(person("2", None)))), [""; 0]);
        let next = person("3", Some("caaaaaaaaaaaaaaaaaaaaaaaaa"));
        assert_eq!(keys(record("MODIFY", Some(person("2", None)), Some(next.clone()))), [changed]);
        assert_eq!(keys(record("REMOVE", Some(next), None)), [""; 0]);
    }

    #[test]
    fn what_is_older_than_the_window_is_not_passed_on() {
        let caused = causes(record("INSERT", None, Some(person("1", Some("caaaaaaaaaaaaaaaaaaaaaaaaa"))))).unwrap();
        let kinds = |effects: &[Effect]| effects.iter().map(|effect| effect.key().len()).collect::<Vec<_>>();
        let all = kinds(&caused);
        let sorted = |now: &str| {
            let (due, parked) = sort(caused.clone(), now.parse().unwrap());
            (kinds(&due), kinds(&parked))
        };
        assert_eq!(sorted("2026-12-01T09:59:59Z"), (all.clone(), vec![]));
        assert_eq!(sorted("2026-12-01T10:30:00Z"), (all[1..].to_vec(), all[..1].to_vec()), "the credentials are older");
        assert_eq!(sorted("2026-12-01T11:00:00Z"), (vec![], all));
    }

    #[test]
    fn an_unknown_kind_fails_and_is_never_acknowledged() {
        let image = json!({"PK": {"S": "X"}, "SK": {"S": "X"}, "kind": {"S": "invoice"}});
        assert!(causes(record("INSERT", None, Some(image))).is_err());
    }
}
