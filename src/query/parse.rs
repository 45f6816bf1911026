//! A text made an expression, within bounds that keep a hostile one cheap.

use promql_parser::parser::{self, Expr};

use super::QueryError;
use super::{fault, pattern, place};

/// The longest text, in bytes.
const MAX_BYTES: usize = 16 << 10;
/// Operators and opening brackets at most: an expression is never deeper, and it is walked by recursion.
const MAX_OPERATORS: usize = 250;
/// Regular expressions at most: a compiled one may take megabytes.
pub const MAX_PATTERNS: usize = 20;

/// Parses an expression.
///
/// # Errors
/// A [`QueryError`] that says what is wrong with it and where.
pub fn parse(text: &str) -> Result<Expr, QueryError> {
    if text.len() > MAX_BYTES {
        let message = format!("the query has {} bytes: at most {MAX_BYTES}", text.len());
        return Err(QueryError::too_much(message));
    }
    let pieces = fault::pieces(text);
    let operators = pieces.iter().filter(|piece| piece.is_operator()).count();
    let patterns = pieces.iter().filter(|piece| piece.is_pattern()).count();
    if operators > MAX_OPERATORS || patterns > MAX_PATTERNS {
        let message = format!(
            "the query has {operators} operators and {patterns} regular expressions: at most {MAX_OPERATORS} and {MAX_PATTERNS}"
        );
        return Err(QueryError::too_much(message));
    }
    if let Some(piece) = fault::endless(&pieces) {
        return Err(fault::too_long(text, piece));
    }
    // What cannot even be read is not unquoted: the parser crate would panic on some of it.
    if parser::lexer(text).is_ok() {
        for pattern in fault::patterns(&pieces) {
            pattern::check(&pattern).map_err(|error| place::of_planning(text, error))?;
        }
    }
    parser::parse(text).map_err(|message| fault::locate(text, &pieces, &message))
}

/// How many regular expressions a text has. Who takes several texts at once allows them [`MAX_PATTERNS`] together.
pub fn patterns_of(text: &str) -> usize {
    let pieces = fault::pieces(text);
    pieces.iter().filter(|piece| piece.is_pattern()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::QueryFault;

    fn fault(text: &str) -> QueryError {
        parse(text).expect_err("it is no expression")
    }

    #[test]
    fn a_fault_is_named_with_its_position() {
        for (text, position, word) in [
            ("", 1, "no expression"),
            ("up{a=}", 6, "unexpected `}`"),
            ("up{a=\"x\"", 9, "end of input"),
            ("up{a=~\"(\"}", 7, "regex"),
            ("rate(up[5m)", 11, "')'"),
            ("sum by (x", 10, "parenthesis"),
            ("foo bar", 5, "unexpected `bar`"),
            ("up[5x]", 4, "5x"),
            ("1 +", 4, "end of the query"),
            ("sum(rate(up[5m])) + + ", 23, "end of the query"),
            ("up{a=\"b\" c=\"d\"}", 10, "unexpected `c`"),
            ("up{é=\"x\"}", 4, "é"),
            ("\"ünterminated", 14, "unterminated"),
            ("x[1e30]", 3, "no duration"),
            ("x[5m:1e30]", 3, "no duration"),
            ("x[1e+30]", 3, "no duration"),
            ("x[# y\n inf]", 8, "no duration"),
            ("x offset - 1e30", 12, "no duration"),
        ] {
            let error = fault(text);
            assert_eq!(error.position, Some(position), "{text}: {error}");
            assert!(error.message.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn a_fault_of_types_is_told_as_it_is() {
        let error = fault("rate(up)");
        assert!(error.message.contains("rate"), "{error}");
    }

    #[test]
    fn regular_expressions_are_counted() {
        for (text, count) in [
            ("up{a=~\"b\", c!~'=~'} # =~", 2),
            ("label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")", 1),
            ("up{a=\"=~\"}", 0),
        ] {
            assert_eq!(patterns_of(text), count, "{text}");
        }
    }

    #[test]
    fn what_would_cost_too_much_is_refused_before_it_is_parsed() {
        for text in [
            "(".repeat(300),
            format!("{}1", "-".repeat(300)),
            vec!["1"; 300].join("+"),
            format!("{{{}}}", vec!["a=~\"b\""; 21].join(",")),
            format!("up{{a=\"{}\"}}", "x".repeat(MAX_BYTES)),
            format!("{}1", "sum(".repeat(260)),
            "up{a=~\"\\\\w{200}0\"}".to_owned(),
            "up{a!~ # why\n 'a\\x7b5000}'}".to_owned(),
            format!("#\r{{{}}}", vec!["a=~\"b\""; 21].join(",")),
        ] {
            assert_eq!(fault(&text).fault, QueryFault::TooMuch, "{text:.20}");
        }
        let long = format!("up{{{}}}", vec!["a!=\"((((((\""; 200].join(","));
        assert!(parse(&long).is_ok(), "brackets in strings are none");
    }
}
