//! The client of Checkout's carts API (pagoPA reference 8).

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use pagopa::checkout::{CartFailure, CartRequest, ProblemJson, read_answer};
use reqwest::{Client, Url, redirect::Policy};
use runtime::{App, BoxError, needed};

/// Checkout, at one address. Holds the connection from one request to the next.
pub struct Carts {
    client: Client,
    url: Url,
    subscription_key: Option<String>,
    pages: Origins,
}

/// Why there is no address to send the browser to; in every case nothing was charged.
#[derive(Debug, thiserror::Error)]
pub enum NoAddress {
    /// 422: a notice of the cart cannot be paid now.
    #[error("Checkout refuses a notice of the cart")]
    Refused,
    /// Theirs or ours, and nothing that the payer can change.
    #[error("Checkout gives no address: {0}")]
    Unavailable(String),
}

/// The whole call, where the deployment does not say; with what comes before and after, it must fit the function's time
/// and a person's patience.
const TOTAL: Duration = Duration::from_secs(4);
const CONNECT: Duration = Duration::from_secs(1);
/// A problem in JSON is far smaller.
const MAX_PROBLEM_BYTES: usize = 16 * 1024;

impl Carts {
    /// Fails where the deployment does not say where Checkout is and where its pages are.
    pub fn new(app: &App) -> Result<Self, BoxError> {
        let base = needed("CHECKOUT_URL", app.config.checkout_url.as_ref())?;
        let url =
            format!("{base}/carts").parse::<Url>().map_err(|error| format!("CHECKOUT_URL is no address: {error}"))?;
        let pages = Origins::read(needed("CHECKOUT_ORIGIN", app.config.checkout_origin.as_ref())?)?;
        // One try, no redirect followed: the only success is an address for the browser.
        let total = patience(std::env::var("CHECKOUT_TIMEOUT_MILLISECONDS").ok().as_deref())?;
        let client = Client::builder().redirect(Policy::none()).connect_timeout(CONNECT.min(total)).timeout(total);
        let client = match url.domain().filter(|host| is_local(host)) {
            Some(host) => client.no_proxy().resolve_to_addrs(host, &loopback()),
            None => client,
        };
        let subscription_key = app.keys.checkout().map(str::to_owned);
        Ok(Self { client: client.build()?, url, subscription_key, pages })
    }

    /// Sends a cart: the address of Checkout's page for it, good for minutes and to be stored nowhere.
    pub async fn open(&self, cart: &CartRequest) -> Result<String, NoAddress> {
        let mut call = self.client.post(self.url.clone()).json(cart);
        if let Some(key) = &self.subscription_key {
            call = call.header("Ocp-Apim-Subscription-Key", key);
        }
        let mut answer = call.send().await.map_err(silent)?;
        let status = answer.status().as_u16();
        let location = answer.headers().get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let problem = match status {
            400..=499 => read_problem(&mut answer).await,
            _ => None,
        };
        match read_answer(status, location.as_deref(), problem) {
            Ok(address) => self.pages.accept(&address).ok_or_else(|| {
                NoAddress::Unavailable("it sends the browser to a place that is not under CHECKOUT_ORIGIN".into())
            }),
            Err(CartFailure::Refused(_)) => Err(NoAddress::Refused),
            Err(failure @ CartFailure::Unavailable { .. }) => Err(NoAddress::Unavailable(failure.to_string())),
            Err(CartFailure::Invalid { status, problem }) => {
                let title = problem.map(|problem| problem.title).unwrap_or_default();
                Err(NoAddress::Unavailable(format!("it refuses the request with {status} {title:?}")))
            }
        }
    }
}

/// How long Checkout may take.
fn patience(milliseconds: Option<&str>) -> Result<Duration, String> {
    match milliseconds.filter(|text| !text.is_empty()) {
        None => Ok(TOTAL),
        Some(text) => match text.parse() {
            Ok(milliseconds) => Ok(Duration::from_millis(milliseconds)),
            Err(_) => Err("the environment variable CHECKOUT_TIMEOUT_MILLISECONDS is no number".into()),
        },
    }
}

/// What went wrong on the way, with its causes.
fn silent(error: reqwest::Error) -> NoAddress {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    NoAddress::Unavailable(text)
}

async fn read_problem(answer: &mut reqwest::Response) -> Option<ProblemJson> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_PROBLEM_BYTES {
            return None;
        }
    }
    serde_json::from_slice(&body).ok()
}

/// Names below `.localhost` are this machine, whatever a resolver says (RFC 6761).
fn is_local(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// The port is the address's own.
fn loopback() -> [SocketAddr; 2] {
    let at = |ip: IpAddr| SocketAddr::new(ip, 0);
    [at(IpAddr::V4(Ipv4Addr::LOCALHOST)), at(IpAddr::V6(Ipv6Addr::LOCALHOST))]
}

/// Where Checkout may send a browser: CHECKOUT_ORIGIN, one origin or several with blanks between them, as the
/// content security policy has them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origins(Vec<String>);

impl Origins {
    fn read(text: &str) -> Result<Self, String> {
        let origin = |text: &str| match text.parse::<Url>() {
            Ok(url) if url.origin().is_tuple() => Ok(url.origin().ascii_serialization()),
            _ => Err(format!("CHECKOUT_ORIGIN is no origin: {text}")),
        };
        let origins: Vec<String> = text.split_whitespace().map(origin).collect::<Result<_, _>>()?;
        if origins.is_empty() { Err("CHECKOUT_ORIGIN is empty".into()) } else { Ok(Self(origins)) }
    }

    /// The address as we have understood it, if it is one of Checkout's; no name or password may stand in it.
    fn accept(&self, address: &str) -> Option<String> {
        let url = address.parse::<Url>().ok()?;
        let plain = url.username().is_empty() && url.password().is_none();
        let known = self.0.contains(&url.origin().ascii_serialization());
        (plain && known).then(|| url.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_sent_to_checkout_and_nowhere_else() {
        let origins = Origins::read("https://api.platform.pagopa.it https://checkout.pagopa.it/").unwrap();
        for good in [
            "https://api.platform.pagopa.it/ecommerce/checkout/v1/carts/537d6dff/redirect?clientId=CHECKOUT_CART",
            "https://checkout.pagopa.it/c/x#y",
            "https://CHECKOUT.pagopa.it:443/",
        ] {
            assert!(origins.accept(good).is_some(), "{good}");
        }
        for bad in [
            "http://checkout.pagopa.it/",
            "https://checkout.pagopa.it:8443/",
            "https://checkout.pagopa.it.evil.example/",
            "https://evil.example/checkout.pagopa.it",
            "https://checkout.pagopa.it@evil.example/",
            "https://someone@checkout.pagopa.it/",
            "https://evil.example\\@checkout.pagopa.it/",
            "https:evil.example",
            "//checkout.pagopa.it/",
            "/carts",
            "javascript:alert(1)",
            "data:text/html,x",
            "",
        ] {
            assert_eq!(origins.accept(bad), None, "{bad}");
        }
        let local = Origins::read("http://sandbox.pagoinrete.localhost:4566").unwrap();
        assert!(local.accept("http://sandbox.pagoinrete.localhost:4566/checkout/c/1").is_some());
        assert_eq!(local.accept("http://sandbox.pagoinrete.localhost:4567/checkout/c/1"), None);
    }

    #[test]
    fn origins_must_be_origins() {
        for wrong in ["", "  ", "checkout.pagopa.it", "data:x", "https://checkout.pagopa.it nonsense"] {
            assert!(Origins::read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn only_names_below_localhost_are_this_machine() {
        for local in ["localhost", "sandbox.pagoinrete.localhost", "SANDBOX.localhost", "a.localhost."] {
            assert!(is_local(local), "{local}");
        }
        for other in ["localhost.example.com", "notlocalhost", "api.platform.pagopa.it", ""] {
            assert!(!is_local(other), "{other}");
        }
    }
}
