use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    time::Instant,
};

use lambda_runtime::{LambdaEvent, service_fn};
use runtime::{App, BoxError, Keys};

use crate::{
    Failure, Frame, Request, Response, Site,
    csrf::{self, Bound},
    event::{Event, Reply},
    response::Body,
};

/// Serves an HTTP function until its environment ends.
pub async fn serve<F>(app: &App, handle: F) -> Result<(), BoxError>
where
    F: AsyncFn(&App, &Request) -> Result<Response, Failure>,
{
    Site::at(&app.config.origin)?;
    if app.keys.vault().is_none() {
        return Err("this function has no DATA_KEY_SECRET: without it forms could be forged".into());
    }
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Event>| async move {
        Ok::<Reply, BoxError>(respond(app, handle, event.payload).await?.into_reply())
    }))
    .await
}

/// One request in, one answer out, one line in the log. Tests call it with an event of their own.
pub async fn respond<F>(app: &App, handle: &F, event: Event) -> Result<Response, String>
where
    F: AsyncFn(&App, &Request) -> Result<Response, Failure>,
{
    let started = Instant::now();
    let request = Request::receive(app, event)?;
    let result = match request.refusal() {
        Some(failure) => Err(failure),
        None => caught(handle(app, &request)).await,
    };
    let (response, causes) = match result {
        Ok(response) => (response, None),
        Err(Failure::MethodNotAllowed { allow }) if request.is_options() => {
            (Response::empty(204).with_header("allow", format!("{allow}, OPTIONS")), None)
        }
        Err(failure) => {
            let shown = Frame::signed_out(app, &request).fail(&failure);
            (shown.unwrap_or_else(|_| Response::empty(failure.status())), Some(failure.causes()))
        }
    };
    let response = finish(response, &request, &app.keys, app.config.checkout_origin.as_deref());
    log(app.function, &request, response.status, started, causes.as_deref());
    Ok(response)
}

/// A panic in a step ends as an answer, not as a dead environment. The panic hook has told where.
async fn caught<F: Future<Output = Result<Response, Failure>>>(step: F) -> Result<Response, Failure> {
    let mut step = pin!(step);
    std::future::poll_fn(move |context| {
        let polled = catch_unwind(AssertUnwindSafe(|| step.as_mut().poll(context)));
        polled.unwrap_or_else(|_| std::task::Poll::Ready(Err(Failure::Broken("the step panicked".into()))))
    })
    .await
}

/// One line a request, before the answer leaves: an environment may be frozen right after. No query, no body, no name.
fn log(function: &str, request: &Request, status: u16, started: Instant, causes: Option<&str>) {
    /// Our own paths are shorter; what is longer was typed by somebody else.
    const MAX_PATH: usize = 120;
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let path: String = request.path().chars().take(MAX_PATH).collect();
    let (method, id) = (request.method(), request.id());
    match (status, causes) {
        (500.., causes) => tracing::error!(
            function,
            method,
            path,
            status,
            duration_ms,
            correlation_id = id,
            causes = causes.unwrap_or_default(),
            "{method} {path} failed"
        ),
        (_, Some(causes)) => {
            tracing::info!(
                function,
                method,
                path,
                status,
                duration_ms,
                correlation_id = id,
                causes,
                "{method} {path} refused"
            );
        }
        (_, None) => {
            tracing::info!(
                function,
                method,
                path,
                status,
                duration_ms,
                correlation_id = id,
                "{method} {path} answered"
            );
        }
    }
}

/// What every answer has.
fn finish(mut response: Response, request: &Request, keys: &Keys, checkout_origin: Option<&str>) -> Response {
    let browser = request.the_browser();
    let fresh = browser.is_used() && browser.is_fresh();
    if fresh {
        let cookie = request.site().set_cookie(crate::Browser::COOKIE, browser.id(), None);
        response.cookies.push(cookie);
    }
    response.cookies.extend(request.language_cookie());
    let mut add = |name: &str, value: &str| {
        response.headers.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    };
    if fresh {
        // Whoever keeps the cookie needs the token with its next command, though this answer be a refusal.
        add("x-csrf-token", &csrf::token(keys, Bound::Browser(browser)));
    }
    add("cache-control", "no-store");
    add("vary", "Accept, Accept-Language, Cookie");
    add("content-language", request.language().tag());
    add("x-correlation-id", request.id());
    add("x-content-type-options", "nosniff");
    add("referrer-policy", "same-origin");
    add("cross-origin-opener-policy", "same-origin");
    add("cross-origin-resource-policy", "same-origin");
    add("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()");
    add("content-security-policy", &content_security_policy(checkout_origin));
    if request.site().is_secure() {
        add("strict-transport-security", "max-age=31536000");
    }
    if request.is_head() {
        response.body = Body::Text(String::new());
    }
    response
}

/// Nothing but our own files, and forms that lead to us or, through a redirect, to Checkout.
fn content_security_policy(checkout_origin: Option<&str>) -> String {
    let checkout = checkout_origin.map(|origin| format!(" {origin}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; worker-src 'self'; form-action 'self'{checkout}; frame-ancestors 'none'; base-uri 'none'"
    )
}
