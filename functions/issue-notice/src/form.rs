use std::collections::BTreeMap;

use domain::{
    Category, Euro, FieldError, Iuv, Name, Notice, NoticeNumber, Order, Personal, Pupil, PupilId, searchable,
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize, Serializer};
use web::{Frame, View, askama};

/// As typed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrderForm {
    pub pupil: Option<String>,
    pub description: Option<String>,
    pub category: Option<String>,
    pub amount: Option<String>,
    pub due: Option<String>,
    /// Names this command: made with the form, so that a form sent twice issues once.
    pub idempotency_key: Option<String>,
    /// The button of the review that was pressed: `confirm` or `edit`. Programs need none.
    #[serde(skip_serializing)]
    pub step: Option<String>,
}

impl OrderForm {
    /// The order of another notice, to be issued to another pupil. A past due date is not copied.
    pub fn like(notice: &Notice, today: Date) -> Self {
        Self {
            description: Some(notice.description.clone()),
            category: Some(notice.category.code().to_owned()),
            amount: Some(notice.amount.to_string()),
            due: (notice.due >= today).then(|| notice.due.to_string()),
            ..Self::default()
        }
    }
}

/// A key as clients may choose it: 1 to 128 visible characters.
pub fn read_key(text: &str) -> Result<String, FieldError> {
    match (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => Err(FieldError::new(
            "idempotency_key",
            "shape",
            "La chiave del comando ha da 1 a 128 caratteri visibili: ricarica la pagina e riprova.",
            "The command's key has 1 to 128 visible characters: reload the page and try again.",
        )),
    }
}

/// `GET /school/notices/new`, and the form again when it was refused.
#[derive(Debug, Serialize)]
pub struct FormPage {
    pub form: OrderForm,
    pub pupils: Vec<Choice>,
    pub categories: Vec<CategoryChoice>,
}

web::view!(FormPage, "new.html");

#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    pub id: PupilId,
    pub name: Personal<Name>,
    pub surname: Personal<Name>,
    pub class: String,
}

#[derive(Debug, Serialize)]
pub struct CategoryChoice {
    pub code: &'static str,
    pub label: &'static str,
}

impl Choice {
    /// `Russo Luca`: whoever types a surname in the list finds it.
    pub fn full_name(&self) -> String {
        format!("{} {}", self.surname.reveal().as_str(), self.name.reveal().as_str())
    }
}

impl From<&Pupil> for Choice {
    fn from(pupil: &Pupil) -> Self {
        Self {
            id: pupil.id.clone(),
            name: pupil.name.clone(),
            surname: pupil.surname.clone(),
            class: pupil.class.clone(),
        }
    }
}

impl FormPage {
    pub fn new(form: OrderForm, pupils: Vec<Pupil>, frame: &Frame<'_>) -> Self {
        let mut pupils: Vec<Choice> = pupils.iter().map(Choice::from).collect();
        pupils.sort_by_cached_key(|pupil| (pupil.class.clone(), searchable(&pupil.full_name()), pupil.id.clone()));
        let categories = Category::ALL
            .map(|category| CategoryChoice { code: category.code(), label: frame.words(category.words()) });
        Self { form, pupils, categories: categories.into() }
    }

    /// The pupils of each class.
    pub fn classes(&self) -> BTreeMap<&str, Vec<&Choice>> {
        let mut classes: BTreeMap<&str, Vec<&Choice>> = BTreeMap::new();
        for pupil in &self.pupils {
            classes.entry(&pupil.class).or_default().push(pupil);
        }
        classes
    }
}

/// What is about to be issued, to be read once more: an amount with a zero too many reaches a family at once.
#[derive(Debug, Serialize)]
pub struct ReviewPage {
    /// As typed, with the command's key: it goes on through the review.
    pub form: OrderForm,
    pub pupil: Choice,
    pub description: String,
    pub category: Category,
    #[serde(serialize_with = "as_text")]
    pub amount: Euro,
    pub due: Date,
}

web::view!(ReviewPage, "review.html");

impl ReviewPage {
    pub fn new(form: OrderForm, key: String, order: &Order, pupil: &Pupil) -> Self {
        Self {
            form: OrderForm { idempotency_key: Some(key), ..form },
            pupil: pupil.into(),
            description: order.description.clone(),
            category: order.category,
            amount: order.amount,
            due: order.due,
        }
    }
}

/// A notice just issued, or found issued by the same command.
#[derive(Debug, Serialize)]
pub struct Issued {
    pub number: NoticeNumber,
    pub iuv: Iuv,
    #[serde(serialize_with = "as_text")]
    pub amount: Euro,
    pub due: Date,
    pub pupil: Choice,
    pub location: String,
}

impl From<&Notice> for Issued {
    fn from(notice: &Notice) -> Self {
        Self {
            number: notice.number.clone(),
            iuv: notice.number.iuv(),
            amount: notice.amount,
            due: notice.due,
            pupil: Choice {
                id: notice.pupil.clone(),
                name: notice.pupil_name.clone(),
                surname: notice.pupil_surname.clone(),
                class: notice.class.clone(),
            },
            location: format!("/school/notices/{}", notice.number),
        }
    }
}

impl View for Issued {
    /// A page goes on to the notice: this is for programs only.
    fn render(&self, _: &Frame<'_>, _: &[FieldError]) -> Result<String, askama::Error> {
        Ok(String::new())
    }
}

fn as_text<S: Serializer>(amount: &Euro, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        for good in ["a", "0123456789abcdef", "x#y|z~", &"k".repeat(128)] {
            assert_eq!(read_key(good).as_deref(), Ok(good));
        }
        for bad in ["", " ", "a b", "tab\t", "è", "a\n", &"k".repeat(129)] {
            assert_eq!(read_key(bad).map_err(|error| error.code), Err("shape"), "{bad:?}");
        }
    }
}
