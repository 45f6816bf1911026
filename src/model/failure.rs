//! Why a run, a load or a call failed: a stable code and a bounded message.

use std::fmt;
use std::time::Duration;

/// The longest message kept, in bytes; a guest chooses its own words and must not fill the snapshot with them.
const MAX_MESSAGE_BYTES: usize = 1024;

/// A failure as data. It names what went wrong for a machine (`code`) and for a person (`message`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A stable dotted word such as `unavailable`, `deadline` or `metrics.duplicate`.
    pub code: String,
    /// One bounded line without control characters.
    pub message: String,
    /// The guest's call stack, one frame a line, when the failure was a trap.
    pub backtrace: Option<String>,
    /// How long the target asked to be left alone.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// Makes a failure; the message is cut to 1 KiB and control characters in it are escaped.
    pub fn new(code: impl Into<String>, message: impl AsRef<str>) -> Self {
        Self {
            code: code.into(),
            message: printable(message.as_ref(), MAX_MESSAGE_BYTES),
            backtrace: None,
            retry_after: None,
        }
    }

    /// The same failure with one more reason behind its message.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        let message = format!("{} ({reason})", self.message);
        self.message = printable(&message, MAX_MESSAGE_BYTES);
        self
    }

    /// The same failure with a guest backtrace attached.
    #[must_use]
    pub fn with_backtrace(mut self, backtrace: Option<String>) -> Self {
        self.backtrace = backtrace;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Failure {}

/// `text` with control characters escaped, so that it can neither forge a log line nor colour a
/// terminal, and cut at a character boundary so that it holds at most `limit` bytes.
pub fn printable(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit));
    for character in text.chars() {
        let before = out.len();
        if character.is_control() || is_direction_override(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
        if out.len() > limit {
            out.truncate(before);
            out.push('…');
            break;
        }
    }
    out
}

/// Unicode's bidirectional overrides reorder the text around them on screen.
fn is_direction_override(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_length_is_bounded() {
        assert_eq!(printable("a\n\x1b[31mb", 64), "a\\n\\u{1b}[31mb");
        assert_eq!(printable("\u{202e}x", 64), "\\u{202e}x");
        assert_eq!(printable("äöü", 4), "äö…");
        assert_eq!(printable("", 0), "");
    }
}
