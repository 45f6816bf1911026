//! Numbers as JSON writes them. The standard library's reader is exact to the last place, and 17 KB of component.

/// Reads the number at the beginning of `text`; gives it with its length in bytes.
pub(crate) fn leading(text: &[u8]) -> Option<(f64, usize)> {
    let mut rest = text;
    let negative = step(&mut rest, b"-");
    let (mut mantissa, mut exponent) = (0.0, 0);
    let mut digits = take_digits(&mut rest, &mut mantissa);
    if step(&mut rest, b".") {
        let behind = take_digits(&mut rest, &mut mantissa);
        digits += behind;
        exponent -= behind;
    }
    if digits == 0 {
        return None;
    }
    if step(&mut rest, b"eE") {
        let negative = step(&mut rest, b"-");
        if !negative {
            step(&mut rest, b"+");
        }
        let mut power = 0.0;
        if take_digits(&mut rest, &mut power) == 0 {
            return None;
        }
        // Beyond this everything is zero or infinite anyway.
        let power = power.min(10_000.0) as i32;
        exponent += if negative { -power } else { power };
    }
    let value = scale(mantissa, exponent);
    let length = text.len() - rest.len();
    Some((if negative { -value } else { value }, length))
}

/// Steps over one byte if it is one of `any`.
fn step(rest: &mut &[u8], any: &[u8]) -> bool {
    match rest.split_first() {
        Some((byte, tail)) if any.contains(byte) => {
            *rest = tail;
            true
        }
        _ => false,
    }
}

/// Appends the digits ahead to `mantissa` and counts them.
fn take_digits(rest: &mut &[u8], mantissa: &mut f64) -> i32 {
    let mut count = 0;
    while let Some((byte @ b'0'..=b'9', tail)) = rest.split_first() {
        *mantissa = *mantissa * 10.0 + f64::from(byte - b'0');
        *rest = tail;
        count += 1;
    }
    count
}

/// `value` times a power of ten, in steps whose powers are exact.
fn scale(mut value: f64, mut exponent: i32) -> f64 {
    const EXACT: i32 = 22;
    while exponent > 0 && value.is_finite() && value != 0.0 {
        let step = exponent.min(EXACT);
        value *= 10f64.powi(step);
        exponent -= step;
    }
    while exponent < 0 && value != 0.0 {
        let step = exponent.max(-EXACT);
        value /= 10f64.powi(-step);
        exponent -= step;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leading_number_is_read() {
        for (text, number) in [
            ("0", 0.0),
            ("-0.5", -0.5),
            ("6000000000", 6e9),
            ("0.1", 0.1),
            ("123.456", 123.456),
            ("1e3", 1000.0),
            ("1E-3", 0.001),
            ("2.5e+2", 250.0),
            ("1e400", f64::INFINITY),
            ("1e-400", 0.0),
            ("0e99999999999", 0.0),
        ] {
            assert_eq!(
                leading(text.as_bytes()),
                Some((number, text.len())),
                "{text}"
            );
        }
    }

    #[test]
    fn what_follows_is_left() {
        assert_eq!(leading(b"1.5h"), Some((1.5, 3)));
        assert_eq!(leading(b"7,8"), Some((7.0, 1)));
        for text in ["", "-", ".", "e5", "5e", "5e+", "x1"] {
            assert_eq!(leading(text.as_bytes()), None, "{text}");
        }
    }
}
