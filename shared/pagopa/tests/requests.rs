//! Strict where nothing has happened: odd and hostile requests of verify, get and demand.

mod support;

use pagopa::station::{
    Departure, GetPayment, Operation, Refused, Request, TransferType, Unreadable, Verify, Version, read,
};
use support::*;

const IDS: &str = "<idPA>80124890155</idPA><idBrokerPA>97199520582</idBrokerPA><idStation>97199520582_01</idStation>";
const QR: &str = "<qrCode><fiscalCode>80124890155</fiscalCode><noticeNumber>312260000000004289</noticeNumber></qrCode>";

fn get(rest: &str) -> Result<GetPayment, Refused> {
    let payload = format!("<pafn:paGetPaymentV2Request>{IDS}{QR}{rest}</pafn:paGetPaymentV2Request>");
    match read(envelope(&payload).as_bytes())? {
        Request::GetPayment(get) => Ok(get),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_payloads_qualified_name_decides_and_nothing_else() {
    let expected = Request::Verify(Verify { caller: caller(), qr_code: qr_code() });
    let namespace = "http://pagopa-api.pagopa.gov.it/pa/paForNode.xsd";
    let soap = "http://schemas.xmlsoap.org/soap/envelope/";
    let messages = [
        envelope(&format!("<pafn:paVerifyPaymentNoticeReq>{IDS}{QR}</pafn:paVerifyPaymentNoticeReq>")),
        format!(
            "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n<!-- c --><S:Envelope xmlns:S='{soap}'><S:Header><x xmlns='y' S:mustUnderstand='0'/></S:Header>\n<S:Body>\n<ns3:paVerifyPaymentNoticeReq xmlns:ns3='{namespace}' xmlns:ns2='urn:other'>\n {IDS} {QR}\n</ns3:paVerifyPaymentNoticeReq></S:Body></S:Envelope>\n"
        ),
        format!(
            "<Envelope xmlns='{soap}'><Body><p:paVerifyPaymentNoticeReq xmlns:p='{namespace}' xmlns=''>{IDS}{QR}</p:paVerifyPaymentNoticeReq></Body></Envelope>"
        ),
        envelope(&format!(
            "<pafn:paVerifyPaymentNoticeReq xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:schemaLocation='a b'>{IDS}{QR}</pafn:paVerifyPaymentNoticeReq>"
        )),
        envelope(&format!(
            "<pafn:paVerifyPaymentNoticeReq>{}{QR}</pafn:paVerifyPaymentNoticeReq>",
            IDS.replace("80124890155", "801<!-- c --><![CDATA[24]]>&#56;90155")
        )),
    ];
    for message in messages {
        assert_eq!(read(message.as_bytes()).as_ref(), Ok(&expected), "{message}");
    }
}

#[test]
fn what_is_no_request_of_this_service_is_unreadable() {
    use Unreadable::*;
    let verify = format!("<pafn:paVerifyPaymentNoticeReq>{IDS}{QR}</pafn:paVerifyPaymentNoticeReq>");
    let message = envelope(&verify);
    let cases = [
        (String::new(), NotWellFormed),
        ("{\"idPA\": 1}".to_owned(), NotWellFormed),
        ("<html/>".to_owned(), NotSoap),
        (format!("<!DOCTYPE x>{message}"), DocumentType),
        (format!("<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>{message}"), DocumentType),
        (message.replace("80124890155", "&xxe;"), NotWellFormed),
        (
            message.replace("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"),
            NotSoap,
        ),
        (message.replace("/pa/paForNode.xsd", "/node/nodeForPsp.xsd"), UnknownOperation),
        (message.replace("paVerifyPaymentNoticeReq", "paVerifyPaymentNoticeRes"), UnknownOperation),
        (message.replace("pafn:paVerifyPaymentNoticeReq", "paVerifyPaymentNoticeReq"), UnknownOperation),
        (envelope(""), NotSoap),
        (envelope(&format!("{verify}{verify}")), NotSoap),
        (message.replace("<soapenv:Body>", "<soapenv:Body/><soapenv:Body>"), NotSoap),
        (message.replace("</soapenv:Body>", "</soapenv:Body><soapenv:Header/>"), NotSoap),
        (format!("{}{message}", " ".repeat(1 << 20)), TooLarge),
        (message.replace("</soapenv:Envelope>", ""), NotWellFormed),
    ];
    for (body, expected) in cases {
        assert_eq!(read(body.as_bytes()), Err(Refused::Unreadable(expected)), "{body:.200}");
    }
    let latin: Vec<u8> = message.replace("97199520582_01", "citt\u{e0}").chars().map(|c| c as u8).collect();
    assert_eq!(read(&latin), Err(Refused::Unreadable(NotUtf8)));
}

#[test]
fn soap_faults_echo_nothing() {
    let body = "<script>alert(1)</script>";
    let Err(Refused::Unreadable(why)) = read(body.as_bytes()) else { panic!() };
    assert_eq!(why.http_status(), 400);
    let fault = why.to_xml();
    assert!(fault.contains("<faultcode>soapenv:Client</faultcode>") && !fault.contains("script"), "{fault}");
    assert_eq!(Unreadable::TooLarge.http_status(), 413);
}

#[test]
fn all_forms_that_the_schema_accepts() {
    let amount = |text: &str| get(&format!("<amount>{text}</amount>")).map(|get| get.amount.map(|a| a.to_string()));
    for (text, expected) in [("45.50", "45.50"), (" 045.50\n", "45.50"), ("0.00", "0.00"), ("&#52;5.50", "45.50")] {
        assert_eq!(amount(text), Ok(Some(expected.to_owned())), "{text:?}");
    }
    let due = |text: &str| get(&format!("<dueDate>{text}</dueDate>")).map(|get| get.due_date.map(|d| d.to_string()));
    for (text, expected) in [
        ("2026-11-30", Some("2026-11-30")),
        ("2026-11-30+01:00", Some("2026-11-30")),
        ("\n2026-11-30Z ", Some("2026-11-30")),
        ("12026-11-30", None), // valid, and no day of ours
    ] {
        assert_eq!(due(text), Ok(expected.map(str::to_owned)), "{text:?}");
    }
    let all = get(
        "<amount>1.00</amount><paymentNote> note </paymentNote><transferType>PAGOPA</transferType><dueDate>2026-11-30</dueDate>",
    );
    let all = all.unwrap();
    assert_eq!((all.payment_note.as_deref(), all.transfer_type), (Some(" note "), Some(TransferType::PagoPa)));
}

#[test]
fn what_breaks_the_schema_is_refused_and_still_says_whom_it_asks() {
    use Departure::*;
    let cases = [
        ("<amount>45</amount>", "amount", Value),
        ("<amount>45,50</amount>", "amount", Value),
        ("<amount>-1.00</amount>", "amount", Value),
        ("<amount>1000000000.00</amount>", "amount", Value),
        ("<amount/>", "amount", Value),
        ("<paymentNote></paymentNote>", "paymentNote", Value),
        ("<transferType>postal</transferType>", "transferType", Value),
        ("<dueDate>30/11/2026</dueDate>", "dueDate", Value),
        ("<dueDate>2026-11-31</dueDate>", "dueDate", Value),
        ("<dueDate>2026-11-30</dueDate><amount>1.00</amount>", "amount", Misplaced),
        ("<amount>1.00</amount><amount>1.00</amount>", "amount", Repeated),
        ("<extra>1</extra>", "extra", Unknown),
        ("text", "", Mixed),
        ("<amount>1<b/>.00</amount>", "amount", Mixed),
        ("<amount currency='EUR'>1.00</amount>", "amount", Attribute),
        ("<pafn:amount>1.00</pafn:amount>", "amount", Namespace),
    ];
    for (rest, path, what) in cases {
        let Err(Refused::Invalid(invalid)) = get(rest) else { panic!("{rest}") };
        assert_eq!(invalid.operation, Operation::GetPayment(Version::V2));
        assert_eq!(invalid.id_pa.as_deref(), Some(SCHOOL), "{rest}");
        assert_eq!((invalid.deviations[0].path.as_str(), invalid.deviations[0].what), (path, what), "{rest}");
        let answer = invalid.to_answer(BROKER).to_xml();
        assert!(
            answer
                .contains("<pafn:paGetPaymentV2Response><outcome>KO</outcome><fault><faultCode>PAA_SINTASSI_EXTRAXSD"),
            "{answer}"
        );
        assert!(answer.contains("<id>80124890155</id>"), "{answer}");
    }
    let long = get(&format!("<paymentNote>{}</paymentNote>", "à".repeat(211)));
    assert!(matches!(long, Err(Refused::Invalid(_))));
    assert!(get(&format!("<paymentNote>{}</paymentNote>", "à".repeat(210))).is_ok());
}

#[test]
fn ids_are_exact() {
    let base = envelope(&format!("<pafn:paVerifyPaymentNoticeReq>{IDS}{QR}</pafn:paVerifyPaymentNoticeReq>"));
    let cases = [
        ("312260000000004289", " 312260000000004289"),
        ("312260000000004289", "31226000000000428"),
        ("312260000000004289", "31226000000000428X"),
        ("<fiscalCode>80124890155", "<fiscalCode>8012489015"),
        ("<idStation>97199520582_01</idStation>", ""),
        ("<idStation>97199520582_01</idStation>", "<idStation/>"),
        ("<idBrokerPA>", "<idbrokerPA>"),
        (QR, ""),
    ];
    for (from, to) in cases {
        let message = base
            .replace(from, to)
            .replace("</idBrokerPA>", if to.contains("idbroker") { "</idbrokerPA>" } else { "</idBrokerPA>" });
        assert!(matches!(read(message.as_bytes()), Err(Refused::Invalid(_))), "{message}");
    }
    // A hostile idPA is not echoed; the broker's code stands in.
    let hostile = base.replace("<idPA>80124890155", "<idPA>&lt;script&gt;").replace(QR, "");
    let Err(Refused::Invalid(invalid)) = read(hostile.as_bytes()) else { panic!() };
    assert_eq!(invalid.id_pa, None);
    assert!(invalid.to_answer(BROKER).to_xml().contains("<id>97199520582</id>"));
    // A school that is none is a question for the domain, not for the schema.
    assert!(read(base.replace("<idPA>80124890155", "<idPA> x ").as_bytes()).is_ok());
}

#[test]
fn demand_is_read() {
    let payload = |data: &str| {
        envelope(&format!(
            "<pafn:paDemandPaymentNoticeRequest>{IDS}<idServizio>00042</idServizio><idSoggettoServizio>00007</idSoggettoServizio>\
             <datiSpecificiServizioRequest>{data}</datiSpecificiServizioRequest></pafn:paDemandPaymentNoticeRequest>"
        ))
    };
    let Ok(Request::Demand(demand)) = read(payload("PHg+ PC94Pg==\n").as_bytes()) else { panic!() };
    assert_eq!((demand.service_id.as_str(), demand.data.as_slice()), ("00042", b"<x></x>".as_slice()));
    assert!(matches!(read(payload("%").as_bytes()), Err(Refused::Invalid(_))));
    assert!(matches!(read(payload("").as_bytes()), Ok(Request::Demand(_))), "nothing is base64 too");
}
