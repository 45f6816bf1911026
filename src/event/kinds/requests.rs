//! Requests: from their coming in to their answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::object::optional_object;
use super::{ErrorInfo, EventData, Kind, Millis, SubjectOf, numbers};
use crate::model::EventOutcome;

/// A request has come in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestStarted {
    /// Tells it from the other requests that are under way.
    pub request: Box<str>,
    /// Such as `GET`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Box<str>>,
    /// The pattern that it matched, not its address: one name for all requests of the same thing.
    pub route: Box<str>,
    /// The session that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Box<str>>,
}

impl EventData for RequestStarted {
    const KIND: Kind = Kind::RequestStarted;
    const SUBJECT: Option<SubjectOf<Self>> = Some(|data| Some(&data.request));
}

/// A request was answered, or was not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestCompleted {
    /// The one that was told as started; none for one that was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Box<str>>,
    /// Such as `GET`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Box<str>>,
    /// The pattern that it matched.
    pub route: Box<str>,
    /// The status of the answer.
    #[serde(
        default,
        deserialize_with = "numbers::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "numbers::optional_u16_schema")]
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: EventOutcome,
    /// How long it took, in milliseconds.
    pub duration_ms: Millis,
    /// What went wrong.
    #[serde(
        default,
        deserialize_with = "optional_object",
        skip_serializing_if = "Option::is_none"
    )]
    pub error: Option<ErrorInfo>,
    /// The session that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Box<str>>,
}

impl EventData for RequestCompleted {
    const KIND: Kind = Kind::RequestCompleted;
    const SUBJECT: Option<SubjectOf<Self>> = Some(|data| data.request.as_deref());

    fn outcome(&self) -> Option<EventOutcome> {
        Some(self.outcome)
    }
}
