use std::time::Duration;

use aws_config::{BehaviorVersion, retry::RetryConfig, timeout::TimeoutConfig};

use crate::{BoxError, config::Config, log, node::Station, store::Store};

/// What lives as long as the process: configuration and clients.
pub struct App {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) station: Station,
    pub(crate) queue: aws_sdk_sqs::Client,
}

/// Of a call of AWS, as everywhere in the service.
const TRIES: u32 = 2;
const CONNECT: Duration = Duration::from_secs(1);
const BACKOFF: Duration = Duration::from_millis(50);
/// More than lies between two tries.
const PAUSES: Duration = Duration::from_millis(200);

impl App {
    /// What `main` does first: log, configuration from the environment, clients.
    pub async fn start() -> Result<Self, BoxError> {
        log::init();
        Self::open(Config::from_env()?, None).await
    }

    /// Opens the clients, and reads the one secret we may know: the one that the station asks of its caller. A test may
    /// stand between us and AWS, at `endpoint`.
    pub async fn open(config: Config, endpoint: Option<&str>) -> Result<Self, BoxError> {
        let attempt = config.waits.call;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT.min(attempt))
            .operation_attempt_timeout(attempt)
            .operation_timeout(attempt * TRIES + PAUSES)
            .build();
        let retries = RetryConfig::standard().with_max_attempts(TRIES).with_initial_backoff(BACKOFF);
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).retry_config(retries);
        if let Some(endpoint) = endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let aws = loader.load().await;
        let secrets = aws_sdk_secretsmanager::Client::new(&aws);
        let secret = secrets.get_secret_value().secret_id(&config.station_secret).send().await?;
        let secret = secret.secret_string.ok_or("the station's secret is not a text")?;
        let station = Station::new(&config, secret.trim())?;
        let store = Store::new(&aws, config.table.clone());
        Ok(Self { store, station, queue: aws_sdk_sqs::Client::new(&aws), config })
    }
}
