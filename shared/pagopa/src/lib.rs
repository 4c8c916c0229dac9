//! The words we exchange with pagoPA, and nothing that sends them: bytes in, types out, and back. No I/O, no clock.
//!
//! | module | what it speaks |
//! |---|---|
//! | [`station`] | the creditor's side of SOAP `paForNode`: read a request, write the answer |
//! | [`node`] | the Node's side of the same: write a request, read the answer (for a sandbox) |
//! | [`checkout`] | the carts API: request, answer, problem |
//! | [`codes`] | the text of the QR code on a printed notice |
//!
//! A station in one look:
//!
//! ```
//! use pagopa::station::{Answer, Fault, FaultCode, Request, Refused, soap_fault};
//! # fn answer(body: &[u8]) -> (u16, String) {
//! match pagopa::station::read(body) {
//!     Ok(Request::Verify(asked)) => {
//!         let fault = Fault::new(FaultCode::PagamentoSconosciuto, &asked.caller.id_pa);
//!         (200, Answer::refused(pagopa::station::Operation::Verify, fault).to_xml())
//!     }
//!     Ok(Request::SendRt(sent)) => (200, Answer::Accepted(sent.version).to_xml()),
//!     Ok(Request::GetPayment(_) | Request::Demand(_)) => (500, soap_fault("Server", "not shown here")),
//!     // The envelope could be read, the content breaks the schema: a business refusal, HTTP 200.
//!     Err(Refused::Invalid(invalid)) => (200, invalid.to_answer("97654320585").to_xml()),
//!     // Not a request of this service: nothing of it is a business answer, and nothing of it is echoed.
//!     Err(Refused::Unreadable(why)) => (why.http_status(), why.to_xml()),
//! }
//! # }
//! # assert_eq!(answer(b"<garbage").0, 400);
//! ```
//!
//! Verify, get and demand are read exactly as the official schema says; a receipt is read leniently, because money
//! has already moved (DESIGN 5, R-12): [`station::SendRt::oddities`] tells what departed from the schema.

mod amount;
mod schema;
mod simple;
mod time;
mod xml;

pub mod checkout;
pub mod codes;
pub mod node;
pub mod station;

pub use amount::Amount;
pub use time::PaymentTime;
