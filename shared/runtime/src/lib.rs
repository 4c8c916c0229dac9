//! What every function's main needs, once: configuration, keys, log, clients, queue consumers.
//!
//! A function's `main.rs` reads: `start` → build what the step needs → serve. Configuration and secrets are read
//! at INIT, so that a wrong deployment fails there with one clear line and not in the middle of a payment.

mod clock;
mod config;
mod consume;
mod keys;
mod log;
mod outbox;

pub mod password;

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use domain::Language;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::time::Duration;
use store::Store;

pub use clock::now;
pub use config::{Config, needed};
pub use consume::{Batch, Deadline, Message, consume};
pub use keys::{Keys, SigningKey, TokenKeys};
pub use log::init as init_log;
pub use mutants::{Mutant, mutated};
pub use outbox::{Envelope, Outbox};

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Everything a step may use, built once per environment.
pub struct App {
    pub function: &'static str,
    pub config: Config,
    pub store: Store,
    pub keys: Keys,
    pub aws: SdkConfig,
}

impl App {
    /// The instant of this request; steps take it once and pass it on.
    pub fn now(&self) -> Timestamp {
        now()
    }

    /// Today in Italy: due dates are days there.
    pub fn today(&self) -> Date {
        rome(self.now()).date()
    }

    /// Fresh random bytes from the operating system.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        // The system's generator fails only where nothing else would work either.
        aws_lc_rs::rand::fill(&mut bytes).unwrap_or_else(|_| std::process::abort());
        bytes
    }

    /// The address of one of our pages, for mails and redirects.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.config.origin)
    }
}

/// The instant on Italian clocks.
pub fn rome(at: Timestamp) -> jiff::Zoned {
    static ROME: TimeZone = jiff::tz::get!("Europe/Rome");
    at.to_zoned(ROME.clone())
}

/// A day as the language writes it: `30/06/2027`, `30 June 2027`.
pub fn long_date(date: Date, language: Language) -> String {
    language.choose(date.strftime("%d/%m/%Y"), date.strftime("%-d %B %Y")).to_string()
}

/// Reads configuration and secrets, opens the clients. Fails with one line that says what is missing.
pub async fn start(function: &'static str) -> Result<App, BoxError> {
    log::init();
    let config = Config::from_env()?;
    let aws = sdk_config().await?;
    let keys = Keys::load(&aws, &config).await?;
    let store = Store::new(&aws, config.table.clone(), keys.vault());
    Ok(App { function, config, store, keys, aws })
}

/// One layer retries a browser's request: at most two tries here, none above (research: budgets 2.5).
pub async fn sdk_config() -> Result<SdkConfig, BoxError> {
    mutants::check()?;
    let attempt = Duration::from_millis(config::number("CALL_TIMEOUT_MILLISECONDS", 1_500)?);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT.min(attempt))
        .operation_attempt_timeout(attempt)
        .operation_timeout(attempt * TRIES + PAUSES)
        .build();
    let retries = RetryConfig::standard().with_max_attempts(TRIES).with_initial_backoff(BACKOFF);
    Ok(aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).retry_config(retries).load().await)
}

const TRIES: u32 = 2;
const CONNECT: Duration = Duration::from_millis(1_000);
const BACKOFF: Duration = Duration::from_millis(50);
/// More than lies between two tries.
const PAUSES: Duration = Duration::from_millis(200);
