pub async fn handle(_: &runtime::App, _: &web::Request) -> Result<web::Response, web::Failure> { Err(web::Failure::NotFound) }
