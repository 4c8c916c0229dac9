//! One command, one notice: the command's item decides, whoever comes second gets what the first one began.

use aws_lc_rs::digest::{SHA256, digest};
use domain::{Cause, CauseId, Notice, NoticeNumber, Order, Pupil, PupilId, School, Slot};
use jiff::Timestamp;
use runtime::{App, Mutant, mutated};
use store::{Command, Written};
use web::Failure;

use crate::Numbers;

/// Numbers tried for one command. Each miss is a receipt that came for a number never issued: one is rare, five are
/// a fault to look at.
const TRIES: usize = 5;

pub struct Asked {
    /// The client's name for this command.
    pub key: String,
    pub order: Order,
}

pub enum Done {
    /// The notice of this command, issued now or by an earlier try.
    Issued(Box<Notice>),
    /// The key has issued this number with another content.
    KeyUsed(NoticeNumber),
}

/// Issues the notice. Safe to run twice, at once or after any interruption: number and cause are fixed by the first
/// command item before the notice is written, and every repeat finds them.
///
/// A number can be taken by a receipt that came before it was issued (quarantine, CORE 1.6). That never changes again,
/// so the command goes on under a second item, `key 1`, with a fresh number; a repeat walks the same chain.
pub async fn issue(
    app: &App,
    numbers: &Numbers,
    school: &School,
    pupil: &Pupil,
    asked: Asked,
    now: Timestamp,
) -> Result<Done, Failure> {
    let content = content(&pupil.id, &asked.order);
    let key = match mutated(Mutant::CommandForgotten) {
        true => CauseId::from_bytes(app.random()).to_string(),
        false => asked.key,
    };
    for turn in 0..TRIES {
        let number = numbers.take(app, school).await?;
        let cause = Cause { id: CauseId::from_bytes(app.random()), at: now };
        let fresh = Command { number, cause, content: content.clone() };
        let command = app.store.command(&school.fiscal_code, &link(&key, turn), &fresh).await?;
        if command.content != content {
            return Ok(Done::KeyUsed(command.number));
        }
        let notice = asked.order.clone().issue(school, pupil, command.number.clone(), command.cause.clone());
        let written = app.store.issue(&notice).await;
        let untrue = mutated(Mutant::ToldBeforeWrite) && written.is_err();
        if untrue || written? == Written::Done {
            return Ok(Done::Issued(Box::new(notice)));
        }
        match app.store.slot(&school.fiscal_code, &command.number).await? {
            // An earlier try of this command wrote it.
            Slot::Issued(standing) if is_of(&standing, &command) => return Ok(Done::Issued(standing)),
            Slot::Issued(_) | Slot::UnknownPaid(_) => {
                tracing::warn!(notice.number = %command.number, "A number was taken before it was issued: the next one is tried");
            }
            Slot::Free => return Err(Failure::unavailable("a notice was there and is gone")),
        }
    }
    Err(Failure::unavailable("no number was free"))
}

/// Is the notice the one that this command issued? By the moment of issue, which nothing changes later.
fn is_of(notice: &Notice, command: &Command) -> bool {
    notice.number == command.number && notice.issued_at == command.cause.at
}

/// The key of the command's n-th item. A client's key holds no blank, so no client can name another's second item.
fn link(key: &str, turn: usize) -> String {
    match turn {
        0 => key.to_owned(),
        turn => format!("{key} {turn}"),
    }
}

/// What was asked, as a digest: each field with its length before it, so that no two orders read alike.
fn content(pupil: &PupilId, order: &Order) -> String {
    let amount = order.amount.to_string();
    let due = order.due.to_string();
    let mut text = String::new();
    for field in [pupil.as_str(), &order.description, order.category.code(), &amount, &due] {
        text.push_str(&format!("{}:{field}", field.len()));
    }
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::FieldError;
    use jiff::civil::{Date, date};

    const TODAY: Date = date(2026, 11, 24);

    fn order(description: &str, category: &str, amount: &str, due: &str) -> Result<Order, Vec<FieldError>> {
        Order::read(Some(description), Some(category), Some(amount), Some(due), TODAY)
    }

    #[test]
    fn the_same_order_reads_the_same_however_it_is_typed() {
        let pupil = PupilId::from_bytes([1; 16]);
        let typed = order("Gita  a Firenze ", "trip", "22", "31/01/2027").unwrap();
        let sent = order("Gita a Firenze", "trip", "22.00", "2027-01-31").unwrap();
        assert_eq!(content(&pupil, &typed), content(&pupil, &sent));
    }

    #[test]
    fn another_order_reads_otherwise() {
        let (luca, sofia) = (PupilId::from_bytes([1; 16]), PupilId::from_bytes([2; 16]));
        let base = || order("Gita", "trip", "22.00", "2027-01-31").unwrap();
        let all = [
            content(&luca, &base()),
            content(&sofia, &base()),
            content(&luca, &order("Gita 4:trip", "trip", "22.00", "2027-01-31").unwrap()),
            content(&luca, &order("Gita", "outing", "22.00", "2027-01-31").unwrap()),
            content(&luca, &order("Gita", "trip", "22.01", "2027-01-31").unwrap()),
            content(&luca, &order("Gita", "trip", "22.00", "2027-02-01").unwrap()),
        ];
        for (index, digest) in all.iter().enumerate() {
            assert_eq!(all.iter().position(|other| other == digest), Some(index));
        }
    }

    #[test]
    fn the_links_of_a_chain_are_no_key_that_a_client_can_send() {
        assert_eq!(link("k", 0), "k");
        assert_eq!(link("k", 1), "k 1");
        assert!(crate::form::read_key("k 1").is_err());
    }
}
