//! What an error says of itself, whatever it happened to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An error: its class, its words, where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorInfo {
    /// Its class, such as `TimeoutError`.
    pub kind: Box<str>,
    /// What it says.
    pub message: Box<str>,
    /// The stack or the traceback, a frame a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<Box<str>>,
    /// A code that programs compare: a gRPC status, an errno, an HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Box<str>>,
}
