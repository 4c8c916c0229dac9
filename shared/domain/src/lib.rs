//! The rules of school payments: pure, without I/O, AWS, HTTP, XML or a clock.
//!
//! A rule about one word of the field is in the file of that name: the notice number's check digits in
//! `notice_number`, what a receipt does to a notice in `notice`, what a change makes us send in `effects`.

mod cart;
mod contact;
mod effects;
mod entity_code;
mod euro;
mod field_error;
mod fiscal_code;
mod ids;
mod language;
mod notice;
mod notice_number;
mod password;
mod person;
mod personal;
mod receipt;
mod registration;
mod school;

pub use cart::{Cart, CartFull, Dropped, NoticeKey, Review, Why};
pub use contact::{EmailAddress, Name, TextError, Username, searchable};
pub use effects::{Cause, Effect, Image, Urgency, What, effects};
pub use entity_code::{EntityCode, EntityCodeError};
pub use euro::{Euro, EuroError};
pub use field_error::{Errors, FieldError};
pub use fiscal_code::{FiscalCode, FiscalCodeError, Sex};
pub use ids::{AttemptId, CauseId, IdError, PersonId, PupilId, RegistrationId, SessionId};
pub use language::Language;
pub use notice::{
    Change, Notice, NoticeState, Order, Quarantine, Received, Refusal, Settlement, Slot, Status, read_date,
};
pub use notice_number::{Iuv, IuvBase, NoticeNumber, NumberError, SegregationCode};
pub use password::{MAX_CHARACTERS, PasswordRule};
pub use person::{
    Account, Consent, Details, Level, Link, Person, Provisional, Recover, Recovery, Role, SecretRef, Session, Stage,
    greeting,
};
pub use personal::Personal;
pub use receipt::{Oddity, Outcome, Receipt, ReceiptId, method_words};
pub use registration::{DetailsForm, Registration, Step, ticked};
pub use school::{Category, Pupil, School, school_year};
