//! Numbers as JSON writes them. The standard library's reader is 17 KB of component.
//!
//! Up to 19 digits, and no more than 17 behind the point or 19 zeros behind the last one, are read exactly, as all that programs write of
//! numbers that people look at; others within a few units of an `f64`'s last place.

/// Reads the number at the beginning of `text`; gives it with its length in bytes.
pub(crate) fn leading(text: &[u8]) -> Option<(f64, usize)> {
    let mut rest = text;
    let negative = step(&mut rest, b"-");
    let mut mantissa = Mantissa::default();
    let mut digits = mantissa.take(&mut rest);
    let mut exponent = 0;
    if step(&mut rest, b".") {
        let behind = mantissa.take(&mut rest);
        digits += behind;
        exponent -= behind;
    }
    if digits == 0 {
        return None;
    }
    exponent += mantissa.passed_over;
    if step(&mut rest, b"eE") {
        let negative = step(&mut rest, b"-");
        if !negative {
            step(&mut rest, b"+");
        }
        let mut power = Mantissa::default();
        if power.take(&mut rest) == 0 {
            return None;
        }
        // Beyond this everything is zero or infinite anyway.
        let power = power.number.min(10_000) as i32;
        exponent += if negative { -power } else { power };
    }
    let value = scaled(mantissa.number, exponent);
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

/// The digits of a number, without point or exponent.
#[derive(Default)]
struct Mantissa {
    number: u64,
    /// Digits behind those that fit.
    passed_over: i32,
}

impl Mantissa {
    /// Appends the digits ahead and counts them.
    fn take(&mut self, rest: &mut &[u8]) -> i32 {
        let mut count = 0;
        while let Some((byte @ b'0'..=b'9', tail)) = rest.split_first() {
            let digit = u64::from(byte - b'0');
            match self.number {
                number if self.passed_over == 0 && number < 1_000_000_000_000_000_000 => {
                    self.number = number * 10 + digit;
                }
                _ => self.passed_over += 1,
            }
            *rest = tail;
            count += 1;
        }
        count
    }
}

/// `number` times a power of ten, rounded once where that is possible.
fn scaled(number: u64, exponent: i32) -> f64 {
    /// Whole numbers up to here, and powers of ten up to the 22nd, are their `f64` exactly.
    const EXACT: u64 = 1 << 53;

    let power = exponent.unsigned_abs();
    match exponent {
        -22..=22 if number <= EXACT => scale(number as f64, exponent),
        0..=19 => (u128::from(number) * 10u128.pow(power)) as f64,
        // More than 2^53 times 2^64 through 10^17 has more than 60 bits: one to round by, and one that says whether there are more.
        -17..=-1 => {
            let (wide, divisor) = (u128::from(number) << 64, 10u128.pow(power));
            let rest = u128::from(wide % divisor != 0);
            ((wide / divisor) | rest) as f64 / 18_446_744_073_709_551_616.0
        }
        _ => scale(number as f64, exponent),
    }
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
    #![allow(clippy::excessive_precision, clippy::unreadable_literal)]
    use proptest::prelude::*;

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
            ("0.30000000000000004", 0.30000000000000004),
            ("1.7672256000123e+09", 1767225600.0123),
            ("18446744073709551616", 18446744073709551616.0),
            ("9007199254740993", 9007199254740992.0),
            ("123456789012345678901234567890", 1.2345678901234568e29),
        ] {
            assert_eq!(
                leading(text.as_bytes()),
                Some((number, text.len())),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_programs_write_is_read_exactly(number in -1e15..1e15f64, places in 0usize..17) {
            for text in [number.to_string(), format!("{number:e}"), format!("{number:.places$}")] {
                let (read, length) = leading(text.as_bytes()).expect("it is a number");
                let expected: f64 = text.parse().expect("it is a number");
                // Very small ones have more places than are read exactly.
                if number.abs() > 1.0 {
                    prop_assert_eq!(read.to_bits(), expected.to_bits(), "{}", text);
                }
                prop_assert!((read - expected).abs() <= expected.abs() * 1e-15);
                prop_assert_eq!(length, text.len());
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "[-+0-9.eE]{0,60}") {
            let _ = leading(text.as_bytes());
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
