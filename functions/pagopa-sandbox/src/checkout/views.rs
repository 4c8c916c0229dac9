//! The pages. Each template has both languages side by side, and works without scripts.

use askama::Template;
use domain::Language;

use super::{
    Cart, Method, Psp, Step, TEST_CARDS,
    card::{CardError, TestCard},
    cart::{Failed, State},
    money::money,
    psp::Order,
};
use crate::{
    BoxError,
    config::Config,
    http::{Form, Response},
};

/// What every page of a cart needs.
struct Page<'a> {
    lang: Language,
    cart: &'a Cart,
}

impl Page<'_> {
    fn path(&self) -> String {
        format!("/pay/{}", self.cart.id)
    }

    fn amount(&self, cents: &u64) -> String {
        money(*cents, self.lang)
    }

    fn total(&self) -> String {
        money(self.cart.request.total_cents(), self.lang)
    }

    fn email(&self) -> &str {
        self.cart.email.as_ref().map_or("", |email| email.reveal().as_str())
    }

    /// The host that the payer came from and goes back to.
    fn site(&self) -> &str {
        let url = self.cart.request.return_urls.return_ok_url.as_str();
        let host = url.split_once("://").map_or(url, |(_, rest)| rest);
        host.split(['/', '?', '#']).next().unwrap_or(host)
    }
}

fn page(status: u16, cart: &Cart, template: &impl Template) -> Result<Response, BoxError> {
    Ok(Response::html(status, template.render()?).with_form_targets(cart.return_origins()))
}

#[derive(Template)]
#[template(path = "start.html")]
struct StartPage<'a> {
    lang: Language,
    /// This page's path, to come back to in another language.
    here: String,
    page: Page<'a>,
    typed: &'a str,
    wrong: bool,
}

/// What is to be paid, and the address for the outcome.
pub(super) fn start(lang: Language, cart: &Cart, typed: Option<&str>, wrong: bool) -> Result<Response, BoxError> {
    let page_of = Page { lang, cart };
    let proposed = cart.email.as_ref().or(cart.request.email_notice.as_ref());
    let typed = typed.unwrap_or_else(|| proposed.map_or("", |email| email.reveal().as_str()));
    page(
        if wrong { 422 } else { 200 },
        cart,
        &StartPage { lang, here: Step::Start.path(&cart.id), typed, wrong, page: page_of },
    )
}

#[derive(Template)]
#[template(path = "method.html")]
struct MethodPage<'a> {
    lang: Language,
    /// This page's path, to come back to in another language.
    here: String,
    page: Page<'a>,
    methods: [(&'static str, &'static str, &'static str); 3],
}

pub(super) fn method(lang: Language, cart: &Cart) -> Result<Response, BoxError> {
    let methods = [
        ("card", Method::Card, lang.choose("con una delle carte di prova", "with one of the test cards")),
        (
            "account",
            Method::Account,
            lang.choose("addebito sul tuo conto, simulato", "a debit of your account, simulated"),
        ),
        (
            "other",
            Method::Other,
            lang.choose("portafogli digitali, app, bollettino online", "wallets, apps, postal slip online"),
        ),
    ];
    let methods = methods.map(|(value, method, hint)| (value, method.label(lang), hint));
    page(200, cart, &MethodPage { lang, here: Step::Method.path(&cart.id), methods, page: Page { lang, cart } })
}

#[derive(Template)]
#[template(path = "card.html")]
struct CardPage<'a> {
    lang: Language,
    /// This page's path, to come back to in another language.
    here: String,
    page: Page<'a>,
    holder: &'a str,
    expiry: &'a str,
    errors: &'a [CardError],
    cards: &'static [TestCard],
}

impl CardPage<'_> {
    fn error(&self, field: &str) -> Option<&'static str> {
        let error = self.errors.iter().find(|error| error.field == field)?;
        Some(self.lang.choose(error.it, error.en))
    }
}

/// Number and code are never shown again, not even to who typed them.
pub(super) fn card(lang: Language, cart: &Cart, form: &Form, errors: &[CardError]) -> Result<Response, BoxError> {
    let (holder, expiry) = (form.text("holder"), form.text("expiry"));
    let template = CardPage {
        lang,
        here: Step::Card.path(&cart.id),
        holder,
        expiry,
        errors,
        cards: TEST_CARDS,
        page: Page { lang, cart },
    };
    page(if errors.is_empty() { 200 } else { 422 }, cart, &template)
}

#[derive(Template)]
#[template(path = "psp.html")]
struct PspPage<'a> {
    lang: Language,
    /// This page's path, to come back to in another language.
    here: String,
    page: Page<'a>,
    method: &'static str,
    offers: Vec<(&'static Psp, String)>,
    order: &'static str,
    search: &'a str,
}

pub(super) fn psp(
    lang: Language,
    cart: &Cart,
    method: Method,
    offers: Vec<&'static Psp>,
    order: Order,
    search: &str,
) -> Result<Response, BoxError> {
    let offers = offers.into_iter().map(|psp| (psp, money(psp.max_fee_cents, lang))).collect();
    let page_of = Page { lang, cart };
    page(
        200,
        cart,
        &PspPage {
            lang,
            here: Step::Psp.path(&cart.id),
            offers,
            search,
            method: method.label(lang),
            order: order.name(),
            page: page_of,
        },
    )
}

#[derive(Template)]
#[template(path = "summary.html")]
struct SummaryPage<'a> {
    lang: Language,
    /// This page's path, to come back to in another language.
    here: String,
    page: Page<'a>,
    psp: &'static Psp,
    method: String,
    fee: String,
    sum: String,
}

pub(super) fn summary(lang: Language, cart: &Cart, psp: &'static Psp) -> Result<Response, BoxError> {
    let label = psp.method.label(lang);
    let method = match &cart.card {
        Some(card) => format!("{label} •••• {}", card.last_four),
        None => format!("{label}: {}", psp.service),
    };
    let sum = cart.request.total_cents().saturating_add(psp.max_fee_cents);
    let template = SummaryPage {
        lang,
        here: Step::Summary.path(&cart.id),
        psp,
        method,
        fee: money(psp.max_fee_cents, lang),
        sum: money(sum, lang),
        page: Page { lang, cart },
    };
    page(200, cart, &template)
}

#[derive(Template)]
#[template(path = "cancel.html")]
struct CancelPage<'a> {
    lang: Language,
    /// This page's path, to come back to in another language.
    here: String,
    page: Page<'a>,
}

pub(super) fn cancel(lang: Language, cart: &Cart) -> Result<Response, BoxError> {
    page(200, cart, &CancelPage { lang, here: Step::Cancel.path(&cart.id), page: Page { lang, cart } })
}

#[derive(Template)]
#[template(path = "outcome.html")]
struct OutcomePage<'a> {
    lang: Language,
    /// This page's path, to come back to in another language.
    here: String,
    page: Page<'a>,
    taken: bool,
    title: &'static str,
    text: String,
    code: Option<String>,
}

/// How it ended, and the way back.
pub(super) fn outcome(lang: Language, cart: &Cart) -> Result<Response, BoxError> {
    let (title, text, code) = match &cart.state {
        State::Paid => (
            lang.choose("Il pagamento è stato preso in carico", "Your payment has been taken in charge"),
            lang.choose(
                "L’esito arriva al tuo indirizzo e-mail, e al sito dell’ente con la ricevuta.",
                "The outcome goes to your e-mail address, and to the creditor's site with the receipt.",
            )
            .to_owned(),
            None,
        ),
        State::PaidLater | State::Confirmed | State::Open => (
            lang.choose("Il pagamento è in corso", "Your payment is being processed"),
            lang.choose(
                "L’esito non è ancora noto: arriverà per e-mail. Non pagare di nuovo.",
                "The outcome is not known yet: it will come by e-mail. Do not pay again.",
            )
            .to_owned(),
            Some("17".to_owned()).filter(|_| cart.state == State::PaidLater),
        ),
        State::Cancelled => (
            lang.choose("Hai annullato il pagamento", "You cancelled the payment"),
            lang.choose("Non è stato addebitato nulla.", "Nothing was charged.").to_owned(),
            None,
        ),
        State::Failed(why) => {
            let (text, code) = failure(lang, why);
            (lang.choose("Il pagamento non è riuscito", "The payment did not succeed"), text, Some(code))
        }
    };
    let taken = matches!(cart.state, State::Paid);
    page(
        200,
        cart,
        &OutcomePage { lang, here: Step::Outcome.path(&cart.id), taken, title, text, code, page: Page { lang, cart } },
    )
}

fn failure(lang: Language, why: &Failed) -> (String, String) {
    let nothing = lang.choose("Non è stato addebitato nulla.", "Nothing was charged.");
    let (text, code) = match why {
        Failed::Outcome { code } => (
            match code {
                2 => {
                    lang.choose("La banca non ha autorizzato il pagamento.", "The bank did not authorise the payment.")
                }
                7 => lang.choose("La carta non è valida o è scaduta.", "The card is not valid or has expired."),
                116 => lang.choose("Il saldo non è sufficiente.", "The balance is not sufficient."),
                117 => lang.choose("Il codice di verifica è sbagliato.", "The security code is wrong."),
                _ => lang.choose("Si è verificato un errore.", "An error occurred."),
            },
            code.to_string(),
        ),
        Failed::OtherAmount => (
            lang.choose(
                "L’importo è cambiato: torna al sito dell’ente e riprova.",
                "The amount has changed: go back to the creditor's site and try again.",
            ),
            "1".to_owned(),
        ),
        Failed::Node { fault } => {
            let original = fault.original_code.as_deref().unwrap_or(&fault.code);
            let text = match original {
                "PPT_PAGAMENTO_IN_CORSO" => lang.choose(
                    "Un altro pagamento dello stesso avviso è in corso: riprova fra qualche minuto.",
                    "Another payment of the same notice is in progress: try again in a few minutes.",
                ),
                "PPT_PAGAMENTO_DUPLICATO" | "PAA_PAGAMENTO_DUPLICATO" => {
                    lang.choose("L’avviso è già stato pagato.", "The notice has already been paid.")
                }
                "PAA_PAGAMENTO_SCONOSCIUTO" => {
                    lang.choose("L’ente non conosce questo avviso.", "The creditor does not know this notice.")
                }
                "PAA_PAGAMENTO_ANNULLATO" => {
                    lang.choose("L’ente ha annullato l’avviso.", "The creditor has cancelled the notice.")
                }
                "PAA_PAGAMENTO_SCADUTO" => lang.choose("L’avviso è scaduto.", "The notice has expired."),
                _ => lang.choose(
                    "L’ente creditore non risponde come dovrebbe.",
                    "The creditor does not answer as it should.",
                ),
            };
            let code = match &fault.original_code {
                Some(original) => format!("{} ({original})", fault.code),
                None => fault.code.clone(),
            };
            (text, code)
        }
    };
    (format!("{text} {nothing}"), code)
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    lang: Language,
    /// This page's path, to come back to in another language.
    here: String,
    title: &'static str,
    text: &'static str,
    back: Option<&'a str>,
}

fn message(
    status: u16,
    lang: Language,
    title: &'static str,
    text: &'static str,
    back: Option<&str>,
) -> Result<Response, BoxError> {
    Ok(Response::html(status, MessagePage { lang, here: "/".to_owned(), title, text, back }.render()?))
}

pub(super) fn expired(lang: Language, cart: &Cart) -> Result<Response, BoxError> {
    let title = lang.choose("Il carrello è scaduto", "The cart has expired");
    let text = lang.choose(
        "Un carrello vale dieci minuti. Non è stato addebitato nulla: torna al sito dell’ente e riprova.",
        "A cart lives ten minutes. Nothing was charged: go back to the creditor's site and try again.",
    );
    message(410, lang, title, text, Some(cart.return_url()))
}

pub(super) fn forbidden(lang: Language) -> Result<Response, BoxError> {
    let title = lang.choose("Richiesta non valida", "Invalid request");
    let text = lang.choose("Torna indietro, ricarica la pagina e riprova.", "Go back, reload the page and try again.");
    message(403, lang, title, text, None)
}

/// No such page, or no such cart: nobody is told which.
pub(crate) fn not_found(lang: Language) -> Result<Response, BoxError> {
    let title = lang.choose("Pagina non trovata", "Page not found");
    let text = lang.choose(
        "L’indirizzo non esiste, oppure il carrello non c’è più.",
        "The address does not exist, or the cart is gone.",
    );
    message(404, lang, title, text, None)
}

/// An error of ours, which was logged.
pub(crate) fn unavailable(lang: Language) -> Response {
    let title = lang.choose("Errore del simulatore", "The simulator failed");
    let text = lang.choose("Riprova fra un momento.", "Try again in a moment.");
    message(500, lang, title, text, None)
        .unwrap_or_else(|_| Response::new(500, "text/plain; charset=utf-8", text.to_owned()))
}

#[derive(Template)]
#[template(path = "about.html")]
struct AboutPage<'a> {
    lang: Language,
    /// This page's path, to come back to in another language.
    here: String,
    origin: &'a str,
    cards: &'static [TestCard],
}

/// What this is, the test cards and the controls.
pub(crate) fn about(lang: Language, config: &Config) -> Result<Response, BoxError> {
    Ok(Response::html(
        200,
        AboutPage { lang, here: "/".to_owned(), origin: &config.origin, cards: TEST_CARDS }.render()?,
    ))
}
