//! A health check's verdict.

use serde::Serialize;

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
    /// A JSON object with structured details, if any.
    pub details: Option<serde_json::Value>,
}
