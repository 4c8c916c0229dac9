//! Checkout: the carts API that a creditor's site calls, and the pages on which a person pays.

mod card;
mod cart;
mod create;
mod money;
mod pages;
mod pay;
mod psp;
mod steps;
mod views;

pub(crate) use card::TEST_CARDS;
pub(crate) use cart::Cart;
pub(crate) use create::create;
pub(crate) use pages::step;
pub(crate) use psp::{Method, PSPS, Psp};
pub(crate) use steps::Step;
pub(crate) use views::{about, not_found, unavailable};
