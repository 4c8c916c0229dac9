//! Claims: who sends an effect, so that it is sent once (CORE 2).

use domain::Effect;
use jiff::Timestamp;
use mutants::{Mutant, mutated};
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    key::Key,
    table::{If, With, Written, body, item, number},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ClaimRecord {
    /// The condition of every write.
    version: u64,
    done: bool,
    lease_until: Timestamp,
    /// How many times somebody began to send without a definite refusal.
    attempt: u32,
    note: String,
    /// When the sweeper last asked for it again.
    #[serde(default)]
    resent_at: Option<Timestamp>,
}

/// What a claim of an effect found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is ours to send until the lease ends. `attempt` 2 means that one attempt before had no certain end.
    Ours { ticket: Ticket, attempt: u32 },
    /// It was sent, or there was nothing to send.
    Done,
    /// Another consumer is sending it now: fail and come again, never acknowledge (CORE 2.4).
    Held,
}

/// Proof of one's own attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    key: String,
    version: u64,
    attempt: u32,
}

/// Claims outlive the window of causes, the queues' retention and the dead-letter queues' (CORE 2.3): 60 days.
const KEPT_SECONDS: i64 = 60 * 24 * 3600;

impl Store {
    /// Claims an effect by its key, immediately before its own send. 1–2 round trips.
    pub async fn claim(&self, key: &str, now: Timestamp, lease_seconds: i64) -> Result<Claim, StoreError> {
        let lease_until = now + jiff::SignedDuration::from_secs(lease_seconds);
        let first =
            ClaimRecord { version: 1, done: false, lease_until, attempt: 1, note: String::new(), resent_at: None };
        let condition = if mutated(Mutant::ClaimUnconditional) { If::Always } else { If::Absent };
        if self.write_claim(key, &first, condition, now).await? == Written::Done {
            return Ok(ours(key, &first));
        }
        let Some(found) = self.read_claim(key).await? else {
            return Ok(Claim::Held); // it vanished between two calls: come again
        };
        if found.done {
            return Ok(Claim::Done);
        }
        if found.lease_until > now {
            return Ok(Claim::Held);
        }
        let next = ClaimRecord { version: found.version + 1, lease_until, attempt: found.attempt + 1, ..found };
        match self.write_claim(key, &next, If::Version(next.version - 1), now).await? {
            Written::Done => Ok(ours(key, &next)),
            Written::Moved => Ok(Claim::Held),
        }
    }

    /// The effect is sent, or there was nothing to send; `note` says which, or the provider's message id.
    pub async fn finish(&self, ticket: &Ticket, note: &str, now: Timestamp) -> Result<(), StoreError> {
        if mutated(Mutant::NeverFinish) {
            return Ok(());
        }
        let done = ClaimRecord {
            version: ticket.version + 1,
            done: true,
            lease_until: now,
            attempt: ticket.attempt,
            note: note.to_owned(),
            resent_at: None,
        };
        // Moved: our lease ended and another took over; its end counts.
        self.write_claim(&ticket.key, &done, If::Version(ticket.version), now).await?;
        Ok(())
    }

    /// A definite refusal: nothing was sent, the next try may begin at once.
    pub async fn free(&self, ticket: &Ticket, note: &str, now: Timestamp) -> Result<(), StoreError> {
        let freed = ClaimRecord {
            version: ticket.version + 1,
            done: false,
            lease_until: now,
            attempt: ticket.attempt - 1, // it did not count: nothing left the house
            note: note.to_owned(),
            resent_at: None,
        };
        self.write_claim(&ticket.key, &freed, If::Version(ticket.version), now).await?;
        Ok(())
    }

    /// Nothing is left to send for this key: every end is written, "nothing to do" included. 1 PutItem; 3 round trips
    /// where an attempt before had no certain end.
    pub async fn close(&self, key: &str, note: &str, now: Timestamp) -> Result<(), StoreError> {
        let done = |version| ClaimRecord {
            version,
            done: true,
            lease_until: now,
            attempt: 0,
            note: note.to_owned(),
            resent_at: None,
        };
        if self.write_claim(key, &done(1), If::Absent, now).await? == Written::Done {
            return Ok(());
        }
        match self.read_claim(key).await? {
            Some(open) if !open.done && open.lease_until <= now => {
                // Moved: somebody is at it again; their end counts.
                self.write_claim(key, &done(open.version + 1), If::Version(open.version), now).await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Ends an attempt that somebody began and that has nothing left to send; a key that nobody claimed stays free.
    /// `false`: another consumer is at it. 1–2 round trips.
    pub async fn close_begun(&self, key: &str, note: &str, now: Timestamp) -> Result<bool, StoreError> {
        match self.read_claim(key).await? {
            None => Ok(true),
            Some(begun) if begun.done => Ok(true),
            Some(begun) if begun.lease_until > now => Ok(false),
            Some(begun) => {
                let version = begun.version;
                let done =
                    ClaimRecord { version: version + 1, done: true, lease_until: now, note: note.to_owned(), ..begun };
                Ok(self.write_claim(key, &done, If::Version(version), now).await? == Written::Done)
            }
        }
    }

    /// Must the sweeper send this again? Not when it is done, nor while somebody's lease runs, nor when it was asked
    /// for again less than `pause_seconds` ago (CORE 2.10). 1 GetItem (strong).
    pub async fn is_open(&self, effect: &Effect, now: Timestamp, pause_seconds: i64) -> Result<bool, StoreError> {
        let recently = |at: Timestamp| now.duration_since(at).as_secs() < pause_seconds;
        Ok(self
            .read_claim(&effect.key())
            .await?
            .is_none_or(|claim| !claim.done && claim.lease_until <= now && !claim.resent_at.is_some_and(recently)))
    }

    /// Notes that the sweeper has asked for this again. 1–2 round trips; a claim taken in between stays as it is.
    pub async fn resent(&self, effect: &Effect, now: Timestamp) -> Result<(), StoreError> {
        let key = effect.key();
        let found = self.read_claim(&key).await?;
        let (next, condition) = match found {
            None => {
                let note = String::new();
                (
                    ClaimRecord { version: 1, done: false, lease_until: now, attempt: 0, note, resent_at: Some(now) },
                    If::Absent,
                )
            }
            Some(claim) if claim.done || claim.lease_until > now => return Ok(()),
            Some(claim) => {
                let version = claim.version;
                (ClaimRecord { version: version + 1, resent_at: Some(now), ..claim }, If::Version(version))
            }
        };
        self.write_claim(&key, &next, condition, now).await?;
        Ok(())
    }

    async fn read_claim(&self, key: &str) -> Result<Option<ClaimRecord>, StoreError> {
        self.table.get(&Key::Claim(key)).await?.map(body).transpose()
    }

    async fn write_claim(
        &self,
        key: &str,
        claim: &ClaimRecord,
        condition: If,
        now: Timestamp,
    ) -> Result<Written, StoreError> {
        let item = item(&Key::Claim(key), claim)?.with("ttl", number(now.as_second() + KEPT_SECONDS));
        self.table.put(item, condition).await
    }
}

fn ours(key: &str, claim: &ClaimRecord) -> Claim {
    let ticket = Ticket { key: key.to_owned(), version: claim.version, attempt: claim.attempt };
    Claim::Ours { ticket, attempt: claim.attempt }
}
