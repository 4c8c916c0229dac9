#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::BoxError> {
    let app = runtime::start("notices").await?;
    web::serve(&app, notices::handle).await
}
