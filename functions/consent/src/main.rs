#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::BoxError> {
    let app = runtime::start("consent").await?;
    web::serve(&app, consent::handle).await
}
