//! What every HTTP function uses: the request parsed once, who asks, one typed outcome with two faces.
//!
//! A function's `handle` reads: which step (method and path) → who asks ([`signed_in`], [`parent`], [`staff`]) → is
//! the form ours ([`check_csrf`]) → the step → [`Frame::show`] its [`Outcome`]. What does not happen is a [`Failure`],
//! shown and logged in one place, [`serve`].

pub mod assets;
mod browser;
mod caller;
mod csrf;
pub mod event;
mod face;
mod failure;
mod frame;
mod label;
mod next;
mod outcome;
mod problem;
mod question;
mod request;
mod response;
pub mod robot;
mod serve;
mod session;
mod site;
pub mod testing;
mod text;
mod way;

pub use askama;
pub use browser::Browser;
pub use caller::{Caller, parent, recognise, signed_in, signed_in_any_stage, staff};
pub use csrf::{Bound, check_csrf};
pub use domain::{FieldError, Language};
pub use face::Face;
pub use failure::{Failure, Words};
pub use frame::{Frame, Menu};
pub use next::{in_query, safe_next};
pub use outcome::{Outcome, View};
pub use request::{MAX_BODY_BYTES, Request, many};
pub use response::{Body, Response, document};
pub use serve::{respond, serve};
pub use session::{SignedSession, clear_session, sign_session};
pub use site::Site;
