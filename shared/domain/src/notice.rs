//! The payment notice ("avviso") and what may happen to it.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    Category, Cause, EntityCode, Errors, Euro, EuroError, FieldError, FiscalCode, Name, NoticeKey, NoticeNumber,
    Oddity, Outcome, Personal, Pupil, PupilId, Receipt, ReceiptId,
};

/// A notice that a school has issued to a pupil's family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub school: EntityCode,
    pub school_name: String,
    pub number: NoticeNumber,
    /// The condition of every update.
    pub version: u64,
    pub pupil: PupilId,
    pub pupil_name: Personal<Name>,
    pub pupil_surname: Personal<Name>,
    /// The debtor's code, for the Node; sealed in the table.
    pub pupil_fiscal_code: Personal<FiscalCode>,
    pub class: String,
    /// "Causale": what is paid, in the school's words.
    pub description: String,
    pub category: Category,
    pub amount: Euro,
    pub due: Date,
    pub issued_at: Timestamp,
    /// Why and when the family was told; `None` for a draft.
    pub notified: Option<Cause>,
    pub state: NoticeState,
}

/// Where a notice stands. An activation at the Node is an event, not a state: it locks nothing.
/// "Expired" is not stored: it is `due < today`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum NoticeState {
    Payable,
    Paid(Settlement),
    Cancelled { at: Timestamp, reason: String },
}

/// The receipt that settled a notice, and those that came after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    pub receipt: ReceiptId,
    /// Why and since when the family must be told.
    pub cause: Cause,
    /// What was paid. Stands beside the notice's own amount in one item, so it has a name of its own there.
    #[serde(rename = "paid_amount")]
    pub amount: Option<Euro>,
    #[serde(default)]
    pub oddities: Vec<Oddity>,
    /// Later receipts on the same notice, at most [`Settlement::FURTHER`] by name.
    #[serde(default)]
    pub further: Vec<ReceiptId>,
}

impl Settlement {
    /// A notice item must stay small; every receipt is an item of its own anyway.
    pub const FURTHER: usize = 20;
}

/// A number that we never issued and that was paid: in quarantine, never to be issued (CORE 1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    pub school: EntityCode,
    pub number: NoticeNumber,
    pub version: u64,
    pub settlement: Settlement,
}

/// What stands under a notice number of a school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    /// Never issued, never paid.
    Free,
    Issued(Box<Notice>),
    UnknownPaid(Box<Quarantine>),
}

/// Why the Node's question about a notice is answered with a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Unknown,
    AlreadyPaid,
    Cancelled,
}

impl Slot {
    /// Verify and activation: the notice with the amount due now, or the refusal. Paid goes before all else
    /// (pagoPA reference 4.8); a past due date blocks nothing: schools accept late payments.
    pub fn payable(&self) -> Result<&Notice, Refusal> {
        match self {
            Self::Free => Err(Refusal::Unknown),
            Self::UnknownPaid(_) => Err(Refusal::AlreadyPaid),
            Self::Issued(notice) => match notice.state {
                NoticeState::Paid(_) => Err(Refusal::AlreadyPaid),
                NoticeState::Cancelled { .. } => Err(Refusal::Cancelled),
                // A draft is not published: the Node must not know of it.
                NoticeState::Payable if notice.notified.is_none() => Err(Refusal::Unknown),
                NoticeState::Payable => Ok(notice),
            },
        }
    }

    /// What a receipt does to this slot. Money has already moved: every OK receipt whose creditor is its addressee
    /// ends "already paid", with its oddities as data (CORE 1.1).
    pub fn receive(&self, receipt: &Receipt, cause: Cause) -> Received {
        let mut oddities: Vec<Oddity> =
            receipt.wire_oddities.iter().map(|detail| Oddity::Wire { detail: detail.clone() }).collect();
        if receipt.outcome == Outcome::Ko {
            oddities.push(Oddity::OutcomeKo);
            return Received { oddities, change: Change::None };
        }
        if !receipt.is_for_its_creditor() {
            return Received { oddities, change: Change::None };
        }
        let settle = |oddities: Vec<Oddity>| Settlement {
            receipt: receipt.id.clone(),
            cause: cause.clone(),
            amount: receipt.amount,
            oddities,
            further: Vec::new(),
        };
        let change = match self {
            Self::Free => {
                oddities.push(Oddity::UnknownNotice);
                Change::Quarantine(Box::new(Quarantine {
                    school: receipt.addressee.clone(),
                    number: receipt.number.clone(),
                    version: 1,
                    settlement: settle(oddities.clone()),
                }))
            }
            Self::UnknownPaid(quarantine) => {
                oddities.push(Oddity::Second { first: quarantine.settlement.receipt.clone() });
                let mut next = quarantine.clone();
                next.version += 1;
                next.settlement.add(&receipt.id);
                Change::Quarantine(next)
            }
            Self::Issued(notice) => {
                let mut next = notice.clone();
                next.version += 1;
                match &mut next.state {
                    NoticeState::Paid(settlement) => {
                        oddities.push(Oddity::Second { first: settlement.receipt.clone() });
                        settlement.add(&receipt.id);
                    }
                    state => {
                        if matches!(state, NoticeState::Cancelled { .. }) {
                            oddities.push(Oddity::CancelledBefore);
                        }
                        if receipt.amount != Some(notice.amount) {
                            oddities.push(Oddity::OtherAmount { due: notice.amount, paid: receipt.amount });
                        }
                        *state = NoticeState::Paid(settle(oddities.clone()));
                    }
                }
                Change::Settle(next)
            }
        };
        Received { oddities, change }
    }
}

impl Settlement {
    fn add(&mut self, receipt: &ReceiptId) {
        if self.further.len() < Self::FURTHER {
            self.further.push(receipt.clone());
        }
    }
}

/// A receipt's decision: what is odd about it, and how its notice moves in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub oddities: Vec<Oddity>,
    pub change: Change,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A KO outcome or a secondary beneficiary's copy: kept, touches no notice.
    None,
    Settle(Box<Notice>),
    Quarantine(Box<Quarantine>),
}

impl Notice {
    pub fn key(&self) -> NoticeKey {
        NoticeKey { school: self.school.clone(), number: self.number.clone() }
    }

    /// Nobody but the school knows of it yet.
    pub fn is_draft(&self) -> bool {
        matches!(self.state, NoticeState::Payable) && self.notified.is_none()
    }

    /// The settlement, once paid.
    pub fn paid(&self) -> Option<&Settlement> {
        match &self.state {
            NoticeState::Paid(settlement) => Some(settlement),
            NoticeState::Payable | NoticeState::Cancelled { .. } => None,
        }
    }

    /// How the notice is called on the screens of families and schools.
    pub fn status(&self, today: Date) -> Status {
        match (&self.state, &self.notified) {
            (NoticeState::Paid(_), _) => Status::Paid,
            (NoticeState::Cancelled { .. }, _) => Status::Cancelled,
            (NoticeState::Payable, None) => Status::Draft,
            (NoticeState::Payable, Some(_)) if self.due < today => Status::Overdue,
            (NoticeState::Payable, Some(_)) => Status::Payable,
        }
    }
}

/// The words of a notice's standing, today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Draft,
    Payable,
    /// Past its date, still payable.
    Overdue,
    Paid,
    Cancelled,
}

impl Status {
    pub fn can_be_paid(self) -> bool {
        matches!(self, Self::Payable | Self::Overdue)
    }

    /// Italian and English.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Draft => ("Da notificare", "Not yet sent"),
            Self::Payable => ("Da pagare", "To be paid"),
            Self::Overdue => ("Scaduto, ancora pagabile", "Overdue, still payable"),
            Self::Paid => ("Pagato", "Paid"),
            Self::Cancelled => ("Annullato", "Cancelled"),
        }
    }
}

/// What a clerk asks for when issuing a notice; every field already holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub description: String,
    pub category: Category,
    pub amount: Euro,
    pub due: Date,
}

impl Order {
    /// The printed notice's object holds 90 characters (payment-notice guide, allegato 2).
    pub const DESCRIPTION: usize = 90;

    /// Reads the clerk's form; every wrong field is told at once.
    pub fn read(
        description: Option<&str>,
        category: Option<&str>,
        amount: Option<&str>,
        due: Option<&str>,
        today: Date,
    ) -> Result<Self, Vec<FieldError>> {
        let mut errors = Errors::default();
        let description = errors.take(read_description(description));
        let category = errors.take(read_category(category));
        let amount = errors.take(read_amount(amount));
        let due = errors.take(read_due(due, today));
        match (description, category, amount, due) {
            (Some(description), Some(category), Some(amount), Some(due)) => {
                Ok(Self { description, category, amount, due })
            }
            _ => Err(errors.into_vec()),
        }
    }

    /// The notice that answers the order. It is issued and notified in one: the cause is the announcement's.
    pub fn issue(self, school: &crate::School, pupil: &Pupil, number: NoticeNumber, cause: Cause) -> Notice {
        Notice {
            school: school.fiscal_code.clone(),
            school_name: school.name.clone(),
            number,
            version: 1,
            pupil: pupil.id.clone(),
            pupil_name: pupil.name.clone(),
            pupil_surname: pupil.surname.clone(),
            pupil_fiscal_code: pupil.fiscal_code.clone(),
            class: pupil.class.clone(),
            description: self.description,
            category: self.category,
            amount: self.amount,
            due: self.due,
            issued_at: cause.at,
            notified: Some(cause),
            state: NoticeState::Payable,
        }
    }
}

fn read_description(text: Option<&str>) -> Result<String, FieldError> {
    let text = text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    match text.chars().count() {
        0 => Err(FieldError::missing("description")),
        n if n > Order::DESCRIPTION => Err(FieldError::too_long("description", Order::DESCRIPTION)),
        _ if text.chars().any(is_invisible) || !text.chars().any(char::is_alphanumeric) => Err(FieldError::new(
            "description",
            "character",
            "La causale contiene caratteri non ammessi.",
            "The reason holds characters that are not allowed.",
        )),
        _ => Ok(text),
    }
}

/// What nobody sees, or what turns the direction of what follows: it must not reach a family, a bank or a PDF.
fn is_invisible(c: char) -> bool {
    let format = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_control() || format
}

fn read_category(code: Option<&str>) -> Result<Category, FieldError> {
    match code.unwrap_or_default().trim() {
        "" => Err(FieldError::missing("category")),
        code => Category::from_code(code).ok_or_else(|| {
            FieldError::new(
                "category",
                "unknown",
                "Scegli una categoria dall'elenco.",
                "Choose a category from the list.",
            )
        }),
    }
}

fn read_amount(text: Option<&str>) -> Result<Euro, FieldError> {
    let text = text.unwrap_or_default().trim();
    if text.is_empty() {
        return Err(FieldError::missing("amount"));
    }
    text.parse().map_err(|error| match error {
        EuroError::NotANumber => FieldError::new(
            "amount",
            "not-a-number",
            "Scrivi l'importo in cifre, come 22,00.",
            "Write the amount in digits, like 22.00.",
        ),
        EuroError::Decimals => FieldError::new(
            "amount",
            "decimals",
            "L'importo ha al massimo due decimali e nessun punto delle migliaia, come 1234,50.",
            "The amount has at most two decimals and no thousands separator, like 1234.50.",
        ),
        EuroError::OutOfRange => FieldError::new(
            "amount",
            "out-of-range",
            "L'importo va da 0,01 a 999.999.999,99 euro.",
            "The amount goes from 0.01 to 999,999,999.99 euro.",
        ),
    })
}

fn read_due(text: Option<&str>, today: Date) -> Result<Date, FieldError> {
    let text = text.unwrap_or_default().trim();
    if text.is_empty() {
        return Err(FieldError::missing("due"));
    }
    let date = read_date(text).ok_or_else(|| {
        FieldError::new(
            "due",
            "date",
            "Questa data non esiste: scrivila come 30/06/2027.",
            "There is no such date: write it like 2027-06-30.",
        )
    })?;
    match (date < today, date.year() > today.year() + 3) {
        (true, _) => Err(FieldError::new(
            "due",
            "past",
            "La scadenza è già passata: scegli oggi o un giorno successivo.",
            "The due date is past: choose today or a later day.",
        )),
        (_, true) => Err(FieldError::new(
            "due",
            "far",
            "La scadenza è oltre tre anni: controlla l'anno.",
            "The due date is more than three years away: check the year.",
        )),
        _ => Ok(date),
    }
}

/// `2027-06-30` (forms, API) or `30/06/2027` (people).
pub fn read_date(text: &str) -> Option<Date> {
    let text = text.trim();
    let parts: Vec<&str> = text.split(['/', '-', '.']).collect();
    let [a, b, c] = parts.as_slice() else { return None };
    let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<i16>().ok()).flatten();
    let (year, month, day) = match (a.len(), c.len()) {
        (4, _) => (number(a)?, number(b)?, number(c)?),
        (_, 4) => (number(c)?, number(b)?, number(a)?),
        _ => return None,
    };
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CauseId, School, SegregationCode};
    use jiff::civil::date;

    const TODAY: Date = date(2026, 11, 24);

    fn cause(id: u8) -> Cause {
        Cause { id: CauseId::from_bytes([id; 16]), at: Timestamp::UNIX_EPOCH }
    }

    fn notice() -> Notice {
        let school = School {
            fiscal_code: "80124890155".parse().unwrap(),
            name: "Istituto".into(),
            codes: vec!["MIIC8DF00R".into()],
            address: String::new(),
            city: String::new(),
            email: String::new(),
            phone: String::new(),
            iban: String::new(),
            segregation: SegregationCode::new(12).unwrap(),
            active_from: date(2020, 7, 1),
        };
        let pupil = Pupil {
            id: PupilId::from_bytes([1; 16]),
            school: school.fiscal_code.clone(),
            name: Personal::new("Luca".parse().unwrap()),
            surname: Personal::new("Russo".parse().unwrap()),
            fiscal_code: Personal::new("RSSLCU10H21L219B".parse().unwrap()),
            class: "3B".into(),
        };
        Order::read(Some("Contributo"), Some("voluntary-contribution"), Some("22,00"), Some("2027-01-31"), TODAY)
            .unwrap()
            .issue(&school, &pupil, "312260000000004289".parse().unwrap(), cause(1))
    }

    fn receipt(id: &str, amount: &str) -> Receipt {
        Receipt {
            addressee: "80124890155".parse().unwrap(),
            creditor: "80124890155".into(),
            id: ReceiptId(id.into()),
            number: "312260000000004289".parse().unwrap(),
            outcome: Outcome::Ok,
            amount: amount.parse().ok(),
            psp_name: "Banca".into(),
            psp_code: "BCITITMM".into(),
            method: None,
            fee: None,
            paid_at: None,
            application_date: None,
            payer_name: None,
            note: None,
            stand_in: false,
            wire_oddities: Vec::new(),
            money: String::new(),
        }
    }

    fn issued(state: NoticeState) -> Slot {
        Slot::Issued(Box::new(Notice { state, ..notice() }))
    }

    fn after(slot: &Slot, received: Received) -> Slot {
        match received.change {
            Change::None => slot.clone(),
            Change::Settle(notice) => Slot::Issued(notice),
            Change::Quarantine(quarantine) => Slot::UnknownPaid(quarantine),
        }
    }

    #[test]
    fn every_ok_receipt_of_the_creditor_ends_already_paid() {
        let cancelled = NoticeState::Cancelled { at: Timestamp::UNIX_EPOCH, reason: String::new() };
        let paid = after(
            &issued(NoticeState::Payable),
            issued(NoticeState::Payable).receive(&receipt("a", "22.00"), cause(2)),
        );
        let unknown = after(&Slot::Free, Slot::Free.receive(&receipt("a", "22.00"), cause(2)));
        let first = || ReceiptId("a".into());
        let (due, other) = ("22.00".parse().unwrap(), "21.00".parse().ok());
        let cases = [
            ("as due", issued(NoticeState::Payable), "22.00", vec![]),
            ("another amount", issued(NoticeState::Payable), "21.00", vec![Oddity::OtherAmount { due, paid: other }]),
            ("no amount", issued(NoticeState::Payable), "garbage", vec![Oddity::OtherAmount { due, paid: None }]),
            ("cancelled", issued(cancelled), "22.00", vec![Oddity::CancelledBefore]),
            ("a second one", paid, "22.00", vec![Oddity::Second { first: first() }]),
            ("never issued", Slot::Free, "22.00", vec![Oddity::UnknownNotice]),
            ("never issued, a second one", unknown, "22.00", vec![Oddity::Second { first: first() }]),
        ];
        for (case, slot, amount, oddities) in cases {
            let received = slot.receive(&receipt("b", amount), cause(3));
            assert_eq!(received.oddities, oddities, "{case}");
            let after = after(&slot, received);
            assert_eq!(after.payable(), Err(Refusal::AlreadyPaid), "{case}");
        }
    }

    #[test]
    fn a_second_receipt_leaves_the_first_settlement_and_causes_no_second_mail() {
        let slot = issued(NoticeState::Payable);
        let slot = after(&slot, slot.receive(&receipt("a", "22.00"), cause(2)));
        let again = after(&slot, slot.receive(&receipt("b", "30.00"), cause(3)));
        let Slot::Issued(notice) = &again else { panic!("{again:?}") };
        let settlement = notice.paid().unwrap();
        assert_eq!((&settlement.receipt.0[..], &settlement.cause), ("a", &cause(2)));
        assert_eq!(settlement.further, [ReceiptId("b".into())]);
    }

    #[test]
    fn what_pays_nothing_moves_nothing() {
        let ko = Receipt { outcome: Outcome::Ko, ..receipt("a", "22.00") };
        let copy = Receipt { creditor: "94060670158".into(), ..receipt("a", "22.00") };
        let slot = issued(NoticeState::Payable);
        assert_eq!(slot.receive(&ko, cause(2)), Received { oddities: vec![Oddity::OutcomeKo], change: Change::None });
        assert_eq!(slot.receive(&copy, cause(2)), Received { oddities: vec![], change: Change::None });
    }

    #[test]
    fn answers_to_the_node() {
        let cancelled = NoticeState::Cancelled { at: Timestamp::UNIX_EPOCH, reason: String::new() };
        assert_eq!(Slot::Free.payable(), Err(Refusal::Unknown));
        assert_eq!(issued(cancelled).payable(), Err(Refusal::Cancelled));
        assert!(issued(NoticeState::Payable).payable().is_ok());
        let draft = Slot::Issued(Box::new(Notice { notified: None, ..notice() }));
        assert_eq!(draft.payable(), Err(Refusal::Unknown));
    }

    #[test]
    fn a_late_notice_is_overdue_and_payable() {
        let status = notice().status(date(2027, 2, 1));
        assert_eq!(status, Status::Overdue);
        assert!(status.can_be_paid());
    }

    #[test]
    fn an_order_tells_all_its_errors_at_once() {
        let errors = Order::read(None, Some("taxes"), Some("22.005"), Some("31/02/2027"), TODAY).unwrap_err();
        let codes: Vec<_> = errors.iter().map(|error| (error.field, error.code)).collect();
        assert_eq!(
            codes,
            [("description", "missing"), ("category", "unknown"), ("amount", "decimals"), ("due", "date")]
        );
        let due = |text| {
            Order::read(Some("x"), Some("trip"), Some("1"), Some(text), TODAY).map_err(|e| e[0].code).map(|o| o.due)
        };
        assert_eq!(due("23/11/2026"), Err("past"));
        assert_eq!(due("2031-01-01"), Err("far"));
        assert_eq!(due("24/11/2026"), Ok(TODAY));
        for hidden in ["\u{200b}", "Gita\u{202e}", "a\u{0}b", "---"] {
            let errors = Order::read(Some(hidden), Some("trip"), Some("1"), Some("2027-01-31"), TODAY).unwrap_err();
            assert_eq!((errors[0].field, errors[0].code), ("description", "character"), "{hidden:?}");
        }
    }
}
