//! The official schema as data, and one walk that says where a message departs from it.
//!
//! Strict readers refuse any departure, the lenient reader of receipts reports them (DESIGN 5).
//! Source: `paForNode.xsd` and `sac-common-types-1.0.xsd`, SANP 3.12.0.

use std::fmt;

use crate::{simple::Simple, xml::Element};

/// What may stand in an element.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    Value(Simple),
    Children(&'static [Particle]),
}

/// One place in an `xsd:sequence`: an element, or a choice of elements, so many times.
#[derive(Debug)]
pub(crate) struct Particle {
    names: &'static [(&'static str, Content)],
    min: usize,
    max: usize,
}

/// A departure from the schema. It names elements and never shows a value, so it can be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// Element names from the message's root down: `receipt/transferList/transfer/IBAN`.
    pub path: String,
    pub what: Departure,
}

/// How an element departs from the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Departure {
    /// A mandatory element is not there.
    Missing,
    /// The schema has no such element here.
    Unknown,
    /// More often than allowed, or beside its alternative.
    Repeated,
    /// Known here, but not at this place in the order.
    Misplaced,
    /// The text is no value of its type (an empty optional element is one case).
    Value,
    /// Text between elements, or elements inside a value.
    Mixed,
    /// The schema has no attributes in the payload.
    Attribute,
    /// Children must be unqualified.
    Namespace,
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, what } = self;
        match what {
            Departure::Missing => write!(f, "{path} is missing"),
            Departure::Unknown => write!(f, "{path} is not in the schema"),
            Departure::Repeated => write!(f, "{path} comes too often"),
            Departure::Misplaced => write!(f, "{path} is out of order"),
            Departure::Value => write!(f, "{path} is not of its type"),
            Departure::Mixed => write!(f, "{path} mixes text and elements"),
            Departure::Attribute => write!(f, "{path} has an attribute"),
            Departure::Namespace => write!(f, "{path} is in a namespace"),
        }
    }
}

/// Enough to see what is wrong; a hostile message may have thousands.
const MAX_DEVIATIONS: usize = 50;
/// An unknown element's name is the sender's text.
const MAX_NAME: usize = 64;

/// Every departure of an element's content from what the schema says, in document order, the first fifty.
pub(crate) fn deviations(root: &Element, content: Content) -> Vec<Deviation> {
    let mut walk = Walk { path: Vec::new(), found: Vec::new() };
    walk.element(root, content);
    walk.found
}

struct Walk {
    path: Vec<String>,
    found: Vec<Deviation>,
}

impl Walk {
    fn report(&mut self, what: Departure, name: Option<&str>) {
        if self.found.len() < MAX_DEVIATIONS {
            let name = name.map(|name| name.chars().take(MAX_NAME).collect::<String>());
            let path = self.path.iter().cloned().chain(name).collect::<Vec<_>>().join("/");
            self.found.push(Deviation { path, what });
        }
    }

    fn element(&mut self, element: &Element, content: Content) {
        if element.attributed {
            self.report(Departure::Attribute, None);
        }
        match content {
            Content::Value(_) if !element.children.is_empty() => self.report(Departure::Mixed, None),
            Content::Value(simple) if !simple.accepts(&element.text) => self.report(Departure::Value, None),
            Content::Value(_) => {}
            Content::Children(sequence) => self.sequence(element, sequence),
        }
    }

    fn sequence(&mut self, element: &Element, sequence: &'static [Particle]) {
        if !crate::simple::collapse(&element.text).is_empty() {
            self.report(Departure::Mixed, None);
        }
        let mut counts = vec![0_usize; sequence.len()];
        let mut furthest = 0;
        for child in &element.children {
            let place = sequence.iter().enumerate().find_map(|(at, particle)| {
                let (_, content) = particle.names.iter().find(|(name, _)| *name == child.name)?;
                Some((at, particle, *content))
            });
            let Some((at, particle, content)) = place else {
                self.report(Departure::Unknown, Some(&child.name));
                continue;
            };
            if child.namespace.is_some() {
                self.report(Departure::Namespace, Some(&child.name));
            }
            counts[at] += 1;
            match counts[at] > particle.max {
                true => self.report(Departure::Repeated, Some(&child.name)),
                false if at < furthest => self.report(Departure::Misplaced, Some(&child.name)),
                false => {}
            }
            furthest = furthest.max(at);
            self.path.push(child.name.clone());
            self.element(child, content);
            self.path.pop();
        }
        for (particle, count) in sequence.iter().zip(counts) {
            if count < particle.min {
                self.report(Departure::Missing, Some(particle.names[0].0));
            }
        }
    }
}

macro_rules! sequence {
    ($($(#[$doc:meta])* $name:ident = [$($particle:expr),+ $(,)?];)+) => {$(
        $(#[$doc])*
        pub(crate) static $name: &[Particle] = &[$($particle),+];
    )+};
}

macro_rules! one {
    ($name:literal, $content:expr) => {
        Particle { names: &[($name, $content)], min: 1, max: 1 }
    };
}

macro_rules! optional {
    ($name:literal, $content:expr) => {
        Particle { names: &[($name, $content)], min: 0, max: 1 }
    };
}

macro_rules! many {
    ($name:literal, $content:expr, $max:literal) => {
        Particle { names: &[($name, $content)], min: 1, max: $max }
    };
}

macro_rules! choice {
    ($($name:literal, $content:expr);+) => {
        Particle { names: &[$(($name, $content)),+], min: 1, max: 1 }
    };
}

const fn text(max: usize) -> Content {
    Content::Value(Simple::Text { min: 1, max })
}
const ANY_TEXT: Content = Content::Value(Simple::AnyText);
const ENTITY: Content = Content::Value(Simple::Digits(11));
const NOTICE_NUMBER: Content = Content::Value(Simple::Digits(18));
const AMOUNT: Content = Content::Value(Simple::Amount);
const AMOUNT_NOT_ZERO: Content = Content::Value(Simple::AmountNotZero);
const DATE: Content = Content::Value(Simple::Date);
const DATE_TIME: Content = Content::Value(Simple::DateTime);
const BOOLEAN: Content = Content::Value(Simple::Boolean);
const OUTCOME: Content = Content::Value(Simple::OneOf(&["OK", "KO"]));
const BASE64: Content = Content::Value(Simple::Base64);
const FIVE: Content = Content::Value(Simple::Text { min: 5, max: 5 });
const fn of(sequence: &'static [Particle]) -> Content {
    Content::Children(sequence)
}

sequence! {
    QR_CODE = [one!("fiscalCode", ENTITY), one!("noticeNumber", NOTICE_NUMBER)];
    UNIQUE_IDENTIFIER = [
        one!("entityUniqueIdentifierType", Content::Value(Simple::OneOf(&["F", "G"]))),
        one!("entityUniqueIdentifierValue", Content::Value(Simple::Text { min: 2, max: 16 })),
    ];
    SUBJECT = [
        one!("uniqueIdentifier", of(UNIQUE_IDENTIFIER)),
        one!("fullName", text(70)),
        optional!("streetName", text(70)),
        optional!("civicNumber", text(16)),
        optional!("postalCode", text(16)),
        optional!("city", text(35)),
        optional!("stateProvinceRegion", text(35)),
        optional!("country", Content::Value(Simple::TwoLetters)),
        optional!("e-mail", Content::Value(Simple::Email)),
    ];
    MAP_ENTRY = [one!("key", text(140)), one!("value", text(140))];
    METADATA = [many!("mapEntry", of(MAP_ENTRY), 15)];
    FAULT = [
        one!("faultCode", ANY_TEXT),
        one!("faultString", ANY_TEXT),
        one!("id", ANY_TEXT),
        optional!("description", ANY_TEXT),
        optional!("serial", Content::Value(Simple::Int)),
        optional!("originalFaultCode", ANY_TEXT),
        optional!("originalFaultString", ANY_TEXT),
        optional!("originalDescription", ANY_TEXT),
    ];

    VERIFY_REQ = [
        one!("idPA", text(35)), one!("idBrokerPA", text(35)), one!("idStation", text(35)), one!("qrCode", of(QR_CODE)),
    ];
    PAYMENT_OPTION = [
        one!("amount", AMOUNT_NOT_ZERO),
        one!("options", Content::Value(Simple::OneOf(&["EQ", "LS", "GT", "ANY"]))),
        optional!("dueDate", DATE),
        optional!("detailDescription", text(140)),
        one!("allCCP", BOOLEAN),
    ];
    PAYMENT_LIST = [one!("paymentOptionDescription", of(PAYMENT_OPTION))];
    VERIFY_RES = [
        one!("outcome", OUTCOME),
        optional!("fault", of(FAULT)),
        optional!("paymentList", of(PAYMENT_LIST)),
        optional!("paymentDescription", text(140)),
        optional!("fiscalCodePA", ENTITY),
        optional!("companyName", text(140)),
        optional!("officeName", text(140)),
    ];

    /// The same for both versions.
    GET_PAYMENT_REQ = [
        one!("idPA", text(35)),
        one!("idBrokerPA", text(35)),
        one!("idStation", text(35)),
        one!("qrCode", of(QR_CODE)),
        optional!("amount", AMOUNT),
        optional!("paymentNote", text(210)),
        optional!("transferType", Content::Value(Simple::OneOf(&["POSTAL", "PAGOPA"]))),
        optional!("dueDate", DATE),
    ];
    TRANSFER_V1 = [
        one!("idTransfer", Content::Value(Simple::IdTransfer)),
        one!("transferAmount", AMOUNT_NOT_ZERO),
        one!("fiscalCodePA", ENTITY),
        one!("IBAN", text(35)),
        one!("remittanceInformation", text(140)),
        one!("transferCategory", text(140)),
        optional!("metadata", of(METADATA)),
    ];
    TRANSFER_LIST_V1 = [many!("transfer", of(TRANSFER_V1), 5)];
    STAMP_REQUEST = [
        one!("hashDocumento", Content::Value(Simple::ShortBase64)),
        one!("tipoBollo", Content::Value(Simple::OneOf(&["01"]))),
        one!("provinciaResidenza", Content::Value(Simple::TwoLetters)),
    ];
    TRANSFER_V2 = [
        one!("idTransfer", Content::Value(Simple::IdTransfer)),
        one!("transferAmount", AMOUNT_NOT_ZERO),
        one!("fiscalCodePA", ENTITY),
        optional!("companyName", text(140)),
        choice!("IBAN", text(35); "richiestaMarcaDaBollo", of(STAMP_REQUEST)),
        one!("remittanceInformation", text(140)),
        one!("transferCategory", text(140)),
        optional!("metadata", of(METADATA)),
    ];
    TRANSFER_LIST_V2 = [many!("transfer", of(TRANSFER_V2), 5)];
    PAYMENT_V1 = [
        one!("creditorReferenceId", text(35)),
        one!("paymentAmount", AMOUNT_NOT_ZERO),
        one!("dueDate", DATE),
        optional!("retentionDate", DATE_TIME),
        optional!("lastPayment", BOOLEAN),
        one!("description", text(140)),
        optional!("companyName", text(140)),
        optional!("officeName", text(140)),
        one!("debtor", of(SUBJECT)),
        one!("transferList", of(TRANSFER_LIST_V1)),
        optional!("metadata", of(METADATA)),
    ];
    PAYMENT_V2 = [
        one!("creditorReferenceId", text(35)),
        one!("paymentAmount", AMOUNT_NOT_ZERO),
        one!("dueDate", DATE),
        optional!("retentionDate", DATE_TIME),
        optional!("lastPayment", BOOLEAN),
        one!("description", text(140)),
        one!("companyName", text(140)),
        optional!("officeName", text(140)),
        one!("debtor", of(SUBJECT)),
        one!("transferList", of(TRANSFER_LIST_V2)),
        optional!("metadata", of(METADATA)),
    ];
    GET_PAYMENT_RES_V1 = [
        one!("outcome", OUTCOME), optional!("fault", of(FAULT)), optional!("data", of(PAYMENT_V1)),
    ];
    GET_PAYMENT_RES_V2 = [
        one!("outcome", OUTCOME), optional!("fault", of(FAULT)), optional!("data", of(PAYMENT_V2)),
    ];

    RECEIPT_TRANSFER_V2 = [
        one!("idTransfer", Content::Value(Simple::IdTransfer)),
        one!("transferAmount", AMOUNT_NOT_ZERO),
        one!("fiscalCodePA", ENTITY),
        optional!("companyName", text(140)),
        choice!("IBAN", text(35); "MBDAttachment", BASE64),
        one!("remittanceInformation", text(140)),
        one!("transferCategory", text(140)),
        optional!("metadata", of(METADATA)),
    ];
    RECEIPT_TRANSFER_LIST_V2 = [many!("transfer", of(RECEIPT_TRANSFER_V2), 5)];
    RECEIPT_V1 = [
        one!("receiptId", ANY_TEXT),
        one!("noticeNumber", NOTICE_NUMBER),
        one!("fiscalCode", ENTITY),
        one!("outcome", OUTCOME),
        one!("creditorReferenceId", text(35)),
        one!("paymentAmount", AMOUNT),
        one!("description", text(140)),
        one!("companyName", text(140)),
        optional!("officeName", text(140)),
        one!("debtor", of(SUBJECT)),
        one!("transferList", of(TRANSFER_LIST_V1)),
        one!("idPSP", text(35)),
        optional!("pspFiscalCode", text(70)),
        optional!("pspPartitaIVA", text(20)),
        one!("PSPCompanyName", text(70)),
        one!("idChannel", text(35)),
        one!("channelDescription", text(35)),
        optional!("payer", of(SUBJECT)),
        optional!("paymentMethod", text(35)),
        optional!("fee", AMOUNT),
        optional!("paymentDateTime", DATE_TIME),
        optional!("applicationDate", DATE),
        optional!("transferDate", DATE),
        optional!("metadata", of(METADATA)),
        optional!("standIn", BOOLEAN),
    ];
    RECEIPT_V2 = [
        one!("receiptId", ANY_TEXT),
        one!("noticeNumber", NOTICE_NUMBER),
        one!("fiscalCode", ENTITY),
        one!("outcome", OUTCOME),
        one!("creditorReferenceId", text(35)),
        one!("paymentAmount", AMOUNT),
        one!("description", text(140)),
        one!("companyName", text(140)),
        optional!("officeName", text(140)),
        one!("debtor", of(SUBJECT)),
        one!("transferList", of(RECEIPT_TRANSFER_LIST_V2)),
        one!("idPSP", text(35)),
        optional!("pspFiscalCode", text(70)),
        optional!("pspPartitaIVA", text(20)),
        one!("PSPCompanyName", text(70)),
        one!("idChannel", text(35)),
        one!("channelDescription", text(35)),
        optional!("payer", of(SUBJECT)),
        optional!("paymentMethod", text(35)),
        optional!("paymentNote", text(210)),
        optional!("fee", AMOUNT),
        optional!("primaryCiIncurredFee", AMOUNT),
        optional!("idBundle", text(70)),
        optional!("idCiBundle", text(70)),
        optional!("paymentDateTime", DATE_TIME),
        optional!("applicationDate", DATE),
        optional!("transferDate", DATE),
        optional!("metadata", of(METADATA)),
        optional!("standIn", BOOLEAN),
    ];
    SEND_RT_REQ_V1 = [
        one!("idPA", text(35)), one!("idBrokerPA", text(35)), one!("idStation", text(35)), one!("receipt", of(RECEIPT_V1)),
    ];
    SEND_RT_REQ_V2 = [
        one!("idPA", text(35)), one!("idBrokerPA", text(35)), one!("idStation", text(35)), one!("receipt", of(RECEIPT_V2)),
    ];
    SEND_RT_RES = [one!("outcome", OUTCOME), optional!("fault", of(FAULT))];

    DEMAND_REQ = [
        one!("idPA", text(35)),
        one!("idBrokerPA", text(35)),
        one!("idStation", text(35)),
        one!("idServizio", FIVE),
        one!("idSoggettoServizio", FIVE),
        one!("datiSpecificiServizioRequest", BASE64),
    ];
    DEMAND_RES = [
        one!("outcome", OUTCOME),
        optional!("fault", of(FAULT)),
        optional!("qrCode", of(QR_CODE)),
        optional!("paymentList", of(PAYMENT_LIST)),
        optional!("paymentDescription", text(140)),
        optional!("fiscalCodePA", ENTITY),
        optional!("companyName", text(140)),
        optional!("officeName", text(140)),
    ];
}
