//! The words every room speaks: metrics, series, observations, health, facts about the machine.
//!
//! Plain data and the rules that make wrong data unbuildable. This room reads no file, keeps no
//! task, and knows no other room.

mod activity;
mod condition;
mod costs;
mod denied;
mod event;
mod failure;
mod health;
mod metric;
mod observation;
mod operation;
mod probe;
mod reasons;
mod recent_errors;
mod recorder;
mod resources;
mod schema;
mod series_error;
mod setting;
mod stored;
mod summary;
mod tally;
mod text_size;
mod watched;

pub use activity::*;
pub use condition::Condition;
pub use costs::RunCosts;
pub use denied::DeniedAttempt;
pub use event::{Event, EventOutcome, KeptEvent, trace_id};
pub use failure::{Failure, printable};
pub use health::{CheckReport, Details, Status};
pub use metric::{MAX_LABEL_KEYS, MAX_NAME_BYTES, Metric, MetricError, MetricKind};
pub use observation::{Facts, Observation, Outcome, SourceInfo, SourceKind, Update};
pub use operation::{Action, ActionError, ActionRequest, Cause, Operation};
pub use probe::{DiskVerdict, OnDisk, ProbeIdentity, ProbeState, ProbeStatus};
pub use reasons::FailureReasons;
pub use recent_errors::{RecentError, RecentErrors};
pub use recorder::{Input, MetricId, Recorder, SeriesId, Staged};
pub use resources::*;
pub use schema::{Change, Point, Schema, Series, Write};
pub use series_error::SeriesError;
pub use setting::{ByteSize, Invalid, Span, check_range};
pub use stored::{SqlRows, SqlValue, StateChanges, StateEntries};
pub use summary::Summary;
pub use tally::{Tally, TallyCounter, TallyEntry, TallyGauge};
pub use watched::*;
