use domain::{Account, Cart, Dropped, EntityCode, Euro, Notice, NoticeNumber, Review, Why};
use runtime::App;
use serde::{Serialize, Serializer};
use web::{Failure, Language, Request};

use crate::{NoticeLine, Paying};

/// The cart as it stands at this moment. 1 BatchGetItem (strong).
pub async fn review(app: &App, account: &Account) -> Result<Review, Failure> {
    let found = app.store.notices(&account.cart.notices).await?;
    Ok(account.cart.review(&found, account))
}

/// Takes what dropped out from the stored cart too, so that it no longer counts: the cart that was meant to be
/// stored. 1 PutItem, only when something dropped out. Whoever loses a race changes nothing: the next look tidies.
pub async fn tidy(app: &App, account: &Account, review: &Review) -> Result<Cart, Failure> {
    let kept = review.kept(&account.cart);
    if kept != account.cart {
        app.store.save_cart(&account.person.id, &kept).await?;
    }
    Ok(kept)
}

/// `GET /cart`, and what commands on the cart show again when something stands in their way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CartPage {
    pub items: Vec<NoticeLine>,
    /// Without commissions: those depend on who carries out the payment.
    #[serde(serialize_with = "total_text")]
    pub total: Option<Euro>,
    pub payable: bool,
    /// What was in the cart until now and cannot be paid any more.
    pub removed: Vec<Removed>,
    /// Names the form's command, so that a second click does nothing again.
    #[serde(skip)]
    pub idempotency_key: String,
    #[serde(skip)]
    pub email: Option<String>,
}

web::view!(CartPage, "cart.html");

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removed {
    pub school: EntityCode,
    pub number: NoticeNumber,
    pub why: Why,
    /// Left out where the person must not see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl CartPage {
    /// `email` is what was typed; at first the address that we know.
    pub fn new(app: &App, request: &Request, account: &Account, review: &Review, email: Option<String>) -> Self {
        let kept = review.kept(&account.cart);
        let today = app.today();
        let mut items: Vec<_> = review.payable.iter().map(|notice| NoticeLine::new(notice, &kept, today)).collect();
        Paying::mark(app, request, account, &mut items);
        Self {
            items,
            total: review.total(),
            payable: review.total().is_some(),
            removed: review.dropped.iter().map(Removed::new).collect(),
            idempotency_key: app.random::<16>().iter().map(|byte| format!("{byte:02x}")).collect(),
            email: email.or_else(|| Some(account.person.email.reveal().as_str().to_owned())),
        }
    }
}

impl CartPage {
    /// A payment of something in the cart is under way.
    pub fn paying(&self) -> Option<&Paying> {
        self.items.iter().find_map(|line| line.paying.as_ref())
    }
}

impl Removed {
    fn new(dropped: &Dropped) -> Self {
        Self {
            school: dropped.key.school.clone(),
            number: dropped.key.number.clone(),
            why: dropped.why,
            description: dropped.notice.as_ref().map(|notice: &Notice| notice.description.clone()),
        }
    }

    /// Why, in words.
    pub fn words(&self, language: Language) -> &'static str {
        match self.why {
            Why::Paid => language.choose("è già pagato", "is paid already"),
            Why::Cancelled => language.choose("è stato annullato dalla scuola", "has been cancelled by the school"),
            Why::NotYours => language.choose(
                "non risulta più tra quelli dei tuoi figli: chiedi alla segreteria",
                "is no longer among your children's: ask the school office",
            ),
        }
    }
}

fn total_text<S: Serializer>(total: &Option<Euro>, serializer: S) -> Result<S::Ok, S::Error> {
    match total {
        Some(total) => serializer.collect_str(total),
        None => serializer.serialize_str("0.00"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_cart_costs_nothing() {
        let page = CartPage {
            items: Vec::new(),
            total: None,
            payable: false,
            removed: vec![Removed {
                school: "80124890155".parse().unwrap(),
                number: "312260000000004289".parse().unwrap(),
                why: Why::NotYours,
                description: None,
            }],
            idempotency_key: "secret".into(),
            email: Some("anna@example.org".into()),
        };
        let expected = serde_json::json!({
            "items": [],
            "total": "0.00",
            "payable": false,
            "removed": [{"school": "80124890155", "number": "312260000000004289", "why": "not-yours"}],
        });
        assert_eq!(serde_json::to_value(page).unwrap(), expected);
    }
}
