//! Registrations under way, one-time tokens, spent captchas.

use domain::{Details, FiscalCode, Language, Person, Personal, Registration, RegistrationId, Sex, Step};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    key::Key,
    persons::Created,
    table::{Committed, If, Item, With, Written, body, item, number, text},
};

#[derive(Serialize, Deserialize)]
pub(crate) struct RegistrationRecord {
    pub(crate) id: RegistrationId,
    pub(crate) version: u64,
    fiscal_code: String,
    browser: String,
    language: Language,
    /// Sealed JSON: nobody but the person needs it before the address is verified.
    details: Option<String>,
    #[serde(flatten)]
    pub(crate) step: Step,
    created_at: Timestamp,
    expires_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct SealedDetails {
    name: domain::Name,
    surname: domain::Name,
    birth_date: Date,
    birth_place: String,
    sex: Sex,
    email: domain::EmailAddress,
}

/// What a one-time token opens. The token itself is nowhere: its digest is the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "opens", rename_all = "kebab-case")]
pub enum Subject {
    Registration { id: RegistrationId, attempt: u32 },
    Recovery { person: domain::PersonId, attempt: u32, generation: u64 },
}

/// A captcha's answer that is used up by the step it protects.
#[derive(Debug, Clone)]
pub struct Spent {
    pub key: String,
    pub expires_at: Timestamp,
}

/// How the beginning of a protected step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    Done,
    /// The captcha's answer was used before.
    Replayed,
}

impl Store {
    /// Begins a registration and spends the captcha's answer, in one transaction.
    pub async fn begin_registration(&self, registration: &Registration, spent: &Spent) -> Result<Begun, StoreError> {
        let writes = vec![
            self.table.putting(spent_item(spent)?, If::Absent)?,
            self.table.putting(self.registration_item(registration)?, If::Absent)?,
        ];
        match self.table.transact(writes).await? {
            Committed::Done => Ok(Begun::Done),
            Committed::Failed(_) => Ok(Begun::Replayed),
            Committed::Conflict => Err(StoreError::Unavailable("two requests with one answer met".into())),
        }
    }

    /// Spends a captcha's answer for a step that writes nothing else. 1 transaction: a plain put would take the equal
    /// marker of an earlier use for its own, written before an answer that was lost.
    pub async fn spend(&self, spent: &Spent) -> Result<Begun, StoreError> {
        match self.table.transact(vec![self.table.putting(spent_item(spent)?, If::Absent)?]).await? {
            Committed::Done => Ok(Begun::Done),
            Committed::Failed(_) => Ok(Begun::Replayed),
            Committed::Conflict => Err(StoreError::Unavailable("two requests with one answer met".into())),
        }
    }

    /// 1 GetItem (strong). An expired one is as good as absent, whatever TTL has done.
    pub async fn registration(&self, id: &RegistrationId, now: Timestamp) -> Result<Option<Registration>, StoreError> {
        let found =
            self.table.get(&Key::Registration(id)).await?.map(|item| self.registration_from(item)).transpose()?;
        Ok(found.filter(|registration| registration.expires_at > now))
    }

    /// Writes the registration on the version that was read; `registration.version` is the new one. 1 PutItem.
    pub async fn save_registration(&self, registration: &Registration) -> Result<Written, StoreError> {
        self.table.put(self.registration_item(registration)?, If::Version(registration.version - 1)).await
    }

    /// The person confirmed the data: the registration waits for its address, and the token's digest opens it.
    pub async fn submit_registration(&self, registration: &Registration, token: &str) -> Result<Written, StoreError> {
        let (_, secret) = registration.submitted().ok_or(StoreError::Corrupt("a submission without a secret"))?;
        let subject = Subject::Registration { id: registration.id.clone(), attempt: secret.attempt };
        let writes = vec![
            self.table.putting(self.registration_item(registration)?, If::Version(registration.version - 1))?,
            self.table.putting(token_item(token, &subject, registration.expires_at)?, If::Absent)?,
        ];
        self.commit(writes).await
    }

    /// The address is verified: the user exists, once, and the registration ends, in one transaction.
    pub async fn verify_registration(
        &self,
        registration: &Registration,
        person: &Person,
    ) -> Result<Created, StoreError> {
        let ended = self.registration_item(registration)?;
        self.create_person(person, Some((ended, If::Version(registration.version - 1)))).await
    }

    /// What a token opens. 1 GetItem (strong). `token` is the digest of the text in the link.
    pub async fn token(&self, token: &str, now: Timestamp) -> Result<Option<Subject>, StoreError> {
        #[derive(Deserialize)]
        struct Token {
            #[serde(flatten)]
            subject: Subject,
            expires_at: Timestamp,
        }
        let found = self.table.get(&Key::Token(token)).await?.map(body::<Token>).transpose()?;
        Ok(found.filter(|token| token.expires_at > now).map(|token| token.subject))
    }

    /// A recovery begins: the person's item names it, the token's digest opens it, in one transaction.
    pub async fn begin_recovery(
        &self,
        person: &Person,
        token: Option<&str>,
        spent: &Spent,
    ) -> Result<Written, StoreError> {
        let recovery = person.recovery.as_ref().ok_or(StoreError::Corrupt("a recovery without its state"))?;
        let mut writes = vec![
            self.table.putting(self.person_item(person)?, If::Version(person.version - 1))?,
            self.table.putting(spent_item(spent)?, If::Absent)?,
        ];
        if let Some(token) = token {
            let subject = Subject::Recovery {
                person: person.id.clone(),
                attempt: recovery.secret.attempt,
                generation: recovery.generation,
            };
            writes.push(self.table.putting(token_item(token, &subject, recovery.expires_at)?, If::Absent)?);
        }
        self.commit(writes).await
    }

    pub(crate) async fn commit(
        &self,
        writes: Vec<aws_sdk_dynamodb::types::TransactWriteItem>,
    ) -> Result<Written, StoreError> {
        match self.table.transact(writes).await? {
            Committed::Done => Ok(Written::Done),
            Committed::Failed(_) => Ok(Written::Moved),
            Committed::Conflict => Err(StoreError::Unavailable("a transaction met others three times".into())),
        }
    }

    fn registration_item(&self, registration: &Registration) -> Result<Item, StoreError> {
        let vault = self.vault()?;
        let scope = registration.id.as_str();
        let details = match &registration.details {
            None => None,
            Some(details) => {
                let plain = SealedDetails {
                    name: details.name.reveal().clone(),
                    surname: details.surname.reveal().clone(),
                    birth_date: *details.birth_date.reveal(),
                    birth_place: details.birth_place.reveal().clone(),
                    sex: details.sex,
                    email: details.email.reveal().clone(),
                };
                let json = serde_json::to_string(&plain).map_err(|_| StoreError::Corrupt("details"))?;
                Some(vault.seal_text(scope, &json)?)
            }
        };
        let record = RegistrationRecord {
            id: registration.id.clone(),
            version: registration.version,
            fiscal_code: vault.seal_text(scope, registration.fiscal_code.reveal().as_str())?,
            browser: registration.browser.clone(),
            language: registration.language,
            details,
            step: registration.step.clone(),
            created_at: registration.created_at,
            expires_at: registration.expires_at,
        };
        Ok(item(&Key::Registration(&registration.id), &record)?
            .with("kind", text("registration"))
            .with("ttl", number(registration.expires_at.as_second())))
    }

    fn registration_from(&self, item: Item) -> Result<Registration, StoreError> {
        let record: RegistrationRecord = body(item)?;
        let (vault, scope) = (self.vault()?, record.id.as_str());
        let code: FiscalCode = vault
            .open_text(scope, &record.fiscal_code)?
            .parse()
            .map_err(|_| StoreError::Corrupt("a registration's fiscal code"))?;
        let details = match &record.details {
            None => None,
            Some(sealed) => {
                let plain: SealedDetails = serde_json::from_str(&vault.open_text(scope, sealed)?)
                    .map_err(|_| StoreError::Corrupt("a registration's details"))?;
                Some(Details {
                    name: Personal::new(plain.name),
                    surname: Personal::new(plain.surname),
                    birth_date: Personal::new(plain.birth_date),
                    birth_place: Personal::new(plain.birth_place),
                    sex: plain.sex,
                    email: Personal::new(plain.email),
                })
            }
        };
        Ok(Registration {
            id: record.id,
            version: record.version,
            fiscal_code: Personal::new(code),
            browser: record.browser,
            language: record.language,
            details,
            step: record.step,
            created_at: record.created_at,
            expires_at: record.expires_at,
        })
    }
}

fn spent_item(spent: &Spent) -> Result<Item, StoreError> {
    #[derive(Serialize)]
    struct Marker {}
    Ok(item(&Key::Spent(&spent.key), &Marker {})?.with("ttl", number(spent.expires_at.as_second() + 3600)))
}

fn token_item(token: &str, subject: &Subject, expires_at: Timestamp) -> Result<Item, StoreError> {
    Ok(item(&Key::Token(token), subject)?
        .with("expires_at", text(expires_at.to_string()))
        .with("ttl", number(expires_at.as_second())))
}
