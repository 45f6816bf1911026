//! Numbers in words for people: in messages of checks and failures, never in metrics.
//!
//! Built from integers, because formatting an `f64` costs 15 KB of component.

/// A share from 0 to 1 as a percentage with one digit, such as `87.3 %`.
pub fn percent(ratio: f64) -> String {
    format!("{} %", rounded(ratio * 100.0, 10))
}

/// A number with at most two digits behind the point, such as `1.25`.
pub fn number(value: f64) -> String {
    rounded(value, 100)
}

/// A size with its binary unit, such as `1.5 GiB`.
pub fn bytes(size: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut size = size;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < units.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{} {}", rounded(size, 10), units[unit])
}

/// A duration in its two largest units, such as `2 d 3 h`, `4.5 s` or `12 ms`.
pub fn seconds(duration: f64) -> String {
    // What is below half a tenth of a millisecond is shown as nothing.
    if (0.000_05..1.0).contains(&duration) {
        return format!("{} ms", rounded(duration * 1000.0, 10));
    }
    if duration < 60.0 {
        return format!("{} s", rounded(duration, 10));
    }
    let whole = duration as u64;
    let (large, small, names) = match whole {
        0..3600 => (whole / 60, whole % 60, ("min", "s")),
        3600..86_400 => (whole / 3600, whole % 3600 / 60, ("h", "min")),
        _ => (whole / 86_400, whole % 86_400 / 3600, ("d", "h")),
    };
    match small {
        0 => format!("{large} {}", names.0),
        _ => format!("{large} {} {small} {}", names.0, names.1),
    }
}

/// `value` rounded to one `parts`th (a power of ten), without zeros at the end.
fn rounded(value: f64, parts: u64) -> String {
    if !value.is_finite() {
        return "no number".into();
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let scaled = (value.abs() * parts as f64 + 0.5) as u64;
    let (whole, mut part, mut parts) = (scaled / parts, scaled % parts, parts);
    if part == 0 {
        return format!("{}{whole}", if whole == 0 { "" } else { sign });
    }
    while part % 10 == 0 {
        part /= 10;
        parts /= 10;
    }
    let digits = parts.ilog10() as usize;
    format!("{sign}{whole}.{part:0digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, shown) in [
            (0.0, "0"),
            (1.0, "1"),
            (1.5, "1.5"),
            (1.05, "1.05"),
            (0.999, "1"),
            (1234.567, "1234.57"),
            (-0.25, "-0.25"),
            (-0.001, "0"),
            (f64::NAN, "no number"),
        ] {
            assert_eq!(number(value), shown);
        }
    }

    #[test]
    fn units_fit_the_size() {
        assert_eq!(percent(0.873), "87.3 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(bytes(512.0), "512 B");
        assert_eq!(bytes(1536.0), "1.5 KiB");
        assert_eq!(bytes(3.0 * 1024.0 * 1024.0 * 1024.0), "3 GiB");
        assert_eq!(bytes(2f64.powi(60)), "1024 PiB");
        for (value, shown) in [
            (0.0, "0 s"),
            (0.000_26, "0.3 ms"),
            (0.25, "250 ms"),
            (2.25, "2.3 s"),
            (59.0, "59 s"),
            (60.0, "1 min"),
            (3599.9, "59 min 59 s"),
            (7260.0, "2 h 1 min"),
            (183_600.0, "2 d 3 h"),
        ] {
            assert_eq!(seconds(value), shown);
        }
    }
}
