use lambda_http::service_fn;
use psp_callback::{Station, handle};
use runtime::BoxError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let app = runtime::start("psp-callback").await?;
    let station = Station::new(&app)?;
    lambda_http::run(service_fn(|request| handle(&app, &station, request))).await
}
