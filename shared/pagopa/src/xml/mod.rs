//! XML as this protocol needs it: a hardened reader to a small tree, and a writer that can only write valid text.

mod read;
mod write;

pub(crate) use read::{Element, Malformed, read};
pub(crate) use write::{Writer, legal};
