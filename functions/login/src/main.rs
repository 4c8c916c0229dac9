#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::BoxError> {
    let app = runtime::start("login").await?;
    web::serve(&app, login::handle).await
}
