//! Whatever we write is read back as it was, and no bytes make a reader panic.

mod support;

use pagopa::{
    node,
    station::{Answer, Demanded, Request, Version, read},
};
use proptest::prelude::*;
use support::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn requests(request in any_request()) {
        let mut back = read(request.to_xml().as_bytes()).map_err(|error| TestCaseError::fail(format!("{error}: {}", request.to_xml())))?;
        if let Request::SendRt(sent) = &mut back {
            // The transfers of an invented receipt need not add up; nothing else may be odd.
            sent.oddities.retain(|oddity| *oddity != pagopa::station::ReceiptOddity::Sum);
        }
        prop_assert_eq!(back, request);
    }

    #[test]
    fn answers(due in any_verified(), payment in any_payment(), number in digits(18)) {
        prop_assert_eq!(node::read_verified(Answer::Verified(due.clone()).to_xml().as_bytes()), Ok(Ok(due.clone())));
        let second = Answer::Payment(Version::V2, Box::new(payment.clone())).to_xml();
        prop_assert_eq!(node::read_payment(Version::V2, second.as_bytes()), Ok(Ok(payment)));
        let mut qr_code = qr_code();
        qr_code.notice_number = number.parse().unwrap();
        let demanded = Demanded { qr_code, due };
        let xml = Answer::Demanded(demanded.clone()).to_xml();
        prop_assert_eq!(node::read_demanded(xml.as_bytes()), Ok(Ok(demanded)));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = (read(&bytes), node::read_verified(&bytes), node::read_payment(Version::V2, &bytes));
    }

    #[test]
    fn no_damage_to_a_message_panics(request in any_request(), at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..6), cut in 0..40_usize) {
        let mut bytes = request.to_xml().into_bytes();
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, with);
        let _ = read(&bytes);
    }

    #[test]
    fn a_fingerprint_sees_money_and_nothing_else(sent in any_send_rt()) {
        let mut copy = sent.clone();
        copy.version = Version::V2;
        copy.id_station = None;
        copy.receipt.psp_name = Some("another".into());
        copy.receipt.fee = None;
        copy.receipt.transfers.reverse();
        prop_assert_eq!(copy.money_fingerprint(), sent.money_fingerprint());
        copy.receipt.transfers[0].amount = pagopa::Amount::from_cents(0);
        prop_assert_ne!(copy.money_fingerprint(), sent.money_fingerprint());
    }
}
