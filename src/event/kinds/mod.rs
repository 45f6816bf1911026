//! The kinds of events that the program knows: a closed set, each with a version and a strict schema.
//!
//! A schema that was released is never changed: what is new in it is a new version, which is read beside the old one.

mod artifacts;
mod error;
mod json;
mod numbers;
mod object;
mod operations;
mod pools;
mod requests;
mod runs;
mod sessions;
mod steps;
mod workers;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::model::EventOutcome;

pub use artifacts::ArtifactCreated;
pub use error::ErrorInfo;
pub use json::Json;
pub use numbers::Millis;
pub use operations::{ErrorRateCrossed, OperationCompleted, OperationStarted, Queued};
pub use pools::{PoolSaturated, PoolStarted};
pub use requests::{RequestCompleted, RequestStarted};
pub use runs::{RunFinished, RunStarted};
pub use sessions::{SessionCleanedUp, SessionCreated};
pub use steps::{StepError, StepMessage, StepThought, StepToolCall};
pub use workers::{WorkerCrashed, WorkerStarted, WorkerStopped};

/// Gives the id of the thing that an event of a kind tells of.
pub type SubjectOf<D> = fn(&D) -> Option<&str>;

/// What an event of one kind says.
pub trait EventData: Serialize + DeserializeOwned + JsonSchema + Into<Data> {
    /// Its kind.
    const KIND: Kind;

    /// The operation, request, session or worker that it tells of, where its start and its end have to be kept or left out
    /// together; nothing for a kind that tells of none.
    const SUBJECT: Option<SubjectOf<Self>> = None;

    /// How the thing ended that it tells the end of.
    fn outcome(&self) -> Option<EventOutcome> {
        None
    }
}

/// Makes the set of kinds out of their types, so that no list of them can be left behind.
macro_rules! kinds {
    ($($variant:ident = $name:literal, $about:literal;)*) => {
        /// A kind that the program knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $(#[doc = $about] $variant,)*
        }

        /// What an event says, by kind.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Data {
            $(#[doc = $about] $variant($variant),)*
            /// An event of a kind that the operator declared: nothing is derived from what it says.
            Declared,
        }

        impl Data {
            /// The operation, request, session or worker that it tells of.
            pub(super) fn subject(&self) -> Option<&str> {
                match self {
                    $(Self::$variant(data) => <$variant as EventData>::SUBJECT.and_then(|subject| subject(data)),)*
                    Self::Declared => None,
                }
            }
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The kind as every format shows it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What it tells, in a line.
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => $about,)*
                }
            }

            /// Reads what an event of this kind says.
            ///
            /// # Errors
            /// The first fault, with serde's words.
            pub fn read(self, text: &str) -> serde_json::Result<(Data, Option<EventOutcome>)> {
                match self {
                    $(Self::$variant => {
                        let data: $variant = serde_json::from_str(text)?;
                        let outcome = data.outcome();
                        Ok((Data::$variant(data), outcome))
                    })*
                }
            }

            /// The first fault of what an event of this kind says: a JSON pointer to it, and serde's words.
            pub(super) fn first_fault(self, text: &str) -> Option<(String, serde_json::Error)> {
                match self {
                    $(Self::$variant => first_fault::<$variant>(text),)*
                }
            }

            /// The JSON Schema of what an event of this kind says.
            pub fn schema(self) -> schemars::Schema {
                match self {
                    $(Self::$variant => schemars::schema_for!($variant),)*
                }
            }
        }

        $(impl From<$variant> for Data {
            fn from(data: $variant) -> Self {
                Self::$variant(data)
            }
        })*
    };
}

kinds! {
    RunStarted = "run.started", "A run of an agent, a job or a pipeline has begun.";
    RunFinished = "run.finished", "A run has ended.";
    StepThought = "step.thought", "A run's step: something was considered.";
    StepToolCall = "step.tool_call", "A run's step: a tool was called, and answered.";
    StepMessage = "step.message", "A run's step: something was said, by whom.";
    StepError = "step.error", "A run's step: something went wrong.";
    ArtifactCreated = "artifact.created", "A run has made something that stays.";
    RequestStarted = "request.started", "A request has come in.";
    RequestCompleted = "request.completed", "A request was answered, or was not.";
    OperationStarted = "operation.started", "A piece of work has begun.";
    OperationCompleted = "operation.completed", "A piece of work has ended.";
    WorkerStarted = "worker.started", "A worker takes work from now on.";
    WorkerStopped = "worker.stopped", "A worker has ended as it should.";
    WorkerCrashed = "worker.crashed", "A worker has ended as it should not.";
    PoolStarted = "pool.started", "A pool of workers or connections is there, and how many it holds.";
    PoolSaturated = "pool.saturated", "Everything in a pool is in use, and others wait.";
    SessionCreated = "session.created", "A session has begun.";
    SessionCleanedUp = "session.cleaned_up", "A session has ended, and what it held is free.";
    ErrorRateCrossed = "error_rate.crossed", "The share of errors of operations or requests has crossed its threshold, told by Probity itself.";
}

impl Kind {
    /// The version of its schema.
    pub fn version(self) -> u32 {
        1
    }

    /// The kind of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

fn first_fault<T: DeserializeOwned>(text: &str) -> Option<(String, serde_json::Error)> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let error = serde_path_to_error::deserialize::<_, T>(&mut deserializer).err()?;
    let mut pointer = String::new();
    for segment in error.path() {
        let step = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&step);
    }
    Some((pointer, error.into_inner()))
}
