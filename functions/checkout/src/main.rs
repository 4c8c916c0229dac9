#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::BoxError> {
    let app = runtime::start("checkout").await?;
    web::serve(&app, checkout::handle).await
}
