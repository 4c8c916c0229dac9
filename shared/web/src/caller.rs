use domain::{Account, Role, Stage, greeting};
use jiff::Timestamp;
use runtime::App;

use crate::{Failure, Request, frame::Known, session};

/// Whoever is signed in, with all that one strong read told of them.
#[derive(Debug, Clone)]
pub struct Caller {
    pub account: Account,
    /// When this request arrived.
    pub now: Timestamp,
    pub(crate) bearer: bool,
}

/// The signed-in caller whose session holds and may do everything.
pub async fn signed_in(app: &App, request: &Request) -> Result<Caller, Failure> {
    let caller = signed_in_any_stage(app, request).await?;
    match caller.account.session.stage {
        Stage::Full => Ok(caller),
        Stage::MustChangePassword => Err(Failure::MustChangePassword),
    }
}

/// The signed-in caller, also one who must change a provisional password first: for that change and for signing out.
///
/// The token is checked before any I/O; then one strong read tells whether the session still holds.
pub async fn signed_in_any_stage(app: &App, request: &Request) -> Result<Caller, Failure> {
    // A program's token makes its cookies irrelevant, so that no page can borrow them.
    let (token, bearer) = match request.bearer() {
        Some(token) => (Some(token), true),
        None => (request.cookie(session::COOKIE), false),
    };
    let ticket =
        token.and_then(|token| session::verify(app.keys.session_public(), &app.config.origin, request.now(), token));
    let ticket = ticket.ok_or(Failure::NotSignedIn)?;
    let account = app.store.account(&ticket.person, &ticket.session).await?.ok_or(Failure::NotSignedIn)?;
    let caller = accept(account, &ticket, request.now(), bearer)?;
    // A second call for the same request says the same.
    let _ = request.known.set(Known::of(&caller));
    Ok(caller)
}

/// For pages that anybody may see: shows the menu of whoever is signed in, and works without.
pub async fn recognise(app: &App, request: &Request) -> Option<Caller> {
    signed_in_any_stage(app, request).await.ok()
}

fn accept(account: Account, ticket: &session::Ticket, now: Timestamp, bearer: bool) -> Result<Caller, Failure> {
    // What was asked for is checked again on what was read.
    let same = account.session.id == ticket.session && account.person.id == ticket.person;
    match same && account.is_valid(now) {
        true => Ok(Caller { account, now, bearer }),
        false => Err(Failure::NotSignedIn),
    }
}

/// The caller as a user of the payment service: the conditions are accepted (F53).
pub fn parent(caller: &Caller) -> Result<&Account, Failure> {
    match caller.account.has_consented() {
        true => Ok(&caller.account),
        false => Err(Failure::MustConsent),
    }
}

/// The caller's role at a school. The school of every key comes from here, never from the request.
pub fn staff(caller: &Caller) -> Result<&Role, Failure> {
    caller.account.staff().ok_or(Failure::Forbidden)
}

impl Known {
    fn of(caller: &Caller) -> Self {
        let Account { person, session, cart, .. } = &caller.account;
        Self {
            greeting: greeting(person.name.reveal(), person.surname.reveal()),
            session: session.id.clone(),
            bearer: caller.bearer,
            full: session.stage == Stage::Full,
            school: caller.account.staff().map(|role| role.school_name.clone()),
            is_parent: caller.account.has_consented() || !caller.account.links.is_empty(),
            cart_count: cart.notices.len(),
        }
    }
}
