//! Checkout's carts API: what a creditor's site posts, and what comes back. Source: pagoPA reference 8.

use domain::{EntityCode, Euro, NoticeNumber, Personal};
use serde::{Deserialize, Serialize};

/// `POST …/carts`. Each attempt builds a new one; the answer's address is for the browser, at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CartRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_notice: Option<Personal<String>>,
    pub payment_notices: Vec<PaymentNotice>,
    pub return_urls: ReturnUrls,
    /// Comes back as `paymentNote` in activation and receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_cart: Option<String>,
    /// Every transfer can go to a postal account.
    #[serde(default, rename = "allCCP", skip_serializing_if = "Option::is_none")]
    pub all_ccp: Option<bool>,
}

/// One notice of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentNotice {
    pub notice_number: String,
    pub fiscal_code: String,
    /// Whole cents.
    pub amount: u64,
    pub company_name: String,
    pub description: String,
}

/// Where the browser goes at the end, bare: full URLs with scheme. None of them proves anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReturnUrls {
    pub return_ok_url: String,
    pub return_cancel_url: String,
    pub return_error_url: String,
    /// Version 2 only, mandatory there: the outcome was not known in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_waiting_url: Option<String>,
}

/// The carts API's two versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CartVersion {
    V1,
    V2,
}

/// What Checkout answers instead of an address (RFC 7807).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemJson {
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub status: u16,
    #[serde(default)]
    pub detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

fn about_blank() -> String {
    "about:blank".to_owned()
}

/// A cart holds one to five notices.
pub const MAX_NOTICES: usize = 5;
const MAX_TEXT: usize = 140;
const MAX_ID_CART: usize = 210;
const MAX_URL: usize = 2048;

impl PaymentNotice {
    /// Texts are cut to what the API accepts.
    pub fn new(
        number: &NoticeNumber,
        creditor: &EntityCode,
        amount: Euro,
        company_name: &str,
        description: &str,
    ) -> Self {
        let cut = |text: &str| text.trim().chars().take(MAX_TEXT).collect();
        Self {
            notice_number: number.to_string(),
            fiscal_code: creditor.to_string(),
            amount: amount.cents(),
            company_name: cut(company_name),
            description: cut(description),
        }
    }

    fn is_valid(&self) -> bool {
        let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
        digits(&self.notice_number, 18)
            && digits(&self.fiscal_code, 11)
            && Euro::from_cents(self.amount).is_ok()
            && self.company_name.chars().count() <= MAX_TEXT
            && self.description.chars().count() <= MAX_TEXT
    }
}

impl CartRequest {
    /// The API's own rules, before the Node is asked about each notice: the problem it would answer.
    pub fn check(&self, version: CartVersion) -> Result<(), ProblemJson> {
        let urls = &self.return_urls;
        let waiting = match version {
            CartVersion::V1 => None,
            CartVersion::V2 => Some(urls.return_waiting_url.as_deref().unwrap_or_default()),
        };
        let mut urls =
            [urls.return_ok_url.as_str(), &urls.return_cancel_url, &urls.return_error_url].into_iter().chain(waiting);
        let email_ok =
            self.email_notice.as_ref().is_none_or(|email| email.reveal().parse::<domain::EmailAddress>().is_ok());
        let id_ok = self.id_cart.as_ref().is_none_or(|id| (1..=MAX_ID_CART).contains(&id.chars().count()));
        let fields_ok =
            email_ok && id_ok && urls.all(is_url) && self.payment_notices.iter().all(PaymentNotice::is_valid);
        if !fields_ok || self.payment_notices.is_empty() {
            return Err(ProblemJson::invalid_request());
        }
        if self.payment_notices.len() > MAX_NOTICES {
            return Err(ProblemJson::new(
                422,
                "Multiple payment notices not processable",
                &format!("Too many payment notices, expected max {MAX_NOTICES}"),
            ));
        }
        let mut keys: Vec<_> = self.payment_notices.iter().map(|n| (&n.fiscal_code, &n.notice_number)).collect();
        keys.sort_unstable();
        match keys.windows(2).any(|pair| pair[0] == pair[1]) {
            true => Err(ProblemJson::invalid_payment_info("Duplicate payment notice values found.")),
            false => Ok(()),
        }
    }

    /// What the payer is asked for, without the commission. Cannot overflow: five notices within the schema's bound.
    pub fn total_cents(&self) -> u64 {
        self.payment_notices.iter().map(|notice| notice.amount).fold(0, u64::saturating_add)
    }
}

/// `http` or `https` with a host: without a scheme the browser would stay on Checkout (reference 8).
fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host_ok = rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '['));
    host_ok && text.len() <= MAX_URL && text.bytes().all(|b| b.is_ascii_graphic())
}

impl ProblemJson {
    pub fn new(status: u16, title: &str, detail: &str) -> Self {
        Self { kind: about_blank(), title: title.to_owned(), status, detail: detail.to_owned(), instance: None }
    }

    /// 400: a field is missing or wrong.
    pub fn invalid_request() -> Self {
        Self::new(400, "Request validation error", "Invalid input")
    }

    /// 422: duplicates, or a notice that the Node's check refuses.
    pub fn invalid_payment_info(detail: &str) -> Self {
        Self::new(422, "Invalid payment info", detail)
    }
}

/// Why there is no address to send the browser to. In every case nothing was charged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CartFailure {
    /// 422: a notice cannot be paid now: paid already, in progress, unknown.
    #[error("Checkout refuses a notice of the cart")]
    Refused(Option<ProblemJson>),
    /// 400 or another 4xx: our request or our key is wrong.
    #[error("Checkout refuses the request with {status}")]
    Invalid { status: u16, problem: Option<ProblemJson> },
    /// 5xx, or an answer that is none (a wrong URL answers 200 with a page).
    #[error("Checkout gave no valid answer ({status})")]
    Unavailable { status: u16 },
}

/// The address for the browser: only a 302 with a `Location` is a success, and the server never follows it.
pub fn read_answer(status: u16, location: Option<&str>, problem: Option<ProblemJson>) -> Result<String, CartFailure> {
    match (status, location) {
        (302, Some(location)) if is_url(location) => Ok(location.to_owned()),
        (422, _) => Err(CartFailure::Refused(problem)),
        (400..=499, _) => Err(CartFailure::Invalid { status, problem }),
        _ => Err(CartFailure::Unavailable { status }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cart() -> CartRequest {
        let url = |end: &str| format!("https://scuola.example.org/p/9c1e/{end}");
        CartRequest {
            email_notice: Some(Personal::new("genitore@example.org".to_owned())),
            payment_notices: vec![notice("312260000000004289")],
            return_urls: ReturnUrls {
                return_ok_url: url("ok"),
                return_cancel_url: url("cancel"),
                return_error_url: url("error"),
                return_waiting_url: Some(url("wait")),
            },
            id_cart: Some("cart-7f3c2a".to_owned()),
            all_ccp: None,
        }
    }

    fn notice(number: &str) -> PaymentNotice {
        let creditor = "80124890155".parse().unwrap();
        PaymentNotice::new(
            &number.parse().unwrap(),
            &creditor,
            "45.50".parse().unwrap(),
            "Istituto Comprensivo Esempio",
            "Visita",
        )
    }

    #[test]
    fn is_written_as_the_api_names_it_and_read_back() {
        let json = serde_json::to_value(cart()).unwrap();
        assert_eq!(json["emailNotice"], "genitore@example.org");
        assert_eq!(json["paymentNotices"][0]["noticeNumber"], "312260000000004289");
        assert_eq!(json["paymentNotices"][0]["amount"], 4550);
        assert_eq!(json["returnUrls"]["returnWaitingUrl"], "https://scuola.example.org/p/9c1e/wait");
        assert_eq!(json["idCart"], "cart-7f3c2a");
        assert!(json.get("allCCP").is_none());
        assert_eq!(serde_json::from_value::<CartRequest>(json).unwrap(), cart());
        assert!(!format!("{:?}", cart()).contains("genitore"), "an address is not printed");
    }

    #[test]
    fn refuses_as_checkout_does() {
        let six: Vec<_> = (0..6).map(|i| notice(&format!("31226000000000428{i}"))).collect();
        let change = |change: &dyn Fn(&mut CartRequest)| {
            let mut cart = cart();
            change(&mut cart);
            cart.check(CartVersion::V2).err().map(|problem| (problem.status, problem.title))
        };
        let invalid = Some((400, "Request validation error".to_owned()));
        assert_eq!(change(&|_| {}), None);
        assert_eq!(change(&|c| c.payment_notices.clear()), invalid);
        assert_eq!(change(&|c| c.payment_notices[0].amount = 0), invalid);
        assert_eq!(change(&|c| c.payment_notices[0].notice_number.push('1')), invalid);
        assert_eq!(change(&|c| c.payment_notices[0].fiscal_code.clear()), invalid);
        assert_eq!(change(&|c| c.payment_notices[0].description = "x".repeat(141)), invalid);
        assert_eq!(change(&|c| c.return_urls.return_waiting_url = None), invalid);
        assert_eq!(change(&|c| c.return_urls.return_ok_url = "scuola.example.org/ok".to_owned()), invalid);
        assert_eq!(change(&|c| c.return_urls.return_ok_url = "javascript:alert(1)".to_owned()), invalid);
        assert_eq!(change(&|c| c.email_notice = Some(Personal::new("no".to_owned()))), invalid);
        assert_eq!(
            change(&|c| c.payment_notices.clone_from(&six)),
            Some((422, "Multiple payment notices not processable".to_owned()))
        );
        let twice = change(&|c| c.payment_notices.push(notice("312260000000004289")));
        assert_eq!(twice, Some((422, "Invalid payment info".to_owned())));
        let mut first_version = cart();
        first_version.return_urls.return_waiting_url = None;
        assert_eq!(first_version.check(CartVersion::V1), Ok(()));
    }

    #[test]
    fn only_a_redirect_with_an_address_is_a_success() {
        let at = "https://api.platform.pagopa.it/ecommerce/checkout/v1/carts/537d6dff/redirect?clientId=CHECKOUT_CART";
        assert_eq!(read_answer(302, Some(at), None).as_deref(), Ok(at));
        let unavailable = |status| Err(CartFailure::Unavailable { status });
        let cases = [
            (302, None, unavailable(302)),
            (302, Some("/relative"), unavailable(302)),
            (302, Some("javascript:alert(1)"), unavailable(302)),
            (200, Some(at), unavailable(200)),
            (200, None, unavailable(200)),
            (502, None, unavailable(502)),
            (422, None, Err(CartFailure::Refused(None))),
            (401, None, Err(CartFailure::Invalid { status: 401, problem: None })),
        ];
        for (status, location, expected) in cases {
            assert_eq!(read_answer(status, location, None), expected, "{status} {location:?}");
        }
    }
}
