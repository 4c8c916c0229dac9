#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::BoxError> {
    let app = runtime::start("pages").await?;
    web::serve(&app, pages::handle).await
}
