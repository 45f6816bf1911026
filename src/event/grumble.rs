//! Lines in the log about events that are refused: with what ties them to other logs, and never many.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::fault::Fault;
use crate::model::{Event, printable};
use crate::redact::Redactor;

/// Lines in a second; further ones are counted, and told with the next line that there is room for.
const MAX_LINES: u32 = 10;
const SECOND: Duration = Duration::from_secs(1);
/// The longest text of an event's that is shown, in bytes.
const MAX_BYTES: usize = 256;

/// What was logged lately.
#[derive(Debug, Default)]
pub(super) struct Grumbles(Mutex<Lately>);

#[derive(Debug, Default)]
struct Lately {
    since: Option<Instant>,
    lines: u32,
    untold: u64,
}

impl Grumbles {
    /// An event has the id of another.
    pub(super) fn conflict(&self, event: &Event) {
        let Some(untold) = self.room() else { return };
        tracing::warn!(
            id = &*event.id,
            kind = &*event.kind,
            source = event.source.as_deref(),
            run = event.run.as_deref(),
            correlation = event.correlation.as_deref(),
            traceparent = event.trace.as_deref(),
            untold,
            "an event is refused: another one has its id"
        );
    }

    /// An event is at fault. Of its text only the envelope is shown.
    pub(super) fn refused(&self, text: &str, fault: &Fault, redactor: &Redactor) {
        let Some(untold) = self.room() else { return };
        let event: Value = serde_json::from_str(text).unwrap_or_default();
        let shown = |key: &str| {
            let text = event.get(key)?.as_str()?;
            Some(printable(&redactor.text(text), MAX_BYTES))
        };
        tracing::warn!(
            id = shown("id"),
            kind = shown("kind"),
            source = shown("source"),
            run = shown("run"),
            correlation = shown("correlation"),
            traceparent = shown("traceparent"),
            untold,
            "an event is refused: {fault}"
        );
    }

    /// How many were not told since the last line, if there is room for one.
    fn room(&self) -> Option<u64> {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if lately.since.is_none_or(|since| now - since >= SECOND) {
            lately.since = Some(now);
            lately.lines = 0;
        }
        if lately.lines == MAX_LINES {
            lately.untold += 1;
            return None;
        }
        lately.lines += 1;
        Some(std::mem::take(&mut lately.untold))
    }
}
