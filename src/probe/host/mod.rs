//! What a guest's imports do on the host: one file for each interface of the WIT.
//!
//! Everything a run writes is staged in its [`Guest`] and taken by [`Guest::commit`] when the run ends
//! well; an error or a trap leaves only what was there before.

mod config;
mod events;
mod failure;
mod guest;
mod health;
mod log;
mod metrics;
mod names;
mod run;
mod secrets;
mod snapshot;
mod sql;
mod state;
mod stdio;
mod transcript;
mod undelivered;

pub use events::EventSink;
pub(super) use events::Sink;
pub(super) use guest::{Guest, GuestSettings, Kept, Produce};
pub use health::Check;
pub use metrics::{Counter, Gauge, Histogram, Info, StateSet};
pub use names::MetricNames;
pub(super) use run::RunFacts;
pub use run::Trigger;
pub use sql::Rows;
pub(super) use sql::{SqlAccess, SqlHost};
pub(super) use state::{Disk, State};
pub(super) use stdio::OutputTail;
pub use transcript::{LogLevel, LogLine, Said, Transcript};
