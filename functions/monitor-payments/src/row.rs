use domain::{Category, Euro, Name, Notice, NoticeNumber, Personal, PupilId, ReceiptId, Status};
use jiff::{Timestamp, civil::Date};
use serde::{Serialize, Serializer};

use crate::oddities;

/// A notice as lists show it.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub number: NoticeNumber,
    pub pupil: PupilFacts,
    pub description: String,
    pub category: Category,
    #[serde(serialize_with = "as_text")]
    pub amount: Euro,
    pub due: Date,
    pub status: Status,
    /// When the receipt was recorded.
    pub paid_at: Option<Timestamp>,
    #[serde(serialize_with = "as_text_if_any")]
    pub amount_paid: Option<Euro>,
    pub receipt: Option<ReceiptId>,
    /// Codes of what the school must look at; the notice's own page has the words.
    pub oddities: Vec<&'static str>,
}

#[derive(Debug, Clone, Serialize)]
pub struct PupilFacts {
    pub id: PupilId,
    pub name: Personal<Name>,
    pub surname: Personal<Name>,
    pub class: String,
}

impl PupilFacts {
    /// `Russo Luca`, as registers are sorted.
    pub fn full_name(&self) -> String {
        format!("{} {}", self.surname.reveal().as_str(), self.name.reveal().as_str())
    }
}

impl Row {
    pub fn new(notice: &Notice, today: Date) -> Self {
        let paid = notice.paid();
        Self {
            number: notice.number.clone(),
            pupil: PupilFacts {
                id: notice.pupil.clone(),
                name: notice.pupil_name.clone(),
                surname: notice.pupil_surname.clone(),
                class: notice.class.clone(),
            },
            description: notice.description.clone(),
            category: notice.category,
            amount: notice.amount,
            due: notice.due,
            status: notice.status(today),
            paid_at: paid.map(|paid| paid.cause.at),
            amount_paid: paid.and_then(|paid| paid.amount),
            receipt: paid.map(|paid| paid.receipt.clone()),
            oddities: paid.map(oddities::codes).unwrap_or_default(),
        }
    }

    /// The colour beside the status' word.
    pub fn badge(&self) -> &'static str {
        match self.status {
            Status::Paid => "bg-success",
            Status::Overdue => "bg-warning",
            Status::Payable => "bg-primary",
            Status::Draft | Status::Cancelled => "bg-secondary",
        }
    }

    /// What the school must look at, in few words, Italian and English.
    pub fn flags(&self) -> Vec<(&'static str, &'static str)> {
        self.oddities.iter().map(|code| oddities::label(code)).collect()
    }
}

/// `22.00`, as amounts are in JSON.
pub fn as_text<S: Serializer>(amount: &Euro, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

pub fn as_text_if_any<S: Serializer>(amount: &Option<Euro>, serializer: S) -> Result<S::Ok, S::Error> {
    match amount {
        Some(amount) => serializer.collect_str(amount),
        None => serializer.serialize_none(),
    }
}
