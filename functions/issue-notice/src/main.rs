use issue_notice::{Numbers, handle};
use runtime::{App, BoxError};
use web::Request;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let app = runtime::start("issue-notice").await?;
    let numbers = Numbers::new(&app)?;
    web::serve(&app, async |app: &App, request: &Request| handle(app, &numbers, request).await).await
}
