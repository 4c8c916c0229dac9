//! The Node: it owns payment sessions, asks the station, builds receipts and delivers them until they are answered.

mod deliver;
mod fault;
mod receipt;
mod session;
mod station;

pub(crate) use deliver::{Delivery, deliver_batch, deliver_copies, enqueue};
pub(crate) use fault::NodeFault;
pub(crate) use receipt::{Paid, Source, StoredReceipt, wire};
pub(crate) use session::{Opened, activate, check, close, open, paid_by};
pub(crate) use station::{Activation, Station};

use domain::NoticeNumber;
use serde::{Deserialize, Serialize};

/// A notice as the Node knows it: the creditor's fiscal code and the number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) creditor: String,
    pub(crate) number: NoticeNumber,
}
