//! HTTP as the API gateway hands it over (payload format 2.0).

mod form;
mod request;
mod response;
mod routes;

pub(crate) use form::Form;
pub(crate) use request::Request;
pub(crate) use response::Response;
pub(crate) use routes::serve;
