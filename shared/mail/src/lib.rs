//! What the mails say. Each mail is a struct of the facts it tells; `render` gives its subject, text and HTML.
//!
//! Invariants: no mail has a link but to our own [`Origin`], nor anything that tells whether it was read; a pupil is
//! a first name, never a codice fiscale; no text of others can break a header, become markup or look like a link.

mod account;
mod discreet;
mod letter;
mod link;
mod notices;
mod school;

pub use account::{
    AccountCreated, AddressChanged, ConfirmRegistration, PasswordChanged, ProvisionalPassword, RecoverUsername,
    ResetPassword, WhichAddress,
};
pub use letter::{Mail, Message};
pub use link::{Link, Origin, OriginError};
pub use notices::{NewNotice, PaymentDone, PupilLinked};
pub use school::OddReceipt;
