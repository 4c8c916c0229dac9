//! Notices and links for the tests of this crate.

use domain::{
    Category, Cause, CauseId, IuvBase, Link, Notice, NoticeNumber, NoticeState, PersonId, Personal, PupilId, ReceiptId,
    SegregationCode, Settlement,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Payable,
    Paid,
    Cancelled,
}

pub fn notice(base: u64, due: &str, state: State) -> Notice {
    let state = match state {
        State::Payable => NoticeState::Payable,
        State::Paid => NoticeState::Paid(settlement("2026-11-01T10:00:00Z")),
        State::Cancelled => NoticeState::Cancelled { at: cause("2026-11-01T10:00:00Z").at, reason: String::new() },
    };
    Notice {
        school: "80124890155".parse().unwrap(),
        school_name: "Istituto".into(),
        number: NoticeNumber::issue(SegregationCode::new(12).unwrap(), IuvBase::new(base).unwrap()),
        version: 1,
        pupil: PupilId::from_bytes([1; 16]),
        pupil_name: Personal::new("Luca".parse().unwrap()),
        pupil_surname: Personal::new("Russo".parse().unwrap()),
        pupil_fiscal_code: Personal::new("RSSLCU10H21L219B".parse().unwrap()),
        class: "3B".into(),
        description: "Contributo".into(),
        category: Category::Trip,
        amount: "22.00".parse().unwrap(),
        due: due.parse().unwrap(),
        issued_at: cause("2026-09-01T10:00:00Z").at,
        notified: Some(cause("2026-09-01T10:00:00Z")),
        state,
    }
}

pub fn paid(base: u64, at: &str) -> Notice {
    Notice { state: NoticeState::Paid(settlement(at)), ..notice(base, "2027-01-31", State::Payable) }
}

pub fn link(pupil: u8) -> Link {
    Link {
        person: PersonId::from_bytes([9; 16]),
        pupil: PupilId::from_bytes([pupil; 16]),
        school: "80124890155".parse().unwrap(),
        school_name: "Istituto".into(),
        pupil_name: Personal::new("Luca".parse().unwrap()),
        pupil_surname: Personal::new("Russo".parse().unwrap()),
        class: "3B".into(),
        linked: cause("2026-09-01T10:00:00Z"),
    }
}

fn settlement(at: &str) -> Settlement {
    Settlement {
        receipt: ReceiptId("a".into()),
        cause: cause(at),
        amount: None,
        oddities: Vec::new(),
        further: Vec::new(),
    }
}

fn cause(at: &str) -> Cause {
    Cause { id: CauseId::from_bytes([1; 16]), at: at.parse().unwrap() }
}
