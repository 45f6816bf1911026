//! What questions about events are answered with.

use super::walk::EventCursor;
use crate::model::KeptEvent;

/// What follows a place in the order of commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsAfter {
    /// Those that are meant, in that order.
    pub events: Vec<KeptEvent>,
    /// How far was looked: whoever goes on asks for what follows this, also when nothing was meant so far.
    pub reached: i64,
    /// The last place that there is.
    pub newest: i64,
    /// Something between the place that was asked for and `reached` was let go. It may not have been meant.
    pub gap: bool,
}

/// Some of the events that are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsPage {
    /// Those that are meant, in order.
    pub events: Vec<KeptEvent>,
    /// Where the next page begins; nothing on the last one.
    pub next: Option<EventCursor>,
    /// The time was over before the page was full, or before all was looked at: `next` goes on.
    pub partial: bool,
}

/// Some of the runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunsPage {
    /// The newest first.
    pub runs: Vec<RunEntry>,
    /// Where the next page begins; nothing on the last one.
    pub next: Option<EventCursor>,
}

/// A run's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEvents {
    /// The oldest first; the last is the run's newest end where that is not among the others.
    pub events: Vec<KeptEvent>,
    /// There are more.
    pub cut: bool,
}

/// A run by what was told of its beginning and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEntry {
    /// Its `run.started`.
    pub started: KeptEvent,
    /// The newest `run.finished` before it was begun anew, if one was told.
    pub finished: Option<KeptEvent>,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventTotals {
    /// Events that are kept.
    pub rows: u64,
    /// What they take on disk, estimated by their number and the length of their texts.
    pub bytes: u64,
    /// The last place in the order of commits that was given; 0 before the first.
    pub newest: i64,
    /// The time of the oldest, in microseconds since the Unix epoch.
    pub oldest: Option<i64>,
}
