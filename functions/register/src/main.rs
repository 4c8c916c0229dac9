#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::BoxError> {
    let app = runtime::start("register").await?;
    web::serve(&app, register::handle).await
}
