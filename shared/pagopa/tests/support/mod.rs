//! Messages to test with, all invented here, and any message as a property's input.
#![allow(dead_code)] // each test binary uses a part

use domain::{Euro, Outcome, ReceiptId};
use jiff::civil::{Date, date};
use pagopa::{
    Amount, PaymentTime,
    station::{
        Answer, Caller, Demand, Demanded, Destination, Fault, FaultCode, GetPayment, MapEntry, Operation, Payment,
        PaymentTransfer, QrCode, Receipt, Request, SendRt, Subject, Transfer, TransferType, Verified, Verify, Version,
    },
};
use proptest::prelude::*;

pub const SCHOOL: &str = "80124890155";
pub const BROKER: &str = "97199520582";
pub const NOTICE: &str = "312260000000004289";

pub fn caller() -> Caller {
    Caller { id_pa: SCHOOL.into(), id_broker_pa: BROKER.into(), id_station: format!("{BROKER}_01") }
}

pub fn qr_code() -> QrCode {
    QrCode { fiscal_code: SCHOOL.into(), notice_number: NOTICE.parse().unwrap() }
}

pub fn euro(text: &str) -> Euro {
    text.parse().unwrap()
}

pub fn receipt() -> Receipt {
    Receipt {
        receipt_id: ReceiptId("0f1e2d3c4b5a69788796a5b4c3d2e1f0".into()),
        notice_number: NOTICE.parse().unwrap(),
        fiscal_code: Some(SCHOOL.into()),
        outcome: Outcome::Ok,
        creditor_reference_id: Some(NOTICE[1..].into()),
        payment_amount: Some(euro("22.50").into()),
        description: Some("Uscita didattica al museo".into()),
        company_name: Some("Istituto Comprensivo Prova".into()),
        office_name: None,
        debtor: Some(Subject::person("RSSMRA80A01F205X", "Mario Rossi")),
        transfers: vec![transfer(1, "22.50")],
        psp_id: Some("PROVITMM".into()),
        psp_fiscal_code: Some("00743110157".into()),
        psp_vat_number: None,
        psp_name: Some("Banca di Prova".into()),
        channel_id: Some("00743110157_01".into()),
        channel_description: Some("app".into()),
        payer: Some(Subject::anonymous()),
        payment_method: Some("creditCard".into()),
        payment_note: Some("aaaabbbbccccddddeeeeffff22".into()),
        fee: Amount::from_cents(150),
        primary_ci_incurred_fee: None,
        bundle_id: None,
        ci_bundle_id: None,
        payment_date_time: Some(PaymentTime::local(date(2026, 11, 20).at(17, 48, 22, 0))),
        application_date: Some(date(2026, 11, 20)),
        transfer_date: Some(date(2026, 11, 23)),
        metadata: vec![],
        stand_in: Some(false),
    }
}

pub fn transfer(id: i32, amount: &str) -> Transfer {
    Transfer {
        id: Some(id),
        amount: Some(euro(amount).into()),
        fiscal_code: Some(SCHOOL.into()),
        company_name: Some("Istituto Comprensivo Prova".into()),
        iban: Some("IT60X0542811101000000123456".into()),
        stamp: None,
        remittance_information: Some("Uscita didattica".into()),
        category: Some("9/0601150AP/".into()),
        metadata: vec![],
    }
}

pub fn send_rt(version: Version) -> SendRt {
    SendRt {
        version,
        id_pa: SCHOOL.into(),
        id_broker_pa: Some(BROKER.into()),
        id_station: Some(format!("{BROKER}_01")),
        receipt: receipt(),
        oddities: vec![],
    }
}

/// Text that keeps its meaning on the wire: no blanks around, nothing that XML cannot hold.
pub fn text(max: usize) -> impl Strategy<Value = String> {
    prop::string::string_regex(&format!(
        "[!-~àèìòùÀÈ’€<>&\"'𝄞]([ -~àèìòù’€<>&\"'𝄞]{{0,{}}}[!-~àèìòù’<>&\"'])?",
        max - 2
    ))
    .unwrap()
}

pub fn digits(count: usize) -> impl Strategy<Value = String> {
    prop::string::string_regex(&format!("[0-9]{{{count}}}")).unwrap()
}

pub fn any_euro() -> impl Strategy<Value = Euro> {
    (1..=99_999_999_999_u64).prop_map(|cents| Euro::from_cents(cents).unwrap())
}

pub fn any_date() -> impl Strategy<Value = Date> {
    (1900..=2999_i16, 1..=12_i8, 1..=28_i8).prop_map(|(year, month, day)| date(year, month, day))
}

fn any_version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V1), Just(Version::V2)]
}

fn any_caller() -> impl Strategy<Value = Caller> {
    (text(35), text(35), text(35)).prop_map(|(id_pa, id_broker_pa, id_station)| Caller {
        id_pa,
        id_broker_pa,
        id_station,
    })
}

fn any_qr_code() -> impl Strategy<Value = QrCode> {
    (digits(11), digits(18))
        .prop_map(|(fiscal_code, number)| QrCode { fiscal_code, notice_number: number.parse().unwrap() })
}

fn any_subject() -> impl Strategy<Value = Subject> {
    ("[A-Z0-9]{2,16}", text(70)).prop_map(|(code, name)| Subject::person(&code, &name))
}

fn any_metadata() -> impl Strategy<Value = Vec<MapEntry>> {
    prop::collection::vec((text(140), text(140)).prop_map(|(key, value)| MapEntry { key, value }), 0..3)
}

fn any_receipt_transfer() -> impl Strategy<Value = Transfer> {
    (any_euro(), digits(11), text(140), text(35), text(140), text(140), any_metadata()).prop_map(
        |(amount, fiscal_code, company, iban, remittance, category, metadata)| Transfer {
            id: None,
            amount: Some(amount.into()),
            fiscal_code: Some(fiscal_code),
            company_name: Some(company),
            iban: Some(iban),
            stamp: None,
            remittance_information: Some(remittance),
            category: Some(category),
            metadata,
        },
    )
}

pub fn any_send_rt() -> impl Strategy<Value = SendRt> {
    let texts = (text(36), text(35), text(140), text(140), text(35), text(210));
    let rest = (
        any_subject(),
        prop::option::of(any_subject()),
        any_date(),
        any_metadata(),
        any::<Option<bool>>(),
        0..=9_999_u64,
    );
    (any_version(), any_caller(), any_qr_code(), texts, rest, prop::collection::vec(any_receipt_transfer(), 1..=5))
        .prop_map(|(version, caller, qr_code, texts, rest, mut transfers)| {
            let (receipt_id, iuv, description, company, psp, note) = texts;
            let (debtor, payer, day, metadata, stand_in, fee) = rest;
            let v2 = version == Version::V2;
            for (at, transfer) in transfers.iter_mut().enumerate() {
                transfer.id = i32::try_from(at + 1).ok();
                transfer.company_name = transfer.company_name.take().filter(|_| v2);
            }
            SendRt {
                version,
                id_pa: caller.id_pa,
                id_broker_pa: Some(caller.id_broker_pa),
                id_station: Some(caller.id_station),
                receipt: Receipt {
                    receipt_id: ReceiptId(receipt_id),
                    notice_number: qr_code.notice_number,
                    fiscal_code: Some(qr_code.fiscal_code),
                    creditor_reference_id: Some(iuv),
                    payment_amount: Amount::from_cents(fee * 7),
                    description: Some(description),
                    company_name: Some(company),
                    debtor: Some(debtor),
                    transfers,
                    psp_id: Some(psp.clone()),
                    psp_name: Some(psp),
                    payer,
                    payment_note: Some(note).filter(|_| v2),
                    fee: Amount::from_cents(fee),
                    payment_date_time: Some(PaymentTime::local(day.at(1, 2, 3, 0))),
                    application_date: Some(day),
                    transfer_date: None,
                    metadata,
                    stand_in,
                    ..receipt()
                },
                oddities: vec![],
            }
        })
}

pub fn any_request() -> impl Strategy<Value = Request> {
    let verify =
        (any_caller(), any_qr_code()).prop_map(|(caller, qr_code)| Request::Verify(Verify { caller, qr_code }));
    let get = (
        any_version(),
        any_caller(),
        any_qr_code(),
        prop::option::of((0..=99_999_999_999_u64).prop_map(|cents| Amount::from_cents(cents).unwrap())),
        prop::option::of(text(210)),
        prop::sample::select(vec![None, Some(TransferType::Postal), Some(TransferType::PagoPa)]),
        prop::option::of(any_date()),
    )
        .prop_map(|(version, caller, qr_code, amount, payment_note, transfer_type, due_date)| {
            Request::GetPayment(GetPayment { version, caller, qr_code, amount, payment_note, transfer_type, due_date })
        });
    let demand = (any_caller(), text(5).prop_filter("five", |t| t.chars().count() == 5), any::<Vec<u8>>()).prop_map(
        |(caller, service, data)| {
            Request::Demand(Demand { caller, service_id: service.clone(), service_subject_id: service, data })
        },
    );
    prop_oneof![verify, get, any_send_rt().prop_map(|sent| Request::SendRt(Box::new(sent))), demand]
}

pub fn any_verified() -> impl Strategy<Value = Verified> {
    let optional = || prop::option::of(text(140));
    (any_euro(), prop::option::of(any_date()), optional(), any::<bool>(), text(140), digits(11), text(140), optional())
        .prop_map(
            |(
                amount,
                due_date,
                detail_description,
                all_ccp,
                payment_description,
                fiscal_code_pa,
                company_name,
                office_name,
            )| Verified {
                amount,
                due_date,
                detail_description,
                all_ccp,
                payment_description,
                fiscal_code_pa,
                company_name,
                office_name,
            },
        )
}

pub fn any_payment() -> impl Strategy<Value = Payment> {
    let cents = 1..=9_999_999_999_u64;
    let transfer = (cents, digits(11), text(140), text(35), any::<bool>(), text(140), any_metadata()).prop_map(
        |(cents, fiscal_code_pa, company_name, iban, stamp, words, metadata)| PaymentTransfer {
            amount: Euro::from_cents(cents).unwrap(),
            fiscal_code_pa,
            company_name,
            destination: match stamp {
                true => Destination::Stamp {
                    document_hash: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".into(),
                    province: "RM".into(),
                },
                false => Destination::Iban(iban),
            },
            remittance_information: words.clone(),
            category: words,
            metadata,
        },
    );
    (
        text(35),
        any_date(),
        text(140),
        text(140),
        prop::option::of(text(140)),
        any_subject(),
        prop::collection::vec(transfer, 1..=5),
        any_metadata(),
    )
        .prop_map(|(iuv, due_date, description, company_name, office_name, debtor, transfers, metadata)| Payment {
            creditor_reference_id: iuv,
            amount: Euro::from_cents(transfers.iter().map(|t| t.amount.cents()).sum()).unwrap(),
            due_date,
            description,
            company_name,
            office_name,
            debtor,
            transfers,
            metadata,
        })
}

/// One answer of each shape.
pub fn answers() -> Vec<Answer> {
    let due = Verified {
        amount: euro("22.50"),
        due_date: Some(date(2026, 11, 30)),
        detail_description: Some("Uscita didattica".into()),
        all_ccp: false,
        payment_description: "Uscita didattica al museo".into(),
        fiscal_code_pa: SCHOOL.into(),
        company_name: "Istituto Comprensivo Prova".into(),
        office_name: None,
    };
    let transfer = PaymentTransfer {
        amount: euro("22.50"),
        fiscal_code_pa: SCHOOL.into(),
        company_name: "Istituto Comprensivo Prova".into(),
        destination: Destination::Iban("IT60X0542811101000000123456".into()),
        remittance_information: "Uscita didattica".into(),
        category: "9/0601150AP/".into(),
        metadata: vec![MapEntry { key: "IBANAPPOGGIO".into(), value: "IT78N0760103200001012345678".into() }],
    };
    let debtor = Subject::person("RSSMRA80A01F205X", "Mario Rossi");
    let iuv = qr_code().notice_number.iuv();
    let payment = Payment::single(&iuv, date(2026, 11, 30), "Uscita didattica al museo", debtor, transfer);
    let stamped = Payment {
        transfers: vec![PaymentTransfer {
            destination: Destination::Stamp {
                document_hash: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".into(),
                province: "MI".into(),
            },
            ..payment.transfers[0].clone()
        }],
        ..payment.clone()
    };
    let mut answers = vec![
        Answer::Verified(due.clone()),
        Answer::Payment(Version::V1, Box::new(payment.clone())),
        Answer::Payment(Version::V2, Box::new(payment)),
        Answer::Payment(Version::V2, Box::new(stamped)),
        Answer::Accepted(Version::V1),
        Answer::Accepted(Version::V2),
        Answer::Demanded(Demanded { qr_code: qr_code(), due }),
    ];
    for operation in Operation::ALL {
        for code in FaultCode::ALL {
            answers.push(Answer::refused(operation, Fault::new(code, SCHOOL).because("a reason & more")));
        }
    }
    answers
}

/// A message around this payload.
pub fn envelope(payload: &str) -> String {
    format!(
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:pafn=\"http://pagopa-api.pagopa.gov.it/pa/paForNode.xsd\"><soapenv:Body>{payload}</soapenv:Body></soapenv:Envelope>"
    )
}
