//! Numbers as people read them: few digits, a unit, and a width that does not jump.

use std::time::{Duration, SystemTime};

use crate::model::ProbeState;

/// Keeps a number and its unit on one line.
const THIN: char = '\u{202f}';
/// What stands where there is no number.
pub(super) const NOTHING: &str = "–";

/// Three digits at most before the unit: `9.81`, `98.1`, `981`.
fn digits(value: f64) -> String {
    let places = match value.abs() {
        large if large >= 99.95 => 0,
        middle if middle >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.places$}")
}

fn with_unit(value: f64, unit: &str) -> String {
    format!("{}{THIN}{unit}", digits(value))
}

/// A size in binary units.
pub(super) fn bytes(value: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = value.max(0.0);
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        return format!("{value:.0}{THIN}B");
    }
    with_unit(value, UNITS[unit])
}

/// A size a second.
pub(super) fn bytes_per_second(value: f64) -> String {
    format!("{}/s", bytes(value))
}

/// A share of 0 to 100.
pub(super) fn percent(value: f64) -> String {
    let places = usize::from(value.abs() < 99.95);
    format!("{value:.places$}{THIN}%")
}

/// A number a second.
pub(super) fn per_second(value: f64) -> String {
    format!("{}/s", digits(value))
}

/// A whole number in groups of three.
pub(super) fn count(value: u64) -> String {
    let plain = value.to_string();
    let mut out = String::with_capacity(plain.len() + plain.len() / 3 * THIN.len_utf8());
    for (index, digit) in plain.chars().enumerate() {
        if index > 0 && (plain.len() - index).is_multiple_of(3) {
            out.push(THIN);
        }
        out.push(digit);
    }
    out
}

/// Such as `1 probe` or `3 probes`.
pub(super) fn counted(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// Seconds as a measurement: `480 µs`, `4.20 ms`, `1.20 s`.
pub(super) fn seconds(value: f64) -> String {
    let micros = value.max(0.0) * 1e6;
    if micros < 1e-3 {
        format!("0{THIN}s")
    } else if micros < 999.5 {
        with_unit(micros, "µs")
    } else if micros < 999_500.0 {
        with_unit(micros / 1e3, "ms")
    } else if micros < 120e6 {
        with_unit(micros / 1e6, "s")
    } else {
        span(Duration::from_secs_f64(value))
    }
}

/// A stretch of time in its two largest units: `12 s`, `3 m 05 s`, `4 h 10 m`, `9 d 3 h`.
pub(super) fn span(time: Duration) -> String {
    let whole = time.as_secs();
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60);
    if days > 0 {
        format!("{days}{THIN}d {hours}{THIN}h")
    } else if hours > 0 {
        format!("{hours}{THIN}h {minutes:02}{THIN}m")
    } else if minutes > 0 {
        format!("{minutes}{THIN}m {:02}{THIN}s", whole % 60)
    } else {
        format!("{whole}{THIN}s")
    }
}

/// How old data is: in tenths while that says something. The page's script counts on in the same form.
pub(super) fn age(age: Duration) -> String {
    match age.as_secs_f64() {
        young if young < 9.95 => format!("{young:.1}{THIN}s"),
        middle if middle < 119.5 => format!("{middle:.0}{THIN}s"),
        old => format!("{:.0}{THIN}min", old / 60.0),
    }
}

/// How long ago something was, coarse enough to be read at a glance.
pub(super) fn ago(then: SystemTime, wall: SystemTime) -> String {
    match wall.duration_since(then) {
        Ok(past) if past.as_secs() < 1 => "now".to_owned(),
        Ok(past) if past.as_secs() < 60 => format!("{} ago", span(past)),
        Ok(past) if past.as_secs() < 3600 => format!("{}{THIN}m ago", past.as_secs() / 60),
        Ok(past) if past.as_secs() < 86_400 => format!("{}{THIN}h ago", past.as_secs() / 3600),
        Ok(past) => format!("{}{THIN}d ago", past.as_secs() / 86_400),
        Err(ahead) => format!("in {}", span(ahead.duration())),
    }
}

/// The moment in UTC for machines and for who hovers; empty for a time no calendar holds.
pub(super) fn moment(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or(String::new(), |time| format!("{time:.0}"))
}

/// How much worry a probe's state is, in the page's four words.
pub(super) fn tone(state: ProbeState) -> &'static str {
    match state {
        ProbeState::Active => "pass",
        ProbeState::Degraded | ProbeState::Backoff => "warn",
        ProbeState::Rejected | ProbeState::Quarantined => "fail",
        ProbeState::Loading | ProbeState::Dormant => "idle",
        ProbeState::Paused => "held",
    }
}

/// A word as a POSIX shell reads it back.
pub(super) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/+=:@%,".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        for (given, wanted) in [
            (bytes(0.0), "0 B"),
            (bytes(999.0), "999 B"),
            (bytes(1536.0), "1.50 KiB"),
            (bytes(64.0 * 1024.0 * 1024.0), "64.0 MiB"),
            (bytes(1e13), "9.09 TiB"),
            (percent(0.0), "0.0 %"),
            (percent(99.96), "100 %"),
            (seconds(0.0), "0 s"),
            (seconds(0.000_004_2), "4.20 µs"),
            (seconds(0.999_9), "1.00 s"),
            (seconds(0.05), "50.0 ms"),
            (seconds(3600.0), "1 h 00 m"),
            (span(Duration::from_secs(59)), "59 s"),
            (span(Duration::from_secs(185)), "3 m 05 s"),
            (span(Duration::from_secs(90_000)), "1 d 1 h"),
            (age(Duration::from_millis(349)), "0.3 s"),
            (age(Duration::from_secs(62)), "62 s"),
            (age(Duration::from_secs(600)), "10 min"),
            (count(0), "0"),
            (count(1_234_567), "1 234 567"),
            (per_second(12.34), "12.3/s"),
            (counted(1, "probe"), "1 probe"),
            (counted(0, "probe"), "0 probes"),
        ] {
            assert_eq!(given.replace(THIN, " "), wanted);
        }
    }

    #[test]
    fn times_are_told_from_both_sides() {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (seconds, wanted) in [
            (0, "now"),
            (5, "5 s ago"),
            (90, "1 m ago"),
            (7300, "2 h ago"),
        ] {
            let then = wall - Duration::from_secs(seconds);
            assert_eq!(ago(then, wall).replace(THIN, " "), wanted);
        }
        let ahead = ago(wall + Duration::from_secs(61), wall);
        assert_eq!(ahead.replace(THIN, " "), "in 1 m 01 s");
        assert_eq!(moment(wall), "1970-01-12T13:46:40Z");
    }

    #[test]
    fn a_shell_reads_back_what_was_meant() {
        assert_eq!(shell_word("probes/a.wasm"), "probes/a.wasm");
        assert_eq!(shell_word("a b'c"), r"'a b'\''c'");
        assert_eq!(shell_word("-rf"), "'-rf'");
    }
}
