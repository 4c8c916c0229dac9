use archive_journal::{Archive, archive};
use lambda_runtime::service_fn;
use runtime::BoxError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    runtime::init_log();
    let store = Archive::from_env().await?;
    lambda_runtime::run(service_fn(|event| archive(&store, event))).await
}
