//! An event as everybody speaks of it: a typed fact that an application told, checked and ready to be kept.

use std::fmt;
use std::sync::Arc;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A fact that an application told. Its texts were checked and freed of secrets when it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Tells it from all others: the same id twice is the same event. 1 to 128 bytes.
    pub id: Box<str>,
    /// What kind of fact it is, such as `run.started`.
    pub kind: Arc<str>,
    /// The version of its kind's schema.
    pub version: u32,
    /// When it happened, by the sender's clock, in microseconds since the Unix epoch.
    pub time: i64,
    /// Who tells it: the name of a program or a service.
    pub source: Option<Box<str>>,
    /// The run that it is part of.
    pub run: Option<Box<str>>,
    /// What ties it to logs and to other events.
    pub correlation: Option<Box<str>>,
    /// The trace context that it happened in, as a W3C `traceparent`.
    pub trace: Option<Box<str>>,
    /// How the thing ended that it tells the end of.
    pub outcome: Option<EventOutcome>,
    /// What it says: the text of a JSON object, as its kind's schema has it.
    pub data: Box<str>,
}

impl Event {
    /// The trace that it is part of: 32 hexadecimal digits, small ones.
    pub fn trace_id(&self) -> Option<&str> {
        self.trace.as_deref().and_then(trace_id)
    }
}

/// The trace id in a `traceparent`.
pub fn trace_id(traceparent: &str) -> Option<&str> {
    traceparent.get(3..35)
}

/// An event that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptEvent {
    /// Its place in the order in which events were committed, from 1.
    pub sequence: i64,
    /// The event.
    pub event: Event,
}

/// How something ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EventOutcome {
    /// As it should.
    Success,
    /// It did not do what it should.
    Failure,
    /// It took longer than it may.
    Timeout,
    /// Somebody did not want it any more.
    Cancelled,
}

impl EventOutcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Success, Self::Failure, Self::Timeout, Self::Cancelled];

    /// The outcome as every format shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
        }
    }

    /// The outcome of this name.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// Whether it counts among the errors: who cancels does not complain.
    pub fn is_error(self) -> bool {
        matches!(self, Self::Failure | Self::Timeout)
    }
}

impl fmt::Display for EventOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// By name alone: what serde makes for enums takes an object for one, too, and the schema does not.
impl<'de> Deserialize<'de> for EventOutcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = EventOutcome;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one of success, failure, timeout and cancelled")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<EventOutcome, E> {
                let unexpected = || E::invalid_value(Unexpected::Str(word), &self);
                EventOutcome::of(word).ok_or_else(unexpected)
            }
        }
        deserializer.deserialize_str(Word)
    }
}
