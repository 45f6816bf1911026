//! What applications are doing, as it follows from the events that they told.

use std::sync::Arc;
use std::time::Duration;

use super::EventOutcome;

/// All that follows from events. What was never told of is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ActivityFacts {
    /// Events taken since the start of the program.
    pub events: u64,
    /// Pieces of work, the program's own included.
    pub operations: WorkFacts,
    /// Requests, by route.
    pub requests: Option<WorkFacts>,
    /// Runs of agents, jobs and pipelines.
    pub runs: Option<WorkFacts>,
    /// Queues that work waited in.
    pub queues: Vec<QueueFacts>,
    /// Those who do the work.
    pub workers: Option<WorkerFacts>,
    /// Pools of workers or connections.
    pub pools: Option<Vec<PoolFacts>>,
    /// Sessions.
    pub sessions: Option<SessionFacts>,
}

/// Work of one sort: operations, requests or runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkFacts {
    /// Begun, and not ended.
    pub in_flight: u64,
    /// Those of them that should have ended by now.
    pub overdue: u64,
    /// Whose end was never told, since the start of the program.
    pub lost: u64,
    /// Those in flight, the oldest first; a bounded number of them.
    pub active: Vec<ActiveWork>,
    /// Those overdue, likewise.
    pub overdue_work: Vec<ActiveWork>,
    /// The last that ended, the newest first.
    pub recent: Vec<Arc<WorkResult>>,
    /// What there is to say of each name, in the order in which they were first told.
    pub names: Vec<Arc<NameFacts>>,
}

/// A piece of work that is under way.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveWork {
    /// Its id.
    pub id: Arc<str>,
    /// What is done.
    pub name: Arc<str>,
    /// The worker that does it.
    pub worker: Option<Arc<str>>,
    /// Since it began.
    pub elapsed: Duration,
    /// After so long it is overdue.
    pub expected: Option<Duration>,
}

impl ActiveWork {
    /// Whether it should have ended by now.
    pub fn is_overdue(&self) -> bool {
        self.expected
            .is_some_and(|expected| self.elapsed > expected)
    }
}

/// A piece of work that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkResult {
    /// What was done.
    pub name: Arc<str>,
    /// Its id, if it was told one.
    pub id: Option<Box<str>>,
    /// Who told it.
    pub source: Option<Box<str>>,
    /// The worker that did it.
    pub worker: Option<Box<str>>,
    /// The run that it was part of.
    pub run: Option<Box<str>>,
    /// When its end was told, by the sender's clock, in microseconds since the Unix epoch.
    pub ended: i64,
    /// How long it took, where that is known.
    pub duration: Option<Duration>,
    /// How it ended.
    pub outcome: EventOutcome,
    /// What went wrong: the error's class and its words.
    pub error: Option<(Box<str>, Box<str>)>,
}

/// Work of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct NameFacts {
    /// The name.
    pub name: Arc<str>,
    /// Begun, and not ended.
    pub in_flight: u64,
    /// Ended since the start of the program, in the order of [`EventOutcome::ALL`].
    pub outcomes: [u64; EventOutcome::ALL.len()],
    /// Whose end was never told.
    pub lost: u64,
    /// How much of it goes wrong; nothing when none ended in the window.
    pub error_rate: Option<ErrorRate>,
    /// How long it took lately.
    pub durations: Percentiles,
    /// The last that ended, the newest first, in the order of [`EventOutcome::ALL`].
    pub last: [Vec<Arc<WorkResult>>; EventOutcome::ALL.len()],
}

/// The share of errors in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorRate {
    /// 0 to 1.
    pub rate: f64,
    /// How many ended in the window.
    pub count: u64,
    /// Whether it has crossed its threshold and not come back.
    pub above: bool,
}

/// Durations in a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Percentiles {
    /// How many there are; without any the others mean nothing.
    pub count: u64,
    /// The median.
    pub p50: Duration,
    /// The 95th percentile.
    pub p95: Duration,
    /// The 99th percentile.
    pub p99: Duration,
}

/// A queue that work waited in.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueFacts {
    /// Its name.
    pub name: Arc<str>,
    /// How much waits in it, as it was last told; nothing when that is too long ago.
    pub depth: Option<u64>,
    /// How much has left it since the start of the program.
    pub taken: u64,
    /// How long that had waited, lately.
    pub waits: Percentiles,
}

/// Those who do the work.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkerFacts {
    /// How many there are.
    pub total: u64,
    /// Those of them that do something.
    pub busy: u64,
    /// Ends that should not have been, since the start of the program.
    pub crashes: u64,
    /// By pool, those without one under an empty name.
    pub pools: Vec<PoolWorkers>,
    /// Each of them, those that have been there longest first; a bounded number.
    pub workers: Vec<WorkerState>,
}

/// The workers of one pool.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolWorkers {
    /// The pool; empty for workers without one.
    pub pool: Arc<str>,
    /// How many there are.
    pub total: u64,
    /// Those of them that do something.
    pub busy: u64,
    /// Ends that should not have been.
    pub crashes: u64,
    /// The share of their slots' time that was spent on work lately, 0 to 1; nothing without workers.
    pub utilization: Option<f64>,
}

/// One worker.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerState {
    /// Its id.
    pub id: Arc<str>,
    /// Its pool; empty for none.
    pub pool: Arc<str>,
    /// How much it does at once.
    pub slots: u32,
    /// How much it does now.
    pub active: u32,
    /// The share of its slots' time that was spent on work lately, 0 to 1.
    pub utilization: f64,
    /// How long it has been there.
    pub age: Duration,
}

/// One pool.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolFacts {
    /// Its name.
    pub name: Arc<str>,
    /// How many it holds, if that was told.
    pub size: Option<u64>,
    /// How many of them are in use: what its workers do now, else what was told lately.
    pub in_use: Option<u64>,
    /// How many wait for one, if that was told lately.
    pub waiting: Option<u64>,
    /// How often everything was in use, since the start of the program.
    pub saturations: u64,
}

/// Sessions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionFacts {
    /// Begun, and not cleaned up.
    pub open: u64,
    /// Begun since the start of the program.
    pub created: u64,
    /// Cleaned up since then.
    pub cleaned_up: u64,
    /// Whose end was never told.
    pub lost: u64,
    /// How long they lasted, lately.
    pub lifetimes: Percentiles,
    /// How long cleaning up took, lately.
    pub cleanups: Percentiles,
}
