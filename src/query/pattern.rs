//! How large a regular expression becomes when it is compiled, told from its text.

use std::iter::Peekable;
use std::str::Chars;

use super::QueryError;
use crate::model::printable;

/// What a pattern may weigh: some ten milliseconds and two megabytes.
const MAX_WEIGHT: u64 = 4_000;
/// A class of a few ranges, or all but those.
const CLASS: u64 = 20;
/// A class of hundreds of ranges of Unicode, such as `\w`: half a millisecond and a hundred kilobytes.
const LARGE_CLASS: u64 = 200;

/// Refuses a pattern that takes long to compile: repetitions with a count multiply what they repeat.
///
/// # Errors
/// It is too large; or it has the flag `x`, which Prometheus has not either, and with which its text tells less.
pub(super) fn check(pattern: &str) -> Result<(), QueryError> {
    let shown = printable(pattern, 64);
    match Scan::of(pattern).weight() {
        Some(weight) if weight <= MAX_WEIGHT => Ok(()),
        Some(_) => Err(QueryError::too_much(format!(
            "the regular expression `{shown}` is too large: a class such as `\\w` counts {LARGE_CLASS}, each other one {CLASS}, all else 1, times its repetitions, and all together at most {MAX_WEIGHT}"
        ))
        .about_text(pattern)),
        None => {
            let message = format!("`{shown}` is no regular expression: it has the flag `x`");
            Err(QueryError::malformed(message, None).about_text(pattern))
        }
    }
}

/// Refuses what cannot be compiled.
pub(super) fn none(pattern: &str) -> QueryError {
    let shown = printable(pattern, 64);
    let message = format!("`{shown}` is no regular expression, or too large a one");
    QueryError::malformed(message, None).about_text(pattern)
}

/// One walk along a pattern. What it cannot know it takes for too large rather than too small.
struct Scan<'a> {
    rest: Peekable<Chars<'a>>,
    /// What was before each open bracket.
    outer: Vec<u64>,
    /// What there is since the last open bracket, without the last part.
    sum: u64,
    /// The part that a repetition would repeat.
    last: u64,
}

impl<'a> Scan<'a> {
    fn of(pattern: &'a str) -> Self {
        Self {
            rest: pattern.chars().peekable(),
            outer: Vec::new(),
            sum: 0,
            last: 0,
        }
    }

    /// Nothing if there is the flag `x`.
    fn weight(mut self) -> Option<u64> {
        while let Some(c) = self.rest.next() {
            match c {
                '(' => {
                    if self.flags().contains('x') {
                        return None;
                    }
                    self.outer.push(self.sum.saturating_add(self.last));
                    // The group is something too, even with nothing in it.
                    (self.sum, self.last) = (1, 0);
                }
                ')' => {
                    self.last = self.sum.saturating_add(self.last);
                    // Without an open one it closes the bracket that the parser crate puts around all.
                    self.sum = self.outer.pop().unwrap_or_default();
                }
                '{' => {
                    let count = self.count().max(1);
                    self.last = self.last.max(1).saturating_mul(count);
                }
                '[' => {
                    let weight = self.class();
                    self.part(weight);
                }
                '\\' => {
                    let weight = self.escape();
                    self.part(weight);
                }
                _ => self.part(1),
            }
        }
        Some(self.sum.saturating_add(self.last))
    }

    fn part(&mut self, weight: u64) {
        self.sum = self.sum.saturating_add(self.last);
        self.last = weight;
    }

    /// The flags of a group that has some.
    fn flags(&self) -> String {
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('?') {
            return String::new();
        }
        let is_flag = |c: &char| c.is_ascii_alphabetic() || *c == '-';
        let flags: String = ahead.by_ref().take_while(is_flag).collect();
        // `(?P<` begins a name.
        if flags.starts_with('P') {
            return String::new();
        }
        flags
    }

    /// The largest number up to the closing bracket: the count of a repetition, if it is one.
    fn count(&mut self) -> u64 {
        let inside: String = self.rest.by_ref().take_while(|c| *c != '}').collect();
        let numbers = inside.split(|c: char| !c.is_ascii_digit());
        let numbers = numbers.filter(|digits| !digits.is_empty());
        let numbers = numbers.map(|digits| digits.parse().unwrap_or(u64::MAX));
        // `{5,}` is five and one that may be there any number of times.
        let open = u64::from(inside.trim_end().ends_with(','));
        numbers.max().unwrap_or_default().saturating_add(open)
    }

    /// A class up to its end, with those within it.
    fn class(&mut self) -> u64 {
        let mut weight = CLASS;
        let mut depth = 1;
        self.class_begins();
        while let Some(c) = self.rest.next() {
            match c {
                '[' => {
                    depth += 1;
                    weight += CLASS;
                    self.class_begins();
                }
                ']' => depth -= 1,
                '\\' => weight = weight.saturating_add(self.escape()),
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        weight
    }

    /// A closing bracket that stands first is one of the class.
    fn class_begins(&mut self) {
        self.rest.next_if_eq(&'^');
        while self.rest.next_if_eq(&'-').is_some() {}
        self.rest.next_if_eq(&']');
    }

    /// What follows a backslash.
    fn escape(&mut self) -> u64 {
        let Some(c) = self.rest.next() else {
            return 1;
        };
        // These have a name or a number in brackets, which is no repetition.
        if matches!(c, 'p' | 'P' | 'x' | 'u' | 'U') && self.rest.next_if_eq(&'{').is_some() {
            self.rest.by_ref().find(|c| *c == '}');
        }
        match c {
            'w' | 'W' | 'p' | 'P' => LARGE_CLASS,
            'd' | 'D' | 's' | 'S' => CLASS,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::QueryFault;

    #[test]
    fn what_repetitions_come_to_is_bounded() {
        for (pattern, weight) in [
            ("abc", 3),
            ("a{3}b", 4),
            ("(ab){3}", 9),
            ("((a{10}){10}){10}", 1_110),
            ("a{2,5}", 5),
            ("a{5,}", 6),
            ("x{abc}", 1),
            (r"\d{1,3}\.\d{1,3}", 121),
            (r"\x{100}\p{Greek}", 201),
            (r"[]\w]{3}", 660),
            (r"[^]a-z]{2}", 40),
            (r"[[:alpha:]{5}]", 40),
            ("a)|(b){9}", 20),
            ("ab){9}", 18),
        ] {
            assert_eq!(Scan::of(pattern).weight(), Some(weight), "{pattern}");
        }
    }

    #[test]
    fn usual_patterns_are_let_through_and_others_are_not() {
        let hosts = vec!["host-[0-9]+\\\\.example\\\\.org"; 60].join("|");
        let id = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
        for pattern in ["", ".*", r"\w+-\w+", &hosts, id, "(?P<x>a)(?i:b)", "a{{b}}"] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
        for pattern in [r"\w{200}0", "(a{70}){70}", "a{99999999999999999999}"] {
            let error = check(pattern).expect_err("it is too large");
            assert_eq!(error.fault, QueryFault::TooMuch, "{pattern}: {error}");
        }
        let error = check("(?ix)a{ 5 }").expect_err("there is the flag");
        assert_eq!(error.fault, QueryFault::Malformed);
    }
}
