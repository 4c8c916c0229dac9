//! Deliberate faults, one at a time: a check that stays green while its mutant runs checks nothing (docs/rig.md).
//!
//! Each is a tiny branch `if mutated(Mutant::X)` where the defence stands that it removes. Without the feature `rig`
//! the question is a constant, the branch is compiled away, and not even a name is left in the program.

macro_rules! mutants {
    ($($mutant:ident $name:literal $checks:literal $breaks:literal)+) => {
        /// What can be broken.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Mutant {
            $(#[doc = $breaks] $mutant,)+
        }

        /// All of them; empty without the feature.
        pub const ALL: &[About] = if cfg!(feature = "rig") {
            &[$(About { mutant: Mutant::$mutant, variant: stringify!($mutant), name: $name, checks: $checks, breaks: $breaks },)+]
        } else {
            &[]
        };
    };
}

/// A mutant, as a campaign needs to know it.
#[derive(Debug, Clone, Copy)]
pub struct About {
    pub mutant: Mutant,
    pub variant: &'static str,
    /// The value of `MUTANT`.
    pub name: &'static str,
    /// Which checks must see it: standing checks by their id (G1 …, T twins, J journal), or a test of its own.
    pub checks: &'static str,
    pub breaks: &'static str,
}

mutants! {
    // Receipts
    OkBeforeCommit "ok-before-commit" "G1" "the Node hears OK though the receipt could not be stored"
    KoOnTransient "ko-on-transient" "G1" "a passing fault is answered with a final one (duplicate) instead of HTTP 500"
    ReceiptWithoutNotice "receipt-without-notice" "G2" "a receipt is stored and its notice is not moved"
    SettleUnconditional "settle-unconditional" "G2" "a receipt overwrites its notice, whatever happened to it since it was read"
    PaidAmountOfNotice "paid-amount-of-notice" "G3" "the settlement tells the notice's amount, not the one that was paid"
    CopiesUnseen "copies-unseen" "G1" "a known receipt id with other money is taken for a repeat"
    ShareSettles "share-settles" "G2" "a secondary beneficiary's copy takes the key of the receipt that settles"
    KoPays "ko-pays" "G2" "a receipt that says that nothing was paid settles its notice"
    RawCut "raw-cut" "G1" "half of the delivered bytes is kept"
    // From a change to its message
    RelayForgets "relay-forgets" "G4" "an error of the queue is acknowledged"
    RelayIgnoresFailed "relay-ignores-failed" "G4" "the failed entries of a batch send are not looked at"
    RelaySkipsGuardian "relay-skips-guardian" "G4" "the relay does not know the kind of the link's twin"
    RelaySkipsPoison "relay-skips-poison" "G4" "a record that cannot be read is acknowledged"
    CausesFromVersion "causes-from-version" "G4" "a cause's id is the item's version instead of its own"
    ConsumeForgets "consume-forgets" "G4" "a message that failed is acknowledged"
    NeverAcknowledged "never-acknowledged" "G6" "a message that was handled is reported as failed"
    // Mails
    SendWithoutClaim "send-without-claim" "G5" "mails go out without a claim"
    ClaimUnconditional "claim-unconditional" "G5" "whoever claims an effect has it"
    OneClaimForAll "one-claim-for-all" "G4" "several recipients share one claim: the first takes it from the others"
    HeldIsDone "held-is-done" "G4" "the live claim of another acknowledges the message"
    NeverFinish "never-finish" "G6" "the end of a sending is not written"
    FinishBeforeSend "finish-before-send" "G4" "the end of a sending is written before it"
    RetryMailInSdk "retry-mail-in-sdk" "G5" "the client of the mail service tries again by itself"
    NotSuperseded "not-superseded" "G4" "a recovery's mail goes out though a newer one has taken its place"
    UnknownVersionRead "unknown-version-read" "test_events: send-email/unknown-format" "a message of a newer format is read as one of ours"
    ParkedSent "parked-sent" "G4" "causes older than the window are relayed and mailed"
    // The sweep
    SweepStopsAtPoison "sweep-stops-at-poison" "G4" "an item that cannot be read ends the page"
    SweepForgetsPause "sweep-forgets-pause" "G6" "an open effect is asked for again at every pass"
    SweepFindsNothing "sweep-finds-nothing" "G4" "what the relay lost stays lost"
    // Commands
    ToldBeforeWrite "told-before-write" "G7" "a clerk hears of a notice that could not be written"
    NumberAgain "number-again" "G10" "the allocator hands out one number again, and the later notice replaces the earlier"
    CommandForgotten "command-forgotten" "G7" "the client's key is ignored: a repeat issues a second notice"
    BlockUntold "block-untold" "J" "reserved numbers are not told outside the table"
    AttemptForgotten "attempt-forgotten" "G7" "the client's key is ignored: a repeat opens a second attempt at Checkout"
    LinkOneSide "link-one-side" "T" "a link is written without its twin"
    GenerationUnchecked "generation-unchecked" "G7" "a session outlives the password it was made under"
    TokenTwice "token-twice" "G7" "a link of the registration opens after a newer one has voided it"
    CountWrong "count-wrong" "G9" "a school's dashboard leaves overdue notices out"
    // Everywhere
    WeakRead "weak-read" "test_rig: what decides is read strongly" "single items are read as some replica has them"
    LogAddress "log-address" "G8" "a log line names the recipient's address"
    // The journal
    JournalSkipped "journal-skipped" "J" "exchanges with the Node do not reach the journal"
    JournalOverwrites "journal-overwrites" "J" "an object is named by its first message: a later batch that begins alike replaces it"
}

/// Is this fault switched on? The environment's `MUTANT` names one, once for the life of the process.
#[cfg(not(feature = "rig"))]
#[inline(always)]
pub const fn mutated(_: Mutant) -> bool {
    false
}

/// Is this fault switched on? The environment's `MUTANT` names one, once for the life of the process.
#[cfg(feature = "rig")]
pub fn mutated(mutant: Mutant) -> bool {
    matches!(chosen(), Ok(Some(chosen)) if *chosen == mutant)
}

/// Fails for a name that is none: a campaign with a typing error would prove nothing.
#[cfg(not(feature = "rig"))]
pub const fn check() -> Result<(), String> {
    Ok(())
}

/// Fails for a name that is none: a campaign with a typing error would prove nothing.
#[cfg(feature = "rig")]
pub fn check() -> Result<(), String> {
    chosen().as_ref().map(|_| ()).map_err(Clone::clone)
}

#[cfg(feature = "rig")]
fn chosen() -> &'static Result<Option<Mutant>, String> {
    static CHOSEN: std::sync::LazyLock<Result<Option<Mutant>, String>> =
        std::sync::LazyLock::new(|| find(&std::env::var("MUTANT").unwrap_or_default()));
    &CHOSEN
}

#[cfg(feature = "rig")]
fn find(name: &str) -> Result<Option<Mutant>, String> {
    match name {
        "" => Ok(None),
        name => match ALL.iter().find(|about| about.name == name) {
            Some(about) => Ok(Some(about.mutant)),
            None => Err(format!("there is no mutant {name}")),
        },
    }
}

#[cfg(all(test, feature = "rig"))]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_broken_unless_asked() {
        assert_eq!(find(""), Ok(None));
        assert_eq!(find("raw-cut"), Ok(Some(Mutant::RawCut)));
        assert!(find("raw-cat").is_err());
        assert!(ALL.iter().all(|about| !mutated(about.mutant)));
    }
}

#[cfg(all(test, not(feature = "rig")))]
mod tests {
    use super::*;

    #[test]
    fn without_the_feature_there_is_nothing() {
        const ON: bool = mutated(Mutant::RawCut);
        assert_eq!((ON, ALL.len(), check()), (false, 0, Ok(())));
    }
}
