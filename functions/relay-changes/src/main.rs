use lambda_runtime::service_fn;
use relay_changes::relay;
use runtime::{BoxError, Outbox};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let app = runtime::start("relay-changes").await?;
    let outbox = Outbox::new(&app)?;
    lambda_runtime::run(service_fn(|event| relay(&app, &outbox, event))).await
}
