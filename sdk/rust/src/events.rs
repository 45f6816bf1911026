//! Typed events: facts in the past tense.

use std::fmt::Display;

use crate::Result;
use crate::host::events as host;

/// Emits one event, which commits with the sample. `kind`: one that the host knows or the operator declared; `body`: the text of a JSON object, such as
/// a `serde_json::Value`, that is checked against its kind's schema.
///
/// # Errors
/// `unsupported`, `events.kind` or `events.body`.
pub fn emit(kind: &str, body: impl Display) -> Result<()> {
    Ok(host::emit(kind, &body.to_string())?)
}
