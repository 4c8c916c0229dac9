//! For the tests of functions: an `App` without a network, events as API Gateway would send them.

use std::collections::BTreeMap;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use runtime::{App, BoxError, Config, Keys};
use store::Store;

use crate::event::{Context, Event, Http};

/// An `App` at this origin that holds no secret and reaches no service: for what is answered before any I/O.
pub async fn app(origin: &str, session_public_key: &str) -> Result<App, BoxError> {
    let config = Config {
        table: "table".to_owned(),
        origin: origin.to_owned(),
        circular: true,
        demo: true,
        mail_from: String::new(),
        mail_sender: String::new(),
        mail_configuration_set: None,
        checkout_url: None,
        checkout_origin: Some("https://checkout.example".to_owned()),
        broker: String::new(),
        station: String::new(),
        mail_now_queue: None,
        mail_bulk_queue: None,
        journal_queue: None,
        sweep_queue: None,
        archive_bucket: None,
        lease_seconds: 120,
        sweep_lag_seconds: 900,
        mail_timeout_milliseconds: 8_000,
        session_public_key: session_public_key.to_owned(),
        data_key_secret: None,
        token_key_secret: None,
        session_key_secret: None,
        station_secret: None,
        checkout_key_secret: None,
    };
    let aws = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-south-1"))
        .build();
    let keys = Keys::load(&aws, &config).await?;
    let store = Store::new(&aws, config.table.clone(), None);
    Ok(App { function: "test", config, store, keys, aws })
}

/// A request under construction: `testing::get("/cart").page().event()`.
#[derive(Debug, Clone, Default)]
pub struct Asked(Event);

pub fn get(path_and_query: &str) -> Asked {
    Asked::new("GET", path_and_query)
}

/// A form as a browser sends it.
pub fn post(path: &str, fields: &[(&str, &str)]) -> Asked {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    Asked::new("POST", path).header("content-type", "application/x-www-form-urlencoded").body(&body.join("&"))
}

pub fn post_json(path: &str, body: &serde_json::Value) -> Asked {
    Asked::new("POST", path).header("content-type", "application/json").body(&body.to_string())
}

impl Asked {
    pub fn new(method: &str, path_and_query: &str) -> Self {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        Self(Event {
            raw_path: path.to_owned(),
            raw_query_string: query.to_owned(),
            cookies: Vec::new(),
            headers: BTreeMap::new(),
            request_context: Context {
                request_id: "test-request".to_owned(),
                domain_name: "pagoinrete.localhost".to_owned(),
                http: Http { method: method.to_owned(), source_ip: "192.0.2.1".to_owned() },
            },
            body: None,
            is_base64_encoded: false,
        })
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// As a browser asks for a page.
    pub fn page(self) -> Self {
        self.header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
    }

    /// `name=value`, with the name as it is on this site.
    pub fn cookie(mut self, cookie: &str) -> Self {
        self.0.cookies.push(cookie.to_owned());
        self
    }

    pub fn body(mut self, text: &str) -> Self {
        self.0.body = Some(text.to_owned());
        self
    }

    pub fn event(self) -> Event {
        self.0
    }
}
