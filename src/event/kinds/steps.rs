//! Steps of a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::object::{object, optional_object};
use super::{ErrorInfo, EventData, Json, Kind, Millis};
use crate::model::EventOutcome;

/// Something was considered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepThought {
    /// Tells it from the other steps of its run.
    pub step: Box<str>,
    /// The step that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<str>>,
    /// What.
    pub text: Box<str>,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<Millis>,
}

impl EventData for StepThought {
    const KIND: Kind = Kind::StepThought;
}

/// A tool was called, and answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepToolCall {
    /// Tells it from the other steps of its run.
    pub step: Box<str>,
    /// The step that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<str>>,
    /// Which tool.
    pub tool: Box<str>,
    /// What it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub input: Option<Json>,
    /// What it gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub output: Option<Json>,
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
}

impl EventData for StepToolCall {
    const KIND: Kind = Kind::StepToolCall;

    fn outcome(&self) -> Option<EventOutcome> {
        Some(self.outcome)
    }
}

/// Something was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepMessage {
    /// Tells it from the other steps of its run.
    pub step: Box<str>,
    /// The step that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<str>>,
    /// Who said it: `user`, `assistant`, `system`, or another.
    pub role: Box<str>,
    /// What.
    pub text: Box<str>,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<Millis>,
}

impl EventData for StepMessage {
    const KIND: Kind = Kind::StepMessage;
}

/// Something went wrong that was no tool's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepError {
    /// Tells it from the other steps of its run.
    pub step: Box<str>,
    /// The step that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<str>>,
    /// What.
    #[serde(deserialize_with = "object")]
    pub error: ErrorInfo,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<Millis>,
}

impl EventData for StepError {
    const KIND: Kind = Kind::StepError;

    fn outcome(&self) -> Option<EventOutcome> {
        Some(EventOutcome::Failure)
    }
}
