//! Events as documents show them.

use axum::body::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::event::{At, time};
use crate::model::Event;

/// An event with its place in the order of commits.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    sequence: i64,
    id: &'a str,
    kind: &'a str,
    version: u32,
    time: Value,
    source: Option<&'a str>,
    run: Option<&'a str>,
    correlation: Option<&'a str>,
    traceparent: Option<&'a str>,
    outcome: Option<&'static str>,
    data: Option<&'a RawValue>,
}

impl<'a> Shown<'a> {
    pub(super) fn of(sequence: i64, event: &'a Event) -> Self {
        Self {
            sequence,
            id: &event.id,
            kind: &event.kind,
            version: event.version,
            time: time(event.time),
            source: event.source.as_deref(),
            run: event.run.as_deref(),
            correlation: event.correlation.as_deref(),
            traceparent: event.trace.as_deref(),
            outcome: event.outcome.map(|outcome| outcome.as_str()),
            // It was checked when it was taken.
            data: serde_json::from_str(&event.data).ok(),
        }
    }

    /// As JSON in one line.
    pub(super) fn encoded(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// The fault of an event whose id another one has.
pub(super) fn conflict(at: At) -> Value {
    let mut fault = json!(at);
    if let Value::Object(object) = &mut fault {
        object.insert("pointer".into(), "/id".into());
        object.insert("message".into(), "another event has this id".into());
    }
    fault
}
