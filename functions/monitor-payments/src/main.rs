#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::BoxError> {
    let app = runtime::start("monitor-payments").await?;
    web::serve(&app, monitor_payments::handle).await
}
