//! `GET /cart/attempts/{id}/{returned}`: where Checkout sends the browser at the end.

use domain::{Account, AttemptId, Cart, Notice, NoticeState};
use family::{NoticeLine, Paying};
use runtime::App;
use serde::Serialize;
use web::{Face, Failure, Frame, Language, Outcome, Request, Response};

/// What Checkout's return address says. Anybody can open it, so it only chooses the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Returned {
    Ok,
    Cancel,
    Error,
    Wait,
}

/// How the attempt stands, by the notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    Waiting,
    Paid,
    NotPaid,
}

#[derive(Debug, Serialize)]
pub struct AttemptPage {
    pub attempt: AttemptId,
    pub result: Standing,
    pub items: Vec<NoticeLine>,
    /// The page asks again by itself; otherwise the person does.
    #[serde(skip)]
    pub polls: bool,
    #[serde(skip)]
    pub cancelled: bool,
    /// This page's address.
    #[serde(skip)]
    pub here: String,
}

web::view!(AttemptPage, "attempt.html");

/// How long the page waits before it asks again, each time longer, in seconds: about two minutes in all.
const POLLS: [u8; 8] = [2, 3, 4, 6, 10, 20, 30, 45];

/// For its owner only. Reads the notices strongly and changes nothing but the cart, which the paid ones leave.
pub async fn show(app: &App, request: &Request, id: &str, returned: &str) -> Result<Response, Failure> {
    let caller = web::signed_in(app, request).await?;
    let account = web::parent(&caller)?;
    let id: AttemptId = id.parse().map_err(|_| Failure::NotFound)?;
    let said = Returned::read(returned).ok_or(Failure::NotFound)?;
    let attempt = app.store.attempt(&id).await?.filter(|attempt| attempt.person == account.person.id);
    let attempt = attempt.ok_or(Failure::NotFound)?;
    let mut notices = app.store.notices(&attempt.notices).await?;
    // A link may have ended since.
    notices.retain(|notice| account.sees(notice));
    let cart = without_paid(app, account, &notices).await;
    let result = standing(said, &notices);
    let here = format!("/cart/attempts/{id}/{returned}");
    let poll = next_poll(result, request.query("n"));
    let over = (result != Standing::Waiting).then(|| Paying::end(app, request, account, &id)).flatten();
    let page = AttemptPage {
        attempt: id,
        result,
        items: notices.iter().map(|notice| NoticeLine::new(notice, &cart, app.today())).collect(),
        polls: poll.is_some(),
        cancelled: said == Returned::Cancel,
        here: here.clone(),
    };
    let frame = Frame::of(app, request, &caller).with_cart(cart.notices.len());
    let mut response = frame.show(Outcome::Shown(page))?;
    if let Some(over) = over {
        response = response.with_cookie(over);
    }
    Ok(match (request.face(), poll) {
        (Face::Page, Some((seconds, next))) => {
            response.with_header("refresh", format!("{seconds};url={here}?n={next}"))
        }
        _ => response,
    })
}

impl AttemptPage {
    pub fn title(&self, language: Language) -> &'static str {
        match self.result {
            Standing::Waiting => language.choose("In attesa di conferma", "Waiting for confirmation"),
            Standing::Paid => language.choose("Pagamento riuscito", "Payment made"),
            Standing::NotPaid => language.choose("Pagamento non concluso", "Payment not completed"),
        }
    }

    pub fn is_paid(&self) -> bool {
        self.result == Standing::Paid
    }

    pub fn is_waiting(&self) -> bool {
        self.result == Standing::Waiting
    }
}

impl Returned {
    fn read(text: &str) -> Option<Self> {
        match text {
            "ok" => Some(Self::Ok),
            "cancel" => Some(Self::Cancel),
            "error" => Some(Self::Error),
            "wait" => Some(Self::Wait),
            _ => None,
        }
    }
}

/// Paid when all notices are. Checkout pays all or none, so that one paid notice says that the others follow.
fn standing(said: Returned, notices: &[Notice]) -> Standing {
    let is_paid = |notice: &Notice| matches!(notice.state, NoticeState::Paid(_));
    let paid = notices.iter().filter(|notice| is_paid(notice)).count();
    match said {
        _ if paid > 0 && paid == notices.len() => Standing::Paid,
        _ if paid > 0 => Standing::Waiting,
        Returned::Ok | Returned::Wait => Standing::Waiting,
        Returned::Cancel | Returned::Error => Standing::NotPaid,
    }
}

/// After how many seconds the page asks again, and the count it carries then. `n` is the count that came, or a word
/// with which somebody stopped it.
fn next_poll(standing: Standing, n: Option<&str>) -> Option<(u8, usize)> {
    let count = n.map_or(Some(0), |n| n.parse::<usize>().ok())?;
    let seconds = *POLLS.get(count)?;
    (standing == Standing::Waiting).then_some((seconds, count + 1))
}

/// Takes the paid notices out of the cart. Looking at the cart does it as well, so nothing is lost if it fails here.
async fn without_paid(app: &App, account: &Account, notices: &[Notice]) -> Cart {
    let paid = notices.iter().filter(|notice| notice.paid().is_some());
    let kept = paid.fold(account.cart.clone(), |cart, notice| cart.without(&notice.key()));
    if kept != account.cart
        && let Err(error) = app.store.save_cart(&account.person.id, &kept).await
    {
        tracing::warn!(causes = %error, "A cart was not tidied after a payment");
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Category, Cause, CauseId, PupilId, ReceiptId, Settlement};

    fn notice(paid: bool) -> Notice {
        let cause = Cause { id: CauseId::from_bytes([1; 16]), at: "2026-11-24T10:00:00Z".parse().unwrap() };
        let settlement = Settlement {
            receipt: ReceiptId("a".into()),
            cause: cause.clone(),
            amount: None,
            oddities: Vec::new(),
            further: Vec::new(),
        };
        Notice {
            school: "80124890155".parse().unwrap(),
            school_name: "Istituto".into(),
            number: "312260000000004289".parse().unwrap(),
            version: 1,
            pupil: PupilId::from_bytes([1; 16]),
            pupil_name: domain::Personal::new("Luca".parse().unwrap()),
            pupil_surname: domain::Personal::new("Russo".parse().unwrap()),
            pupil_fiscal_code: domain::Personal::new("RSSLCU10H21L219B".parse().unwrap()),
            class: "3B".into(),
            description: "Contributo".into(),
            category: Category::Trip,
            amount: "22.00".parse().unwrap(),
            due: "2027-01-31".parse().unwrap(),
            issued_at: cause.at,
            notified: Some(cause),
            state: if paid { NoticeState::Paid(settlement) } else { NoticeState::Payable },
        }
    }

    #[test]
    fn only_the_notices_say_paid() {
        let cases = [
            ("ok", vec![false], Standing::Waiting),
            ("ok", vec![false, false], Standing::Waiting),
            ("wait", vec![false], Standing::Waiting),
            ("ok", vec![true, false], Standing::Waiting),
            ("ok", vec![true, true], Standing::Paid),
            ("cancel", vec![false], Standing::NotPaid),
            ("cancel", vec![true], Standing::Paid),
            ("error", vec![false], Standing::NotPaid),
            ("error", vec![true, false], Standing::Waiting),
            ("error", vec![true], Standing::Paid),
            ("ok", vec![], Standing::Waiting),
        ];
        for (said, paid, expected) in cases {
            let notices: Vec<Notice> = paid.iter().map(|paid| notice(*paid)).collect();
            assert_eq!(standing(Returned::read(said).unwrap(), &notices), expected, "{said} {paid:?}");
        }
        assert_eq!(Returned::read("paid"), None);
    }

    #[test]
    fn polling_ends() {
        let mut n: Option<String> = None;
        let (mut asked, mut waited) = (0, 0);
        while let Some((seconds, next)) = next_poll(Standing::Waiting, n.as_deref()) {
            asked += 1;
            waited += u32::from(seconds);
            n = Some(next.to_string());
        }
        assert_eq!((asked, waited), (8, 120));
        assert_eq!(next_poll(Standing::Paid, None), None);
        assert_eq!(next_poll(Standing::Waiting, Some("stop")), None);
        assert_eq!(next_poll(Standing::Waiting, Some("-1")), None);
        assert_eq!(next_poll(Standing::Waiting, Some("18446744073709551615")), None);
    }
}
