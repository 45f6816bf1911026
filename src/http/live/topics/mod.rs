//! What is told of as it happens, one topic a file.
//!
//! A new topic is a file with two functions and a row in [`TOPICS`]; ids, resuming, the state at the start and the limits
//! come with it.

mod health;
mod operations;
mod probes;

use serde_json::Value;

use crate::snapshot::Snapshot;

/// Something that is told.
#[derive(Debug)]
pub(super) struct Event {
    /// What it is called in the stream.
    pub(super) name: &'static str,
    /// What it says.
    pub(super) data: Value,
}

/// One kind of transitions.
#[derive(Debug)]
pub(in crate::http) struct Topic {
    /// What it is called in `?topics=`.
    pub(super) name: &'static str,
    /// How things stand: sent to who comes new, or has lost the thread.
    pub(super) state: fn(&Snapshot) -> Event,
    /// What happened between two snapshots, in order. It must cost next to nothing when that is nothing.
    pub(super) changes: fn(&Snapshot, &Snapshot) -> Vec<Event>,
}

/// All topics.
pub(in crate::http) static TOPICS: [Topic; 3] = [
    Topic {
        name: "probes",
        state: probes::state,
        changes: probes::changes,
    },
    Topic {
        name: "health",
        state: health::state,
        changes: health::changes,
    },
    Topic {
        name: "operations",
        state: operations::state,
        changes: operations::changes,
    },
];
