//! Receipts: durable, with their notice, in one transaction, before the Node hears OK.

use std::io::{Read, Write};

use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{Cause, Change, EntityCode, Oddity, Receipt, ReceiptId, Received, Slot};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use jiff::Timestamp;
use mutants::{Mutant, mutated};
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    key::{Key, ReceiptKind, hex},
    table::{Committed, If, Item, With, Written, body, item, text},
};

/// A receipt as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredReceipt {
    pub receipt: Receipt,
    pub oddities: Vec<Oddity>,
    pub received_at: Timestamp,
    /// Set when the school must be told of an oddity.
    pub odd: Option<Cause>,
    /// SHA-256 of the delivered bytes, hexadecimal.
    pub sha256: String,
}

/// How the delivery of a receipt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    Done,
    /// This very receipt is here already: `PAA_RECEIPT_DUPLICATA`.
    Known,
    /// Somebody else wrote the notice: read it and decide again.
    NoticeMoved,
}

/// A DynamoDB item holds 400 KB: raw bytes above this go into items beside it, in the same transaction.
const PART_BYTES: usize = 300 * 1024;

impl Store {
    /// Writes a receipt and what it does to its notice. 1 transaction; `slot` is what `received` was decided on.
    pub async fn record(
        &self,
        receipt: &Receipt,
        raw: &[u8],
        slot: &Slot,
        received: &Received,
        cause: &Cause,
    ) -> Result<Recorded, StoreError> {
        let mut writes = Vec::new();
        for item in self.receipt_items(&ReceiptKind::of(receipt), receipt, raw, &received.oddities, cause)? {
            writes.push(self.table.putting(item, If::Absent)?);
        }
        let condition = match slot {
            _ if mutated(Mutant::SettleUnconditional) => If::Always,
            Slot::Free => If::Absent,
            Slot::Issued(notice) => If::Version(notice.version),
            Slot::UnknownPaid(quarantine) => If::Version(quarantine.version),
        };
        match &received.change {
            Change::None => {}
            _ if mutated(Mutant::ReceiptWithoutNotice) => {}
            Change::Settle(notice) => writes.push(self.table.putting(self.notice_item(notice)?, condition)?),
            Change::Quarantine(quarantine) => {
                writes.push(self.table.putting(self.quarantine_item(quarantine)?, condition)?)
            }
        }
        match self.table.transact(writes).await? {
            Committed::Done => Ok(Recorded::Done),
            Committed::Conflict => Ok(Recorded::NoticeMoved),
            // The first item is the receipt: only its presence means that it is known.
            Committed::Failed(failed) if failed.first() == Some(&true) => Ok(Recorded::Known),
            Committed::Failed(_) => Ok(Recorded::NoticeMoved),
        }
    }

    /// A known receipt id came with other money fields: kept once per content, and the school is told.
    pub async fn record_conflict(&self, receipt: &Receipt, raw: &[u8], cause: &Cause) -> Result<Written, StoreError> {
        let digest = hex(digest(&SHA256, receipt.money.as_bytes()).as_ref());
        let kind = ReceiptKind::Conflicting(digest[..16].to_owned());
        let mut writes = Vec::new();
        for item in self.receipt_items(&kind, receipt, raw, &[Oddity::OtherMoney], cause)? {
            writes.push(self.table.putting(item, If::Absent)?);
        }
        self.commit(writes).await
    }

    /// The receipt of the same kind (settling, outcome KO, secondary beneficiary's copy) and id. 1 GetItem (strong).
    pub async fn known_receipt(&self, receipt: &Receipt) -> Result<Option<StoredReceipt>, StoreError> {
        let key = Key::Receipt(&receipt.addressee, &receipt.id, &ReceiptKind::of(receipt), 0);
        self.table.get(&key).await?.map(body).transpose()
    }

    /// The settling receipt with this id. 1 GetItem (strong).
    pub async fn receipt(&self, school: &EntityCode, id: &ReceiptId) -> Result<Option<StoredReceipt>, StoreError> {
        self.table.get(&Key::Receipt(school, id, &ReceiptKind::Settling, 0)).await?.map(body).transpose()
    }

    /// A receipt item by the key that its effect carries. 1 GetItem (strong).
    pub async fn receipt_by_key(&self, key: &str) -> Result<Option<StoredReceipt>, StoreError> {
        let (pk, sk) = key.rsplit_once('|').ok_or(StoreError::Corrupt("a receipt's key"))?;
        let answer = self
            .table
            .db
            .get_item()
            .table_name(&self.table.name)
            .key("PK", text(pk))
            .key("SK", text(sk))
            .consistent_read(true)
            .send()
            .await?;
        answer.item.map(body).transpose()
    }

    /// The delivered bytes of a receipt, byte for byte. 1 Query (strong).
    pub async fn raw_receipt(&self, school: &EntityCode, id: &ReceiptId) -> Result<Option<Vec<u8>>, StoreError> {
        let (pk, head) = Key::Receipt(school, id, &ReceiptKind::Settling, 0).pair();
        let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
        for item in self.table.query(pk, &head).await? {
            let sk = item.get("SK").and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
            if let Some(AttributeValue::B(raw)) = item.get("raw") {
                parts.push((sk, raw.clone().into_inner()));
            }
        }
        if parts.is_empty() {
            return Ok(None);
        }
        // "OK" sorts before "OK#RAW#1", "OK#RAW#2", …: at most four of them.
        parts.sort();
        let sealed: Vec<u8> = parts.into_iter().flat_map(|(_, bytes)| bytes).collect();
        let deflated = self.vault()?.open(school.as_str(), &sealed)?;
        let mut raw = Vec::new();
        DeflateDecoder::new(deflated.as_slice())
            .read_to_end(&mut raw)
            .map_err(|_| StoreError::Corrupt("a receipt's raw bytes"))?;
        Ok(Some(raw))
    }

    fn receipt_items(
        &self,
        kind: &ReceiptKind,
        receipt: &Receipt,
        raw: &[u8],
        oddities: &[Oddity],
        cause: &Cause,
    ) -> Result<Vec<Item>, StoreError> {
        let raw = if mutated(Mutant::RawCut) { &raw[..raw.len() / 2] } else { raw };
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        let deflated = encoder
            .write_all(raw)
            .and_then(|()| encoder.finish())
            .map_err(|_| StoreError::Corrupt("a receipt does not deflate"))?;
        // The bytes name the debtor: sealed with the school's key.
        let sealed = self.vault()?.seal(receipt.addressee.as_str(), &deflated)?;
        let stored = StoredReceipt {
            receipt: receipt.clone(),
            oddities: oddities.to_vec(),
            received_at: cause.at,
            odd: (!oddities.is_empty()).then(|| cause.clone()),
            sha256: hex(digest(&SHA256, raw).as_ref()),
        };
        let mut items = Vec::new();
        for (index, part) in sealed.chunks(PART_BYTES).enumerate() {
            let raw = AttributeValue::B(Blob::new(part));
            let key = Key::Receipt(&receipt.addressee, &receipt.id, kind, index);
            items.push(match index {
                0 => item(&key, &stored)?.with("kind", text("receipt")).with("raw", raw),
                _ => {
                    #[derive(Serialize)]
                    struct Part {}
                    item(&key, &Part {})?.with("raw", raw)
                }
            });
        }
        Ok(items)
    }
}
