//! Every key of the table is built here and nowhere else. ARCHITECTURE.md lists the access patterns.

use aws_lc_rs::digest::{SHA256, digest};
use domain::{
    AttemptId, EntityCode, NoticeNumber, Outcome, PersonId, PupilId, Receipt, ReceiptId, RegistrationId,
    SegregationCode, SessionId,
};
use mutants::{Mutant, mutated};

/// What one item is.
pub(crate) enum Key<'a> {
    Registration(&'a RegistrationId),
    /// By the digest of the token; points to its subject.
    Token(&'a str),
    /// A captcha's answer that was used.
    Spent(&'a str),
    /// By keyed digest: the marker that makes a fiscal code unique among users.
    FiscalCode(&'a str),
    /// By keyed digest.
    Username(&'a str),
    Person(&'a PersonId),
    Session(&'a PersonId, &'a SessionId),
    /// What this person does for a school.
    Role(&'a PersonId, &'a EntityCode),
    /// A guardian's link, in the person's partition …
    Link(&'a PersonId, &'a PupilId),
    /// … and its twin, with the pupil.
    Guardian(&'a PupilId, &'a PersonId),
    Consent(&'a PersonId),
    /// The history of consents: not read with each request.
    ConsentRecord(&'a PersonId, &'a str),
    Cart(&'a PersonId),
    School(&'a EntityCode),
    /// The twin of a role, with the school.
    Staff(&'a EntityCode, &'a PersonId),
    /// The next free base of a school's notice numbers.
    Numbers(&'a EntityCode, SegregationCode),
    Pupil(&'a PupilId),
    /// One notice, under the fiscal code it is asked by. Its own partition: the import of a region heats none.
    Notice(&'a EntityCode, &'a NoticeNumber),
    /// A command of a school with its idempotency key.
    Command(&'a EntityCode, &'a str),
    /// A receipt, as the protocol's idempotency asks: broadcast copies to two schools do not collide. Part 0 is
    /// the receipt; further parts hold raw bytes that are too many for one item.
    Receipt(&'a EntityCode, &'a ReceiptId, &'a ReceiptKind, usize),
    Attempt(&'a AttemptId),
    Claim(&'a str),
}

/// Only the receipt that settles occupies (idPA, receiptId): each other kind has a place of its own (CORE 1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReceiptKind {
    Settling,
    /// Outcome KO.
    Refused,
    /// The copy for a secondary beneficiary.
    Share,
    /// The same id with other money fields, by their digest.
    Conflicting(String),
}

impl ReceiptKind {
    pub(crate) fn of(receipt: &Receipt) -> Self {
        match (receipt.outcome, receipt.is_for_its_creditor()) {
            (Outcome::Ko, _) => Self::Refused,
            (Outcome::Ok, true) => Self::Settling,
            (Outcome::Ok, false) if mutated(Mutant::ShareSettles) => Self::Settling,
            (Outcome::Ok, false) => Self::Share,
        }
    }

    pub(crate) fn sort_key(&self) -> String {
        match self {
            Self::Settling => "OK".to_owned(),
            Self::Refused => "KO".to_owned(),
            Self::Share => "SHARE".to_owned(),
            Self::Conflicting(digest) => format!("COPY#{digest}"),
        }
    }
}

/// All that a signed-in request must know of a person stands under this one prefix (CORE 3.4).
pub(crate) const PERSON_PREFIX: &str = "R#";

impl Key<'_> {
    pub(crate) fn pair(&self) -> (String, String) {
        let pair = |pk: String, sk: &str| (pk, sk.to_owned());
        match self {
            Self::Registration(id) => pair(format!("REGISTRATION#{id}"), "REGISTRATION"),
            Self::Token(digest) => pair(format!("TOKEN#{digest}"), "TOKEN"),
            Self::Spent(key) => pair(format!("SPENT#{key}"), "SPENT"),
            Self::FiscalCode(lookup) => pair(format!("FISCALCODE#{lookup}"), "FISCALCODE"),
            Self::Username(lookup) => pair(format!("USERNAME#{lookup}"), "USERNAME"),
            Self::Person(id) => pair(person_partition(id), "R#PERSON"),
            Self::Session(person, id) => (person_partition(person), format!("R#SESSION#{id}")),
            Self::Role(person, school) => (person_partition(person), format!("R#ROLE#{school}")),
            Self::Link(person, pupil) => (person_partition(person), format!("R#LINK#{pupil}")),
            Self::Guardian(pupil, person) => (format!("PUPIL#{pupil}"), format!("GUARDIAN#{person}")),
            Self::Consent(person) => pair(person_partition(person), "R#CONSENT"),
            Self::ConsentRecord(person, at) => (person_partition(person), format!("CONSENT#{at}")),
            Self::Cart(person) => pair(person_partition(person), "R#CART"),
            Self::School(code) => pair(format!("SCHOOL#{code}"), "SCHOOL"),
            Self::Staff(code, person) => (format!("SCHOOL#{code}"), format!("STAFF#{person}")),
            Self::Numbers(code, segregation) => (format!("SCHOOL#{code}"), format!("NUMBERS#{segregation}")),
            Self::Pupil(id) => pair(format!("PUPIL#{id}"), "PUPIL"),
            Self::Notice(school, number) => pair(format!("NOTICE#{school}#{number}"), "NOTICE"),
            Self::Command(school, key) => pair(format!("COMMAND#{school}#{key}"), "COMMAND"),
            Self::Receipt(school, id, kind, 0) => (receipt_partition(school, id), kind.sort_key()),
            Self::Receipt(school, id, kind, part) => {
                (receipt_partition(school, id), format!("{}#RAW#{part}", kind.sort_key()))
            }
            Self::Attempt(id) => pair(format!("ATTEMPT#{id}"), "ATTEMPT"),
            Self::Claim(effect) => pair(format!("CLAIM#{effect}"), "CLAIM"),
        }
    }
}

pub(crate) fn person_partition(id: &PersonId) -> String {
    format!("PERSON#{id}")
}

fn receipt_partition(school: &EntityCode, id: &ReceiptId) -> String {
    // The schema puts no bound on the id, DynamoDB does on keys (CORE 1.4).
    let id = match id.0.len() {
        0..=100 => id.0.clone(),
        _ => format!("sha256-{}", hex(digest(&SHA256, id.0.as_bytes()).as_ref())),
    };
    format!("RECEIPT#{school}#{id}")
}

/// Index `by-pupil`: the notices of a pupil, by due date.
pub(crate) fn by_pupil(pupil: &PupilId) -> String {
    format!("PUPIL#{pupil}")
}

/// Index `by-school`: the notices of a school year, and the pupils.
pub(crate) fn by_school(school: &EntityCode, list: &str) -> String {
    format!("SCHOOL#{school}#{list}")
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
