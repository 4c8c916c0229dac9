//! The PDFs. Each is PDF/A-2a and PDF/UA-1 in one file: `krilla` refuses to write one that is not.
//!
//! A document says *what* stands in it (`receipt`), `sheet` says where (an A4 sheet that flows over pages) and how
//! it is tagged, `text` turns any text into lines that the `fonts` can draw. Nothing here reads a clock: the same
//! facts give the same bytes.

mod fonts;
mod receipt;
mod sheet;
mod text;

pub use receipt::{Party, Receipt, School, receipt};

/// The PDF could not be written: a fault of ours, never of the texts in it.
///
/// Holds the library's message only, which names no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the PDF was not written: {0}")]
pub struct DocumentError(String);
