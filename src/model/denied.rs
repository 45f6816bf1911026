//! What a probe tried and was not granted, as the operator sees it.

use std::time::SystemTime;

use serde::{Serialize, Serializer};

/// One thing that a probe tried and was refused, however often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeniedAttempt {
    /// What it tried, in words: one bounded line.
    pub attempt: String,
    /// The line of the configuration that would grant it; nothing when no line does.
    pub grant: Option<String>,
    /// How often.
    pub count: u64,
    /// When it last tried.
    #[serde(rename = "timestamp", serialize_with = "rfc3339")]
    pub last: SystemTime,
}

fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    match jiff::Timestamp::try_from(*time) {
        Ok(time) => serializer.collect_str(&format_args!("{time:.3}")),
        Err(_) => serializer.serialize_none(),
    }
}
