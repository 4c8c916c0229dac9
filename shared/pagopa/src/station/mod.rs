//! The creditor's station, SOAP 1.1 `paForNode`: requests read, answers written. Source: pagoPA reference 4.
//!
//! [`read`] looks at the payload's qualified name only: prefixes, the `SOAPAction` header, the content type and a SOAP
//! header change nothing.

mod answer;
mod envelope;
mod fault;
mod lenient;
mod operation;
mod receipt;
mod request;
mod subject;

pub use crate::schema::{Departure, Deviation};
pub use answer::{Answer, Demanded, Destination, Payment, PaymentTransfer, Verified};
pub use envelope::{Unreadable, soap_fault};
pub use fault::{Fault, FaultCode};
pub use lenient::ReceiptOddity;
pub use operation::{Operation, Version};
pub use receipt::{MapEntry, Receipt, SendRt, Transfer};
pub use request::{Caller, Demand, GetPayment, Invalid, QrCode, Refused, Request, TransferType, Verify, read};
pub use subject::{Subject, SubjectDetails, SubjectKind};

pub(crate) use envelope::{Payload, close, open, payload};
pub(crate) use request::qr_code;
