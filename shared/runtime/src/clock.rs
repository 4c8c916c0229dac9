//! The one place that reads the clock for a decision. Invocations' deadlines are Lambda's and stay on its clock.

use jiff::Timestamp;

/// The present instant.
#[cfg(not(feature = "rig"))]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Tests only: the present instant, moved by the seconds in the file that `CLOCK_FILE` names.
#[cfg(feature = "rig")]
pub fn now() -> Timestamp {
    let file = std::env::var("CLOCK_FILE").unwrap_or_default();
    let text = std::fs::read_to_string(file).unwrap_or_default();
    Timestamp::now() + jiff::SignedDuration::from_secs(text.trim().parse().unwrap_or(0))
}
