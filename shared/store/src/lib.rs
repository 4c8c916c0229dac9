//! The table: the only crate that knows a key. Verbs of the domain outside, DynamoDB inside.
//!
//! A public method is one access pattern; its comment says round trips, capacity units, consistency, and what makes
//! a second run harmless. A write method writes state and nothing else: what the change causes is computed from it
//! (`domain::effects`), so that a change without its messages cannot be written.

mod claims;
mod error;
mod images;
mod key;
mod notices;
mod persons;
mod receipts;
mod registrations;
mod schools;
mod table;
mod vault;

pub use claims::{Claim, Ticket};
pub use error::StoreError;
pub use images::{KINDS, Walk, image, stream_image};
pub use notices::{Attempt, Command, Page};
pub use persons::{Created, Partition};
pub use receipts::{Recorded, StoredReceipt};
pub use registrations::{Begun, Spent, Subject};
pub use table::Written;
pub use vault::Vault;

/// The service's table, and the keys to what is sealed in it.
#[derive(Clone)]
pub struct Store {
    table: table::Table,
    vault: Option<Vault>,
}

impl Store {
    pub fn new(aws: &aws_types::SdkConfig, table: String, vault: Option<Vault>) -> Self {
        let db = aws_sdk_dynamodb::Client::new(aws);
        Self { table: table::Table { db, name: table }, vault }
    }

    fn vault(&self) -> Result<&Vault, StoreError> {
        self.vault.as_ref().ok_or(StoreError::NoKey)
    }
}
