//! The station's answers as the Node reads them.

mod support;

use pagopa::{
    node::{self, BadAnswer},
    station::{Answer, Fault, FaultCode, Operation, Subject, Version, soap_fault},
};
use support::*;

fn payment() -> String {
    answers().into_iter().find(|a| matches!(a, Answer::Payment(Version::V2, _))).unwrap().to_xml()
}

#[test]
fn refusals_are_read_in_every_operation() {
    for operation in Operation::ALL {
        let fault = Fault::new(FaultCode::PagamentoDuplicato, SCHOOL).because("gia' pagato");
        let xml = Answer::refused(operation, fault).to_xml();
        let fault = match operation {
            Operation::Verify => node::read_verified(xml.as_bytes()).unwrap().unwrap_err(),
            Operation::GetPayment(version) => node::read_payment(version, xml.as_bytes()).unwrap().unwrap_err(),
            Operation::SendRt(version) => node::read_accepted(version, xml.as_bytes()).unwrap().unwrap_err(),
            Operation::Demand => node::read_demanded(xml.as_bytes()).unwrap().unwrap_err(),
        };
        assert_eq!((fault.code.as_str(), fault.id.as_str()), ("PAA_PAGAMENTO_DUPLICATO", SCHOOL));
        assert_eq!(fault.text, "Pagamento in attesa risulta concluso all’Ente Creditore");
        assert_eq!(fault.description.as_deref(), Some("gia' pagato"));
    }
}

#[test]
fn answers_that_the_node_calls_invalid() {
    let xml = payment();
    let bad = |from: &str, to: &str| {
        assert!(xml.contains(from), "{from}");
        node::read_payment(Version::V2, xml.replace(from, to).as_bytes()).unwrap_err()
    };
    assert_eq!(bad("<transferAmount>22.50", "<transferAmount>22.49"), BadAnswer::Sum);
    assert!(matches!(bad("<outcome>OK", "<outcome>KKL"), BadAnswer::Schema(_)));
    assert_eq!(bad("<outcome>OK", "<outcome>KO"), BadAnswer::NoFault);
    assert!(matches!(bad("<data>", "<data xmlns='urn:x'>"), BadAnswer::Schema(_)));
    assert!(matches!(bad("paGetPaymentV2Response", "paGetPaymentRes"), BadAnswer::OtherRoot(_)));
    assert!(matches!(bad("</soapenv:Envelope>", ""), BadAnswer::Unreadable(_)));
    assert_eq!(node::read_accepted(Version::V1, soap_fault("Server", "x").as_bytes()), Err(BadAnswer::SoapFault));
    let empty = envelope("<pafn:paVerifyPaymentNoticeRes><outcome>OK</outcome></pafn:paVerifyPaymentNoticeRes>");
    assert_eq!(node::read_verified(empty.as_bytes()), Err(BadAnswer::Incomplete("paymentList")));
    assert!(node::read_accepted(Version::V2, b"<html>").is_err() && node::read_accepted(Version::V2, b"").is_err());
}

#[test]
fn whatever_texts_we_hold_the_answer_stays_valid() {
    let Some(Answer::Payment(_, mut payment)) = answers().into_iter().find(|a| matches!(a, Answer::Payment(..))) else {
        panic!()
    };
    payment.description = format!("\u{0} {}", "<è>&".repeat(100));
    payment.office_name = Some(" ".into());
    payment.company_name = String::new();
    payment.debtor = Subject::person("X", &"N".repeat(200));
    for version in [Version::V1, Version::V2] {
        let xml = Answer::Payment(version, payment.clone()).to_xml();
        let read = node::read_payment(version, xml.as_bytes()).unwrap().unwrap();
        assert_eq!(read.description.chars().count(), 140);
        assert_eq!((read.office_name, read.company_name.as_str()), (None, "-"));
        assert_eq!((read.debtor.code.reveal().as_str(), read.debtor.full_name.reveal().len()), ("ANONIMO", 70));
    }
}
