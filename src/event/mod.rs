//! Typed events: what applications tell of what they do, and what follows from it.
//!
//! Owns the kinds with their schemas, and what is done with an event between whoever tells it and the store. It never
//! answers a request, and never writes by itself: [`crate::store`] does.

pub mod derived;
pub mod kinds;
pub mod task;

mod batch;
mod checked;
mod config;
mod declared;
mod events;
mod fault;
mod feed;
mod fields;
mod grumble;
mod ids;
mod lane;
mod load;
mod queue;
mod read;
mod recorder;
mod run;
mod sampling;
mod schemas;
mod tally;

pub use batch::{Batch, GivenId, Receipt, Refusal};
pub use config::{Config, QueueConfig, SamplingConfig};
pub use declared::KindConfig;
pub use events::{Arrived, Committed, Events, New};
pub use fault::{At, Fault, Faults, Reason};
pub use feed::{Feed, FeedEvent, Gap};
pub use kinds::{Data, EventData, Kind};
pub use read::Form;
pub use recorder::{Context, Recorder, Unrecorded};
pub use run::{RunState, now, run_tree, time};
pub use sampling::sampling_place;
pub use schemas::{KindSchema, Schemas};

pub use crate::store::{
    EventCursor, EventFilter, EventOrder, EventReader, EventTotals, EventsAfter, EventsPage,
    RunEntry, RunEvents, RunsPage, StoreError,
};
