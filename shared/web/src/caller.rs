use domain::{Account, Role, Stage, greeting};
use jiff::Timestamp;
use runtime::{App, Mutant, mutated};

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
    match same && (account.is_valid(now) || mutated(Mutant::GenerationUnchecked)) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Site, testing};
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use domain::{Cart, Consent, Language, Level, Person, PersonId, Personal, Session, SessionId};
    use jiff::SignedDuration;
    use runtime::SigningKey;

    fn account(now: Timestamp) -> Account {
        let person = PersonId::from_bytes([2; 16]);
        Account {
            person: Person {
                id: person.clone(),
                version: 1,
                generation: 3,
                fiscal_code: Personal::new("BNCNNA85M55H501B".parse().unwrap()),
                name: Personal::new("Anna".parse().unwrap()),
                surname: Personal::new("Bianchi".parse().unwrap()),
                email: Personal::new("anna@example.org".parse().unwrap()),
                language: Language::It,
                username: "anna.bianchi".parse().unwrap(),
                password_hash: Personal::new(String::new()),
                provisional: None,
                created_at: now,
                credentials: None,
                recovery: None,
                changed: None,
            },
            session: Session {
                id: SessionId::from_bytes([1; 16]),
                person,
                generation: 3,
                stage: Stage::Full,
                level: Level::Password,
                created_at: now,
                expires_at: now + SignedDuration::from_hours(1),
            },
            roles: Vec::new(),
            links: Vec::new(),
            consent: None,
            cart: Cart::default(),
        }
    }

    fn role(level: Level) -> Role {
        Role { school: "80124890155".parse().unwrap(), school_name: "I.C.".into(), level }
    }

    #[test]
    fn a_session_holds_only_as_it_stands_in_the_table() {
        let now = Timestamp::now();
        let ticket = session::Ticket { person: account(now).person.id, session: account(now).session.id };
        let accepted = |change: fn(&mut Account), now: Timestamp| {
            let mut account = account(now);
            change(&mut account);
            accept(account, &ticket, now, false).is_ok()
        };
        assert!(accepted(|_| {}, now));
        assert!(!accepted(|account| account.person.generation += 1, now), "the password was changed");
        assert!(!accepted(|account| account.session.generation += 1, now));
        assert!(!accepted(|account| account.session.expires_at = account.session.created_at, now), "over");
        assert!(
            !accepted(|account| account.session.id = SessionId::from_bytes([9; 16]), now),
            "another session was read"
        );
        assert!(!accepted(|account| account.person.id = PersonId::from_bytes([9; 16]), now), "another person was read");
    }

    #[test]
    fn consent_and_role_open_their_doors_only() {
        let now = Timestamp::now();
        let mut caller = Caller { account: account(now), now, bearer: false };
        assert!(matches!(parent(&caller), Err(Failure::MustConsent)));
        assert!(matches!(staff(&caller), Err(Failure::Forbidden)));
        caller.account.consent = Some(Consent { version: Consent::CURRENT - 1, at: now });
        assert!(matches!(parent(&caller), Err(Failure::MustConsent)), "an older version asks again");
        caller.account.consent = Some(Consent { version: Consent::CURRENT, at: now });
        assert!(parent(&caller).is_ok());
        caller.account.roles = vec![role(Level::DigitalIdentity)];
        assert!(matches!(staff(&caller), Err(Failure::Forbidden)), "the session is too weak for the role");
        caller.account.roles = vec![role(Level::Password)];
        assert!(staff(&caller).is_ok());
    }

    /// A good cookie helps nobody who shows a bad token: a page cannot lend its session to a program's request.
    #[tokio::test]
    async fn a_bearer_token_makes_cookies_irrelevant() {
        let seed = [5; 32];
        let key = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let app = testing::app("http://localhost", &URL_SAFE_NO_PAD.encode(key.public_key())).await.unwrap();
        let token = session::sign(&SigningKey(seed), "http://localhost", &account(app.now()).session).unwrap();
        assert!(session::verify(app.keys.session_public(), "http://localhost", app.now(), &token).is_some());
        for asked in [
            testing::get("/").cookie(&format!("session={token}")).header("authorization", "Bearer x.y.z"),
            testing::get("/").cookie(&format!("__Host-session={token}")),
            testing::get("/").cookie("session=x.y.z"),
            testing::get("/"),
        ] {
            let request = Request::parse(asked.event(), Site::Local, app.now(), [0; 16]);
            assert!(matches!(signed_in(&app, &request).await, Err(Failure::NotSignedIn)), "before any I/O");
        }
    }
}
