use runtime::App;
use web::Request;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::BoxError> {
    let app = runtime::start("checkout").await?;
    let carts = checkout::Carts::new(&app)?;
    let carts = &carts;
    web::serve(&app, async move |app: &App, request: &Request| checkout::handle(app, carts, request).await).await
}
