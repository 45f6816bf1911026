//! Regular expressions as Prometheus 3 reads them, in the words of this program's own.
//!
//! In Go's RE2 (<https://github.com/google/re2/wiki/Syntax>) the classes `\d`, `\w` and `\s` are of ASCII, and there are no classes
//! within classes and no sets of them. In Prometheus 3 a `.` is a line's end as well.

use std::iter::Peekable;
use std::str::Chars;

use promql_parser::label::Matcher;
use promql_parser::parser::token::TokenId;

/// A matcher by a pattern, which has to match the whole value.
///
/// # Errors
/// The pattern is none, or too large a one.
pub(super) fn matcher(id: TokenId, label: &str, pattern: &str) -> Result<Matcher, String> {
    Matcher::new_matcher(id, label.to_owned(), translated(pattern))
}

/// What an escaped letter stands for: the characters, and whether it is all others.
fn class(letter: char) -> Option<(&'static str, bool)> {
    let characters = match letter.to_ascii_lowercase() {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        's' => r"\t\n\x0C\r ",
        _ => return None,
    };
    Some((characters, letter.is_ascii_uppercase()))
}

fn translated(pattern: &str) -> String {
    let mut out = String::from("(?s:");
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(&mut rest, &mut out, false),
            '[' => set(&mut rest, &mut out),
            _ => out.push(c),
        }
    }
    out.push(')');
    out
}

/// What follows a backslash.
fn escape(rest: &mut Peekable<Chars<'_>>, out: &mut String, in_set: bool) {
    let Some(letter) = rest.next() else {
        out.push('\\');
        return;
    };
    match class(letter) {
        Some((characters, true)) => out.extend(["[^", characters, "]"]),
        Some((characters, false)) if in_set => out.push_str(characters),
        Some((characters, false)) => out.extend(["[", characters, "]"]),
        None => out.extend(['\\', letter]),
    }
}

/// Where one is in a set of characters.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// A dash stands for itself.
    Begins,
    /// Behind a character, from which a range may go on.
    Behind,
    /// Behind the dash of a range.
    Range,
}

impl Place {
    /// Behind one more character.
    fn next(self) -> Self {
        if self == Self::Range {
            Self::Begins
        } else {
            Self::Behind
        }
    }
}

/// A set of characters, behind its bracket.
fn set(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    out.extend(rest.next_if_eq(&'^'));
    let mut place = Place::Begins;
    if rest.next_if_eq(&']').is_some() {
        out.push_str(r"\]");
        place = Place::Behind;
    }
    while let Some(c) = rest.next() {
        place = match c {
            ']' => {
                out.push(c);
                return;
            }
            '-' if place == Place::Behind && rest.peek() != Some(&']') => {
                out.push(c);
                Place::Range
            }
            '\\' => {
                let is_class = rest.peek().is_some_and(|letter| class(*letter).is_some());
                escape(rest, out, true);
                if is_class {
                    Place::Begins
                } else {
                    place.next()
                }
            }
            // A class with a name goes on to its own bracket.
            '[' if rest.peek() == Some(&':') => {
                named(rest, out);
                Place::Begins
            }
            '[' | '&' | '~' | '-' => {
                out.extend(['\\', c]);
                place.next()
            }
            _ => {
                out.push(c);
                place.next()
            }
        };
    }
}

/// A class with a name, behind its first bracket.
fn named(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    for inner in rest.by_ref() {
        out.push(inner);
        if inner == ']' {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use promql_parser::parser::token::T_EQL_REGEX;

    use super::*;

    #[test]
    fn patterns_are_read_as_in_go() {
        for (pattern, value, wanted) in [
            ("a.b", "a\nb", true),
            (r"\d+", "12", true),
            (r"\d", "\u{663}", false),
            (r"\w+", "a_1", true),
            (r"\w", "é", false),
            (r"\W", "é", true),
            (r"\s", "\u{a0}", false),
            (r"\S", "\u{a0}", true),
            (r"[\w.-]+", "a.b-c", true),
            (r"[^\w]", "é", true),
            (r"[\D]", "7", false),
            (r"[\Da]", "x", true),
            (r"[[a]", "[", true),
            (r"[+--]", "-", true),
            (r"[+--]", ",", true),
            (r"[--/]", ".", true),
            (r"[a-]", "-", true),
            (r"[\d-z]", "-", true),
            (r"[a-c-z]", "-", true),
            (r"[a-c-z]", "y", false),
            ("[a&&b]", "&", true),
            ("[]a]+", "]a", true),
            ("[^]]", "]", false),
            ("[[:alpha:]]+", "ab", true),
            (r"\[\\d", "[\\d", true),
            ("a|bc", "bc", true),
            ("(?i)ab", "AB", true),
            ("a{b}", "a{b}", true),
        ] {
            let matcher = matcher(T_EQL_REGEX, "x", pattern).expect("it is a pattern");
            assert_eq!(matcher.is_match(value), wanted, "{pattern} and {value}");
        }
        assert!(matcher(T_EQL_REGEX, "x", "(").is_err());
    }
}
