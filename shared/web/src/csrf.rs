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
