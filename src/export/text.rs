//! Numbers and escapes of the text formats.

use super::Format;

/// Whole numbers up to here are exact as a double and as an `i64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Appends a sample's value: shortest digits that read back as the same double; `NaN`, `+Inf`, `-Inf`.
#[inline]
pub(super) fn push_number(out: &mut Vec<u8>, value: f64) {
    if value.abs() < EXACT && value.trunc() == value {
        out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    } else if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else {
        out.extend_from_slice(special(value).as_bytes());
    }
}

fn special(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    }
}

/// A bucket's bound as a label value. OpenMetrics wants whole numbers with `.0`, so that one bound is
/// always spelled in one way; Prometheus text has them bare by custom.
pub(super) fn push_bound(out: &mut Vec<u8>, bound: f64, format: Format) {
    let start = out.len();
    push_number(out, bound);
    let digits_only = out[start..]
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b'-');
    if format == Format::OpenMetrics && digits_only {
        out.extend_from_slice(b".0");
    }
}

/// Appends a label's value with backslash, quote and newline escaped.
pub(super) fn push_label_value(out: &mut Vec<u8>, value: &str) {
    push_escaped(out, value, true);
}

/// Appends a help text: OpenMetrics escapes quotes too, Prometheus text does not.
pub(super) fn push_help(out: &mut Vec<u8>, help: &str, format: Format) {
    push_escaped(out, help, format == Format::OpenMetrics);
}

fn push_escaped(out: &mut Vec<u8>, text: &str, quotes: bool) {
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if quotes => out.extend_from_slice(b"\\\""),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: f64) -> String {
        let mut out = Vec::new();
        push_number(&mut out, value);
        String::from_utf8(out).expect("numbers are ASCII")
    }

    #[test]
    fn numbers_are_short_and_special_values_are_spelled_as_the_formats_want() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (-3.0, "-3"),
            (0.1, "0.1"),
            (1.5e-9, "1.5e-9"),
            (9_007_199_254_740_991.0, "9007199254740991"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(number(value), text);
        }
        for value in [1e300, EXACT, -EXACT, f64::MIN_POSITIVE, 0.1 + 0.2] {
            assert_eq!(number(value).parse(), Ok(value));
        }
    }

    #[test]
    fn a_bound_has_one_spelling_in_openmetrics() {
        for (bound, open, prometheus) in [
            (1.0, "1.0", "1"),
            (-10.0, "-10.0", "-10"),
            (0.25, "0.25", "0.25"),
            (1e-7, "1e-7", "1e-7"),
        ] {
            for (format, wanted) in [
                (Format::OpenMetrics, open),
                (Format::Prometheus, prometheus),
            ] {
                let mut out = Vec::new();
                push_bound(&mut out, bound, format);
                assert_eq!(String::from_utf8_lossy(&out), wanted, "{format:?}");
            }
        }
    }
}
