//! Users: who they are, how they sign in, and what each signed-in request must know of them.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    Cart, Cause, EmailAddress, EntityCode, FiscalCode, Language, Name, Notice, PersonId, Personal, PupilId, SessionId,
    Sex, Username,
};

/// A user of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub id: PersonId,
    pub version: u64,
    /// Moves when the password or the address changes, or at "log out everywhere": sessions and tokens that carry
    /// an older one are void (CORE 3.1).
    pub generation: u64,
    pub fiscal_code: Personal<FiscalCode>,
    pub name: Personal<Name>,
    pub surname: Personal<Name>,
    pub email: Personal<EmailAddress>,
    pub language: Language,
    pub username: Username,
    /// argon2id in PHC form.
    pub password_hash: Personal<String>,
    /// Set while the password is one that we made: it must be changed at the first access, and it expires.
    pub provisional: Option<Provisional>,
    pub created_at: Timestamp,
    /// When and why the credentials mail was due.
    pub credentials: Option<Cause>,
    /// A recovery under way.
    pub recovery: Option<Recovery>,
    /// When the password was last changed by its owner: told to the owner by mail.
    pub changed: Option<Cause>,
}

/// A password made by us. Its text is derived again when it is mailed, never stored (CORE 3.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provisional {
    pub secret: SecretRef,
    pub expires_at: Timestamp,
}

/// What a one-time secret is derived from, beside the key: enough to derive the same text again, useless alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRef {
    /// Which key of the purpose.
    pub key_version: u32,
    pub attempt: u32,
    /// 128 random bits in hex, fresh per attempt.
    pub nonce: String,
}

/// Somebody asked to recover the username or the password of this person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    pub cause: Cause,
    pub what: Recover,
    pub secret: SecretRef,
    pub generation: u64,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recover {
    Username,
    Password,
}

/// Personal data as typed at registration (F25–F29).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    pub name: Personal<Name>,
    pub surname: Personal<Name>,
    pub birth_date: Personal<Date>,
    pub birth_place: Personal<String>,
    pub sex: Sex,
    pub email: Personal<EmailAddress>,
}

/// How a person proved to be who they say, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Password,
    SecondFactor,
    DigitalIdentity,
}

/// What a session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Signed in with a password of ours: may only choose an own one, or sign out (F45).
    MustChangePassword,
    Full,
}

/// A sign-in. Read at every request, so revocation is true at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: SessionId,
    pub person: PersonId,
    pub generation: u64,
    pub stage: Stage,
    pub level: Level,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What a person does for a school. A removed role is gone at the next request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    pub school: EntityCode,
    pub school_name: String,
    /// A session below this level must step up first (CORE 3.2).
    pub level: Level,
}

/// A guardian's link to a pupil, as it stands in the person's partition; its twin stands with the pupil.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub person: PersonId,
    pub pupil: PupilId,
    pub school: EntityCode,
    pub school_name: String,
    pub pupil_name: Personal<Name>,
    pub pupil_surname: Personal<Name>,
    pub class: String,
    pub linked: Cause,
}

/// The conditions of the service, accepted once per version (F52, F53).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    pub version: u32,
    pub at: Timestamp,
}

impl Consent {
    /// The version in force: a newer one asks again.
    pub const CURRENT: u32 = 1;
}

/// All that a signed-in request must know, from one strong read of the person's partition.
#[derive(Debug, Clone)]
pub struct Account {
    pub person: Person,
    pub session: Session,
    pub roles: Vec<Role>,
    pub links: Vec<Link>,
    pub consent: Option<Consent>,
    pub cart: Cart,
}

impl Account {
    /// Is the session in force? `now` against its end, its generation against the person's.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        now < self.session.expires_at && self.session.generation == self.person.generation
    }

    pub fn has_consented(&self) -> bool {
        self.consent.as_ref().is_some_and(|consent| consent.version >= Consent::CURRENT)
    }

    pub fn link(&self, pupil: &PupilId) -> Option<&Link> {
        self.links.iter().find(|link| link.pupil == *pupil)
    }

    /// Is the notice one of this guardian's family? Whatever is not does not exist for them.
    pub fn sees(&self, notice: &Notice) -> bool {
        self.link(&notice.pupil).is_some() && !notice.is_draft()
    }

    /// The school this person works for, if the session is strong enough for the role.
    pub fn staff(&self) -> Option<&Role> {
        self.roles.iter().find(|role| role.level <= self.session.level)
    }
}

/// The words that mean "enter": `Mario R.` for a greeting that a passer-by may read.
pub fn greeting(name: &Name, surname: &Name) -> String {
    format!("{} {}", name.as_str(), surname.initial())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn account(session_generation: u64, level: Level, role: Level, consent: Option<u32>) -> Account {
        let (at, id) = (Timestamp::UNIX_EPOCH, PersonId::from_bytes([1; 16]));
        Account {
            person: Person {
                id: id.clone(),
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
                created_at: at,
                credentials: None,
                recovery: None,
                changed: None,
            },
            session: Session {
                id: SessionId::from_bytes([2; 16]),
                person: id,
                generation: session_generation,
                stage: Stage::Full,
                level,
                created_at: at,
                expires_at: at + SignedDuration::from_secs(100),
            },
            roles: vec![Role { school: "80124890155".parse().unwrap(), school_name: String::new(), level: role }],
            links: Vec::new(),
            consent: consent.map(|version| Consent { version, at }),
            cart: Cart::default(),
        }
    }

    #[test]
    fn a_session_dies_with_its_time_and_with_the_generation_it_was_made_under() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let session = |generation| account(generation, Level::Password, Level::Password, None);
        assert!(session(3).is_valid(at(99)));
        assert!(!session(3).is_valid(at(100)), "its end is no part of it");
        assert!(!session(2).is_valid(at(0)), "made before the password changed");
        assert!(!session(4).is_valid(at(0)), "no generation of this person's");
    }

    #[test]
    fn a_role_asks_for_its_level() {
        let staff = |level, role| account(3, level, role, None).staff().is_some();
        assert!(staff(Level::Password, Level::Password));
        assert!(staff(Level::DigitalIdentity, Level::SecondFactor));
        assert!(!staff(Level::Password, Level::SecondFactor), "must step up first");
    }

    #[test]
    fn an_older_consent_does_not_count() {
        let consent = |version| account(3, Level::Password, Level::Password, version).has_consented();
        assert!(consent(Some(Consent::CURRENT)));
        assert!(!consent(Some(Consent::CURRENT - 1)));
        assert!(!consent(None));
    }
}
