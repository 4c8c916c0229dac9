use std::{env, str::FromStr};

/// The deployment's settings, from the environment that the template writes. Secrets are named here, never held.
#[derive(Debug, Clone)]
pub struct Config {
    pub table: String,
    /// Where people reach us, without a slash at the end.
    pub origin: String,
    /// `circular` follows the circulars to the letter; otherwise the hardened rules hold.
    pub circular: bool,
    /// A demo deployment says so on every page; it never becomes live.
    pub demo: bool,
    pub mail_from: String,
    pub mail_sender: String,
    pub mail_configuration_set: Option<String>,
    pub checkout_url: Option<String>,
    pub checkout_origin: Option<String>,
    pub broker: String,
    pub station: String,
    pub mail_now_queue: Option<String>,
    pub mail_bulk_queue: Option<String>,
    pub journal_queue: Option<String>,
    pub sweep_queue: Option<String>,
    pub archive_bucket: Option<String>,
    /// How long a claim of an effect holds, in seconds.
    pub lease_seconds: i64,
    /// An effect younger than this is the relay's business, not the sweeper's, in seconds.
    pub sweep_lag_seconds: i64,
    /// How long the mail service may take. Its calls are made once, so this is the whole of it.
    pub mail_timeout_milliseconds: u64,
    /// base64url of the Ed25519 key that checks session tokens.
    pub session_public_key: String,
    pub data_key_secret: Option<String>,
    pub token_key_secret: Option<String>,
    pub session_key_secret: Option<String>,
    pub station_secret: Option<String>,
    pub checkout_key_secret: Option<String>,
}

impl Config {
    /// Fails with the name of the variable that is missing or wrong.
    pub fn from_env() -> Result<Self, String> {
        Ok(Self {
            table: required("TABLE_NAME")?,
            origin: required("ORIGIN")?.trim_end_matches('/').to_owned(),
            circular: optional("PROFILE").is_none_or(|profile| profile == "circular"),
            demo: optional("STAGE").is_none_or(|stage| stage == "demo"),
            mail_from: optional("MAIL_FROM").unwrap_or_default(),
            mail_sender: optional("MAIL_SENDER_NAME").unwrap_or_default(),
            mail_configuration_set: optional("MAIL_CONFIGURATION_SET"),
            checkout_url: optional("CHECKOUT_URL").map(|url| url.trim_end_matches('/').to_owned()),
            checkout_origin: optional("CHECKOUT_ORIGIN"),
            broker: optional("BROKER_FISCAL_CODE").unwrap_or_default(),
            station: optional("STATION_ID").unwrap_or_default(),
            mail_now_queue: optional("MAIL_NOW_QUEUE_URL"),
            mail_bulk_queue: optional("MAIL_BULK_QUEUE_URL"),
            journal_queue: optional("JOURNAL_QUEUE_URL"),
            sweep_queue: optional("SWEEP_QUEUE_URL"),
            archive_bucket: optional("ARCHIVE_BUCKET"),
            lease_seconds: number("LEASE_SECONDS", 120)?,
            sweep_lag_seconds: number("SWEEP_LAG_SECONDS", 900)?,
            mail_timeout_milliseconds: number("MAIL_TIMEOUT_MILLISECONDS", 8_000)?,
            session_public_key: optional("SESSION_PUBLIC_KEY").unwrap_or_default(),
            data_key_secret: optional("DATA_KEY_SECRET"),
            token_key_secret: optional("TOKEN_KEY_SECRET"),
            session_key_secret: optional("SESSION_KEY_SECRET"),
            station_secret: optional("STATION_SECRET"),
            checkout_key_secret: optional("CHECKOUT_KEY_SECRET"),
        })
    }
}

fn optional(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn required(name: &str) -> Result<String, String> {
    optional(name).ok_or_else(|| format!("the environment variable {name} is missing: the template sets it"))
}

pub(crate) fn number<T: FromStr>(name: &str, default: T) -> Result<T, String> {
    match optional(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| format!("the environment variable {name} is no number")),
    }
}

/// A setting that a step cannot do without.
pub fn needed<'a>(name: &str, value: Option<&'a String>) -> Result<&'a str, String> {
    value.map(String::as_str).ok_or_else(|| format!("the environment variable {name} is missing: the template sets it"))
}
