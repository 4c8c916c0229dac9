//! Lenient where money has moved: whatever is addressed to a school and names a notice and an id is read.

mod support;

use domain::Outcome;
use pagopa::station::{Operation, ReceiptOddity, Refused, Request, SendRt, Version, read};
use support::*;

fn wire(version: Version) -> String {
    Request::SendRt(Box::new(send_rt(version))).to_xml()
}

fn sent(message: &str) -> SendRt {
    match read(message.as_bytes()) {
        Ok(Request::SendRt(sent)) => *sent,
        other => panic!("{other:?}\n{message}"),
    }
}

fn told(sent: &SendRt) -> String {
    sent.oddities.iter().map(ReceiptOddity::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_plain_receipt_has_no_oddity() {
    for version in [Version::V1, Version::V2] {
        let read = sent(&wire(version));
        assert_eq!(told(&read), "");
        assert_eq!(read.receipt.receipt_id, receipt().receipt_id);
        assert_eq!(read.receipt.payment_note.is_some(), version == Version::V2);
        assert_eq!(read.receipt.psp_code(), Some("00743110157"));
    }
    assert_eq!(sent(&wire(Version::V1)).money_fingerprint(), sent(&wire(Version::V2)).money_fingerprint());
}

#[test]
fn odd_receipts_are_kept_and_flagged() {
    let message = wire(Version::V2);
    let transfer = &message[message.find("<transfer>").unwrap()..message.find("</transferList>").unwrap()];
    let cases: Vec<(&str, String, String, &str)> = vec![
        (
            "an unknown element",
            "<idPSP>".into(),
            "<novita>1</novita><idPSP>".into(),
            "receipt/novita is not in the schema",
        ),
        ("no debtor", between(&message, "<debtor>", "</debtor>"), String::new(), "receipt/debtor is missing"),
        ("no transfers", transfer.into(), String::new(), "receipt/transferList/transfer is missing; 0 transfers"),
        (
            "six transfers",
            transfer.into(),
            transfer.repeat(6),
            "receipt/transferList/transfer comes too often; 6 transfers; the transfers do not add up to the amount; two transfers have one number",
        ),
        (
            "no list",
            between(&message, "<transferList>", "</transferList>"),
            String::new(),
            "receipt/transferList is missing; 0 transfers",
        ),
        (
            "another order",
            format!("<outcome>OK</outcome>{}", between(&message, "<creditorReferenceId>", "</creditorReferenceId>")),
            format!("{}<outcome>OK</outcome>", between(&message, "<creditorReferenceId>", "</creditorReferenceId>")),
            "receipt/outcome is out of order",
        ),
        (
            "an odd amount",
            "<paymentAmount>22.50".into(),
            "<paymentAmount>22,5".into(),
            "receipt/paymentAmount is not of its type",
        ),
        (
            "no amount",
            "<paymentAmount>22.50".into(),
            "<paymentAmount>ventidue".into(),
            "receipt/paymentAmount is not of its type; the transfers do not add up to the amount",
        ),
        (
            "another sum",
            "<paymentAmount>22.50".into(),
            "<paymentAmount>20.00".into(),
            "the transfers do not add up to the amount",
        ),
        (
            "no outcome",
            "<outcome>OK</outcome>".into(),
            String::new(),
            "receipt/outcome is missing; no readable outcome, taken as OK",
        ),
        (
            "no creditor",
            format!("<fiscalCode>{SCHOOL}</fiscalCode>"),
            String::new(),
            "receipt/fiscalCode is missing; no creditor named, taken as the addressee's own",
        ),
        ("no broker", format!("<idBrokerPA>{BROKER}</idBrokerPA>"), String::new(), "idBrokerPA is missing"),
        ("an empty optional", "<fee>1.50</fee>".into(), "<fee/>".into(), "receipt/fee is not of its type"),
        ("blanks around the number", NOTICE.into(), format!(" {NOTICE}\n"), "receipt/noticeNumber is not of its type"),
        ("a long name", "Mario Rossi".into(), "M".repeat(200), "receipt/debtor/fullName is not of its type"),
        ("an attribute", "<receipt>".into(), "<receipt version='2'>".into(), "receipt has an attribute"),
        ("text between", "<idPSP>".into(), "x<idPSP>".into(), "receipt mixes text and elements"),
        ("qualified", "<receipt>".into(), "<receipt xmlns='urn:x'>".into(), "receipt is in a namespace"),
        (
            "a second fee",
            "<fee>1.50</fee>".into(),
            "<fee>1.50</fee><fee>9.99</fee>".into(),
            "receipt/fee comes too often",
        ),
        ("the documentation's spelling", "standIn".into(), "standin".into(), "receipt/standin is not in the schema"),
    ];
    for (case, from, to, expected) in cases {
        assert!(message.contains(&from), "{case}: {from}");
        let read = sent(&message.replace(&from, &to));
        let told = told(&read);
        assert!(told.starts_with(expected), "{case}: {told}");
        assert_eq!(read.receipt.notice_number.as_str(), NOTICE, "{case}");
        assert_eq!(read.receipt.receipt_id, receipt().receipt_id, "{case}");
        assert_eq!((read.receipt.outcome, read.creditor()), (Outcome::Ok, SCHOOL), "{case}");
    }
    let comma = sent(&message.replace("<paymentAmount>22.50", "<paymentAmount>22,5"));
    assert_eq!(comma.receipt.payment_amount.map(|a| a.cents()), Some(2250));
    assert_eq!(sent(&message.replace("<outcome>OK", "<outcome>KO")).receipt.outcome, Outcome::Ko);
    assert_eq!(sent(&message.replace("<receiptId>", "<receiptId>\n  ")).receipt.receipt_id, receipt().receipt_id);
    let spelled = message.replace("<standIn>false</standIn>", "<standin>1</standin>");
    assert_eq!(sent(&spelled).receipt.stand_in, Some(true));
}

fn between(message: &str, start: &str, end: &str) -> String {
    let from = message.find(start).unwrap();
    message[from..message[from..].find(end).unwrap() + from + end.len()].to_owned()
}

#[test]
fn forms_of_time_are_read_and_not_odd() {
    let message = wire(Version::V2);
    let cases = [
        ("2026-11-20T17:48:22", "2026-11-20T24:00:00", "2026-11-21T00:00:00"),
        ("2026-11-20T17:48:22", "2026-11-20T17:48:22.123Z", "2026-11-20T18:48:22.123"),
        ("2026-11-20T17:48:22", " 2026-11-20T17:48:22+01:00\n", "2026-11-20T17:48:22"),
    ];
    for (from, to, expected) in cases {
        let read = sent(&message.replace(from, to));
        assert_eq!(told(&read), "", "{to}");
        assert_eq!(read.receipt.payment_date_time.unwrap().rome().to_string(), expected, "{to}");
    }
    let zoned = sent(&message.replace("<applicationDate>2026-11-20", "<applicationDate>2026-11-20+14:00"));
    assert_eq!(
        (told(&zoned).as_str(), zoned.receipt.application_date.unwrap().to_string().as_str()),
        ("", "2026-11-20")
    );
}

#[test]
fn only_what_cannot_be_kept_is_refused() {
    let message = wire(Version::V1);
    let id = &receipt().receipt_id.0;
    let cases = [
        (format!("<idPA>{SCHOOL}</idPA>"), String::new(), None),
        (format!("<idPA>{SCHOOL}</idPA>"), "<idPA> </idPA>".into(), None),
        (format!("<receiptId>{id}</receiptId>"), String::new(), Some(SCHOOL)),
        (format!("<receiptId>{id}</receiptId>"), "<receiptId/>".into(), Some(SCHOOL)),
        (NOTICE.into(), "31226000000000428".into(), Some(SCHOOL)),
        (NOTICE.into(), "numero".into(), Some(SCHOOL)),
        (between(&message, "<receipt>", "</receipt>"), String::new(), Some(SCHOOL)),
    ];
    for (from, to, id_pa) in cases {
        let changed = message.replace(&from, &to);
        let Err(Refused::Invalid(invalid)) = read(changed.as_bytes()) else { panic!("{from} {to}") };
        assert_eq!((invalid.operation, invalid.id_pa.as_deref()), (Operation::SendRt(Version::V1), id_pa), "{to}");
        let answer = invalid.to_answer(BROKER).to_xml();
        assert!(
            answer.contains("<pafn:paSendRTRes><outcome>KO</outcome><fault><faultCode>PAA_SINTASSI_EXTRAXSD<"),
            "{answer}"
        );
    }
}

#[test]
fn oddities_are_bounded_and_show_no_value() {
    let message = wire(Version::V2);
    let many = message.replace("<idPSP>", &format!("{}<idPSP>", "<x>segreto</x>".repeat(5000)));
    let read = sent(&many);
    assert!(read.oddities.len() <= 55, "{}", read.oddities.len());
    assert!(!told(&read).contains("segreto"));
    assert!(
        !format!("{read:?}").contains("Mario") && !format!("{read:?}").contains("RSSMRA"),
        "a receipt's Debug shows nobody"
    );
}
