use serde::Serialize;
use serde_json::{Value, json};

use crate::config::Config;

/// One answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    content_type: &'static str,
    body: String,
    headers: Vec<(&'static str, String)>,
    cookie: Option<String>,
    /// Where a form of this page may end, beside ourselves: browsers check each redirect of a posted form.
    form_targets: Vec<String>,
}

impl Response {
    pub(crate) fn new(status: u16, content_type: &'static str, body: String) -> Self {
        let headers = vec![("cache-control", "no-store".to_owned())];
        Self { status, content_type, body, headers, cookie: None, form_targets: Vec::new() }
    }

    pub(crate) fn html(status: u16, body: String) -> Self {
        Self::new(status, "text/html; charset=utf-8", body).with_header("vary", "Accept-Language, Cookie")
    }

    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        Self::new(status, "application/json", serde_json::to_string(body).unwrap_or_default())
    }

    /// RFC 7807, as Checkout answers it.
    pub(crate) fn problem(problem: &pagopa::checkout::ProblemJson) -> Self {
        Self { content_type: "application/problem+json", ..Self::json(problem.status, problem) }
    }

    pub(crate) fn redirect(status: u16, to: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", String::new()).with_header("location", to)
    }

    pub(crate) fn see_other(to: &str) -> Self {
        Self::redirect(303, to)
    }

    /// Replaces the header if it is there.
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn with_cookie(self, cookie: String) -> Self {
        Self { cookie: Some(cookie), ..self }
    }

    pub(crate) fn with_form_targets(self, origins: Vec<String>) -> Self {
        Self { form_targets: origins, ..self }
    }

    /// The answer as the gateway wants it, with what every answer says about itself.
    pub(crate) fn into_event(self, config: &Config) -> Value {
        let targets: String = self.form_targets.iter().map(|origin| format!(" {origin}")).collect();
        let policy = format!(
            "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'{targets}; frame-ancestors 'none'; base-uri 'none'"
        );
        let mut headers = json!({
            "content-type": self.content_type,
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "referrer-policy": "no-referrer",
            "cross-origin-opener-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
            "x-robots-tag": "noindex",
        });
        if config.origin.starts_with("https://") {
            headers["strict-transport-security"] = json!("max-age=31536000");
        }
        for (name, value) in self.headers {
            headers[name] = json!(value);
        }
        let cookies: Vec<String> = self.cookie.into_iter().collect();
        json!({
            "statusCode": self.status,
            "headers": headers,
            "cookies": cookies,
            "body": self.body,
            "isBase64Encoded": false,
        })
    }
}
