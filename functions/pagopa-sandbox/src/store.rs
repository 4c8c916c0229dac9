//! The sandbox's own table. Nothing but this module knows a key.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue as Value, Put, ReturnValue, TransactWriteItem, Update},
};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::{
    BoxError,
    checkout::Cart,
    node::{Delivery, Position, StoredReceipt},
};

/// What the sandbox keeps after a cart is over, so that a late click still finds its way back.
const CART_SECONDS: i64 = 24 * 3600;
/// Receipts and paid positions: long enough for a demonstration, not for ever.
const RECEIPT_SECONDS: i64 = 90 * 24 * 3600;
/// A receipt's item must stay small, however often it is delivered.
const MAX_DELIVERIES: usize = 200;
/// How often a transaction is tried while another holds one of its items.
const TRANSACTIONS: usize = 3;

pub(crate) struct Store {
    client: Client,
    table: String,
}

/// A write on a version that is no longer the present one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Saved {
    Done,
    Conflict,
}

/// What the Node says to a further attempt at one notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Session {
    /// Nothing stands in the way.
    Free,
    /// A token lives.
    InProgress(Holder),
    Paid(Holder),
}

/// Whose session it is, under which token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Who opened it: a cart, or a payment at a counter.
    pub(crate) by: String,
    pub(crate) token: String,
}

/// A receipt with what happened to it.
pub(crate) struct Logged {
    pub(crate) receipt: StoredReceipt,
    /// The very bytes that were sent, and will be sent again.
    pub(crate) xml: String,
    pub(crate) notified: bool,
    pub(crate) deliveries: Vec<Delivery>,
    /// The one message that comes again until the receipt is notified.
    pub(crate) carrier: Option<String>,
}

/// A receipt to be stored: its bytes, and the position that it pays. `None` for a receipt without a session.
pub(crate) type NewReceipt = (StoredReceipt, String, Option<Position>);

impl Store {
    pub(crate) fn new(aws: &SdkConfig, table: String) -> Self {
        Self { client: Client::new(aws), table }
    }

    /// One put. Nobody else has this id: where it is there, an answer was lost.
    pub(crate) async fn add_cart(&self, cart: &Cart, now: Timestamp) -> Result<(), BoxError> {
        let request = self.client.put_item().table_name(&self.table).set_item(Some(cart_item(cart, now)?));
        conflict(request.condition_expression("attribute_not_exists(PK)").send().await)?;
        Ok(())
    }

    /// One strong get.
    pub(crate) async fn cart(&self, id: &str) -> Result<Option<Cart>, BoxError> {
        let item = self.get(&format!("CART#{id}"), "CART").await?;
        item.map(|item| data(&item)).transpose()
    }

    /// One conditional put: a cart changes only from the version that was read. Raises the version.
    pub(crate) async fn save_cart(&self, cart: &mut Cart, now: Timestamp) -> Result<Saved, BoxError> {
        let read = cart.version;
        cart.version += 1;
        let request = self.client.put_item().table_name(&self.table).set_item(Some(cart_item(cart, now)?));
        let request = request.condition_expression("version = :read");
        conflict(request.expression_attribute_values(":read", number(read)).send().await)
    }

    /// Opens a payment session: one conditional update; a strong get tells why not. What is told is the session that
    /// stands now, ours or another's.
    pub(crate) async fn open_session(
        &self,
        position: &Position,
        ours: Holder,
        seconds: i64,
        now: Timestamp,
    ) -> Result<Session, BoxError> {
        let expires = now.as_second() + seconds;
        let request =
            self.client.update_item().table_name(&self.table).set_key(Some(key(&position_key(position), "POSITION")));
        let opened = conflict(
            request
                .update_expression("SET #token = :token, #by = :by, expires_at = :expires, #ttl = :ttl")
                .condition_expression(
                    "attribute_not_exists(PK) OR (attribute_not_exists(paid_by) AND expires_at < :now)",
                )
                .expression_attribute_names("#token", "token")
                .expression_attribute_names("#by", "by")
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":token", text(&ours.token))
                .expression_attribute_values(":by", text(&ours.by))
                .expression_attribute_values(":expires", number(expires))
                .expression_attribute_values(":now", number(now.as_second()))
                .expression_attribute_values(":ttl", number(now.as_second() + RECEIPT_SECONDS))
                .send()
                .await,
        )?;
        match opened {
            Saved::Done => Ok(Session::InProgress(ours)),
            Saved::Conflict => self.session(position, now).await,
        }
    }

    /// What the Node knows of a notice: one strong get.
    pub(crate) async fn session(&self, position: &Position, now: Timestamp) -> Result<Session, BoxError> {
        let Some(item) = self.get(&position_key(position), "POSITION").await? else { return Ok(Session::Free) };
        let string = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
        let holder = Holder { by: string("by"), token: string("token") };
        let expires = item.get("expires_at").and_then(|value| value.as_n().ok()?.parse::<i64>().ok()).unwrap_or(0);
        Ok(match (item.contains_key("paid_by"), expires < now.as_second()) {
            (true, _) => Session::Paid(holder),
            (false, true) => Session::Free,
            (false, false) => Session::InProgress(holder),
        })
    }

    /// Ends a session without a payment: one conditional update; a session that is no longer ours stays as it is.
    pub(crate) async fn close_session(&self, position: &Position, token: &str) -> Result<(), BoxError> {
        let request =
            self.client.update_item().table_name(&self.table).set_key(Some(key(&position_key(position), "POSITION")));
        conflict(
            request
                .update_expression("SET expires_at = :never")
                .condition_expression("#token = :token AND attribute_not_exists(paid_by)")
                .expression_attribute_names("#token", "token")
                .expression_attribute_values(":token", text(token))
                .expression_attribute_values(":never", number(0))
                .send()
                .await,
        )?;
        Ok(())
    }

    /// Receipts, paid positions and the cart, if there is one, in its new state: one transaction, all or nothing. The cart
    /// is the version that was read; so a cart says that it is paid if and only if its receipts are there.
    pub(crate) async fn add_receipts(
        &self,
        receipts: &[NewReceipt],
        cart: Option<&Cart>,
        now: Timestamp,
    ) -> Result<Saved, BoxError> {
        let mut items = Vec::new();
        if let Some(read) = cart {
            let paid = Cart { version: read.version + 1, ..read.clone() };
            let put = Put::builder().table_name(&self.table).set_item(Some(cart_item(&paid, now)?));
            let put = put.condition_expression("version = :read");
            let put = put.expression_attribute_values(":read", number(read.version)).build()?;
            items.push(TransactWriteItem::builder().put(put).build());
        }
        for (receipt, xml, position) in receipts {
            let item = receipt_item(receipt, xml, now)?;
            let put = Put::builder().table_name(&self.table).set_item(Some(item));
            let put = put.condition_expression("attribute_not_exists(PK)").build()?;
            items.push(TransactWriteItem::builder().put(put).build());
            if let Some(position) = position {
                let update = Update::builder()
                    .table_name(&self.table)
                    .set_key(Some(key(&position_key(position), "POSITION")))
                    .update_expression("SET paid_by = :token")
                    .condition_expression("#token = :token AND attribute_not_exists(paid_by)")
                    .expression_attribute_names("#token", "token")
                    .expression_attribute_values(":token", text(&receipt.id))
                    .build()?;
                items.push(TransactWriteItem::builder().update(update).build());
            }
        }
        for _ in 0..TRANSACTIONS {
            let sent = self.client.transact_write_items().set_transact_items(Some(items.clone())).send().await;
            match sent.map_err(SdkError::into_service_error) {
                Ok(_) => return Ok(Saved::Done),
                Err(TransactWriteItemsError::TransactionCanceledException(why)) => {
                    let held = |code: Option<&str>| code == Some("TransactionConflict");
                    if !why.cancellation_reasons().iter().any(|reason| held(reason.code())) {
                        return Ok(Saved::Conflict);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err("other transactions hold the position".into())
    }

    /// One strong get.
    pub(crate) async fn receipt(&self, id: &str) -> Result<Option<Logged>, BoxError> {
        let item = self.get("RECEIPT", id).await?;
        item.map(|item| logged(&item)).transpose()
    }

    /// The newest first, older than `before`: one query.
    pub(crate) async fn receipts(&self, before: Option<&str>, limit: i32) -> Result<Vec<Logged>, BoxError> {
        let before = before.unwrap_or("~"); // sorts after every id
        let request =
            self.client.query().table_name(&self.table).scan_index_forward(false).limit(limit).consistent_read(true);
        let answer = request
            .key_condition_expression("PK = :receipts AND SK < :before")
            .expression_attribute_values(":receipts", text("RECEIPT"))
            .expression_attribute_values(":before", text(before))
            .send()
            .await?;
        answer.items().iter().map(logged).collect()
    }

    /// One update: what a delivery was answered. A final answer makes the receipt notified, for ever. The first message
    /// that brought a receipt carries it from then on: its id, where there is one.
    pub(crate) async fn log_delivery(
        &self,
        id: &str,
        delivery: &Delivery,
        message: Option<&str>,
    ) -> Result<Option<String>, BoxError> {
        let state = if delivery.is_final() { ", #state = :notified" } else { "" };
        let carrier = if message.is_some() { ", carrier = if_not_exists(carrier, :message)" } else { "" };
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key("RECEIPT", id)))
            .update_expression(format!("SET deliveries = list_append(deliveries, :delivery){carrier}{state}"))
            .return_values(ReturnValue::UpdatedNew)
            .condition_expression("size(deliveries) < :most")
            .expression_attribute_values(":delivery", Value::L(vec![text(&serde_json::to_string(delivery)?)]))
            .expression_attribute_values(":most", number(i64::try_from(MAX_DELIVERIES)?));
        if delivery.is_final() {
            request = request
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(":notified", text(NOTIFIED));
        }
        if let Some(message) = message {
            request = request.expression_attribute_values(":message", text(message));
        }
        match request.send().await {
            Ok(updated) => Ok(updated.attributes().and_then(|item| item.get("carrier")?.as_s().ok().cloned())),
            Err(error) => conflict(Err::<(), _>(error)).map(|_| None), // the log is full
        }
    }

    async fn get(&self, pk: &str, sk: &str) -> Result<Option<Item>, BoxError> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key(pk, sk)));
        Ok(request.consistent_read(true).send().await?.item)
    }
}

type Item = HashMap<String, Value>;

const NOTIFIED: &str = "NOTIFIED";
const PENDING: &str = "PENDING";

fn text(value: &str) -> Value {
    Value::S(value.to_owned())
}

fn number(value: i64) -> Value {
    Value::N(value.to_string())
}

fn key(pk: &str, sk: &str) -> Item {
    HashMap::from([("PK".to_owned(), text(pk)), ("SK".to_owned(), text(sk))])
}

fn position_key(position: &Position) -> String {
    format!("POSITION#{}#{}", position.creditor, position.number)
}

fn cart_item(cart: &Cart, now: Timestamp) -> Result<Item, BoxError> {
    let mut item = key(&format!("CART#{}", cart.id), "CART");
    item.insert("version".to_owned(), number(cart.version));
    item.insert("data".to_owned(), text(&serde_json::to_string(cart)?));
    item.insert("ttl".to_owned(), number(now.as_second() + CART_SECONDS));
    Ok(item)
}

fn receipt_item(receipt: &StoredReceipt, xml: &str, now: Timestamp) -> Result<Item, BoxError> {
    let mut item = key("RECEIPT", &receipt.id);
    item.insert("data".to_owned(), text(&serde_json::to_string(receipt)?));
    item.insert("xml".to_owned(), text(xml));
    item.insert("state".to_owned(), text(PENDING));
    item.insert("deliveries".to_owned(), Value::L(Vec::new()));
    item.insert("ttl".to_owned(), number(now.as_second() + RECEIPT_SECONDS));
    Ok(item)
}

fn logged(item: &Item) -> Result<Logged, BoxError> {
    let string =
        |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str).unwrap_or_default();
    let deliveries = item.get("deliveries").and_then(|value| value.as_l().ok()).map(Vec::as_slice).unwrap_or_default();
    Ok(Logged {
        receipt: data(item)?,
        xml: string("xml").to_owned(),
        notified: string("state") == NOTIFIED,
        deliveries: deliveries
            .iter()
            .filter_map(|value| value.as_s().ok())
            .map(|json| serde_json::from_str(json))
            .collect::<Result<_, _>>()?,
        carrier: item.get("carrier").and_then(|value| value.as_s().ok().cloned()),
    })
}

fn data<T: DeserializeOwned>(item: &Item) -> Result<T, BoxError> {
    let json = item.get("data").and_then(|value| value.as_s().ok()).ok_or("an item without data")?;
    Ok(serde_json::from_str(json)?)
}

/// A condition that did not hold is an answer, not an error.
fn conflict<T, E, R>(sent: Result<T, SdkError<E, R>>) -> Result<Saved, BoxError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match sent {
        Ok(_) => Ok(Saved::Done),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(Saved::Conflict),
        Err(error) => Err(error.into()),
    }
}
