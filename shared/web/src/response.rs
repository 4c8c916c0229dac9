use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::event::Reply;

/// An answer before the headers that every answer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    /// Whole `Set-Cookie` lines.
    pub cookies: Vec<String>,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    Text(String),
    Bytes(Vec<u8>),
}

impl Response {
    pub fn new(status: u16, content_type: &str, body: Body) -> Self {
        let headers = BTreeMap::from([("content-type".to_owned(), content_type.to_owned())]);
        Self { status, headers, cookies: Vec::new(), body }
    }

    pub fn html(status: u16, page: String) -> Self {
        Self::new(status, "text/html; charset=utf-8", Body::Text(page))
    }

    pub fn json(status: u16, value: &impl serde::Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self::new(status, "application/json", Body::Text(serde_json::to_string(value)?)))
    }

    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: BTreeMap::new(), cookies: Vec::new(), body: Body::Text(String::new()) }
    }

    /// After a command: the browser asks for the page with GET.
    pub fn see_other(at: &str) -> Self {
        Self::empty(303).with_header("location", at)
    }

    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.insert(name.to_ascii_lowercase(), value.into());
        self
    }

    pub fn with_cookie(mut self, set_cookie: String) -> Self {
        self.cookies.push(set_cookie);
        self
    }

    pub fn text(&self) -> &str {
        match &self.body {
            Body::Text(text) => text,
            Body::Bytes(_) => "",
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn into_reply(self) -> Reply {
        let (body, is_base64_encoded) = match self.body {
            Body::Text(text) => (text, false),
            Body::Bytes(bytes) => (STANDARD.encode(bytes), true),
        };
        Reply { status_code: self.status, headers: self.headers, cookies: self.cookies, body, is_base64_encoded }
    }
}

/// A file to download: a PDF, a receipt as XML, a CSV.
pub fn document(bytes: Vec<u8>, content_type: &str, file_name: &str) -> Response {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' };
    let name: String = file_name.chars().map(safe).take(100).collect();
    Response::new(200, content_type, Body::Bytes(bytes))
        .with_header("content-disposition", format!("attachment; filename=\"{name}\""))
}
