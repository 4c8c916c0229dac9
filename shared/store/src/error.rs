use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// Why the table could not answer. What a caller can decide on (a lost race, a taken name) is a result, not an error.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Throttled, timed out, unreachable: trying again is right.
    #[error("the table does not answer: {0}")]
    Unavailable(String),
    /// An item is not what this release can read: it must never be acknowledged.
    #[error("an item cannot be read: {0}")]
    Corrupt(&'static str),
    #[error("an item cannot be read: {0}")]
    Unreadable(#[from] serde_dynamo::Error),
    /// The page token is not one of ours: a request error, not a fault.
    #[error("the page token is not one of ours")]
    BadPage,
    /// The function has no data key and asked for something sealed.
    #[error("this function holds no data key")]
    NoKey,
}

impl<E> From<SdkError<E>> for StoreError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    /// The service's own code and words; the whole context only where no service answered.
    fn from(error: SdkError<E>) -> Self {
        Self::Unavailable(match &error {
            SdkError::ServiceError(context) => {
                let said = context.err().meta();
                format!("{}: {}", said.code().unwrap_or("no code"), said.message().unwrap_or_default())
            }
            other => DisplayErrorContext(other).to_string(),
        })
    }
}
