#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::BoxError> {
    let app = runtime::start("associate-parent").await?;
    web::serve(&app, associate_parent::handle).await
}
