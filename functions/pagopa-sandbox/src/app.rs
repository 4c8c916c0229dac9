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

impl App {
    /// What `main` does first: log, configuration from the environment, clients.
    pub async fn start() -> Result<Self, BoxError> {
        log::init();
        Self::open(Config::from_env()?).await
    }

    /// Opens the clients, and reads the one secret we may know: the one that the station asks of its caller.
    pub async fn open(config: Config) -> Result<Self, BoxError> {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(Duration::from_secs(2))
            .operation_timeout(Duration::from_secs(4))
            .build();
        let aws = aws_config::defaults(BehaviorVersion::latest())
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(2))
            .load()
            .await;
        let secrets = aws_sdk_secretsmanager::Client::new(&aws);
        let secret = secrets.get_secret_value().secret_id(&config.station_secret).send().await?;
        let secret = secret.secret_string.ok_or("the station's secret is not a text")?;
        let station = Station::new(&config, secret.trim())?;
        let store = Store::new(&aws, config.table.clone());
        Ok(Self { store, station, queue: aws_sdk_sqs::Client::new(&aws), config })
    }
}
