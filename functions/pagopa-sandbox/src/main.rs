use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use pagopa_sandbox::{App, BoxError, handle};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let app = Arc::new(App::start().await?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| handle(app.clone(), event.payload))).await
}
