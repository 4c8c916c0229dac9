//! Users: their partition, their markers, their sessions.

use domain::{
    Account, Cart, Consent, EmailAddress, EntityCode, FiscalCode, Language, Link, Name, Person, PersonId, Personal,
    PupilId, Role, Session, SessionId, Username,
};
use jiff::Timestamp;
use mutants::{Mutant, mutated};
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    key::{Key, PERSON_PREFIX, person_partition},
    table::{Committed, If, Item, With, Written, body, item, number, text},
};

/// The scope of fields sealed for a person.
const SCOPE: &str = "person";

#[derive(Serialize, Deserialize)]
pub(crate) struct PersonRecord {
    pub(crate) id: PersonId,
    pub(crate) version: u64,
    generation: u64,
    fiscal_code: String,
    name: Name,
    surname: Name,
    email: EmailAddress,
    language: Language,
    username: Username,
    password_hash: String,
    provisional: Option<domain::Provisional>,
    created_at: Timestamp,
    pub(crate) credentials: Option<domain::Cause>,
    pub(crate) recovery: Option<domain::Recovery>,
    pub(crate) changed: Option<domain::Cause>,
}

#[derive(Serialize, Deserialize)]
struct LinkRecord {
    person: PersonId,
    pupil: PupilId,
    school: EntityCode,
    school_name: String,
    pupil_name: Name,
    pupil_surname: Name,
    class: String,
    linked: domain::Cause,
}

/// Points from a look-up to a person.
#[derive(Serialize, Deserialize)]
struct Pointer {
    person: PersonId,
}

/// All that stands in a person's partition for a request: one strong Query.
#[derive(Debug, Clone)]
pub struct Partition {
    pub person: Person,
    pub sessions: Vec<Session>,
    pub roles: Vec<Role>,
    pub links: Vec<Link>,
    pub consent: Option<Consent>,
    pub cart: Cart,
}

/// How the creation of a user ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    Done,
    /// The registration moved in between: read it again.
    Moved,
    /// Somebody verified an address for this fiscal code before.
    FiscalCodeTaken,
    UsernameTaken,
}

impl Store {
    /// What each signed-in request must know. 1 Query (strong), 0.5–1 RRU; `None` when person or session is gone.
    pub async fn account(&self, person: &PersonId, session: &SessionId) -> Result<Option<Account>, StoreError> {
        let Some(partition) = self.partition(person).await? else { return Ok(None) };
        let found = partition.sessions.into_iter().find(|candidate| candidate.id == *session);
        Ok(found.map(|session| Account {
            person: partition.person,
            session,
            roles: partition.roles,
            links: partition.links,
            consent: partition.consent,
            cart: partition.cart,
        }))
    }

    /// The person's partition. 1 Query (strong).
    pub async fn partition(&self, person: &PersonId) -> Result<Option<Partition>, StoreError> {
        let items = self.table.query(person_partition(person), PERSON_PREFIX).await?;
        let (mut found, mut sessions, mut roles, mut links) = (None, Vec::new(), Vec::new(), Vec::new());
        let (mut consent, mut cart) = (None, Cart::default());
        for item in items {
            let sk = item.get("SK").and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
            match sk.split('#').nth(1).unwrap_or_default() {
                "PERSON" => found = Some(self.person_from(item)?),
                "SESSION" => sessions.push(body(item)?),
                "ROLE" => roles.push(body(item)?),
                "LINK" => links.push(link_from(body(item)?)),
                "CONSENT" => consent = Some(body(item)?),
                "CART" => cart = body(item)?,
                _ => return Err(StoreError::Corrupt("an unknown item in a person's partition")),
            }
        }
        Ok(found.map(|person| Partition { person, sessions, roles, links, consent, cart }))
    }

    /// 1 GetItem (strong).
    pub async fn person(&self, id: &PersonId) -> Result<Option<Person>, StoreError> {
        self.table.get(&Key::Person(id)).await?.map(|item| self.person_from(item)).transpose()
    }

    /// Who has this username. 1 GetItem (strong).
    pub async fn person_of_username(&self, username: &Username) -> Result<Option<PersonId>, StoreError> {
        let lookup = self.vault()?.lookup("username", username.as_str());
        self.pointer(&Key::Username(&lookup)).await
    }

    /// Who has this fiscal code. 1 GetItem (strong).
    pub async fn person_of_fiscal_code(&self, code: &FiscalCode) -> Result<Option<PersonId>, StoreError> {
        let lookup = self.vault()?.lookup("fiscal-code", code.as_str());
        self.pointer(&Key::FiscalCode(&lookup)).await
    }

    async fn pointer(&self, key: &Key<'_>) -> Result<Option<PersonId>, StoreError> {
        let pointer = self.table.get(key).await?.map(body::<Pointer>).transpose()?;
        Ok(pointer.map(|pointer| pointer.person))
    }

    /// Creates a user with the markers that make fiscal code and username unique, and `also` in the same transaction
    /// (the registration that it ends). A repeat finds the markers and reports them: read the registration first.
    pub(crate) async fn create_person(&self, person: &Person, also: Option<(Item, If)>) -> Result<Created, StoreError> {
        let vault = self.vault()?;
        let code = vault.lookup("fiscal-code", person.fiscal_code.reveal().as_str());
        let username = vault.lookup("username", person.username.as_str());
        let pointer = Pointer { person: person.id.clone() };
        let mut writes = vec![
            self.table.putting(item(&Key::FiscalCode(&code), &pointer)?, If::Absent)?,
            self.table.putting(item(&Key::Username(&username), &pointer)?, If::Absent)?,
            self.table.putting(self.person_item(person)?, If::Absent)?,
        ];
        if let Some((item, condition)) = also {
            writes.push(self.table.putting(item, condition)?);
        }
        match self.table.transact(writes).await? {
            Committed::Done => Ok(Created::Done),
            Committed::Conflict => Ok(Created::Moved),
            Committed::Failed(failed) => Ok(match failed.as_slice() {
                [_, _, _, true, ..] => Created::Moved,
                [true, ..] => Created::FiscalCodeTaken,
                [_, true, ..] => Created::UsernameTaken,
                _ => Created::Moved,
            }),
        }
    }

    /// Creates a user as an operator does (demo data). `false` when the fiscal code or username is taken.
    pub async fn add_person(&self, person: &Person) -> Result<bool, StoreError> {
        Ok(self.create_person(person, None).await? == Created::Done)
    }

    /// Writes the person on the version that was read; `person.version` is the new one. 1 PutItem.
    pub async fn save_person(&self, person: &Person) -> Result<Written, StoreError> {
        self.table.put(self.person_item(person)?, If::Version(person.version - 1)).await
    }

    /// A sign-in; the oldest session ends where a person has too many. 1 PutItem (+ 1 DeleteItem).
    pub async fn begin_session(&self, session: &Session, others: &[Session]) -> Result<(), StoreError> {
        if others.len() >= Self::SESSIONS
            && let Some(oldest) = others.iter().min_by_key(|other| other.created_at)
        {
            self.end_session(&oldest.person, &oldest.id).await?;
        }
        self.table.put(session_item(session)?, If::Always).await?;
        Ok(())
    }

    /// The bound of a person's partition: it must fit one page of a Query.
    pub const SESSIONS: usize = 10;

    /// 1 DeleteItem; a repeat is harmless.
    pub async fn end_session(&self, person: &PersonId, session: &SessionId) -> Result<(), StoreError> {
        self.table.delete(&Key::Session(person, session)).await
    }

    /// A new password: the person moves to a new generation, which voids every other session, and the new session
    /// begins, in one transaction.
    pub async fn change_password(
        &self,
        person: &Person,
        session: &Session,
        ended: Option<&SessionId>,
    ) -> Result<Written, StoreError> {
        let mut writes = vec![
            self.table.putting(self.person_item(person)?, If::Version(person.version - 1))?,
            self.table.putting(session_item(session)?, If::Absent)?,
        ];
        if let Some(ended) = ended {
            writes.push(self.table.deleting(&Key::Session(&person.id, ended))?);
        }
        match self.table.transact(writes).await? {
            Committed::Done => Ok(Written::Done),
            Committed::Failed(_) | Committed::Conflict => Ok(Written::Moved),
        }
    }

    /// The present consent, in place of the one that was read, and its record in the history: 1 transaction. Whoever
    /// comes second of two at once changes nothing: the first moment counts, and one decision is one record.
    pub async fn accept(
        &self,
        person: &PersonId,
        before: Option<&Consent>,
        consent: &Consent,
    ) -> Result<(), StoreError> {
        let at = consent.at.to_string();
        let still = before.map_or(If::Absent, |before| If::Version(before.version.into()));
        let writes = vec![
            self.table.putting(item(&Key::Consent(person), consent)?, still)?,
            self.table.putting(item(&Key::ConsentRecord(person, &at), consent)?, If::Always)?,
        ];
        match self.table.transact(writes).await? {
            Committed::Done | Committed::Failed(_) => Ok(()),
            Committed::Conflict => Err(StoreError::Unavailable("a consent met another".into())),
        }
    }

    /// The cart, on the version that was read; `cart.version` is the one read. 1 PutItem.
    pub async fn save_cart(&self, person: &PersonId, cart: &Cart) -> Result<Written, StoreError> {
        let condition = match cart.version {
            0 => If::Absent,
            version => If::Version(version),
        };
        let next = Cart { version: cart.version + 1, ..cart.clone() };
        self.table.put(item(&Key::Cart(person), &next)?, condition).await
    }

    /// What a person does for a school, with its twin at the school. 1 transaction.
    pub async fn add_role(&self, person: &PersonId, role: &Role) -> Result<(), StoreError> {
        let writes = vec![
            self.table.putting(item(&Key::Role(person, &role.school), role)?, If::Always)?,
            self.table
                .putting(item(&Key::Staff(&role.school, person), &Pointer { person: person.clone() })?, If::Always)?,
        ];
        self.table.transact(writes).await?;
        Ok(())
    }

    /// Links a guardian to a pupil: twins in one transaction (CORE 2.9). `Moved`: the link exists already.
    pub async fn link(&self, link: &Link) -> Result<Written, StoreError> {
        let record = LinkRecord {
            person: link.person.clone(),
            pupil: link.pupil.clone(),
            school: link.school.clone(),
            school_name: link.school_name.clone(),
            pupil_name: link.pupil_name.reveal().clone(),
            pupil_surname: link.pupil_surname.reveal().clone(),
            class: link.class.clone(),
            linked: link.linked.clone(),
        };
        let twin = item(&Key::Guardian(&link.pupil, &link.person), &record)?.with("kind", text("guardian"));
        let mut writes = vec![self.table.putting(item(&Key::Link(&link.person, &link.pupil), &record)?, If::Absent)?];
        if !mutated(Mutant::LinkOneSide) {
            writes.push(self.table.putting(twin, If::Absent)?);
        }
        match self.table.transact(writes).await? {
            Committed::Done => Ok(Written::Done),
            Committed::Failed(_) => Ok(Written::Moved),
            Committed::Conflict => Err(StoreError::Unavailable("a link met another".into())),
        }
    }

    /// The guardians of a pupil. 1 Query (strong).
    pub async fn guardians(&self, pupil: &PupilId) -> Result<Vec<Link>, StoreError> {
        let items = self.table.query(format!("PUPIL#{pupil}"), "GUARDIAN#").await?;
        items.into_iter().map(|item| Ok(link_from(body(item)?))).collect()
    }

    pub(crate) fn person_item(&self, person: &Person) -> Result<Item, StoreError> {
        let record = PersonRecord {
            id: person.id.clone(),
            version: person.version,
            generation: person.generation,
            fiscal_code: self.vault()?.seal_text(SCOPE, person.fiscal_code.reveal().as_str())?,
            name: person.name.reveal().clone(),
            surname: person.surname.reveal().clone(),
            email: person.email.reveal().clone(),
            language: person.language,
            username: person.username.clone(),
            password_hash: person.password_hash.reveal().clone(),
            provisional: person.provisional.clone(),
            created_at: person.created_at,
            credentials: person.credentials.clone(),
            recovery: person.recovery.clone(),
            changed: person.changed.clone(),
        };
        Ok(item(&Key::Person(&person.id), &record)?.with("kind", text("person")))
    }

    fn person_from(&self, item: Item) -> Result<Person, StoreError> {
        let record: PersonRecord = body(item)?;
        let code = self.vault()?.open_text(SCOPE, &record.fiscal_code)?;
        Ok(Person {
            id: record.id,
            version: record.version,
            generation: record.generation,
            fiscal_code: Personal::new(code.parse().map_err(|_| StoreError::Corrupt("a fiscal code"))?),
            name: Personal::new(record.name),
            surname: Personal::new(record.surname),
            email: Personal::new(record.email),
            language: record.language,
            username: record.username,
            password_hash: Personal::new(record.password_hash),
            provisional: record.provisional,
            created_at: record.created_at,
            credentials: record.credentials,
            recovery: record.recovery,
            changed: record.changed,
        })
    }
}

fn session_item(session: &Session) -> Result<Item, StoreError> {
    Ok(item(&Key::Session(&session.person, &session.id), session)?.with("ttl", number(session.expires_at.as_second())))
}

fn link_from(record: LinkRecord) -> Link {
    Link {
        person: record.person,
        pupil: record.pupil,
        school: record.school,
        school_name: record.school_name,
        pupil_name: Personal::new(record.pupil_name),
        pupil_surname: Personal::new(record.pupil_surname),
        class: record.class,
        linked: record.linked,
    }
}
