//! Workers: from their beginning to their end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::object::object;
use super::{ErrorInfo, EventData, Kind, SubjectOf, numbers};
use crate::model::EventOutcome;

/// A worker takes work from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerStarted {
    /// Tells it from the other workers.
    pub worker: Box<str>,
    /// The pool that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Box<str>>,
    /// How much it does at once; 1 if it does not say.
    #[serde(
        default,
        deserialize_with = "numbers::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "numbers::optional_u32_schema")]
    pub slots: Option<u32>,
}

impl EventData for WorkerStarted {
    const KIND: Kind = Kind::WorkerStarted;
    const SUBJECT: Option<SubjectOf<Self>> = Some(|data| Some(&data.worker));
}

/// A worker has ended as it should.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerStopped {
    /// Tells it from the other workers.
    pub worker: Box<str>,
    /// The pool that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Box<str>>,
}

impl EventData for WorkerStopped {
    const KIND: Kind = Kind::WorkerStopped;
    const SUBJECT: Option<SubjectOf<Self>> = Some(|data| Some(&data.worker));
}

/// A worker has ended as it should not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerCrashed {
    /// Tells it from the other workers.
    pub worker: Box<str>,
    /// The pool that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Box<str>>,
    /// Why.
    #[serde(deserialize_with = "object")]
    pub error: ErrorInfo,
}

impl EventData for WorkerCrashed {
    const KIND: Kind = Kind::WorkerCrashed;
    const SUBJECT: Option<SubjectOf<Self>> = Some(|data| Some(&data.worker));

    fn outcome(&self) -> Option<EventOutcome> {
        Some(EventOutcome::Failure)
    }
}
