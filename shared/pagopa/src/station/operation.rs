//! The six operations and their irregular names.

use std::fmt;

use crate::schema::{self, Content};

pub(crate) const NAMESPACE: &str = "http://pagopa-api.pagopa.gov.it/pa/paForNode.xsd";

/// Activation and receipt exist in two versions; which one comes is a property of the station, not of the payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    V1,
    V2,
}

/// One operation of `paForNode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    Verify,
    GetPayment(Version),
    SendRt(Version),
    Demand,
}

impl Operation {
    pub const ALL: [Self; 6] = [
        Self::Verify,
        Self::GetPayment(Version::V1),
        Self::GetPayment(Version::V2),
        Self::SendRt(Version::V1),
        Self::SendRt(Version::V2),
        Self::Demand,
    ];

    /// As the WSDL calls it: the `SOAPAction`, and the event type of the exchange journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verify => "paVerifyPaymentNotice",
            Self::GetPayment(Version::V1) => "paGetPayment",
            Self::GetPayment(Version::V2) => "paGetPaymentV2",
            Self::SendRt(Version::V1) => "paSendRT",
            Self::SendRt(Version::V2) => "paSendRTV2",
            Self::Demand => "paDemandPaymentNotice",
        }
    }

    /// The root of the request: `Req` for the old operations, `Request` for the newer.
    pub fn request_root(self) -> &'static str {
        match self {
            Self::Verify => "paVerifyPaymentNoticeReq",
            Self::GetPayment(Version::V1) => "paGetPaymentReq",
            Self::GetPayment(Version::V2) => "paGetPaymentV2Request",
            Self::SendRt(Version::V1) => "paSendRTReq",
            Self::SendRt(Version::V2) => "paSendRTV2Request",
            Self::Demand => "paDemandPaymentNoticeRequest",
        }
    }

    /// The root of the answer: `Res` or `Response`.
    pub fn answer_root(self) -> &'static str {
        match self {
            Self::Verify => "paVerifyPaymentNoticeRes",
            Self::GetPayment(Version::V1) => "paGetPaymentRes",
            Self::GetPayment(Version::V2) => "paGetPaymentV2Response",
            Self::SendRt(Version::V1) => "paSendRTRes",
            Self::SendRt(Version::V2) => "paSendRTV2Response",
            Self::Demand => "paDemandPaymentNoticeResponse",
        }
    }

    pub(crate) fn request_schema(self) -> Content {
        Content::Children(match self {
            Self::Verify => schema::VERIFY_REQ,
            Self::GetPayment(_) => schema::GET_PAYMENT_REQ,
            Self::SendRt(Version::V1) => schema::SEND_RT_REQ_V1,
            Self::SendRt(Version::V2) => schema::SEND_RT_REQ_V2,
            Self::Demand => schema::DEMAND_REQ,
        })
    }

    pub(crate) fn answer_schema(self) -> Content {
        Content::Children(match self {
            Self::Verify => schema::VERIFY_RES,
            Self::GetPayment(Version::V1) => schema::GET_PAYMENT_RES_V1,
            Self::GetPayment(Version::V2) => schema::GET_PAYMENT_RES_V2,
            Self::SendRt(_) => schema::SEND_RT_RES,
            Self::Demand => schema::DEMAND_RES,
        })
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
