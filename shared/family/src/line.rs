use domain::{Cart, Category, EntityCode, Euro, Link, Name, Notice, NoticeNumber, Personal, PupilId, Status};
use jiff::{Timestamp, civil::Date};
use serde::{Serialize, Serializer};

use crate::Paying;

/// A notice in a list, in the cart, after a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeLine {
    pub school: SchoolName,
    pub number: NoticeNumber,
    pub pupil: PupilName,
    pub description: String,
    pub category: Category,
    #[serde(serialize_with = "euro_text")]
    pub amount: Euro,
    pub due: Date,
    pub status: Status,
    pub in_cart: bool,
    /// When the receipt reached us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<Timestamp>,
    /// Its payment began in this browser a short while ago; see [`Paying::mark`].
    #[serde(skip)]
    pub paying: Option<Paying>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SchoolName {
    pub fiscal_code: EntityCode,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PupilName {
    pub id: PupilId,
    pub name: Personal<Name>,
    pub surname: Personal<Name>,
    pub class: String,
}

impl NoticeLine {
    pub fn new(notice: &Notice, cart: &Cart, today: Date) -> Self {
        Self {
            school: SchoolName { fiscal_code: notice.school.clone(), name: notice.school_name.clone() },
            number: notice.number.clone(),
            pupil: PupilName {
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
            in_cart: cart.notices.contains(&notice.key()),
            paid_at: notice.paid().map(|settlement| settlement.cause.at),
            paying: None,
        }
    }

    /// The notice's own page.
    pub fn path(&self) -> String {
        format!("/notices/{}/{}", self.school.fiscal_code, self.number)
    }

    pub fn receipt_path(&self) -> String {
        format!("/documents/{}/{}/receipt.pdf", self.school.fiscal_code, self.number)
    }

    /// The address of the command that takes it out of the cart.
    pub fn remove_path(&self) -> String {
        format!("/cart/items/{}/{}/remove", self.school.fiscal_code, self.number)
    }

    /// The end of a CSS class; the words say the same.
    pub fn tone(&self) -> &'static str {
        match self.status {
            Status::Payable => "due",
            Status::Overdue => "late",
            Status::Paid => "paid",
            Status::Draft | Status::Cancelled => "over",
        }
    }
}

impl PupilName {
    pub fn of(link: &Link) -> Self {
        Self {
            id: link.pupil.clone(),
            name: link.pupil_name.clone(),
            surname: link.pupil_surname.clone(),
            class: link.class.clone(),
        }
    }

    /// `Luca Russo`.
    pub fn full(&self) -> String {
        format!("{} {}", self.name.reveal().as_str(), self.surname.reveal().as_str())
    }
}

/// Amounts in JSON are texts, as pagoPA writes them: `22.00`.
pub fn euro_text<S: Serializer>(amount: &Euro, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}
