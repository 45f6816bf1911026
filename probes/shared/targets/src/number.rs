//! Numbers in what servers say.

use probity_sdk::json::Value;

/// A finite number, written as JSON writes it; nothing for any other text. The standard library's reader is exact to the last place, and
/// 17 KB of component.
pub fn number(text: &str) -> Option<f64> {
    match Value::parse(text) {
        Some(Value::Number(number)) if number.is_finite() => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_none() {
        for (text, value) in [
            ("12", Some(12.0)),
            ("-1.25", Some(-1.25)),
            ("0.000001", Some(1e-6)),
            ("1e999", None),
            ("nan", None),
            ("", None),
            ("true", None),
            ("5 s", None),
        ] {
            assert_eq!(number(text), value, "{text}");
        }
    }
}
