//! The notices that a guardian means to pay together: a set of at most five, of one school or of several.
//!
//! The cart holds keys only. What a notice costs and whether it can be paid is read from the notices whenever somebody
//! looks, so the cart can be old but never wrong.

use domain::{Account, Cart, CartFull, EntityCode, FieldError, NoticeKey, NoticeNumber, Slot};
use family::CartPage;
use runtime::App;
use serde::{Deserialize, Serialize};
use store::Written;
use web::{Caller, Face, Failure, Frame, Outcome, Request, Response};

/// How many times a change begins anew because another window changed the cart meanwhile.
const RACES: usize = 3;

pub async fn handle(app: &App, request: &Request) -> Result<Response, Failure> {
    match (request.method(), request.segments().as_slice()) {
        ("GET", ["cart"]) => show(app, request).await,
        ("POST", ["cart", "items"]) => add(app, request).await,
        ("DELETE", ["cart", "items", school, number]) | ("POST", ["cart", "items", school, number, "remove"]) => {
            remove(app, request, school, number).await
        }
        ("POST", ["cart", "cancel"]) => cancel(app, request).await,
        (_, ["cart"]) => Err(Failure::MethodNotAllowed { allow: "GET, HEAD" }),
        (_, ["cart", "items", _, _]) => Err(Failure::MethodNotAllowed { allow: "DELETE" }),
        (_, ["cart", "items" | "cancel"] | ["cart", "items", _, _, "remove"]) => {
            Err(Failure::MethodNotAllowed { allow: "POST" })
        }
        _ => Err(Failure::NotFound),
    }
}

/// What a program gets after a change.
#[derive(Debug, Serialize)]
struct Count {
    count: usize,
}

/// The cart as it stands now; what can no longer be paid drops out of it and is named.
async fn show(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let account = web::parent(&caller)?;
    let (frame, page) = look(app, request, &caller, account).await?;
    frame.show(Outcome::Shown(page))
}

async fn look<'a>(
    app: &App,
    request: &'a Request,
    caller: &Caller,
    account: &Account,
) -> Result<(Frame<'a>, CartPage), Failure> {
    let review = family::review(app, account).await?;
    let kept = family::tidy(app, account, &review).await?;
    let frame = Frame::of(app, request, caller).with_cart(kept.notices.len());
    Ok((frame, CartPage::new(app, request, account, &review, None)))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AddForm {
    school: Option<String>,
    number: Option<String>,
    /// Where the browser goes on: the list it came from.
    next: Option<String>,
}

impl AddForm {
    fn read(&self) -> Result<NoticeKey, Vec<FieldError>> {
        let mut errors = domain::Errors::default();
        let school = errors.take(read("school", self.school.as_deref(), "11 cifre", "11 digits"));
        let number = errors.take(read("number", self.number.as_deref(), "18 cifre", "18 digits"));
        match (school, number) {
            (Some(school), Some(number)) => Ok(NoticeKey { school, number }),
            _ => Err(errors.into_vec()),
        }
    }
}

fn read<T: std::str::FromStr>(field: &'static str, text: Option<&str>, it: &str, en: &str) -> Result<T, FieldError> {
    match text.map(str::trim) {
        None | Some("") => Err(FieldError::missing(field)),
        Some(text) => text.parse().map_err(|_| {
            FieldError::new(
                field,
                "shape",
                format!("Non è un codice valido: {it}."),
                format!("Not a valid code: {en}."),
            )
        }),
    }
}

/// Puts a notice into the cart; once more changes nothing. 1 GetItem (strong) and 1 PutItem.
async fn add(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let account = web::parent(&caller)?;
    web::check_csrf(app, request, &caller)?;
    let form: AddForm = request.read()?;
    let key = match form.read() {
        Ok(key) => key,
        Err(errors) => {
            let (frame, form) = look(app, request, &caller, account).await?;
            return frame.show(Outcome::Refused { errors, form });
        }
    };
    let notice = match app.store.slot(&key.school, &key.number).await? {
        Slot::Issued(notice) if account.sees(&notice) => notice,
        Slot::Issued(_) | Slot::Free | Slot::UnknownPaid(_) => return Err(Failure::NotFound),
    };
    if !notice.status(app.today()).can_be_paid() {
        let (frame, what) = look(app, request, &caller, account).await?;
        return frame.show(Outcome::Conflict {
            code: "not-payable",
            it: format!("«{}» non si può pagare: è già pagato, oppure la scuola lo ha annullato.", notice.description),
            en: format!("“{}” cannot be paid: it is paid already, or the school has cancelled it.", notice.description),
            what,
        });
    }
    match put_in(app, account, &key).await? {
        Ok(cart) => {
            let next = form.next.as_deref().and_then(web::safe_next).unwrap_or_else(|| "/cart".to_owned());
            let frame = Frame::of(app, request, &caller);
            let response = counted(&frame, request, 201, &cart, &next)?;
            Ok(match request.face() {
                Face::Page => frame.flash(response, "Avviso aggiunto al carrello.", "Notice added to the cart."),
                Face::Json => response,
            })
        }
        Err(CartFull) => {
            let (frame, what) = look(app, request, &caller, account).await?;
            frame.show(Outcome::Conflict {
                code: "cart-full",
                it: format!("Il carrello è pieno: pagoPA accetta al massimo {} avvisi insieme. Paga questi, poi aggiungi gli altri.", Cart::MAX),
                en: format!("The cart is full: pagoPA takes at most {} notices together. Pay these, then add the others.", Cart::MAX),
                what,
            })
        }
    }
}

/// A full cart is looked through first: what was paid meanwhile makes room.
async fn put_in(app: &App, account: &Account, key: &NoticeKey) -> Result<Result<Cart, CartFull>, Failure> {
    let mut account = account.clone();
    for _ in 0..RACES {
        let next = match account.cart.with(key.clone()) {
            Ok(next) => next,
            Err(CartFull) => {
                let kept = family::review(app, &account).await?.kept(&account.cart);
                match kept.with(key.clone()) {
                    Ok(next) => next,
                    Err(full) => return Ok(Err(full)),
                }
            }
        };
        if let Some(cart) = save(app, &mut account, next).await? {
            return Ok(Ok(cart));
        }
    }
    Err(restless())
}

/// Writes the cart unless it is as it was; `None` after a lost race, with the account as it stands now.
async fn save(app: &App, account: &mut Account, next: Cart) -> Result<Option<Cart>, Failure> {
    if next == account.cart {
        return Ok(Some(next));
    }
    match app.store.save_cart(&account.person.id, &next).await? {
        Written::Done => Ok(Some(next)),
        Written::Moved => {
            let again = app.store.account(&account.person.id, &account.session.id).await?;
            *account = again.ok_or(Failure::NotSignedIn)?;
            Ok(None)
        }
    }
}

/// Takes a notice out, whatever has become of it; once more changes nothing. 1 PutItem.
async fn remove(app: &App, request: &Request, school: &str, number: &str) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let account = web::parent(&caller)?;
    web::check_csrf(app, request, &caller)?;
    let school: EntityCode = school.parse().map_err(|_| Failure::NotFound)?;
    let number: NoticeNumber = number.parse().map_err(|_| Failure::NotFound)?;
    let key = NoticeKey { school, number };
    let cart = change(app, account, |cart| cart.without(&key)).await?;
    let frame = Frame::of(app, request, &caller);
    let response = counted(&frame, request, 200, &cart, "/cart")?;
    Ok(match request.face() {
        Face::Page => frame.flash(
            response,
            "Avviso tolto dal carrello: resta da pagare.",
            "Notice taken out of the cart: it remains to be paid.",
        ),
        Face::Json => response,
    })
}

/// "Annulla pagamento" (F76): empties the cart; the notices stay as they are. 1 PutItem.
async fn cancel(app: &App, request: &Request) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let account = web::parent(&caller)?;
    web::check_csrf(app, request, &caller)?;
    let cart = change(app, account, |cart| Cart { notices: Vec::new(), version: cart.version }).await?;
    let frame = Frame::of(app, request, &caller);
    let response = counted(&frame, request, 200, &cart, "/cart")?;
    Ok(match request.face() {
        Face::Page => frame.flash(
            response,
            "Pagamento annullato: il carrello è vuoto, gli avvisi restano da pagare.",
            "Payment cancelled: the cart is empty, the notices remain to be paid.",
        ),
        Face::Json => response,
    })
}

async fn change(app: &App, account: &Account, edit: impl Fn(&Cart) -> Cart) -> Result<Cart, Failure> {
    let mut account = account.clone();
    for _ in 0..RACES {
        let next = edit(&account.cart);
        if let Some(cart) = save(app, &mut account, next).await? {
            return Ok(cart);
        }
    }
    Err(restless())
}

fn restless() -> Failure {
    Failure::unavailable("the cart was changed elsewhere each time")
}

/// How many notices the cart holds now; a page goes on to `at`.
fn counted(frame: &Frame<'_>, request: &Request, status: u16, cart: &Cart, at: &str) -> Result<Response, Failure> {
    match request.face() {
        Face::Page => frame.moved(at),
        Face::Json => Ok(Response::json(status, &Count { count: cart.notices.len() })?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_codes_are_read_at_once() {
        let form = |school: Option<&str>, number: Option<&str>| AddForm {
            school: school.map(str::to_owned),
            number: number.map(str::to_owned),
            next: None,
        };
        let errors = |form: AddForm| match form.read() {
            Ok(_) => Vec::new(),
            Err(errors) => errors.iter().map(|error| (error.field, error.code)).collect(),
        };
        assert_eq!(errors(form(Some("80124890155"), Some("3122 6000 0000 0042 89"))), []);
        assert_eq!(errors(form(None, None)), [("school", "missing"), ("number", "missing")]);
        assert_eq!(errors(form(Some("80124890156"), Some("31226"))), [("school", "shape"), ("number", "shape")]);
        assert_eq!(errors(form(Some(" "), Some("312260000000004289"))), [("school", "missing")]);
    }
}
