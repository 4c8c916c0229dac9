//! Sends the mails that changes cause, each once: read what is true now, claim per recipient, send, record.
//!
//! The mail service has no idempotency of its own: an answer that is lost leaves the claim, whose lease ends, and
//! the mail is sent a second time at most; a third try is an alarm instead (ARCHITECTURE.md, "Mail").

mod letters;
mod post;

use runtime::{App, BoxError, Deadline, Envelope, Mutant, mutated};
use store::Claim;

pub use letters::{Letter, letters, recipients};
pub use post::{Post, Refused};

/// Copies of one mail that uncertainty may cause: never more.
const MAX_ATTEMPTS: u32 = 2;

/// One message: all its recipients, each claimed immediately before its own send. Whoever cannot be served keeps nobody
/// else from being told; an error brings the message back, and whoever was served is skipped then.
pub async fn send(app: &App, post: &Post, body: &str, deadline: &Deadline) -> Result<(), BoxError> {
    let effect = Envelope::read(body)?;
    if effect.is_parked(app.now()) && !mutated(Mutant::ParkedSent) {
        // Only where something stood still for a week: queues forget after four days (CORE 2.3).
        tracing::error!(alarm = "parked", effect = effect.key(), "A message came too late: nobody is told");
        return Ok(app.store.close(&effect.key(), "parked", app.now()).await?);
    }
    let letters = letters(app, &effect).await?;
    let many = effect.has_many_recipients() && !mutated(Mutant::OneClaimForAll);
    if letters.is_empty() {
        // What an attempt began for somebody ends with the effect: it was overtaken before its lease was over.
        for recipient in recipients(app, &effect).await? {
            let key = format!("{}/{recipient}", effect.key());
            if !app.store.close_begun(&key, "overtaken", app.now()).await? {
                return Err("another consumer holds a claim of this message".into());
            }
        }
        return Ok(app.store.close(&effect.key(), "nothing to tell", app.now()).await?);
    }
    let mut unserved: Option<BoxError> = None;
    for letter in letters {
        if !deadline.leaves_time() {
            unserved = Some("no time is left for the other recipients".into());
            break;
        }
        // One recipient: the effect's own key is the claim. Several: one each, and the effect is closed after them.
        let key = if many { format!("{}/{}", effect.key(), letter.recipient) } else { effect.key() };
        match deliver(app, post, &key, letter).await {
            Ok(true) => {}
            // A live claim of another fails the message, it never acknowledges it (CORE 2.4).
            Ok(false) => unserved = Some("another consumer holds a claim of this message".into()),
            Err(error) => unserved = Some(error),
        }
    }
    match (unserved, many) {
        (Some(error), _) => Err(error),
        (None, true) => Ok(app.store.close(&effect.key(), "all told", app.now()).await?),
        (None, false) => Ok(()),
    }
}

/// `false` when another consumer is at it.
async fn deliver(app: &App, post: &Post, key: &str, letter: Letter) -> Result<bool, BoxError> {
    if mutated(Mutant::LogAddress) {
        tracing::info!(to = letter.to.reveal().as_str(), "Mail");
    }
    if mutated(Mutant::SendWithoutClaim) {
        return post.send(key, &letter).await.map(|_| true).map_err(|refused| format!("{refused:?}").into());
    }
    let (ticket, attempt) = match app.store.claim(key, app.now(), app.config.lease_seconds).await? {
        Claim::Done => return Ok(true),
        Claim::Held => return Ok(mutated(Mutant::HeldIsDone)),
        Claim::Ours { ticket, attempt } => (ticket, attempt),
    };
    if attempt > MAX_ATTEMPTS {
        tracing::error!(
            alarm = "mail-uncertain",
            effect = key,
            "A mail was tried twice without a certain end: not sent again"
        );
        app.store.finish(&ticket, "uncertain", app.now()).await?;
        return Ok(true);
    }
    if mutated(Mutant::FinishBeforeSend) {
        app.store.finish(&ticket, "", app.now()).await?;
    }
    match post.send(key, &letter).await {
        Ok(message_id) => {
            app.store.finish(&ticket, &message_id, app.now()).await?;
            Ok(true)
        }
        Err(Refused::Definitely(why)) => {
            app.store.free(&ticket, "refused", app.now()).await?;
            Err(why.into())
        }
        // Perhaps it went out: the lease must end before anybody tries again.
        Err(Refused::Perhaps(why)) => Err(why.into()),
    }
}
