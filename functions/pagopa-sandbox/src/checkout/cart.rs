use domain::Personal;
use jiff::Timestamp;
use pagopa::checkout::{CartRequest, CartVersion};
use serde::{Deserialize, Serialize};

use super::{Method, Psp, Step, card::MaskedCard};
use crate::{node::NodeFault, random};

/// The real one forgets a cart after ten minutes (pagoPA reference 8).
const LIFE_SECONDS: i64 = 600;

/// A cart under payment. Its id is its address: whoever holds it may pay, nobody can guess it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Cart {
    pub(crate) id: String,
    pub(crate) version: i64,
    /// In every form: a page of another site cannot know it.
    pub(crate) form_token: String,
    pub(crate) created_at: Timestamp,
    /// Of the carts API: the first version has no address for waiting.
    pub(crate) has_waiting_url: bool,
    pub(crate) request: CartRequest,
    pub(crate) email: Option<Personal<String>>,
    pub(crate) method: Option<Method>,
    pub(crate) card: Option<MaskedCard>,
    pub(crate) psp: Option<String>,
    pub(crate) state: State,
}

/// Where a cart stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(crate) enum State {
    Open,
    /// The payer has confirmed; nobody knows yet how it ends.
    Confirmed,
    Paid,
    /// Paid, but the page did not learn it in time.
    PaidLater,
    Failed(Failed),
    Cancelled,
}

impl State {
    pub(crate) fn is_paid(&self) -> bool {
        matches!(self, Self::Paid | Self::PaidLater)
    }
}

/// Why nothing was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub(crate) enum Failed {
    /// The card or the PSP, with Checkout's outcome code.
    Outcome { code: u16 },
    /// The Node or the creditor, at activation.
    Node { fault: NodeFault },
    /// The creditor now asks another amount than the cart showed.
    OtherAmount,
}

impl Cart {
    pub(crate) fn new(request: CartRequest, version: CartVersion, now: Timestamp) -> Self {
        Self {
            id: random::id(),
            version: 1,
            form_token: random::id(),
            created_at: now,
            has_waiting_url: version == CartVersion::V2,
            email: None, // the creditor's proposal is shown, the payer decides
            request,
            method: None,
            card: None,
            psp: None,
            state: State::Open,
        }
    }

    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.state == State::Open && now.as_second() - self.created_at.as_second() > LIFE_SECONDS
    }

    /// The offer chosen, if it is still one of the chosen method.
    pub(crate) fn psp(&self) -> Option<&'static Psp> {
        let psp = Psp::by_id(self.psp.as_deref()?)?;
        (Some(psp.method) == self.method).then_some(psp)
    }

    /// How far the payer may go: the first page whose question is not answered yet.
    pub(crate) fn next_step(&self) -> Step {
        match (&self.state, self.method) {
            (State::Open, None) if self.email.is_none() => Step::Start,
            (State::Open, None) => Step::Method,
            (State::Open, Some(Method::Card)) if self.card.is_none() => Step::Card,
            (State::Open, Some(_)) if self.psp().is_none() => Step::Psp,
            (State::Open, Some(_)) => Step::Summary,
            _ => Step::Outcome,
        }
    }

    /// Where the browser goes at the end, bare: nothing of it proves anything. Source: pagoPA reference 8.
    pub(crate) fn return_url(&self) -> &str {
        let urls = &self.request.return_urls;
        let waiting = urls.return_waiting_url.as_deref().filter(|_| self.has_waiting_url);
        match self.state {
            State::Paid => &urls.return_ok_url,
            State::PaidLater | State::Confirmed => waiting.unwrap_or(&urls.return_error_url),
            State::Failed(_) => &urls.return_error_url,
            State::Open | State::Cancelled => &urls.return_cancel_url,
        }
    }

    /// The origins that a form of this cart may lead to.
    pub(crate) fn return_origins(&self) -> Vec<String> {
        let urls = &self.request.return_urls;
        let all = [
            Some(&urls.return_ok_url),
            Some(&urls.return_cancel_url),
            Some(&urls.return_error_url),
            urls.return_waiting_url.as_ref(),
        ];
        let mut origins: Vec<String> = all.into_iter().flatten().filter_map(|url| origin(url)).collect();
        origins.sort_unstable();
        origins.dedup();
        origins
    }
}

/// `https://host:port` of an address, as a policy can name it.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'));
    (plain && !host.is_empty() && matches!(scheme, "http" | "https")).then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_plain() {
        assert_eq!(origin("https://scuola.example.org/p/ok?x=1").as_deref(), Some("https://scuola.example.org"));
        assert_eq!(
            origin("http://pagoinrete.localhost:4566/cart").as_deref(),
            Some("http://pagoinrete.localhost:4566")
        );
        for odd in ["https://a;script-src *", "https://user@host/", "javascript:x", "https:///x", "ftp://host/"] {
            assert_eq!(origin(odd), None, "{odd}");
        }
    }
}
