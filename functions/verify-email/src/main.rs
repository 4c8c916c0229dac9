#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::BoxError> {
    let app = runtime::start("verify-email").await?;
    web::serve(&app, verify_email::handle).await
}
