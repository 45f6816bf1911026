//! The immutable snapshot: everything known at one moment, shared by all readers without a lock.
//!
//! The merge builds one after each batch of observations and publishes it in a [`SnapshotCell`]. Nothing in
//! a published snapshot ever changes; ages are computed against the reader's clock, so a snapshot that is no
//! longer replaced looks as old as it is.

mod activity;
mod cell;
mod document;
mod freshness;
mod health;
mod overall;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::model::{
    ActivityFacts, CgroupFacts, CpuFacts, DiskFacts, Failure, LoopFacts, MemoryFacts, MetricKind,
    NetworkFacts, OnDisk, Operation, Point, PressureFacts, ProbeIdentity, ProbeStatus,
    ProcessFacts, Schema, Series, SourceInfo, SourceKind, WatchedFacts,
};

pub use activity::{Recent, operation, recent};
pub use cell::SnapshotCell;
pub use document::{PARTS, document, part, timestamp};
pub use freshness::Freshness;
pub use health::{Check, HealthReport};
pub use overall::{overall, source, sources};

/// Everything known at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Counts published snapshots from 1.
    pub sequence: u64,
    /// The wall clock when it was published.
    pub timestamp: SystemTime,
    /// The monotonic clock when it was published; ages count from here.
    pub published: Instant,
    /// Whether every source of the start has answered once.
    pub whole: bool,
    /// Built-in facts by kind.
    pub facts: FactSheet,
    /// All sources, in order of their announcement.
    pub sources: Vec<Arc<SourceView>>,
    /// Probes, running or not, by name.
    pub probes: Vec<Arc<ProbeView>>,
    /// The checks and their verdict.
    pub health: Arc<HealthReport>,
    /// The program's own last operations, newest first.
    pub operations: Arc<[Arc<Operation>]>,
}

/// Facts with the moment they were read.
#[derive(Debug, Clone)]
pub struct Dated<T> {
    /// The facts.
    pub facts: Arc<T>,
    /// When they were read.
    pub read: Instant,
    /// The interval at which they are read; fresh for two of them.
    pub interval: Duration,
    /// Why they are not newer, when the last run failed.
    pub failure: Option<Arc<Failure>>,
}

/// The built-in samplers' typed facts. Absent until first read.
#[derive(Debug, Clone, Default)]
pub struct FactSheet {
    /// Processors.
    pub cpu: Option<Dated<CpuFacts>>,
    /// Memory and swap.
    pub memory: Option<Dated<MemoryFacts>>,
    /// Pressure stall information.
    pub pressure: Option<Dated<PressureFacts>>,
    /// File systems and block devices.
    pub disk: Option<Dated<DiskFacts>>,
    /// Network interfaces.
    pub network: Option<Dated<NetworkFacts>>,
    /// This process.
    pub process: Option<Dated<ProcessFacts>>,
    /// This process' control group.
    pub cgroup: Option<Dated<CgroupFacts>>,
    /// The event loop.
    pub event_loop: Option<Dated<LoopFacts>>,
    /// Watched processes; absent where none are watched.
    pub watched: Option<Dated<WatchedFacts>>,
    /// What applications do, by their events.
    pub activity: Option<Dated<ActivityFacts>>,
}

/// One source's series, numbers and how its runs went.
#[derive(Debug, Clone)]
pub struct SourceView {
    /// Name, kind and interval.
    pub info: SourceInfo,
    /// How often this source's component was loaded; 0 for samplers.
    pub generation: u32,
    /// Which series there are.
    pub schema: Arc<Schema>,
    /// Their numbers by slot.
    pub points: Arc<[Point]>,
    /// Why the last run failed, if it did.
    pub failure: Option<Arc<Failure>>,
    /// How its runs went.
    pub runs: RunStats,
}

/// A source's runs since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunStats {
    /// Runs ended.
    pub runs: u64,
    /// Runs that failed.
    pub failures: u64,
    /// Due times passed over because a run was still going on.
    pub missed: u64,
    /// Lateness of the last run.
    pub lateness: Duration,
    /// Duration of the last run.
    pub last: Duration,
    /// Median duration.
    pub p50: Duration,
    /// 95th percentile of the duration.
    pub p95: Duration,
    /// 99th percentile of the duration.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
    /// When the last good run ended.
    pub last_success: Option<Instant>,
}

/// A probe's identity and state.
#[derive(Debug, Clone)]
pub struct ProbeView {
    /// Who it is.
    pub identity: Arc<ProbeIdentity>,
    /// How it does.
    pub status: ProbeStatus,
    /// What lies in the folder for it, once that was looked at.
    pub on_disk: Option<Arc<OnDisk>>,
    /// How often it runs; nothing when it was rejected.
    pub interval: Option<Duration>,
    /// How its runs went.
    pub runs: RunStats,
}

impl Snapshot {
    /// The built-in source whose values were the oldest when this was published, of those past their allowance of two intervals, and
    /// how old they were: a snapshot is new each second, whether or not there is anything new in it. One that never answered well
    /// has no values.
    pub fn late(&self) -> Option<(&SourceView, Duration)> {
        let sources = self.sources.iter().map(|source| &**source);
        let samplers = sources.filter(|source| source.info.kind == SourceKind::Sampler);
        let late = samplers.filter_map(|source| {
            let (read, interval) = (source.runs.last_success?, source.info.interval);
            let freshness = Freshness::of(MetricKind::Gauge, read, interval, self.published);
            freshness.stale.then_some((source, freshness.age))
        });
        late.max_by_key(|(_, age)| *age)
    }
}

impl SourceView {
    /// The series with their freshness at `now`; those that are absent are left out.
    pub fn present(&self, now: Instant) -> impl Iterator<Item = (&Series, Freshness)> {
        self.schema.series.iter().filter_map(move |series| {
            let point = self.points.get(series.slot as usize)?;
            let freshness =
                Freshness::of(series.metric.kind, point.updated?, self.info.interval, now);
            (!freshness.absent).then_some((series, freshness))
        })
    }

    /// The numbers of one series, as many as its metric has slots.
    pub fn numbers(&self, series: &Series) -> &[Point] {
        let first = series.slot as usize;
        &self.points[first..first + series.metric.slots()]
    }
}
