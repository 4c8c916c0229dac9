use std::sync::Arc;

use pagopa::checkout::{CartVersion, ProblemJson};

use super::{Request, Response, request};
use crate::{
    App, BoxError,
    checkout::{self, Step},
    controls,
};

/// What is asked for. The name is what logs show.
enum Route<'a> {
    About,
    Style,
    Language(&'a str),
    Carts(CartVersion),
    Pay(&'a str, Step),
    Receipts,
    Receipt(&'a str),
    Repeat(&'a str),
    Payments,
    Unknown,
}

/// A form or a JSON body of ours is never longer.
const MAX_BODY_BYTES: usize = 64 * 1024;

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Self {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match parts.as_slice() {
            [""] => Self::About,
            ["sandbox.css"] => Self::Style,
            ["lang", tag] => Self::Language(tag),
            ["checkout", "ec", "v1", "carts"] => Self::Carts(CartVersion::V1),
            ["checkout", "ec", "v2", "carts"] => Self::Carts(CartVersion::V2),
            ["pay", cart] => Self::Pay(cart, Step::Start),
            ["pay", cart, step] => Step::of(step).map_or(Self::Unknown, |step| Self::Pay(cart, step)),
            ["sandbox", "receipts"] => Self::Receipts,
            ["sandbox", "receipts", id] => Self::Receipt(id),
            ["sandbox", "receipts", id, "repeat"] => Self::Repeat(id),
            ["sandbox", "payments"] => Self::Payments,
            _ => Self::Unknown,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::About => "/",
            Self::Style => "/sandbox.css",
            Self::Language(_) => "/lang/{tag}",
            Self::Carts(CartVersion::V1) => "/checkout/ec/v1/carts",
            Self::Carts(CartVersion::V2) => "/checkout/ec/v2/carts",
            Self::Pay(_, step) => step.route(),
            Self::Receipts => "/sandbox/receipts",
            Self::Receipt(_) => "/sandbox/receipts/{id}",
            Self::Repeat(_) => "/sandbox/receipts/{id}/repeat",
            Self::Payments => "/sandbox/payments",
            Self::Unknown => "unknown",
        }
    }

    fn allows(&self) -> &'static str {
        match self {
            Self::Carts(_) | Self::Repeat(_) | Self::Payments => "POST",
            Self::Pay(_, Step::Confirm) => "POST",
            Self::Pay(_, Step::Summary | Step::Outcome) => "GET",
            Self::Pay(..) => "GET, POST",
            _ => "GET",
        }
    }

    /// Answered to programs rather than to people.
    fn is_api(&self) -> bool {
        matches!(self, Self::Carts(_) | Self::Receipts | Self::Receipt(_) | Self::Repeat(_) | Self::Payments)
    }
}

/// The answer to one request, and the route's name for the log.
pub(crate) async fn serve(app: &Arc<App>, request: &Request) -> (&'static str, Response) {
    let route = Route::of(&request.path);
    let (name, is_api) = (route.name(), route.is_api());
    let reading = matches!(request.method.as_str(), "GET" | "HEAD");
    let allowed = route.allows().split(", ").any(|method| method == request.method || (method == "GET" && reading));
    if !allowed {
        let problem = ProblemJson::new(405, "Method not allowed", "");
        return (name, Response::problem(&problem).with_header("allow", route.allows()));
    }
    if request.body().len() > MAX_BODY_BYTES {
        return (name, Response::problem(&ProblemJson::new(413, "Content too large", "")));
    }
    let answer = dispatch(app, request, route).await.unwrap_or_else(|error| {
        tracing::error!(route = name, error, "The sandbox could not answer");
        match is_api {
            true => Response::problem(&ProblemJson::new(
                500,
                "Internal server error",
                "There was an error processing the request",
            )),
            false => checkout::unavailable(request.language),
        }
    });
    (name, answer)
}

async fn dispatch(app: &Arc<App>, request: &Request, route: Route<'_>) -> Result<Response, String> {
    let answer: Result<Response, BoxError> = match route {
        Route::About => checkout::about(request.language, &app.config),
        Route::Style => Ok(style()),
        Route::Language(tag) => Ok(language(app, request, tag)),
        Route::Carts(version) => checkout::create(app, request, version).await,
        Route::Pay(cart, step) => checkout::step(app, request, cart, step).await,
        Route::Receipts => controls::receipts(app, request).await,
        Route::Receipt(id) => controls::receipt(app, id).await,
        Route::Repeat(id) => controls::repeat(app, request, id).await,
        Route::Payments => controls::pay(app, request).await,
        Route::Unknown => checkout::not_found(request.language),
    };
    answer.map_err(|error| causes(&*error))
}

/// The error with what it came from: the SDK's own words are in its sources.
fn causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

fn style() -> Response {
    const CSS: &str = include_str!("../../templates/sandbox.css");
    Response::new(200, "text/css; charset=utf-8", CSS.to_owned()).with_header("cache-control", "public, max-age=3600")
}

/// Keeps the language in a cookie, and goes back to the page it was chosen on.
fn language(app: &App, request: &Request, tag: &str) -> Response {
    let back = request.query.text("back");
    let ours = back.starts_with('/')
        && !back.starts_with("//")
        && back.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'.'));
    let answer = Response::see_other(if ours { back } else { "/" });
    match request::known(tag) {
        Some(language) => {
            let secure = if app.config.origin.starts_with("https://") { "; Secure" } else { "" };
            let cookie =
                format!("{}={}; Path=/; HttpOnly; SameSite=Lax{secure}", request::LANGUAGE_COOKIE, language.tag());
            answer.with_cookie(cookie)
        }
        None => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_meaning() {
        let cases = [
            ("/", "/", "GET"),
            ("/checkout/ec/v2/carts", "/checkout/ec/v2/carts", "POST"),
            ("/pay/0f", "/pay/{cart}", "GET, POST"),
            ("/pay/0f/card", "/pay/{cart}/card", "GET, POST"),
            ("/pay/0f/confirm", "/pay/{cart}/confirm", "POST"),
            ("/pay/0f/nothing", "unknown", "GET"),
            ("/pay/0f/card/x", "unknown", "GET"),
            ("/sandbox/receipts/0f/repeat", "/sandbox/receipts/{id}/repeat", "POST"),
            ("/favicon.ico", "unknown", "GET"),
        ];
        for (path, name, allows) in cases {
            let route = Route::of(path);
            assert_eq!((route.name(), route.allows()), (name, allows), "{path}");
        }
    }
}
