//! The SOAP 1.1 envelope around a payload, and the fault for what is no request of this service.

use super::operation::NAMESPACE;
use crate::xml::{self, Element, Malformed, Writer};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// Why bytes are no request of this service: a SOAP Fault `Client`, never a business answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unreadable {
    /// HTTP 413; everything else is 400.
    #[error("the message is too large")]
    TooLarge,
    #[error("the message is not UTF-8")]
    NotUtf8,
    #[error("a document type is not allowed")]
    DocumentType,
    #[error("the message is nested too deep or has too many elements")]
    Bounds,
    #[error("the message is not well-formed XML")]
    NotWellFormed,
    #[error("the message is not a SOAP 1.1 envelope with one payload")]
    NotSoap,
    #[error("the operation is not known")]
    UnknownOperation,
}

impl Unreadable {
    pub fn http_status(self) -> u16 {
        match self {
            Self::TooLarge => 413,
            _ => 400,
        }
    }

    /// The SOAP Fault to answer with; it echoes nothing of the message.
    pub fn to_xml(self) -> String {
        soap_fault("Client", &self.to_string())
    }
}

impl From<Malformed> for Unreadable {
    fn from(why: Malformed) -> Self {
        match why {
            Malformed::TooLarge => Self::TooLarge,
            Malformed::NotUtf8 => Self::NotUtf8,
            Malformed::DocumentType => Self::DocumentType,
            Malformed::Bounds => Self::Bounds,
            Malformed::NotWellFormed => Self::NotWellFormed,
        }
    }
}

/// What stands in the Body.
pub(crate) struct Payload {
    pub(crate) root: Element,
    /// Text beside the payload, which the envelope's schema does not allow.
    pub(crate) stray_text: bool,
}

/// The one child of the Body. A Header may be there or not; nothing of it is looked at.
pub(crate) fn payload(bytes: &[u8]) -> Result<Payload, Unreadable> {
    let mut envelope = xml::read(bytes)?;
    if !envelope.is(SOAP, "Envelope") {
        return Err(Unreadable::NotSoap);
    }
    let body_at = match envelope.children.as_slice() {
        [header, body, ..] if header.is(SOAP, "Header") && body.is(SOAP, "Body") => 1,
        [body, ..] if body.is(SOAP, "Body") => 0,
        _ => return Err(Unreadable::NotSoap),
    };
    let after = &envelope.children[body_at + 1..];
    if after.iter().any(|child| child.namespace.is_none() || child.namespace.as_deref() == Some(SOAP)) {
        return Err(Unreadable::NotSoap);
    }
    let mut body = envelope.children.swap_remove(body_at);
    let stray = |element: &Element| !crate::simple::collapse(&element.text).is_empty();
    let stray_text = stray(&envelope) || stray(&body);
    match (body.children.pop(), body.children.is_empty()) {
        (Some(root), true) => Ok(Payload { root, stray_text }),
        _ => Err(Unreadable::NotSoap),
    }
}

impl Payload {
    /// Is the payload this element of the service's namespace?
    pub(crate) fn is(&self, name: &str) -> bool {
        self.root.is(NAMESPACE, name)
    }

    pub(crate) fn is_soap_fault(&self) -> bool {
        self.root.is(SOAP, "Fault")
    }
}

/// Starts a message whose payload root is `name`; its children are unqualified, as the schema wants.
pub(crate) fn open(name: &str) -> Writer {
    Writer::new(&format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <soapenv:Envelope xmlns:soapenv=\"{SOAP}\" xmlns:pafn=\"{NAMESPACE}\"><soapenv:Body><pafn:{name}>"
    ))
}

pub(crate) fn close(writer: Writer, name: &str) -> String {
    writer.finish(&format!("</pafn:{name}></soapenv:Body></soapenv:Envelope>"))
}

/// A SOAP Fault: `Client` for what the caller must change, `Server` for a passing fault of ours (HTTP 500).
///
/// The Node reads any fault as "no valid answer": it shows an error for verify and get, and sends receipts again.
pub fn soap_fault(code: &str, text: &str) -> String {
    let mut writer = Writer::new(&format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <soapenv:Envelope xmlns:soapenv=\"{SOAP}\"><soapenv:Body><soapenv:Fault>"
    ));
    writer.value("faultcode", format!("soapenv:{code}"));
    writer.value("faultstring", text);
    writer.finish("</soapenv:Fault></soapenv:Body></soapenv:Envelope>")
}
