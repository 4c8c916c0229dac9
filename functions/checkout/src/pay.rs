//! `POST /cart/checkout`: from the cart to Checkout's page.

use domain::{Account, AttemptId, EmailAddress, Errors, FieldError, Notice, Personal, Review};
use family::{CartPage, Paying};
use pagopa::checkout::{CartRequest, CartVersion, PaymentNotice, ReturnUrls};
use runtime::{App, Mutant, mutated};
use serde::{Deserialize, Serialize};
use store::Attempt;
use web::{Caller, Face, Failure, Frame, Outcome, Request, Response};

use crate::carts::{Carts, NoAddress};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PayForm {
    /// Where a form cannot send the header.
    idempotency_key: Option<String>,
    email: Option<String>,
}

/// What a program gets: the address for its user's browser, at once.
#[derive(Debug, Serialize)]
struct Opened {
    checkout_url: String,
    attempt: AttemptId,
}

/// Amounts are those of the table at this moment; a form names none. 1 BatchGetItem (strong), 1 PutItem, one call of
/// Checkout. A repeat with the same key is the same attempt.
pub async fn pay(app: &App, carts: &Carts, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let account = web::parent(&caller)?;
    web::check_csrf(app, request, &caller)?;
    let form: PayForm = request.read()?;
    let review = family::review(app, account).await?;
    let again = Again { app, request, caller: &caller, account, review: &review, form: &form };

    let mut errors = Errors::default();
    let key = errors.take(read_key(request.idempotency_key().or(form.idempotency_key.as_deref())));
    let email = errors.take(read_email(form.email.as_deref()));
    let (Some(key), Some(email)) = (key, email) else {
        return again.show(|form| Outcome::Refused { errors: errors.into_vec(), form }).await;
    };
    if !review.dropped.is_empty() {
        return again
            .conflict(
                "not-payable",
                "Il carrello è cambiato: controlla che cosa resta e il nuovo totale prima di pagare.",
                "The cart has changed: check what is left and the new total before you pay.",
            )
            .await;
    }
    let Some(total) = review.total() else {
        return again
            .conflict(
                "empty-cart",
                "Il carrello è vuoto: scegli prima gli avvisi da pagare.",
                "The cart is empty: choose the notices to pay first.",
            )
            .await;
    };

    let attempt = Attempt {
        id: attempt_id(app, account, key),
        person: account.person.id.clone(),
        notices: review.payable.iter().map(Notice::key).collect(),
        amount: total.cents(),
        at: request.now(),
    };
    let known = app.store.attempt_once(&attempt).await?;
    let same = known.person == attempt.person && known.notices == attempt.notices && known.amount == attempt.amount;
    if !same {
        return again
            .conflict(
                "key-reused",
                "Questa pagina era di un carrello precedente: controlla il carrello com'è ora, poi procedi.",
                "This page was of an earlier cart: check the cart as it is now, then go on.",
            )
            .await;
    }

    let cart = cart_request(app, &attempt.id, &review, email);
    cart.check(CartVersion::V2).map_err(|problem| Failure::Broken(problem.title.into()))?;
    match carts.open(&cart).await {
        Ok(address) => {
            tracing::info!(attempt = %attempt.id, notices = attempt.notices.len(), "Attempt {} is at Checkout", attempt.id);
            match request.face() {
                Face::Page => {
                    let hint = Paying::begin(app, request, account, &attempt.id, &attempt.notices);
                    Ok(Response::see_other(&address).with_cookie(hint))
                }
                Face::Json => {
                    let opened = Opened { checkout_url: address.clone(), attempt: attempt.id };
                    Ok(Response::json(201, &opened)?.with_header("location", address))
                }
            }
        }
        Err(error @ NoAddress::Refused) => {
            tracing::warn!(attempt = %attempt.id, "Attempt {}: {error}", attempt.id);
            again.conflict(
                "checkout-refused",
                "pagoPA non accetta ora uno degli avvisi: nulla è stato addebitato. Forse un pagamento è già in corso, tuo o di un'altra persona: se è andato a buon fine l'avviso risulterà pagato a momenti, se è stato abbandonato potrai riprovare tra una mezz'ora. Prova anche a pagare gli avvisi uno alla volta.",
                "pagoPA does not take one of the notices now: nothing was charged. Perhaps a payment is under way, by you or somebody else: if it succeeds, the notice will show as paid in a moment; if it was given up, you can try again in half an hour. Try also to pay the notices one by one.",
            )
            .await
        }
        Err(error @ NoAddress::Unavailable(_)) => {
            tracing::error!(attempt = %attempt.id, causes = %error, "Attempt {} did not reach Checkout", attempt.id);
            again.show(|what| Outcome::Unavailable {
                code: "checkout-unavailable",
                it: "Checkout di pagoPA non risponde: nessun addebito, il carrello resta com'è. Riprova tra qualche minuto.".into(),
                en: "pagoPA's Checkout does not answer: nothing was charged, the cart stays as it is. Try again in a few minutes.".into(),
                what,
            })
            .await
        }
    }
}

/// The cart once more, with what stands in the way.
struct Again<'a> {
    app: &'a App,
    request: &'a Request,
    caller: &'a Caller,
    account: &'a Account,
    review: &'a Review,
    form: &'a PayForm,
}

impl Again<'_> {
    async fn show(self, outcome: impl FnOnce(CartPage) -> Outcome<CartPage>) -> Result<Response, Failure> {
        let Self { app, request, caller, account, review, form } = self;
        let kept = family::tidy(app, account, review).await?;
        let page = CartPage::new(app, request, account, review, form.email.clone());
        Frame::of(app, request, caller).with_cart(kept.notices.len()).show(outcome(page))
    }

    async fn conflict(self, code: &'static str, it: &str, en: &str) -> Result<Response, Failure> {
        let (it, en) = (it.to_owned(), en.to_owned());
        self.show(|what| Outcome::Conflict { code, it, en, what }).await
    }
}

/// The same person with the same key: the same attempt. Nobody can guess it.
fn attempt_id(app: &App, account: &Account, key: &str) -> AttemptId {
    if mutated(Mutant::AttemptForgotten) {
        return AttemptId::from_bytes(app.random());
    }
    let tag = app.keys.mac("attempt", format!("{}|{key}", account.person.id).as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&tag[..16]);
    AttemptId::from_bytes(id)
}

fn read_key(key: Option<&str>) -> Result<&str, FieldError> {
    match key.unwrap_or_default() {
        "" => Err(FieldError::missing("idempotency_key")),
        key if key.len() <= 128 && key.bytes().all(|b| b.is_ascii_graphic()) => Ok(key),
        _ => Err(FieldError::new(
            "idempotency_key",
            "shape",
            "La chiave ha da 1 a 128 caratteri visibili.",
            "The key has 1 to 128 visible characters.",
        )),
    }
}

/// The address is optional: Checkout asks for one anyway.
fn read_email(text: Option<&str>) -> Result<Option<EmailAddress>, FieldError> {
    match text.map(str::trim) {
        None | Some("") => Ok(None),
        text => EmailAddress::from_field("email", text).map(Some),
    }
}

fn cart_request(app: &App, attempt: &AttemptId, review: &Review, email: Option<EmailAddress>) -> CartRequest {
    let back = |returned: &str| app.url(&format!("/cart/attempts/{attempt}/{returned}"));
    let notice = |notice: &Notice| {
        PaymentNotice::new(&notice.number, &notice.school, notice.amount, &notice.school_name, &notice.description)
    };
    CartRequest {
        email_notice: email.map(|email| Personal::new(email.as_str().to_owned())),
        payment_notices: review.payable.iter().map(notice).collect(),
        return_urls: ReturnUrls {
            return_ok_url: back("ok"),
            return_cancel_url: back("cancel"),
            return_error_url: back("error"),
            return_waiting_url: Some(back("wait")),
        },
        id_cart: Some(attempt.to_string()),
        all_ccp: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_addresses_as_typed() {
        let key = |text: &str| read_key(Some(text)).map(str::to_owned).map_err(|error| error.code);
        assert_eq!(key("a1b2"), Ok("a1b2".to_owned()));
        assert_eq!(key(""), Err("missing"));
        assert_eq!(key("a b"), Err("shape"));
        assert_eq!(key(&"x".repeat(129)), Err("shape"));
        let email = |text: Option<&str>| read_email(text).map(|email| email.is_some()).map_err(|error| error.code);
        assert_eq!(email(None), Ok(false));
        assert_eq!(email(Some(" ")), Ok(false));
        assert_eq!(email(Some("anna@example.org")), Ok(true));
        assert_eq!(email(Some("anna")), Err("email"));
    }
}
