//! Times of day as text.

/// A time as RFC 3339 writes it, in Unix seconds: `2026-01-31T04:05:06Z`, with a fraction, a space or a small letter in the place of `T`, and
/// an offset such as `+01:00` in the place of `Z`. Nothing when it is none; a time without an offset is none, since it could mean any.
pub fn rfc3339(text: &str) -> Option<f64> {
    let mut rest = text.as_bytes();
    let year = digits(&mut rest, 4)?;
    byte(&mut rest, b"-")?;
    let month = within(digits(&mut rest, 2)?, 1, 12)?;
    byte(&mut rest, b"-")?;
    let day = within(digits(&mut rest, 2)?, 1, days_in(year, month))?;
    byte(&mut rest, b"Tt ")?;
    let hour = within(digits(&mut rest, 2)?, 0, 23)?;
    byte(&mut rest, b":")?;
    let minute = within(digits(&mut rest, 2)?, 0, 59)?;
    byte(&mut rest, b":")?;
    // A leap second is told as the 60th of its minute.
    let second = within(digits(&mut rest, 2)?, 0, 60)?;
    let fraction = fraction(&mut rest)?;
    let offset = offset(&mut rest)?;
    let seconds = days_before(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    rest.is_empty()
        .then(|| (seconds - offset) as f64 + fraction)
}

fn byte(rest: &mut &[u8], any: &[u8]) -> Option<u8> {
    let (first, tail) = rest.split_first()?;
    any.contains(first).then(|| {
        *rest = tail;
        *first
    })
}

fn digits(rest: &mut &[u8], count: usize) -> Option<i64> {
    let (word, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    word.iter().try_fold(0, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        Some(number * 10 + i64::from(digit))
    })
}

fn within(number: i64, least: i64, most: i64) -> Option<i64> {
    (least..=most).contains(&number).then_some(number)
}

fn fraction(rest: &mut &[u8]) -> Option<f64> {
    if byte(rest, b".").is_none() {
        return Some(0.0);
    }
    let (mut sum, mut part) = (0.0, 0.1);
    let before = rest.len();
    while let Some(digit) = byte(rest, b"0123456789") {
        sum += f64::from(digit - b'0') * part;
        part /= 10.0;
    }
    (rest.len() < before).then_some(sum)
}

/// Seconds east of Greenwich.
fn offset(rest: &mut &[u8]) -> Option<i64> {
    let sign = match byte(rest, b"Zz+-")? {
        b'+' => 1,
        b'-' => -1,
        _ => return Some(0),
    };
    let hours = within(digits(rest, 2)?, 0, 23)?;
    byte(rest, b":")?;
    let minutes = within(digits(rest, 2)?, 0, 59)?;
    Some(sign * (hours * 3600 + minutes * 60))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the first of 1970 to this one, on the Gregorian calendar.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let past = year - 1;
    let leap_days = past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400);
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    // 719,162 days had passed since the first of the year 1.
    past * 365 + leap_days + months + day - 1 - 719_162
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0.0),
            ("2026-01-01T00:00:00Z", 1_767_225_600.0),
            ("2026-01-01 01:30:00.25+01:30", 1_767_225_600.25),
            ("2025-12-31t19:00:00-05:00", 1_767_225_600.0),
            ("2024-02-29T12:00:00z", 1_709_208_000.0),
            ("2016-12-31T23:59:60Z", 1_483_228_800.0),
            ("1969-12-31T23:59:59Z", -1.0),
            ("0001-01-01T00:00:00Z", -62_135_596_800.0),
            ("9999-12-31T23:59:59Z", 253_402_300_799.0),
        ] {
            assert_eq!(rfc3339(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_nothing() {
        for text in [
            "",
            "2026",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00Z ",
            "+026-01-01T00:00:00Z",
            "２026-01-01T00:00:00Z",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn days_are_counted_one_by_one(year in 1i64..9999, month in 1i64..=12) {
            let (later_year, later_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            prop_assert_eq!(
                days_before(later_year, later_month, 1),
                days_before(year, month, days_in(year, month)) + 1
            );
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}", near in "[0-9TZ:.+ -]{15,30}") {
            rfc3339(&text);
            rfc3339(&near);
        }
    }
}
