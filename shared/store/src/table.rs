//! The few ways in which items are read and written.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{put_item::PutItemError, transact_write_items::TransactWriteItemsError},
    types::{AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};
use mutants::{Mutant, mutated};
use serde::{Serialize, de::DeserializeOwned};

use crate::{StoreError, key::Key};

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The condition of a write.
#[derive(Clone, Copy)]
pub(crate) enum If {
    /// Nothing is there yet.
    Absent,
    /// The item still has the version that was read.
    Version(u64),
    /// Whatever is there.
    Always,
}

/// How a conditional write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Done,
    /// Somebody else wrote in between: read and decide again.
    Moved,
}

/// How a transaction ended.
pub(crate) enum Committed {
    Done,
    /// Which of its items failed their condition, in order.
    Failed(Vec<bool>),
    /// Another transaction held an item: trying again is right.
    Conflict,
}

#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) db: Client,
    pub(crate) name: String,
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// An item: its key and a body.
pub(crate) fn item<T: Serialize>(key: &Key, body: &T) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(body)?;
    let (pk, sk) = key.pair();
    item.insert("PK".into(), text(pk));
    item.insert("SK".into(), text(sk));
    Ok(item)
}

pub(crate) fn body<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    Ok(serde_dynamo::from_item(item)?)
}

/// Adds attributes to an item under construction.
pub(crate) trait With: Sized {
    fn with(self, name: &str, value: AttributeValue) -> Self;
}

impl With for Item {
    fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.insert(name.into(), value);
        self
    }
}

impl Table {
    /// One strong GetItem.
    pub(crate) async fn get(&self, key: &Key<'_>) -> Result<Option<Item>, StoreError> {
        let (pk, sk) = key.pair();
        let answer = self
            .db
            .get_item()
            .table_name(&self.name)
            .key("PK", text(pk))
            .key("SK", text(sk))
            .consistent_read(!mutated(Mutant::WeakRead))
            .send()
            .await?;
        Ok(answer.item)
    }

    /// One conditional PutItem. After a lost answer the SDK's second try fails the first one's condition: what
    /// stands there is then compared with what was written, and equal means done.
    pub(crate) async fn put(&self, item: Item, condition: If) -> Result<Written, StoreError> {
        let mut call = self.db.put_item().table_name(&self.name).set_item(Some(item.clone()));
        if let Some((expression, version)) = expression(condition) {
            call = call
                .condition_expression(expression)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .set_expression_attribute_values(version.map(|version| HashMap::from([(":version".into(), version)])));
        }
        match call.send().await {
            Ok(_) => Ok(Written::Done),
            Err(SdkError::ServiceError(context)) => match context.err() {
                PutItemError::ConditionalCheckFailedException(failed) if failed.item.as_ref() == Some(&item) => {
                    Ok(Written::Done)
                }
                PutItemError::ConditionalCheckFailedException(_) => Ok(Written::Moved),
                _ => Err(SdkError::ServiceError(context).into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn delete(&self, key: &Key<'_>) -> Result<(), StoreError> {
        let (pk, sk) = key.pair();
        self.db.delete_item().table_name(&self.name).key("PK", text(pk)).key("SK", text(sk)).send().await?;
        Ok(())
    }

    /// One transaction: all or nothing. A conflict with another transaction is tried again here, three times in all.
    pub(crate) async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<Committed, StoreError> {
        const TRIES: usize = 3;
        let mut committed = Committed::Conflict;
        for _ in 0..TRIES {
            committed = self.transact_once(writes.clone()).await?;
            if !matches!(committed, Committed::Conflict) {
                break;
            }
        }
        Ok(committed)
    }

    async fn transact_once(&self, writes: Vec<TransactWriteItem>) -> Result<Committed, StoreError> {
        match self.db.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(Committed::Done),
            Err(SdkError::ServiceError(context)) => match context.err() {
                TransactWriteItemsError::TransactionCanceledException(cancelled) => {
                    let codes: Vec<&str> =
                        cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None")).collect();
                    // Cancelled by condition means read again; by conflict alone, try again (CORE 1.5).
                    match codes.contains(&"ConditionalCheckFailed") {
                        true => Ok(Committed::Failed(codes.iter().map(|c| *c == "ConditionalCheckFailed").collect())),
                        false
                            if codes.iter().all(|c| {
                                matches!(
                                    *c,
                                    "None"
                                        | "TransactionConflict"
                                        | "ThrottlingError"
                                        | "ProvisionedThroughputExceeded"
                                )
                            }) =>
                        {
                            Ok(Committed::Conflict)
                        }
                        false => Err(SdkError::ServiceError(context).into()),
                    }
                }
                TransactWriteItemsError::TransactionInProgressException(_) => Ok(Committed::Conflict),
                _ => Err(SdkError::ServiceError(context).into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// A put inside a transaction.
    pub(crate) fn putting(&self, item: Item, condition: If) -> Result<TransactWriteItem, StoreError> {
        let mut put = Put::builder().table_name(&self.name).set_item(Some(item));
        if let Some((expression, version)) = expression(condition) {
            put = put
                .condition_expression(expression)
                .set_expression_attribute_values(version.map(|version| HashMap::from([(":version".into(), version)])));
        }
        let put = put.build().map_err(|_| StoreError::Corrupt("a put lacks its item"))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// A deletion inside a transaction.
    pub(crate) fn deleting(&self, key: &Key<'_>) -> Result<TransactWriteItem, StoreError> {
        let (pk, sk) = key.pair();
        let delete = Delete::builder()
            .table_name(&self.name)
            .key("PK", text(pk))
            .key("SK", text(sk))
            .build()
            .map_err(|_| StoreError::Corrupt("a deletion lacks its key"))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// One page of a strong Query over the sort keys that begin with `prefix`.
    pub(crate) async fn query(&self, pk: String, prefix: &str) -> Result<Vec<Item>, StoreError> {
        let answer = self
            .db
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .key_condition_expression("PK = :pk AND begins_with(SK, :prefix)")
            .expression_attribute_values(":pk", text(pk))
            .expression_attribute_values(":prefix", text(prefix))
            .send()
            .await?;
        match answer.last_evaluated_key {
            // These lists are bounded by construction; a second page would be silently incomplete (CORE 3.4).
            Some(_) => Err(StoreError::Corrupt("a list that must fit one page does not")),
            None => Ok(answer.items.unwrap_or_default()),
        }
    }
}

fn expression(condition: If) -> Option<(&'static str, Option<AttributeValue>)> {
    match condition {
        If::Absent => Some(("attribute_not_exists(PK)", None)),
        If::Version(version) => Some(("version = :version", Some(number(version)))),
        If::Always => None,
    }
}
