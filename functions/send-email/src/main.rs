use runtime::BoxError;
use send_email::{Post, send};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let app = runtime::start("send-email").await?;
    let post = Post::new(&app)?;
    runtime::consume(&app, &post, send).await
}
