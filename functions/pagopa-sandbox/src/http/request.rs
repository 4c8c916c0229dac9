use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::Language;
use serde::Deserialize;

use super::Form;

/// The event, as far as we look at it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpEvent {
    #[serde(default)]
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: Context,
}

#[derive(Debug, Deserialize)]
struct Context {
    http: Method,
}

#[derive(Debug, Deserialize)]
struct Method {
    method: String,
}

/// One request. Its Debug is not for logs: a path may be a cart's address.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Form,
    pub(crate) language: Language,
    body: Vec<u8>,
    headers: HashMap<String, String>,
}

pub(crate) const LANGUAGE_COOKIE: &str = "lang";

impl Request {
    pub(crate) fn from_event(event: HttpEvent) -> Self {
        let headers: HashMap<_, _> =
            event.headers.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
        let body = event.body.unwrap_or_default();
        let body = match event.is_base64_encoded {
            true => STANDARD.decode(body).unwrap_or_default(),
            false => body.into_bytes(),
        };
        let joined = headers.get("cookie").map(String::as_str).unwrap_or_default();
        let cookies = event.cookies.iter().map(String::as_str).chain(joined.split(';'));
        let chosen =
            cookies.filter_map(|cookie| cookie.trim().split_once('=')).find(|(name, _)| *name == LANGUAGE_COOKIE);
        let accepted = headers.get("accept-language").map(String::as_str).unwrap_or_default();
        let language = chosen.and_then(|(_, tag)| known(tag)).unwrap_or_else(|| accept_language(accepted));
        Self {
            method: event.request_context.http.method.to_uppercase(),
            path: event.raw_path,
            query: Form::parse(&event.raw_query_string),
            language,
            body,
            headers,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn form(&self) -> Form {
        Form::parse(&String::from_utf8_lossy(&self.body))
    }
}

pub(crate) fn known(tag: &str) -> Option<Language> {
    match tag {
        "it" => Some(Language::It),
        "en" => Some(Language::En),
        _ => None,
    }
}

/// The first language of the browser that we speak, else Italian (pagoPA reference 8).
fn accept_language(header: &str) -> Language {
    let weight = |range: &str| {
        let quality = range.split(';').skip(1).find_map(|part| part.trim().strip_prefix("q="));
        quality.map_or(1000, |q| thousandths(q.trim()))
    };
    let mut ranges: Vec<(u32, &str)> = header.split(',').take(20).map(|range| (weight(range), range)).collect();
    ranges.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    let language = |range: &str| known(range.split(['-', ';']).next().unwrap_or_default().trim());
    ranges.into_iter().filter(|(weight, _)| *weight > 0).find_map(|(_, range)| language(range)).unwrap_or_default()
}

/// `0.8` to 800.
fn thousandths(quality: &str) -> u32 {
    let (units, decimals) = quality.split_once('.').unwrap_or((quality, ""));
    let decimals: String = decimals.chars().chain("000".chars()).take(3).collect();
    units.parse::<u32>().unwrap_or(0).min(1) * 1000 + decimals.parse::<u32>().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browsers_language_else_italian() {
        let cases = [
            ("", Language::It),
            ("en-GB,en;q=0.9", Language::En),
            ("it-IT,it;q=0.9,en;q=0.8", Language::It),
            ("de,en;q=0.5,it;q=0.8", Language::It),
            ("fr", Language::It),
            ("en;q=0, it", Language::It),
        ];
        for (header, expected) in cases {
            assert_eq!(accept_language(header), expected, "{header}");
        }
    }
}
