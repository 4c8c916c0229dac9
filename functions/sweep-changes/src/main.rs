use lambda_runtime::service_fn;
use runtime::BoxError;
use sweep_changes::{Sweeper, sweep};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let app = runtime::start("sweep-changes").await?;
    let sweeper = Sweeper::new(&app)?;
    lambda_runtime::run(service_fn(|event| sweep(&app, &sweeper, event))).await
}
