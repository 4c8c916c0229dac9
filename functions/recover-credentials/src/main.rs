#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::BoxError> {
    let app = runtime::start("recover-credentials").await?;
    web::serve(&app, recover_credentials::handle).await
}
