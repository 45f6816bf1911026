//! What one run of one source gives the merge.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{
    ActivityFacts, CgroupFacts, CheckReport, CpuFacts, DiskFacts, Failure, LoopFacts, MemoryFacts,
    NetworkFacts, OnDisk, Operation, PressureFacts, ProbeIdentity, ProbeStatus, ProcessFacts,
    Staged, WatchedFacts,
};

/// Whether a source is built in or a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// Built in.
    Sampler,
    /// A WASM component.
    Probe,
}

/// A source as the scheduler announces it.
#[derive(Debug, Clone)]
pub struct SourceInfo {
    /// Unique among all sources.
    pub name: Arc<str>,
    /// Built in or a component.
    pub kind: SourceKind,
    /// How often it runs; freshness is counted in these.
    pub interval: Duration,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Its writes count.
    Ok,
    /// There is nothing to observe on this machine.
    NotApplicable(Arc<Failure>),
    /// Its writes were discarded.
    Failed(Arc<Failure>),
}

/// The typed part of a built-in sampler's run, shown in the snapshot's `resources` and `process`.
#[derive(Debug, Clone)]
pub enum Facts {
    /// Processors.
    Cpu(Box<CpuFacts>),
    /// Memory and swap.
    Memory(Box<MemoryFacts>),
    /// Pressure stall information.
    Pressure(Box<PressureFacts>),
    /// Mounted file systems and block devices.
    Disk(Box<DiskFacts>),
    /// Network interfaces.
    Network(Box<NetworkFacts>),
    /// This process.
    Process(Box<ProcessFacts>),
    /// This process' control group.
    Cgroup(Box<CgroupFacts>),
    /// The event loop that serves and schedules.
    Loop(Box<LoopFacts>),
    /// Watched processes.
    Watched(Box<WatchedFacts>),
    /// What applications do, by their events.
    Activity(Box<ActivityFacts>),
}

/// One run's result.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Which source ran.
    pub source: Arc<str>,
    /// When the run began.
    pub started: Instant,
    /// How long it took.
    pub duration: Duration,
    /// How long after its due time it began.
    pub lateness: Duration,
    /// Due times passed over since the run before.
    pub missed: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The writes to commit. Unless the run was ok there are none, and a recorded schema only if series were taken away.
    pub staged: Staged,
    /// Verdicts of its checks; empty unless the run was ok.
    pub checks: Vec<CheckReport>,
    /// A built-in sampler's typed facts.
    pub facts: Option<Facts>,
    /// A probe's own state after the run.
    pub probe: Option<ProbeStatus>,
}

/// Everything the merge is told.
#[derive(Debug)]
pub enum Update {
    /// A source exists from now on.
    Source(SourceInfo),
    /// A probe's file was looked at: its identity, and the state it is in.
    Probe(Arc<ProbeIdentity>, Box<ProbeStatus>),
    /// What lies in the folder for a probe, beside what runs.
    OnDisk(Arc<str>, Arc<OnDisk>),
    /// A probe is gone, and its series and checks with it.
    Removed(Arc<str>),
    /// A run has not ended when it should have: the failure is shown, and the run counts when it ends.
    Late(Arc<str>, Arc<Failure>),
    /// A run ended.
    Observation(Box<Observation>),
    /// A piece of the program's own work ended.
    Operation(Box<Operation>),
    /// Every source of the start is announced: when each has answered once, the snapshot is whole.
    StartComplete,
}
