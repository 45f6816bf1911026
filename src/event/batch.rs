//! Events on their way, and what became of them.

use std::time::Duration;

use super::fault::{At, Fault, Faults, Reason};
use super::kinds::Data;
use crate::model::Event;
use crate::store::StoreError;

/// What an event takes in memory beside its texts, about: itself, what is read of it, and what holds its texts.
const EVENT_BYTES: u64 = (size_of::<Taken>() + 128) as u64;

/// Events that were checked, sampled and freed of secrets: they are committed all or none.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub(super) events: Vec<Taken>,
    /// What was found wrong with others that came with them and may be left out.
    pub(super) refused: Faults,
    /// Whether those that turn out to be in conflict may be left out, too.
    pub(super) partial: bool,
    /// Ids that were given here.
    pub(super) given: Vec<GivenId>,
    pub(super) sampled_out: u64,
    /// What the events that were added take in memory, about.
    pub(super) bytes: u64,
}

/// An event, what it says, and where it stood.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) event: Event,
    pub(super) data: Data,
    pub(super) at: At,
}

/// An id that an event was given, for it came without one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct GivenId {
    /// Which event.
    #[serde(flatten)]
    pub at: At,
    /// A UUID of version 7.
    pub id: Box<str>,
}

/// What became of a batch. For one in which every event has an id it is the same however often the batch is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Receipt {
    /// How many of its events are on disk, or, if nobody waited for that, on their way.
    pub accepted: u64,
    /// How many were left out by sampling.
    pub sampled_out: u64,
    /// The place of the last of them in the order of commits; nothing if nobody waited, or if there are none.
    pub last: Option<i64>,
    /// Ids that were given here.
    pub given: Vec<GivenId>,
    /// What was left out for its faults, if that was asked for.
    pub refused: Faults,
}

/// Why nothing of a batch is on disk, or may not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Events are switched off.
    #[error("events are switched off (events.enabled)")]
    Off,
    /// There is no store.
    #[error("there is no store to keep events in")]
    NoStore,
    /// Too much is under way to the disk already.
    #[error("too many events are under way to the disk: try again in {} s", .after.as_secs())]
    Full {
        /// How long to wait before trying again.
        after: Duration,
    },
    /// The store could not write; after [`StoreError::Slow`] it may still have.
    #[error(transparent)]
    Store(StoreError),
    /// These have the id of another event.
    #[error("{} of the events have the id of another event", .0.len())]
    Conflicts(Vec<At>),
}

impl Receipt {
    /// Leaves out events whose ids others have.
    pub(super) fn leave_out(&mut self, conflicts: &[At]) {
        for at in conflicts {
            let fault = Fault::new(Reason::Conflict, "/id", "another event has this id");
            self.refused.push(fault.at(Some(*at)));
        }
        self.refused.list.sort_by_key(|fault| fault.at);
    }
}

impl Batch {
    /// How many events are to be committed.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Adds an event. Where others are at fault and none may be left out, nothing of the batch will be taken, so it is not kept.
    pub(super) fn add(&mut self, taken: Taken, given: bool) {
        if !self.partial && !self.refused.is_empty() {
            return;
        }
        if given {
            self.given.push(GivenId {
                at: taken.at,
                id: taken.event.id.clone(),
            });
        }
        self.bytes += bytes(&taken.event);
        self.events.push(taken);
    }
}

/// What an event takes in memory, about: what it says is there twice, as text and read.
pub(super) fn bytes(event: &Event) -> u64 {
    let texts = [&event.source, &event.run, &event.correlation, &event.trace];
    let texts = texts.into_iter().flatten().map(|text| text.len());
    EVENT_BYTES + (2 * event.data.len() + event.id.len() + texts.sum::<usize>()) as u64
}
