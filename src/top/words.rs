//! Numbers for people, short enough for a column.

/// Units of size with their length in bytes.
const SIZES: [(f64, &str); 4] = [
    (1_099_511_627_776.0, "TiB"),
    (1_073_741_824.0, "GiB"),
    (1_048_576.0, "MiB"),
    (1024.0, "KiB"),
];
/// Units of long times with their length in seconds.
const SPANS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];

/// What stands where there is no number.
pub(super) const NOTHING: &str = "–";

/// A size such as `19.3 KiB`.
pub(super) fn size(bytes: f64) -> String {
    match SIZES.iter().find(|(length, _)| bytes >= *length) {
        Some((length, name)) => format!("{} {name}", digits(bytes / length)),
        None => format!("{bytes:.0} B"),
    }
}

/// A short time such as `1.23 ms`.
pub(super) fn time(milliseconds: f64) -> String {
    match milliseconds {
        long if long >= 1e3 => format!("{} s", digits(long / 1e3)),
        middle if middle >= 1.0 => format!("{} ms", digits(middle)),
        zero if zero <= 0.0 => "0 ms".to_owned(),
        short => format!("{:.0} µs", short * 1e3),
    }
}

/// A long time by its two largest units, such as `3h 12m`.
pub(super) fn span(seconds: u64) -> String {
    let Some(at) = SPANS.iter().position(|(length, _)| seconds >= *length) else {
        return "0s".to_owned();
    };
    let (length, unit) = SPANS[at];
    let first = format!("{}{unit}", seconds / length);
    match SPANS.get(at + 1) {
        Some((below, unit)) if seconds % length >= *below => {
            format!("{first} {}{unit}", seconds % length / below)
        }
        _ => first,
    }
}

/// A share such as `12.3 %`.
pub(super) fn percent(value: f64) -> String {
    format!("{value:.1} %")
}

/// Three digits, or all of a larger number.
fn digits(number: f64) -> String {
    match number {
        small if small < 10.0 => format!("{small:.2}"),
        middle if middle < 100.0 => format!("{middle:.1}"),
        large => format!("{large:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(size(0.0), "0 B");
        assert_eq!(size(19_763.0), "19.3 KiB");
        assert_eq!(size(5e13), "45.5 TiB");
        assert_eq!(time(0.0), "0 ms");
        assert_eq!(time(0.0421), "42 µs");
        assert_eq!(time(1.234), "1.23 ms");
        assert_eq!(time(12_345.0), "12.3 s");
        assert_eq!(span(0), "0s");
        assert_eq!(span(59), "59s");
        assert_eq!(span(3600), "1h");
        assert_eq!(span(11_530), "3h 12m");
        assert_eq!(span(90_000), "1d 1h");
    }
}
