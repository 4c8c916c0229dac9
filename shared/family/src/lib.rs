//! What a family sees: its notices and its cart, the same on every page and in every answer.
//!
//! `notices`, `cart` and `checkout` show the same things; what a notice looks like and what a cart holds is said here
//! once. The pieces of pages are in `templates/notice.html`.

mod cart;
mod line;
mod paying;

pub use cart::{CartPage, Removed, review, tidy};
pub use line::{NoticeLine, PupilName, SchoolName, euro_text};
pub use paying::Paying;
