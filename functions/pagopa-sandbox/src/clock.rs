//! The one place that reads the clock.

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Weekday},
    tz::TimeZone,
};

#[cfg(not(feature = "rig"))]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Tests only: the clock, moved by the seconds in the file that `CLOCK_FILE` names.
#[cfg(feature = "rig")]
pub(crate) fn now() -> Timestamp {
    let file = std::env::var("CLOCK_FILE").unwrap_or_default();
    let text = std::fs::read_to_string(file).unwrap_or_default();
    Timestamp::now() + jiff::SignedDuration::from_secs(text.trim().parse().unwrap_or(0))
}

/// The instant on Italian clocks, whole seconds: as the Node writes it, without a zone.
pub(crate) fn rome(at: Timestamp) -> DateTime {
    static ROME: TimeZone = jiff::tz::get!("Europe/Rome");
    let clock = at.to_zoned(ROME.clone()).datetime();
    clock.with().subsec_nanosecond(0).build().unwrap_or(clock)
}

/// The day on which a PSP would credit the money: the next that is not Saturday or Sunday.
pub(crate) fn next_working_day(day: Date) -> Date {
    let mut next = day.tomorrow().unwrap_or(day);
    while matches!(next.weekday(), Weekday::Saturday | Weekday::Sunday) {
        next = next.tomorrow().unwrap_or(next);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn money_moves_on_working_days() {
        assert_eq!(next_working_day(date(2026, 11, 19)), date(2026, 11, 20));
        assert_eq!(next_working_day(date(2026, 11, 20)), date(2026, 11, 23));
    }

    #[test]
    fn italian_clocks() {
        let at: Timestamp = "2026-07-20T23:30:00.5Z".parse().unwrap();
        assert_eq!(rome(at).to_string(), "2026-07-21T01:30:00");
    }
}
