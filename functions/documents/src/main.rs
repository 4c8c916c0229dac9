#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::BoxError> {
    let app = runtime::start("documents").await?;
    web::serve(&app, documents_function::handle).await
}
