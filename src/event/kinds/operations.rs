//! Pieces of work: from their beginning to their end, and how many of them go wrong.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::object::optional_object;
use super::{ErrorInfo, EventData, Kind, Millis, SubjectOf, numbers};
use crate::model::EventOutcome;

/// A piece of work has begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationStarted {
    /// Tells it from the other operations that are under way.
    pub operation: Box<str>,
    /// What is done: one name for all of the same kind.
    pub name: Box<str>,
    /// The worker that does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<Box<str>>,
    /// The queue that it waited in.
    #[serde(
        default,
        deserialize_with = "optional_object",
        skip_serializing_if = "Option::is_none"
    )]
    pub queue: Option<Queued>,
    /// After so many milliseconds it is overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_ms: Option<Millis>,
}

impl EventData for OperationStarted {
    const KIND: Kind = Kind::OperationStarted;
    const SUBJECT: Option<SubjectOf<Self>> = Some(|data| Some(&data.operation));
}

/// A piece of work has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationCompleted {
    /// The one that was told as started; none for one that was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Box<str>>,
    /// What was done.
    pub name: Box<str>,
    /// The worker that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<Box<str>>,
    /// The queue that it waited in, unless its start has told that.
    #[serde(
        default,
        deserialize_with = "optional_object",
        skip_serializing_if = "Option::is_none"
    )]
    pub queue: Option<Queued>,
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
}

impl EventData for OperationCompleted {
    const KIND: Kind = Kind::OperationCompleted;
    const SUBJECT: Option<SubjectOf<Self>> = Some(|data| data.operation.as_deref());

    fn outcome(&self) -> Option<EventOutcome> {
        Some(self.outcome)
    }
}

/// The share of errors has crossed its threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRateCrossed {
    /// Of what: `operations` or `requests`.
    pub of: Box<str>,
    /// The operations' name, or the requests' route.
    pub name: Box<str>,
    /// Whether it is above now, or below again.
    pub above: bool,
    /// The share, 0 to 1.
    #[serde(deserialize_with = "numbers::share")]
    #[schemars(schema_with = "numbers::share_schema")]
    pub rate: f64,
    /// The threshold.
    #[serde(deserialize_with = "numbers::share")]
    #[schemars(schema_with = "numbers::share_schema")]
    pub threshold: f64,
    /// The time that it is of, in milliseconds.
    pub window_ms: Millis,
    /// How many ended in that time.
    #[serde(deserialize_with = "numbers::whole")]
    #[schemars(schema_with = "numbers::whole_schema")]
    pub count: u64,
}

impl EventData for ErrorRateCrossed {
    const KIND: Kind = Kind::ErrorRateCrossed;
}

/// How work came to whom does it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Queued {
    /// The queue's name.
    pub name: Box<str>,
    /// How long the work waited in it, in milliseconds.
    pub wait_ms: Millis,
    /// How much waits in it now.
    #[serde(
        default,
        deserialize_with = "numbers::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "numbers::optional_schema")]
    pub depth: Option<u64>,
}
