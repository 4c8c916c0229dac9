use std::{collections::BTreeMap, sync::OnceLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::Language;
use jiff::Timestamp;
use runtime::App;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    Browser, Face, Failure, Site,
    event::Event,
    face::{language, tagged},
    frame::Known,
    text,
};

/// No form and no command of ours is longer, counted after decoding.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Fields that the web layer itself reads; no form's struct names them.
const RESERVED: [&str; 4] = ["csrf", "altcha", "robot_question", "robot_answer"];

/// A request, parsed once.
pub struct Request {
    method: String,
    segments: Option<Vec<String>>,
    path: String,
    query_text: String,
    query: Vec<(String, String)>,
    headers: BTreeMap<String, String>,
    cookies: Vec<(String, String)>,
    fields: Result<Map<String, Value>, BodyError>,
    face: Face,
    language: Language,
    language_chosen: bool,
    browser: Browser,
    site: Site,
    now: Timestamp,
    client_ip: String,
    host: String,
    id: String,
    /// Who asks, once known: so that every later answer, a failure too, shows the right menu.
    pub(crate) known: OnceLock<Known>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyError {
    TooLarge,
    UnsupportedMediaType,
    Malformed,
}

impl Request {
    /// Reads the event. Never fails: what is wrong with the request is told by the answer, which needs to know the face.
    pub fn receive(app: &App, event: Event) -> Result<Self, String> {
        let site = Site::at(&app.config.origin)?;
        Ok(Self::parse(event, site, app.now(), app.random()))
    }

    pub(crate) fn parse(event: Event, site: Site, now: Timestamp, random: [u8; 16]) -> Self {
        let headers: BTreeMap<String, String> =
            event.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let lines = event.cookies.iter().map(String::as_str).chain(headers.get("cookie").map(String::as_str));
        let cookies: Vec<(String, String)> = lines
            .flat_map(|line| line.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let segments = text::segments(&event.raw_path);
        let path = segments.as_ref().map_or_else(|| event.raw_path.clone(), |parts| format!("/{}", parts.join("/")));
        let query = text::pairs(&event.raw_query_string).unwrap_or_default();
        let find = |pairs: &[(String, String)], name: &str| {
            pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
        };
        let chosen = find(&query, "lang");
        let language = language(
            chosen.as_deref(),
            find(&cookies, &site.cookie_name("lang")).as_deref(),
            headers.get("accept-language").map(String::as_str),
        );
        let browser = Browser::known(find(&cookies, &site.cookie_name(Browser::COOKIE)).as_deref(), random);
        let fields = decode(event.body.as_deref(), event.is_base64_encoded)
            .and_then(|body| read_fields(&body, headers.get("content-type").map(String::as_str)));
        Self {
            face: Face::of(headers.get("accept").map(String::as_str)),
            method: event.request_context.http.method.to_ascii_uppercase(),
            segments,
            path,
            query_text: event.raw_query_string,
            query,
            cookies,
            fields,
            language,
            language_chosen: chosen.as_deref().and_then(tagged).is_some(),
            browser,
            site,
            now,
            client_ip: event.request_context.http.source_ip,
            host: event.request_context.domain_name,
            id: event.request_context.request_id,
            headers,
            known: OnceLock::new(),
        }
    }

    /// The method to answer to: `HEAD` is answered like `GET`, and its body left out at the end.
    pub fn method(&self) -> &str {
        if self.is_head() { "GET" } else { &self.method }
    }

    /// `/cart/items`, decoded, without a slash at the end.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The parts of the path. None at all for a path that nothing of ours can be called.
    pub fn segments(&self) -> Vec<&str> {
        match &self.segments {
            Some(parts) => parts.iter().map(String::as_str).collect(),
            None => vec!["\0"],
        }
    }

    /// A parameter of the query; the first of several.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body, form or JSON, as the same type: a struct of `Option<String>` with `#[serde(default,
    /// deny_unknown_fields)]`. A field sent several times fills a `Vec<String>` (with [`crate::many`]).
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let mut fields = self.fields.clone().map_err(Failure::from)?;
        for name in RESERVED {
            fields.remove(name);
        }
        serde_json::from_value(Value::Object(fields)).map_err(|error| unreadable(&error.to_string()))
    }

    pub fn face(&self) -> Face {
        self.face
    }

    pub fn language(&self) -> Language {
        self.language
    }

    /// The browser before any sign-in. Whoever asks for it binds something to it: its cookie goes with the answer.
    pub fn browser(&self) -> &Browser {
        self.browser.mark_used();
        &self.browser
    }

    /// The client's own name for this command, so that a repeat does nothing again; at most 128 visible characters.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.header("idempotency-key")
            .filter(|key| (1..=128).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()))
    }

    /// When the request arrived; a step takes its time from here.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub fn client_ip(&self) -> &str {
        &self.client_ip
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    /// The correlation id of log and answer.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    pub(crate) fn is_options(&self) -> bool {
        self.method == "OPTIONS"
    }

    /// May the answer be asked for again without a change?
    pub(crate) fn is_safe(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }

    pub fn site(&self) -> Site {
        self.site
    }

    pub(crate) fn the_browser(&self) -> &Browser {
        &self.browser
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        let name = self.site.cookie_name(name);
        self.cookies.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn has_cookies(&self) -> bool {
        !self.cookies.is_empty()
    }

    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    pub(crate) fn is_json(&self) -> bool {
        self.header("content-type").map(media_type).is_some_and(|kind| kind == "application/json")
    }

    /// A field of the web layer's own.
    pub(crate) fn reserved(&self, name: &str) -> Option<&str> {
        debug_assert!(RESERVED.contains(&name));
        self.fields.as_ref().ok()?.get(name)?.as_str()
    }

    /// The cookie that keeps a language just chosen.
    pub(crate) fn language_cookie(&self) -> Option<String> {
        /// A year, in seconds.
        const YEAR: i64 = 365 * 24 * 3600;
        self.language_chosen.then(|| self.site.set_cookie("lang", self.language.tag(), Some(YEAR)))
    }

    /// Where a person can come back to: this page, or for a command the page it was sent from.
    pub(crate) fn return_path(&self) -> Option<String> {
        if self.is_safe() {
            let query: Vec<&str> =
                self.query_text.split('&').filter(|part| !part.is_empty() && !part.starts_with("lang=")).collect();
            let question = if query.is_empty() { "" } else { "?" };
            return crate::safe_next(&format!("{}{question}{}", self.path, query.join("&")));
        }
        let referer = self.header("referer")?;
        let path = referer.split_once("://")?.1.split_once('/').map(|(_, path)| format!("/{path}"))?;
        crate::safe_next(&path)
    }

    /// A body that is too large is refused whatever the path.
    pub(crate) fn refusal(&self) -> Option<Failure> {
        (self.fields.as_ref().err() == Some(&BodyError::TooLarge)).then_some(Failure::TooLarge)
    }
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::UnsupportedMediaType => Self::UnsupportedMediaType,
            BodyError::Malformed => Self::bad_request(
                "malformed",
                "Il contenuto della richiesta non è leggibile.",
                "The body of the request cannot be read.",
            ),
        }
    }
}

/// What serde says names fields and types, never the caller's text; only an unknown field's own name comes from there.
fn unreadable(message: &str) -> Failure {
    let name = |prefix: &str| {
        let name = message.strip_prefix(prefix)?.split('`').next()?;
        let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
        Some(shown)
    };
    match (name("unknown field `"), name("missing field `")) {
        (Some(field), _) => Failure::bad_request(
            "unknown-field",
            format!("Questa richiesta non prevede il campo «{field}»."),
            format!("This request has no field called “{field}”."),
        ),
        (_, Some(field)) => Failure::bad_request(
            "missing-field",
            format!("Manca il campo «{field}»."),
            format!("The field “{field}” is missing."),
        ),
        _ => Failure::bad_request(
            "wrong-type",
            "Un campo della richiesta non ha la forma prevista: i valori semplici si inviano come testo.",
            "A field of the request is not of the expected form: send simple values as texts.",
        ),
    }
}

fn media_type(header: &str) -> String {
    header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn decode(body: Option<&str>, base64: bool) -> Result<Vec<u8>, BodyError> {
    let body = body.unwrap_or_default();
    let bytes = match base64 {
        true if body.len() > MAX_BODY_BYTES * 4 / 3 + 4 => return Err(BodyError::TooLarge),
        true => STANDARD.decode(body).map_err(|_| BodyError::Malformed)?,
        false if body.len() > MAX_BODY_BYTES => return Err(BodyError::TooLarge),
        false => body.as_bytes().to_vec(),
    };
    if bytes.len() > MAX_BODY_BYTES { Err(BodyError::TooLarge) } else { Ok(bytes) }
}

fn read_fields(body: &[u8], content_type: Option<&str>) -> Result<Map<String, Value>, BodyError> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    match content_type.map(media_type).as_deref() {
        Some("application/x-www-form-urlencoded") => {
            let text = std::str::from_utf8(body).map_err(|_| BodyError::Malformed)?;
            let mut fields = Map::new();
            for (name, value) in text::pairs(text).ok_or(BodyError::Malformed)? {
                match fields.get_mut(&name) {
                    None => drop(fields.insert(name, Value::String(value))),
                    Some(Value::Array(values)) => values.push(Value::String(value)),
                    Some(first) => *first = Value::Array(vec![first.take(), Value::String(value)]),
                }
            }
            Ok(fields)
        }
        Some("application/json") => match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(fields.into_iter().map(|(name, value)| (name, simple(value))).collect()),
            _ => Err(BodyError::Malformed),
        },
        _ => Err(BodyError::UnsupportedMediaType),
    }
}

/// Programs write `true` and `12` where a form sends texts. Fractions are left alone: money is no floating point number.
fn simple(value: Value) -> Value {
    match value {
        Value::Bool(truth) => Value::String(truth.to_string()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Value::String(number.to_string()),
        other => other,
    }
}

/// For `#[serde(deserialize_with = "web::many")]`: a field sent once or several times, or a JSON list of texts.
pub fn many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    match serde::Deserialize::deserialize(deserializer)? {
        OneOrMany::One(text) => Ok(vec![text]),
        OneOrMany::Many(texts) => Ok(texts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Asked};
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Form {
        name: Option<String>,
        amount: Option<String>,
        #[serde(deserialize_with = "many")]
        notices: Vec<String>,
    }

    fn request(asked: Asked) -> Request {
        Request::parse(asked.event(), Site::Local, Timestamp::UNIX_EPOCH, [0; 16])
    }

    fn read(asked: Asked) -> Result<Form, String> {
        request(asked)
            .read::<Form>()
            .map_err(|failure| format!("{} {}", failure.status(), failure.words(Language::En).code))
    }

    fn form(name: &str, amount: &str, notices: &[&str]) -> Form {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Form { name: text(name), amount: text(amount), notices: notices.iter().map(|n| (*n).to_owned()).collect() }
    }

    #[test]
    fn forms_and_json_fill_the_same_struct() {
        assert_eq!(
            read(testing::post("/", &[("name", "Niccolò & Co"), ("amount", "22,50")])),
            Ok(form("Niccolò & Co", "22,50", &[]))
        );
        assert_eq!(
            read(testing::post_json("/", &json!({ "name": "Niccolò & Co", "amount": "22,50" }))),
            Ok(form("Niccolò & Co", "22,50", &[]))
        );
        assert_eq!(read(testing::post("/", &[("notices", "a")])), Ok(form("", "", &["a"])));
        assert_eq!(read(testing::post("/", &[("notices", "a"), ("notices", "b")])), Ok(form("", "", &["a", "b"])));
        assert_eq!(
            read(testing::post_json("/", &json!({ "notices": ["a", "b"], "name": null }))),
            Ok(form("", "", &["a", "b"]))
        );
        assert_eq!(read(testing::post_json("/", &json!({ "amount": 22, "name": true }))), Ok(form("true", "22", &[])));
        assert_eq!(read(Asked::new("POST", "/")), Ok(Form::default()), "no body at all");
        let charset = testing::post("/", &[("name", "a")])
            .header("content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8");
        assert_eq!(read(charset), Ok(form("a", "", &[])));
    }

    #[test]
    fn our_own_fields_are_nobodys() {
        let fields = [("name", "a"), ("csrf", "t"), ("altcha", "p"), ("robot_question", "q"), ("robot_answer", "r")];
        let request = request(testing::post("/", &fields));
        assert_eq!(request.read::<Form>().unwrap(), form("a", "", &[]));
        assert_eq!(RESERVED.map(|name| request.reserved(name)), [Some("t"), Some("p"), Some("q"), Some("r")]);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let json = |text: &str| Asked::new("POST", "/").header("content-type", "application/json").body(text);
        let cases = [
            (testing::post("/", &[("iban", "IT60")]), "422 unknown-field"),
            (testing::post_json("/", &json!({ "admin": true })), "422 unknown-field"),
            (testing::post_json("/", &json!({ "amount": 22.5 })), "422 wrong-type"),
            (testing::post_json("/", &json!({ "name": { "$ne": null } })), "422 wrong-type"),
            (testing::post("/", &[("name", "a"), ("name", "b")]), "422 wrong-type"),
            (testing::post_json("/", &json!({ "notices": [1] })), "422 wrong-type"),
            (json("{"), "400 malformed"),
            (json("[]"), "400 malformed"),
            (json("\"text\""), "400 malformed"),
            (json(&"[".repeat(60_000)), "400 malformed"),
            (testing::post("/", &[]).body("name=%FF"), "400 malformed"),
            (testing::post("/", &[]).body(&"a=b&".repeat(300)), "400 malformed"),
            (json("{}").header("content-type", "text/plain"), "415 unsupported-media-type"),
            (json("{}").header("content-type", "multipart/form-data; boundary=x"), "415 unsupported-media-type"),
            (Asked::new("POST", "/").body("name=a"), "415 unsupported-media-type"),
            (json(&format!("{{\"name\":\"{}\"}}", "x".repeat(MAX_BODY_BYTES))), "413 too-large"),
        ];
        for (asked, expected) in cases {
            assert_eq!(read(asked), Err(expected.to_owned()));
        }
    }

    #[test]
    fn encoded_bodies_count_decoded() {
        let encoded = |bytes: &[u8]| {
            let mut event = Asked::new("POST", "/")
                .header("content-type", "application/json")
                .body(&STANDARD.encode(bytes))
                .event();
            event.is_base64_encoded = true;
            let request = Request::parse(event, Site::Local, Timestamp::UNIX_EPOCH, [0; 16]);
            request.read::<Form>().map_err(|failure| failure.status())
        };
        assert_eq!(encoded(br#"{"name":"a"}"#), Ok(form("a", "", &[])));
        assert_eq!(encoded(&[b' '; MAX_BODY_BYTES + 1]), Err(413));
        assert_eq!(encoded(&[b' '; 2 * MAX_BODY_BYTES]), Err(413));
        assert_eq!(encoded(&[0xff, 0xfe]), Err(400));
        let mut event = Asked::new("POST", "/").header("content-type", "application/json").body("%%%").event();
        event.is_base64_encoded = true;
        let broken = Request::parse(event, Site::Local, Timestamp::UNIX_EPOCH, [0; 16]);
        assert_eq!(broken.read::<Form>().map_err(|failure| failure.status()), Err(400));
    }

    #[test]
    fn the_way_back_is_ours() {
        let back = |asked: Asked| request(asked).return_path();
        assert_eq!(back(testing::get("/notices?state=paid&lang=en")), Some("/notices?state=paid".into()));
        assert_eq!(back(testing::get("/notices/")), Some("/notices".into()));
        assert_eq!(back(testing::get("//evil.example")), None);
        assert_eq!(back(testing::get("/login")), None, "no way back to the door");
        let sent = |referer: &str| testing::post("/cart/items", &[]).header("referer", referer);
        assert_eq!(
            back(sent("http://pagoinrete.localhost:4566/notices?state=paid")),
            Some("/notices?state=paid".into())
        );
        assert_eq!(back(sent("http://pagoinrete.localhost:4566//evil.example")), None);
        assert_eq!(back(testing::post("/cart/items", &[])), None);
    }

    #[test]
    fn small_things() {
        let head = request(Asked::new("HEAD", "/cart"));
        assert_eq!((head.method(), head.is_head()), ("GET", true));
        let hostile = request(testing::get("/a/%2e%2e/b"));
        assert_eq!(hostile.segments(), ["\0"], "no route has this name");
        let key =
            |key: &str| request(testing::get("/").header("Idempotency-Key", key)).idempotency_key().map(str::to_owned);
        assert_eq!(key("abc-123"), Some("abc-123".into()));
        assert_eq!(key(&"k".repeat(129)), None);
        assert_eq!(key("two words"), None);
        let bearer =
            |header: &str| request(testing::get("/").header("authorization", header)).bearer().map(str::to_owned);
        assert_eq!(bearer("Bearer abc"), Some("abc".into()));
        assert_eq!(bearer("bearer  abc "), Some("abc".into()));
        assert_eq!(bearer("Basic abc"), None);
        let cookies = request(testing::get("/").cookie("a=1; session=x").header("cookie", "lang=en; b=2"));
        assert_eq!(
            (cookies.cookie("session"), cookies.cookie("lang"), cookies.language()),
            (Some("x"), Some("en"), Language::En)
        );
    }
}
