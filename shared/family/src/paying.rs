//! "A payment is under way": a hint in the browser that began it, so that nobody pays twice while the receipt is
//! awaited.
//!
//! A cookie, so it costs no read and no write. It decides nothing: what is paid is what a receipt has paid.

use domain::{Account, AttemptId, NoticeKey};
use jiff::{SignedDuration, Timestamp};
use runtime::App;
use web::Request;

use crate::NoticeLine;

const COOKIE: &str = "paying";
/// An attempt that has no receipt by then was given up, as a rule: in seconds.
const HINT_SECONDS: i64 = 30 * 60;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paying {
    pub attempt: AttemptId,
    pub since: Timestamp,
    notices: Vec<NoticeKey>,
}

impl Paying {
    /// The `Set-Cookie` of a payment that begins.
    pub fn begin(
        app: &App,
        request: &Request,
        account: &Account,
        attempt: &AttemptId,
        notices: &[NoticeKey],
    ) -> String {
        let text = Self { attempt: attempt.clone(), since: request.now(), notices: notices.to_vec() }.text();
        let value = format!("{text}.{}", tag(app, account, &text));
        request.site().set_cookie(COOKIE, &value, Some(HINT_SECONDS))
    }

    /// What this browser knows of this person's payment.
    pub fn read(app: &App, request: &Request, account: &Account) -> Option<Self> {
        let (text, theirs) = request.cookie(COOKIE)?.rsplit_once('.')?;
        // Not a secret: whoever guesses it sees a hint of their own making.
        let found = Self::parse(text).filter(|_| tag(app, account, text) == theirs)?;
        let age = request.now().duration_since(found.since);
        (age < SignedDuration::from_secs(HINT_SECONDS)).then_some(found)
    }

    /// The `Set-Cookie` that ends the hint once the attempt's outcome is known; `None` where there is none.
    pub fn end(app: &App, request: &Request, account: &Account, attempt: &AttemptId) -> Option<String> {
        let found = Self::read(app, request, account)?;
        (found.attempt == *attempt).then(|| request.site().set_cookie(COOKIE, "", Some(0)))
    }

    /// Marks the notices whose payment is under way.
    pub fn mark(app: &App, request: &Request, account: &Account, lines: &mut [NoticeLine]) {
        let Some(found) = Self::read(app, request, account) else { return };
        for line in lines.iter_mut().filter(|line| line.status.can_be_paid()) {
            let key = NoticeKey { school: line.school.fiscal_code.clone(), number: line.number.clone() };
            line.paying = found.notices.contains(&key).then(|| found.clone());
        }
    }

    /// The page that tells the outcome.
    pub fn path(&self) -> String {
        format!("/cart/attempts/{}/wait?n=stop", self.attempt)
    }

    fn text(&self) -> String {
        let notices: Vec<String> = self.notices.iter().map(|key| format!("{}_{}", key.school, key.number)).collect();
        format!("{}.{}.{}", self.attempt, self.since.as_second(), notices.join("-"))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (attempt, since, notices) = (parts.next()?, parts.next()?, parts.next()?);
        let key = |text: &str| {
            let (school, number) = text.split_once('_')?;
            Some(NoticeKey { school: school.parse().ok()?, number: number.parse().ok()? })
        };
        Some(Self {
            attempt: attempt.parse().ok()?,
            since: Timestamp::from_second(since.parse().ok()?).ok()?,
            notices: notices.split('-').map(key).collect::<Option<_>>()?,
        })
    }
}

/// Bound to the person: whoever signs in next at the same browser sees nothing of it.
fn tag(app: &App, account: &Account, text: &str) -> String {
    let tag = app.keys.mac("paying", format!("{}|{text}", account.person.id).as_bytes());
    tag[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote_and_nothing_else() {
        let key = |number: &str| NoticeKey { school: "80124890155".parse().unwrap(), number: number.parse().unwrap() };
        let paying = Paying {
            attempt: AttemptId::from_bytes([7; 16]),
            since: "2026-11-24T10:00:00Z".parse().unwrap(),
            notices: vec![key("312260000000004289"), key("312260000000004289")],
        };
        assert_eq!(Paying::parse(&paying.text()), Some(paying.clone()));
        let text = paying.text();
        for torn in ["", ".", "..", &text[1..], &text[..text.len() - 1], &text.replace('_', "")] {
            assert_eq!(Paying::parse(torn), None, "{torn}");
        }
    }
}
