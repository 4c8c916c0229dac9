//! Dates and times on the wire: all forms of `xsd:date` and `xsd:dateTime`.

use jiff::{
    civil::{Date, DateTime, Time},
    tz::{Offset, TimeZone},
};
use serde::{Deserialize, Serialize};

use crate::simple::collapse;

/// An instant as a message gave it: a wall clock, and perhaps the zone it was read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentTime {
    /// As written; `24:00:00` is the next day's midnight.
    pub written: DateTime,
    /// Seconds east of UTC, if the message named a zone.
    pub offset_seconds: Option<i32>,
}

impl PaymentTime {
    /// A clock reading without a zone, as the Node usually sends it.
    pub fn local(written: DateTime) -> Self {
        Self { written, offset_seconds: None }
    }

    /// On Italian clocks. A time without a zone is Italian already; one with a zone is brought to Italy.
    pub fn rome(self) -> DateTime {
        static ROME: TimeZone = jiff::tz::get!("Europe/Rome");
        let instant = || {
            let offset = Offset::from_seconds(self.offset_seconds?).ok()?;
            Some(offset.to_timestamp(self.written).ok()?.to_zoned(ROME.clone()).datetime())
        };
        instant().unwrap_or(self.written)
    }

    /// `None` when the text is no `xsd:dateTime`, or outside the years 1 to 9999.
    pub(crate) fn read(text: &str) -> Option<Self> {
        match date_time(collapse(text)) {
            Some(Parsed { value: Some(time), .. }) => Some(time),
            _ => None,
        }
    }
}

/// Is the text an `xsd:date`? Years above 9999 are valid though no calendar of ours holds them.
pub(crate) fn is_date(text: &str) -> bool {
    date(collapse(text)).is_some()
}

pub(crate) fn is_date_time(text: &str) -> bool {
    date_time(collapse(text)).is_some()
}

/// The calendar day, whatever the zone says (pagoPA reference 4.2). A `dateTime` gives its day too.
pub(crate) fn read_date(text: &str) -> Option<Date> {
    let text = collapse(text);
    let day = text.split_once('T').map_or(text, |(day, _)| day);
    date(day).and_then(|parsed| parsed.value)
}

/// A lexically valid value, with what our calendar makes of it.
struct Parsed<T> {
    value: Option<T>,
}

fn date(text: &str) -> Option<Parsed<Date>> {
    let (day, rest) = leading_date(text)?;
    zone(rest)?;
    Some(Parsed { value: day })
}

fn date_time(text: &str) -> Option<Parsed<PaymentTime>> {
    let (day, rest) = leading_date(text)?;
    let rest = rest.strip_prefix('T')?;
    let bytes = rest.as_bytes();
    let colons = bytes.len() >= 8 && bytes[2] == b':' && bytes[5] == b':' && rest.is_char_boundary(8);
    if !colons {
        return None;
    }
    let (hour, minute, second) = (two_digits(&rest[..2])?, two_digits(&rest[3..5])?, two_digits(&rest[6..8])?);
    let (nanos, rest) = fraction(&rest[8..])?;
    let offset = zone(rest)?;
    let next_midnight = (hour, minute, second, nanos) == (24, 0, 0, 0);
    let value = match next_midnight {
        true => day.map(|day| day.tomorrow().ok().map(|day| day.to_datetime(Time::midnight()))),
        false => {
            let time = Time::new(hour, minute, second, nanos).ok()?;
            day.map(|day| Some(day.to_datetime(time)))
        }
    };
    let written = value.flatten();
    Some(Parsed { value: written.map(|written| PaymentTime { written, offset_seconds: offset }) })
}

/// `[-]YYYY[Y…]-MM-DD` and what follows it. The year 0000 does not exist; a day must exist in its month.
fn leading_date(text: &str) -> Option<(Option<Date>, &str)> {
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let (year_text, rest) = unsigned.split_at(digits);
    let year_ok = match digits {
        0..=3 => false,
        4 => year_text != "0000",
        _ => !year_text.starts_with('0'),
    };
    let bytes = rest.as_bytes();
    let shaped = bytes.len() >= 6 && bytes[0] == b'-' && bytes[3] == b'-' && rest.is_char_boundary(6);
    if !year_ok || !shaped {
        return None;
    }
    let (month, day) = (two_digits(&rest[1..3])?, two_digits(&rest[4..6])?);
    // Only the year's place in the leap cycle matters for what days exist.
    let cycle = year_text.bytes().fold(0_i16, |rest, digit| (rest * 10 + i16::from(digit - b'0')) % 400);
    Date::new(2000 + cycle, month, day).ok()?;
    let known = match (negative, digits) {
        (false, 4) => Date::new(year_text.parse().ok()?, month, day).ok(),
        _ => None,
    };
    Some((known, &rest[6..]))
}

/// `.5` and the like to nanoseconds; further digits are cut.
fn fraction(text: &str) -> Option<(i32, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (fraction, rest) = rest.split_at(digits);
    let nanos: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    match digits {
        0 => None,
        _ => Some((nanos.parse().ok()?, rest)),
    }
}

/// Nothing, `Z`, or `±hh:mm` up to fourteen hours; seconds east of UTC.
fn zone(text: &str) -> Option<Option<i32>> {
    let sign = match text.as_bytes() {
        [] => return Some(None),
        [b'Z'] => return Some(Some(0)),
        [b'+', _, _, b':', _, _] => 1,
        [b'-', _, _, b':', _, _] => -1,
        _ => return None,
    };
    let (hours, minutes) = (two_digits(text.get(1..3)?)?, two_digits(text.get(4..6)?)?);
    match (hours, minutes) {
        (14, 0) | (0..=13, 0..=59) => Some(Some(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60))),
        _ => None,
    }
}

fn two_digits(text: &str) -> Option<i8> {
    match text.bytes().all(|b| b.is_ascii_digit()) {
        true => text.parse().ok(),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_keep_their_calendar_day() {
        let cases = [
            ("2026-11-30", Some("2026-11-30")),
            (" 2026-11-30 ", Some("2026-11-30")),
            ("2025-05-13+02:00", Some("2025-05-13")),
            ("2025-05-13Z", Some("2025-05-13")),
            ("2025-05-13-14:00", Some("2025-05-13")),
            ("2024-02-29", Some("2024-02-29")),
            ("2026-11-30T10:00:00", Some("2026-11-30")),
            ("2025-02-29", None),
            ("2025-05-13+14:01", None),
            ("2025-5-13", None),
            ("13/05/2025", None),
            ("0000-01-01", None),
            ("12026-01-01", None),
            ("2026-11-3é", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read_date(text).map(|d| d.to_string()).as_deref(), expected, "{text:?}");
        }
        assert!(is_date("12026-01-01") && is_date("-0044-03-15") && !is_date("2026-11-30T10:00:00"));
        assert!(!is_date("02026-01-01"), "no leading zero beyond four digits");
    }

    #[test]
    fn times_come_to_italian_clocks() {
        let cases = [
            ("2026-11-20T17:48:22", "2026-11-20T17:48:22"),
            ("2026-11-20T17:48:22.5", "2026-11-20T17:48:22.5"),
            ("2026-11-20T17:48:22Z", "2026-11-20T18:48:22"),
            ("2026-07-20T23:30:00Z", "2026-07-21T01:30:00"),
            ("2026-07-20T17:48:22+02:00", "2026-07-20T17:48:22"),
            ("2026-11-20T24:00:00", "2026-11-21T00:00:00"),
            ("2026-12-31T24:00:00.000", "2027-01-01T00:00:00"),
            ("\t2026-11-20T00:00:00\r\n", "2026-11-20T00:00:00"),
        ];
        for (text, expected) in cases {
            let read = PaymentTime::read(text).unwrap_or_else(|| panic!("{text:?}"));
            assert_eq!(read.rome().to_string(), expected, "{text:?}");
        }
        for text in [
            "2026-11-20",
            "2026-11-20 17:48:22",
            "2026-11-20T24:00:01",
            "2026-11-20T25:00:00",
            "2026-11-20T17:48",
            "2026-11-20T23:59:60",
            "2026-11-20T17:48:22.",
            "2026-11-20T17:48:22z",
            "2026-11-20T17:48:22+2:00",
        ] {
            assert!(!is_date_time(text), "{text:?}");
        }
        assert!(is_date_time("99999-01-01T00:00:00Z"), "valid, though we have no such year");
        assert!(is_date_time("9999-12-31T24:00:00"), "valid, though we have no day after it");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = (is_date(&text), is_date_time(&text), read_date(&text), PaymentTime::read(&text));
        }

        #[test]
        fn almost_dates_do_not_panic(text in "-?[0-9]{0,6}-[0-9]{0,3}-[0-9é]{0,3}(T[0-9:]{0,9}(\\.[0-9]{0,12})?)?(Z|[+-][0-9:]{0,6})?") {
            let _ = (is_date(&text), is_date_time(&text), read_date(&text), PaymentTime::read(&text));
        }
    }
}
