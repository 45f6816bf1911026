//! A health check's verdict.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

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
