//! A probe as the snapshot shows it: who it is, and how it does.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use super::{DeniedAttempt, Failure, FailureReasons, RecentErrors, RunCosts};

/// Where a probe is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeState {
    /// Read and compiled, its first run not done.
    Loading,
    /// Its file, configuration or grants are not fit to run.
    Rejected,
    /// It runs on schedule.
    Active,
    /// It answers, and says that its target does not.
    Degraded,
    /// It trapped or broke a limit and waits before it is started anew.
    Backoff,
    /// It crashed too often: one trial now and then, until it goes well, its file changes, or an operator releases it.
    Quarantined,
    /// Nothing to observe on this machine.
    Dormant,
    /// An operator has stopped it.
    Paused,
}

impl ProbeState {
    /// All states, in the order of a probe's life.
    pub const ALL: [Self; 8] = [
        Self::Loading,
        Self::Rejected,
        Self::Active,
        Self::Degraded,
        Self::Backoff,
        Self::Quarantined,
        Self::Dormant,
        Self::Paused,
    ];

    /// The state as every format shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Rejected => "rejected",
            Self::Active => "active",
            Self::Degraded => "degraded",
            Self::Backoff => "backoff",
            Self::Quarantined => "quarantined",
            Self::Dormant => "dormant",
            Self::Paused => "paused",
        }
    }
}

/// What is known of a probe when it is loaded or rejected.
#[derive(Debug, Clone)]
pub struct ProbeIdentity {
    /// The probe's name: the file's stem, or what the configuration calls it.
    pub name: Arc<str>,
    /// The component's file. Several probes may run the same one.
    pub file: PathBuf,
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// `blake3:` and 64 hexadecimal digits over the file's bytes; empty when it could not be read.
    pub digest: String,
    /// The component's own version, if it carries one.
    pub version: Option<String>,
    /// The version of the interface it was built against.
    pub interface: Option<String>,
    /// How many times this name was loaded since the start, from 1.
    pub generation: u32,
    /// What its imports would let it do, in words.
    pub asks: Vec<String>,
    /// What the configuration grants it, in words.
    pub granted: Vec<String>,
    /// How long compiling or loading the compiled code took.
    pub compile: Duration,
    /// Whether the compiled code came from the cache.
    pub cached: bool,
    /// When this version of it was loaded.
    pub loaded: SystemTime,
}

/// How a probe does; small, since every run carries one.
#[derive(Debug, Clone)]
pub struct ProbeStatus {
    /// Where it is in its life.
    pub state: ProbeState,
    /// Runs begun.
    pub runs: u64,
    /// Runs that failed, by an error or by a trap.
    pub failures: u64,
    /// Instances thrown away after a trap, a deadline or a limit.
    pub crashes: u64,
    /// The failed runs by reason.
    pub failure_reasons: FailureReasons,
    /// What all runs cost.
    pub costs: RunCosts,
    /// What the last run cost.
    pub last_costs: RunCosts,
    /// Attempts at what is not granted.
    pub denied: u64,
    /// The first different ones of them.
    pub denied_attempts: Arc<[DeniedAttempt]>,
    /// Series defined.
    pub series: u32,
    /// State kept for it, keys and values, in bytes.
    pub state_bytes: u64,
    /// Runs whose changes of the state were not on disk when they ended.
    pub state_failures: u64,
    /// Why some are not on disk yet.
    pub state_error: Option<Arc<Failure>>,
    /// Linear memory of the instance in bytes, nothing when none is running.
    pub memory_bytes: Option<u64>,
    /// The most linear memory that one of its instances had after a run, in bytes.
    pub peak_memory_bytes: u64,
    /// When the running instance was made; nothing when none is running.
    pub instance_since: Option<Instant>,
    /// The last failure and when it was.
    pub last_error: Option<(Arc<Failure>, SystemTime)>,
    /// The last different failures, with their counts. Why a probe lies dormant is none.
    pub recent_errors: RecentErrors,
    /// The last call refused while the run went on.
    pub last_rejection: Option<Arc<Failure>>,
    /// When it last ran well.
    pub last_success: Option<SystemTime>,
    /// When it runs again, while it waits.
    pub next_run: Option<SystemTime>,
}

impl ProbeStatus {
    /// A probe that has done nothing yet.
    pub fn new(state: ProbeState) -> Self {
        Self {
            state,
            runs: 0,
            failures: 0,
            crashes: 0,
            failure_reasons: FailureReasons::default(),
            costs: RunCosts::default(),
            last_costs: RunCosts::default(),
            denied: 0,
            denied_attempts: Arc::default(),
            series: 0,
            state_bytes: 0,
            state_failures: 0,
            state_error: None,
            memory_bytes: None,
            peak_memory_bytes: 0,
            instance_since: None,
            last_error: None,
            recent_errors: RecentErrors::default(),
            last_rejection: None,
            last_success: None,
            next_run: None,
        }
    }

    /// Adds what one run cost.
    pub fn charge(&mut self, costs: RunCosts) {
        self.costs += costs;
        self.last_costs = costs;
    }

    /// Counts a failed run.
    pub fn count_failure(&mut self, failure: Arc<Failure>, when: SystemTime) {
        self.failures += 1;
        self.failure_reasons.count(&failure.code);
        self.note_error(failure, when);
    }

    /// Notes what went wrong, without a run.
    pub fn note_error(&mut self, failure: Arc<Failure>, when: SystemTime) {
        self.recent_errors.note(failure.clone(), when);
        self.last_error = Some((failure, when));
    }

    /// Notes what linear memory its instance has, nothing when none is running.
    pub fn note_memory(&mut self, bytes: Option<u64>) {
        self.memory_bytes = bytes;
        self.peak_memory_bytes = self.peak_memory_bytes.max(bytes.unwrap_or(0));
    }
}

/// What lies in the folder for a probe, beside what runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDisk {
    /// `blake3:` and 64 hexadecimal digits over the file's bytes; empty when there is no file or it cannot be read.
    pub digest: String,
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// How it stands to what runs.
    pub verdict: DiskVerdict,
    /// Why it does not run, when it does not.
    pub failure: Option<Arc<Failure>>,
    /// When this was found out.
    pub since: SystemTime,
}

/// How the file in the folder stands to what runs under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskVerdict {
    /// It is what runs.
    Running,
    /// It is being read, compiled or tried out.
    Loading,
    /// It is not fit to run, or did worse than what runs.
    Rejected,
    /// It asks for more than is granted, and what runs does not.
    Held,
    /// The file is gone.
    Missing,
}

impl DiskVerdict {
    /// The verdict as every format shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Loading => "loading",
            Self::Rejected => "rejected",
            Self::Held => "held",
            Self::Missing => "missing",
        }
    }
}
