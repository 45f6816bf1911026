//! Runs: from their beginning to their end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::object::optional_object;
use super::{ErrorInfo, EventData, Json, Kind, Millis};
use crate::model::EventOutcome;

/// A run of an agent, a job or a pipeline has begun; the envelope's `run` says which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunStarted {
    /// What runs: one name for all runs of the same thing.
    pub name: Box<str>,
    /// The run that began it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<str>>,
    /// What it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub input: Option<Json>,
}

impl EventData for RunStarted {
    const KIND: Kind = Kind::RunStarted;
}

/// A run has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunFinished {
    /// How it ended.
    pub outcome: EventOutcome,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<Millis>,
    /// What went wrong.
    #[serde(
        default,
        deserialize_with = "optional_object",
        skip_serializing_if = "Option::is_none"
    )]
    pub error: Option<ErrorInfo>,
    /// What it gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub output: Option<Json>,
}

impl EventData for RunFinished {
    const KIND: Kind = Kind::RunFinished;

    fn outcome(&self) -> Option<EventOutcome> {
        Some(self.outcome)
    }
}
