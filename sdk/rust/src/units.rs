//! Units after numbers, as an operator writes them.

use crate::number;

/// Sizes in bytes.
pub(crate) const SIZES: &[(&str, f64)] = &[
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
];
/// Durations in seconds.
pub(crate) const DURATIONS: &[(&str, f64)] = &[
    ("ms", 0.001),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
];

/// The sum of numbers that are each followed by a unit, white space between them allowed: `1h 30m`.
pub(crate) fn with_units(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let mut rest = text.as_bytes().trim_ascii();
    let mut sum = None;
    while !rest.is_empty() {
        if rest.starts_with(b"-") {
            return None;
        }
        let (number, length) = number::leading(rest)?;
        rest = rest.get(length..)?.trim_ascii_start();
        let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic());
        let (name, tail) = rest.split_at_checked(letters.count())?;
        let (_, factor) = units.iter().find(|(unit, _)| unit.as_bytes() == name)?;
        sum = Some(sum.unwrap_or(0.0) + number * factor);
        rest = tail.trim_ascii_start();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        for (text, seconds) in [
            ("90s", 90.0),
            ("1d12h", 129_600.0),
            (" 1 h 30 m ", 5400.0),
            ("250ms", 0.25),
            ("1.5h", 5400.0),
        ] {
            assert_eq!(with_units(text, DURATIONS), Some(seconds), "{text}");
        }
        assert_eq!(with_units("1.5GiB", SIZES), Some(1_610_612_736.0));
        for text in [
            "", " ", "5", "s", "-5s", "1h 30", "1y", "5 s s", "1.2.3s", "1é",
        ] {
            assert_eq!(with_units(text, DURATIONS), None, "{text}");
        }
    }
}
