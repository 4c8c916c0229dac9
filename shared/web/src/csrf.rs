//! Forged requests: where the request comes from, and a token that only our own page could know.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::SessionId;
use runtime::{App, Keys};

use crate::{Browser, Caller, Failure, Request};

/// What a form's token is bound to.
#[derive(Debug, Clone, Copy)]
pub enum Bound<'a> {
    Session(&'a SessionId),
    Browser(&'a Browser),
    /// A program's own token came with the request: nothing that a browser adds by itself.
    Bearer,
}

impl<'a> From<&'a Caller> for Bound<'a> {
    fn from(caller: &'a Caller) -> Self {
        if caller.bearer { Self::Bearer } else { Self::Session(&caller.account.session.id) }
    }
}

impl<'a> From<&'a Browser> for Bound<'a> {
    fn from(browser: &'a Browser) -> Self {
        Self::Browser(browser)
    }
}

/// Every command checks this before it does anything: `check_csrf(app, request, &caller)`, and for a form of signed-out
/// people `check_csrf(app, request, request.browser())`. The token is the form's field `csrf` or the header
/// `x-csrf-token`.
pub fn check_csrf<'a>(app: &App, request: &Request, bound: impl Into<Bound<'a>>) -> Result<(), Failure> {
    check(&app.keys, &app.config.origin, request, bound.into())
}

fn check(keys: &Keys, origin: &str, request: &Request, bound: Bound<'_>) -> Result<(), Failure> {
    if matches!(bound, Bound::Bearer) {
        return Ok(());
    }
    let (fetch_site, from) = (request.header("sec-fetch-site"), request.header("origin"));
    let ours = match (fetch_site, from) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(from)) => from == origin,
        // No browser of today: the token alone decides.
        (None, None) => true,
    };
    // A program that sends JSON, holds no cookie and is no browser has nothing that could be abused.
    let program = fetch_site.is_none() && from.is_none() && !request.has_cookies() && request.is_json();
    if ours && program {
        return Ok(());
    }
    let sent = request.header("x-csrf-token").or_else(|| request.reserved("csrf")).unwrap_or_default();
    let known = verify_slices_are_equal(sent.as_bytes(), token(keys, bound).as_bytes()).is_ok();
    if ours && known { Ok(()) } else { Err(Failure::Csrf) }
}

/// The token for forms bound to this session or browser. A renewed sign-in of the same session breaks no open form.
pub(crate) fn token(keys: &Keys, bound: Bound<'_>) -> String {
    let material = match bound {
        Bound::Session(id) => format!("session|{id}"),
        Bound::Browser(browser) => format!("browser|{}", browser.id()),
        Bound::Bearer => return String::new(),
    };
    URL_SAFE_NO_PAD.encode(keys.mac("csrf", material.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Site, testing};
    use jiff::Timestamp;

    const ORIGIN: &str = "https://pagoinrete.example";

    fn request(asked: testing::Asked) -> Request {
        Request::parse(asked.event(), Site::Secure, Timestamp::UNIX_EPOCH, [3; 16])
    }

    #[tokio::test]
    async fn forged_requests_are_refused() {
        let app = testing::app(ORIGIN, "").await.unwrap();
        let (session, other) = (SessionId::from_bytes([1; 16]), SessionId::from_bytes([2; 16]));
        let right = token(&app.keys, Bound::Session(&session));
        let theirs = token(&app.keys, Bound::Session(&other));
        let form =
            |token: &str| testing::post("/cart/items", &[("csrf", token), ("notice", "1")]).cookie("__Host-session=x");
        let from = |site: &str| form(&right).header("sec-fetch-site", site);
        let cases = [
            ("own page", from("same-origin"), true),
            ("typed address", from("none"), true),
            ("another site", from("cross-site"), false),
            ("a subdomain", from("same-site"), false),
            ("another site, though Origin says ours", from("cross-site").header("origin", ORIGIN), false),
            ("older browser, our page", form(&right).header("origin", ORIGIN), true),
            ("older browser, another site", form(&right).header("origin", "https://evil.example"), false),
            (
                "older browser, a name that begins like ours",
                form(&right).header("origin", "https://pagoinrete.example.evil.example"),
                false,
            ),
            ("sandboxed frame", form(&right).header("origin", "null"), false),
            ("our name over http", form(&right).header("origin", "http://pagoinrete.example"), false),
            ("no header at all", form(&right), true),
            ("no token", form("").header("sec-fetch-site", "same-origin"), false),
            ("another session's token", form(&theirs).header("sec-fetch-site", "same-origin"), false),
            ("a token cut short", form(&right[..20]).header("sec-fetch-site", "same-origin"), false),
            (
                "token in the header",
                form("").header("x-csrf-token", &right).header("sec-fetch-site", "same-origin"),
                true,
            ),
            ("wrong token in the header goes first", form(&right).header("x-csrf-token", "x"), false),
            (
                "JSON with cookies and no token",
                testing::post_json("/cart/items", &serde_json::json!({})).cookie("__Host-session=x"),
                false,
            ),
            (
                "JSON from another site without cookies",
                testing::post_json("/login", &serde_json::json!({})).header("origin", "https://evil.example"),
                false,
            ),
            ("a program: JSON, no cookie, no browser", testing::post_json("/login", &serde_json::json!({})), true),
            ("a form without cookies is no program", testing::post("/login", &[("username", "a")]), false),
        ];
        for (name, asked, passes) in cases {
            let request = request(asked);
            let checked = check(&app.keys, ORIGIN, &request, Bound::Session(&session));
            assert_eq!(checked.is_ok(), passes, "{name}");
            assert!(check(&app.keys, ORIGIN, &request, Bound::Bearer).is_ok(), "a bearer token needs none");
        }
    }

    #[tokio::test]
    async fn signed_out_forms_are_bound_to_the_browser() {
        let app = testing::app(ORIGIN, "").await.unwrap();
        let first = request(testing::get("/login"));
        let form_token = token(&app.keys, Bound::Browser(first.browser()));
        let id = first.browser().id().to_owned();
        let sent = |cookie: &str| {
            request(
                testing::post("/login", &[("csrf", form_token.as_str())])
                    .header("sec-fetch-site", "same-origin")
                    .cookie(cookie),
            )
        };
        let same = sent(&format!("__Host-browser={id}"));
        assert!(check(&app.keys, ORIGIN, &same, same.browser().into()).is_ok());
        for cookie in ["__Host-browser=AAAAAAAAAAAAAAAAAAAAAA", "a=b", &format!("browser={id}")] {
            let other = Request::parse(
                testing::post("/login", &[("csrf", form_token.as_str())])
                    .header("sec-fetch-site", "same-origin")
                    .cookie(cookie)
                    .event(),
                Site::Secure,
                Timestamp::UNIX_EPOCH,
                [4; 16],
            );
            assert!(check(&app.keys, ORIGIN, &other, other.browser().into()).is_err(), "{cookie}");
        }
    }
}
