//! What is wrong with a configuration, and where.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::model::printable;

/// The longest value shown, in bytes.
const MAX_VALUE_BYTES: usize = 80;
/// The widest line shown, in characters; longer ones are cut around the fault.
const MAX_LINE_CHARS: usize = 100;

/// A configuration that is not fit to run: every fault found, in order of place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    faults: Vec<Fault>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where the value was given.
    pub place: Place,
    /// The key's whole path such as `server.listen`; empty when the file as such is at fault.
    pub key: String,
    /// The value as it was written; empty when there is none.
    pub value: String,
    /// What is expected, with bounds where there are some.
    pub rule: String,
    /// What to do about it.
    pub suggestion: Option<String>,
    /// The line of the file with a caret under the fault.
    snippet: Option<String>,
}

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a file, with line and column counted from 1 in characters.
    File {
        /// The file.
        path: PathBuf,
        /// Line and column, where one can be told.
        at: Option<(usize, usize)>,
    },
    /// In an environment variable.
    Environment(String),
    /// By a flag.
    Flag(String),
}

impl ConfigError {
    /// At least one fault; they are put in order of place.
    pub(super) fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort_by(|left, right| left.place.cmp(&right.place));
        Self { faults }
    }

    /// The faults, in order of place.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl Fault {
    /// A fault of the place as such.
    pub(super) fn new(place: Place, rule: impl Into<String>) -> Self {
        Self {
            place,
            key: String::new(),
            value: String::new(),
            rule: rule.into(),
            suggestion: None,
            snippet: None,
        }
    }

    /// A fault in `path` at the bytes `span` of its `text`.
    pub(super) fn in_text(path: &Path, text: &str, span: Range<usize>, rule: String) -> Self {
        let at = position(text, span.start);
        let place = Place::File {
            path: path.to_owned(),
            at: Some(at),
        };
        Self {
            snippet: snippet(text, &span, at),
            ..Self::new(place, rule)
        }
    }

    /// With the key and the value as it was written, but for a user and a password in it.
    pub(super) fn of(mut self, key: impl fmt::Display, value: &str) -> Self {
        self.key = key.to_string();
        let masked = user_info(value).map(|user| {
            let (before, after) = (&value[..user.start], &value[user.end..]);
            format!("{before}…{after}")
        });
        let shown = masked.as_deref().unwrap_or(value);
        self.value = printable(shown.lines().next().unwrap_or(""), MAX_VALUE_BYTES);
        self
    }

    /// With what to do about it.
    pub(super) fn suggest(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }
}

/// Line and column of a byte, from 1, in characters. A byte within a character counts as its first.
pub(super) fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(byte)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// Where a user and a password stand in an address, or in something that may be meant as one: all before the last `@`, for a password may
/// have anything in it.
fn user_info(text: &str) -> Option<Range<usize>> {
    let end = text.rfind('@')?;
    let before = &text[..end];
    before.find(':')?;
    let quoted = before.starts_with(['"', '\'']);
    let start = match before.find("://") {
        Some(scheme) => scheme + 3,
        None => usize::from(quoted),
    };
    Some(start..end)
}

/// The line with a caret under each character of `span`, indented and numbered. Nothing of a line that may have a password in it.
fn snippet(text: &str, span: &Range<usize>, (line, column): (usize, usize)) -> Option<String> {
    let written = text.lines().nth(line - 1).unwrap_or("");
    if user_info(written).is_some() {
        return None;
    }
    // A column of text for each character, so that the carets stand under theirs.
    let plain = |character: char| {
        let mut buffer = [0; 4];
        let text: &str = character.encode_utf8(&mut buffer);
        if printable(text, 4) == text {
            character
        } else {
            ' '
        }
    };
    let content: Vec<char> = written.chars().collect();
    let from = (column - 1).saturating_sub(MAX_LINE_CHARS / 2);
    let shown: String = content
        .iter()
        .skip(from)
        .take(MAX_LINE_CHARS)
        .copied()
        .map(plain)
        .collect();
    let (lead, tail) = (
        if from > 0 { "…" } else { "" },
        if content.len() > from + MAX_LINE_CHARS {
            "…"
        } else {
            ""
        },
    );
    let offset = column - 1 - from + lead.chars().count();
    let length = text
        .get(span.clone())
        .map_or(0, |part| part.lines().next().unwrap_or("").chars().count());
    let carets = "^".repeat(length.clamp(1, (MAX_LINE_CHARS + 1 - (column - 1 - from)).max(1)));
    let gutter = " ".repeat(line.to_string().len());
    Some(format!(
        "  {line} | {lead}{shown}{tail}\n  {gutter} | {}{carets}",
        " ".repeat(offset)
    ))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, at } => {
                f.write_str(&printable(&path.to_string_lossy(), 4096))?;
                at.map_or(Ok(()), |(line, column)| write!(f, ":{line}:{column}"))
            }
            Self::Environment(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        match (self.key.is_empty(), self.value.is_empty()) {
            (true, _) => f.write_str(&self.rule)?,
            (false, true) => write!(f, "`{}` {}", self.key, self.rule)?,
            (false, false) => write!(f, "`{}` is {}: it {}", self.key, self.value, self.rule)?,
        }
        if let Some(snippet) = &self.snippet {
            write!(f, "\n{snippet}")?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, "\n  {suggestion}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index > 0 { "\n" } else { "" };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_shows_its_line_with_carets_under_the_value() {
        let text = "a = 1\nß\t= \"x\u{1b}\"\n";
        let span = text.find('"').expect("it is there")..text.len() - 1;
        let fault = Fault::in_text(Path::new("f.toml"), text, span, "must not".into());
        assert_eq!(
            fault.of("ß", "\"x\u{1b}\"").to_string(),
            "f.toml:2:5: `ß` is \"x\\u{1b}\": it must not\n  2 | ß = \"x \"\n    |     ^^^^"
        );
    }

    #[test]
    fn a_password_in_an_address_is_shown_nowhere() {
        for (value, wanted) in [
            ("\"http://AKID:hunter2@s3:9\"", "\"http://…@s3:9\""),
            ("'http://a:hunter2/b @c@s3'", "'http://…@s3'"),
            ("\"AKID:hunter2@s3\"", "\"…@s3\""),
            ("AKID:hunter2@s3", "…@s3"),
            ("\"someone@example.com\"", "\"someone@example.com\""),
            ("\"http://s3\"", "\"http://s3\""),
        ] {
            let text = format!("endpoint = {value}\n");
            let fault =
                Fault::in_text(Path::new("f"), &text, 11..text.len() - 1, "must not".into());
            let fault = fault.of("endpoint", value);
            assert_eq!(fault.value, wanted);
            let shown = format!("{fault} {fault:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
            assert_eq!(
                fault.snippet.is_none(),
                value.contains("hunter2"),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_long_line_is_cut_around_the_fault() {
        let text = format!("a = \"{}!{}\"", "x".repeat(5000), "y".repeat(5000));
        let at = text.find('!').expect("it is there");
        let shown = Fault::in_text(Path::new("f"), &text, at..at + 1, String::new()).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert!(
            lines.iter().all(|line| line.chars().count() < 120),
            "{shown}"
        );
        let column = |line: &str, wanted| line.chars().position(|one| one == wanted);
        assert_eq!(column(lines[1], '!'), column(lines[2], '^'));
    }

    #[test]
    fn a_position_past_the_end_or_within_a_character_is_told() {
        assert_eq!(position("ab\nc", 4), (2, 2));
        assert_eq!(position("", 0), (1, 1));
        assert_eq!(position("äb", 1), (1, 1));
    }
}
