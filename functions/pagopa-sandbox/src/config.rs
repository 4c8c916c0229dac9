use std::time::Duration;

use crate::BoxError;

/// What the deployment tells us.
pub struct Config {
    /// Our own table.
    pub table: String,
    /// Our own address, without a slash at the end.
    pub origin: String,
    pub deliveries_queue_url: String,
    /// What the Backoffice would tell the Node about every school's notices: the broker, its station, its address.
    pub broker: String,
    pub station_id: String,
    pub station_url: String,
    /// Name of the secret that the station asks for where there is no mutual TLS.
    pub station_secret: String,
    pub waits: Waits,
}

/// How long we wait for others.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// One try of a call of AWS; two are made.
    pub call: Duration,
    /// The station's answer to verify and activation: the Node's own patience.
    pub node: Duration,
    /// The station's answer to a receipt.
    pub receipt: Duration,
}

/// Of the Node and its station: pagoPA reference 4.9.
impl Default for Waits {
    fn default() -> Self {
        Self { call: Duration::from_secs(2), node: Duration::from_secs(7), receipt: Duration::from_secs(15) }
    }
}

impl Waits {
    fn from_env() -> Result<Self, BoxError> {
        let read = |name: &str, default: Duration| match std::env::var(name).unwrap_or_default().as_str() {
            "" => Ok(default),
            text => match text.parse() {
                Ok(milliseconds) => Ok(Duration::from_millis(milliseconds)),
                Err(_) => Err(BoxError::from(format!("the environment variable {name} is no number"))),
            },
        };
        let usual = Self::default();
        Ok(Self {
            call: read("CALL_TIMEOUT_MILLISECONDS", usual.call)?,
            node: read("NODE_TIMEOUT_MILLISECONDS", usual.node)?,
            receipt: read("RECEIPT_TIMEOUT_MILLISECONDS", usual.receipt)?,
        })
    }
}

impl Config {
    /// Fails with one line that says what is missing.
    pub fn from_env() -> Result<Self, BoxError> {
        let read = |name: &str| {
            let value = std::env::var(name).unwrap_or_default();
            match value.is_empty() {
                true => Err(BoxError::from(format!("the environment variable {name} is missing"))),
                false => Ok(value),
            }
        };
        Ok(Self {
            table: read("SANDBOX_TABLE_NAME")?,
            origin: read("SANDBOX_ORIGIN")?.trim_end_matches('/').to_owned(),
            deliveries_queue_url: read("DELIVERIES_QUEUE_URL")?,
            broker: read("BROKER_FISCAL_CODE")?,
            station_id: read("STATION_ID")?,
            station_url: read("STATION_URL")?,
            station_secret: read("STATION_SECRET")?,
            waits: Waits::from_env()?,
        })
    }
}
