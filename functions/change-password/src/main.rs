#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::BoxError> {
    let app = runtime::start("change-password").await?;
    web::serve(&app, change_password::handle).await
}
