#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::BoxError> {
    let app = runtime::start("cart").await?;
    web::serve(&app, cart::handle).await
}
