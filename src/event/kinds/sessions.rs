//! Sessions: from their beginning to their end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EventData, Kind, Millis, SubjectOf};

/// A session has begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionCreated {
    /// Tells it from the other sessions.
    pub session: Box<str>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Box<str>>,
}

impl EventData for SessionCreated {
    const KIND: Kind = Kind::SessionCreated;
    const SUBJECT: Option<SubjectOf<Self>> = Some(|data| Some(&data.session));
}

/// A session has ended, and what it held is free.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionCleanedUp {
    /// Which one.
    pub session: Box<str>,
    /// Why: `logout`, `expired`, or another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<Millis>,
}

impl EventData for SessionCleanedUp {
    const KIND: Kind = Kind::SessionCleanedUp;
    const SUBJECT: Option<SubjectOf<Self>> = Some(|data| Some(&data.session));
}
