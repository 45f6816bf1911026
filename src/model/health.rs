//! A health check's verdict.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Failure;

/// The longest text of details, in bytes.
const MAX_BYTES: usize = 16 * 1024;
/// The most objects and arrays in each other. Documents put four around them, and readers give up at 64 (.NET) or 128.
const MAX_DEPTH: usize = 32;

/// The three verdicts, in rising order of worry (the words of the health+json draft).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All is well.
    Pass,
    /// It works, and somebody should look.
    Warn,
    /// It does not work.
    Fail,
}

impl Status {
    /// The verdict as the word that every format shows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What one run said of one check.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckReport {
    /// The check's id, unique within its source: lower-case words joined by `-`, `_` or `.`.
    pub id: String,
    /// A short name for people.
    pub title: String,
    /// The verdict.
    pub status: Status,
    /// Why, in one bounded line.
    pub message: String,
    /// Structured details, if any.
    pub details: Option<Details>,
}

/// Structured details of a check: a JSON object as text. As a tree a dense one would take twenty times the memory, and
/// every snapshot has it.
#[derive(Debug, Clone)]
pub struct Details(Arc<RawValue>);

impl Details {
    /// Reads what a probe gives. What is read here is read by everybody: neither too deep nor with numbers that nobody
    /// takes.
    ///
    /// # Errors
    /// `health.details` when it is not the text of a JSON object within its bounds.
    pub fn read(text: &str) -> Result<Self, Failure> {
        let refuse = |reason: String| Err(Failure::new("health.details", reason));
        if text.len() > MAX_BYTES {
            let bytes = text.len();
            return refuse(format!("{bytes} bytes of details: at most {MAX_BYTES}"));
        }
        match serde_json::from_str(text) {
            Ok(value @ Value::Object(_)) if is_deeper(&value, MAX_DEPTH) => refuse(format!(
                "details are too deep: at most {MAX_DEPTH} objects and arrays in each other"
            )),
            Ok(value @ Value::Object(_)) => Ok(Self::new(&value)),
            Ok(_) => refuse("details must be a JSON object".to_owned()),
            Err(error) => refuse(format!("details are not JSON: {error}")),
        }
    }

    /// Keeps an object as its shortest text.
    pub fn new(object: &Value) -> Self {
        let text = serde_json::value::to_raw_value(object);
        Self(text.expect("a value is written as JSON").into())
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Details {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Serialize for Details {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Whether it has more than so many objects and arrays in each other. The parser's own limit is no bound: an object with
/// its private key for raw values is read as what its text holds, from depth nought.
fn is_deeper(value: &Value, most: usize) -> bool {
    let inside = |value: &Value| is_deeper(value, most - 1);
    match value {
        Value::Array(values) => most == 0 || values.iter().any(inside),
        Value::Object(members) => most == 0 || members.values().any(inside),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An object of exactly so many bytes, with so much white space around.
    fn details(bytes: usize, blanks: usize) -> String {
        let object = format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
        object + &" ".repeat(blanks)
    }

    /// So many objects and arrays in each other.
    fn deep(levels: usize) -> String {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        format!("{{\"a\":{open}1{close}}}")
    }

    #[test]
    fn details_are_an_object_within_its_bounds() {
        for (text, taken) in [
            (details(MAX_BYTES, 0), true),
            (details(MAX_BYTES + 1, 0), false),
            (deep(MAX_DEPTH), true),
            (deep(MAX_DEPTH + 1), false),
            (deep(2000), false),
            ("{\"a\":1e999}".to_owned(), false),
            ("[]".to_owned(), false),
            ("{".to_owned(), false),
        ] {
            let parsed = Details::read(&text);
            assert_eq!(parsed.is_ok(), taken, "{text:.40}");
            if let Err(failure) = parsed {
                assert_eq!(failure.code, "health.details");
            }
        }
        let kept = Details::read(&details(100, 50)).expect("it is an object");
        assert_eq!(kept.text().len(), 100);
    }

    #[test]
    fn no_spelling_of_details_is_deeper_than_a_document_can_hold() {
        // What the parser takes for the text of a value, which it reads with a limit of its own.
        let raw = |text: &str| {
            let text = Value::from(format!("{}{text}{}", "[".repeat(100), "]".repeat(100)));
            format!("{{\"$serde_json::private::RawValue\":{text}}}")
        };
        let twice = format!("{{\"a\":{}}}", raw(&raw("1")));
        let read: Value = serde_json::from_str(&twice).expect("the parser takes it");
        let shown = serde_json::to_value(Details::new(&read));
        assert!(shown.is_err(), "no document could be made with it");
        let refused = Details::read(&twice).expect_err("it is too deep");
        assert!(refused.message.contains("at most 32"), "{refused}");
    }
}
