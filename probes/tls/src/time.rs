//! The times in certificates (RFC 5280, section 4.1.2.5).

use crate::der::{GENERALIZED_TIME, UTC_TIME, Value};

/// A time in Unix seconds; nothing when it is none.
pub fn unix_seconds(value: Value<'_>) -> Option<f64> {
    let (year, rest) = match value.tag {
        UTC_TIME => {
            let (year, rest) = digits(value.content, 2)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => digits(value.content, 4)?,
        _ => return None,
    };
    let (month, rest) = digits(rest, 2)?;
    let (day, rest) = digits(rest, 2)?;
    let (hour, rest) = digits(rest, 2)?;
    let (minute, rest) = digits(rest, 2)?;
    // Seconds were once optional, and zones other than Z were too: both are still found in old roots.
    let (second, rest) = digits(rest, 2).unwrap_or((0, rest));
    let offset = offset(rest)?;
    let is_time = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !is_time {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some((seconds - offset) as f64)
}

/// The number that `count` digits make, and what stands behind them.
fn digits(bytes: &[u8], count: usize) -> Option<(i64, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(count)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits
        .iter()
        .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    Some((number, rest))
}

/// How far ahead of UTC the zone is, in seconds.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, rest) = match zone {
        b"Z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = digits(rest, 2)?;
    let (minutes, rest) = digits(rest, 2)?;
    let fits = rest.is_empty() && hours < 24 && minutes < 60;
    fits.then_some(sign * (hours * 3600 + minutes * 60))
}

/// Days from the beginning of 1970 in the Gregorian calendar, as counted from the first of March of the year 0, from which on a leap day
/// is a year's last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    const MARCH_OF_YEAR_0: i64 = 719_468;
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // Months from March on have 31, 30, 31, 30, 31 days, twice and a bit.
    let of_months = (153 * month + 2) / 5;
    year * 365 + leap_days + of_months + day - 1 - MARCH_OF_YEAR_0
}

/// A time as a date for people, such as `2026-11-26`.
pub fn date(unix_seconds: f64) -> String {
    let days = (unix_seconds / 86_400.0).floor() as i64;
    // From a guess that is never too late.
    let mut year = 1970 + days.div_euclid(if days < 0 { 365 } else { 366 });
    while days_since_1970(year + 1, 1, 1) <= days {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days_since_1970(year, month + 1, 1) <= days {
        month += 1;
    }
    let day = days - days_since_1970(year, month, 1) + 1;
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn seconds(tag: u8, text: &str) -> Option<f64> {
        unix_seconds(Value {
            tag,
            content: text.as_bytes(),
            whole: &[],
        })
    }

    #[test]
    fn both_forms_are_read() {
        for (tag, text, expected) in [
            (UTC_TIME, "700101000000Z", 0.0),
            (UTC_TIME, "691231235959Z", -1.0),
            (UTC_TIME, "261126103000Z", 1_795_689_000.0),
            (UTC_TIME, "2611261030Z", 1_795_689_000.0),
            (UTC_TIME, "261126113000+0100", 1_795_689_000.0),
            (UTC_TIME, "500101000000Z", -631_152_000.0),
            (GENERALIZED_TIME, "20000229120000Z", 951_825_600.0),
            (GENERALIZED_TIME, "21000301000000Z", 4_107_542_400.0),
            (GENERALIZED_TIME, "99991231235959Z", 253_402_300_799.0),
        ] {
            assert_eq!(seconds(tag, text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_nothing() {
        for (tag, text) in [
            (UTC_TIME, ""),
            (UTC_TIME, "261126103000"),
            (UTC_TIME, "261326103000Z"),
            (UTC_TIME, "261100103000Z"),
            (UTC_TIME, "261126243000Z"),
            (UTC_TIME, "26112610300xZ"),
            (UTC_TIME, "261126103000Zx"),
            (UTC_TIME, "261126103000+01"),
            (GENERALIZED_TIME, "20261126103000.5Z"),
            (0x02, "261126103000Z"),
        ] {
            assert_eq!(seconds(tag, text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_date_is_written_as_it_was_read(year in 1i64..9999, month in 1i64..=12, day in 1i64..=28, second in 0i64..86_400) {
            let unix = days_since_1970(year, month, day) * 86_400 + second;
            prop_assert_eq!(date(unix as f64), format!("{year:04}-{month:02}-{day:02}"));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9Z+-]{0,24}") {
            for tag in [UTC_TIME, GENERALIZED_TIME] {
                let _ = seconds(tag, &text);
            }
        }
    }
}
