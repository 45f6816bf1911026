//! One probe from run to run, with what is merged of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;

use super::machine;
use super::stand::Stand;
use crate::health::{self, Watch};
use crate::merge::Ledger;
use crate::model::{
    Observation, Outcome, ProbeIdentity, ProbeStatus, SourceInfo, SourceKind, Update,
};
use crate::probe::{Due, Probe, Said, Tape, Transcript, Trigger, Version};
use crate::snapshot::{Snapshot, SnapshotCell};

/// What a probe asks for that reads the snapshot.
const SNAPSHOT: &str = "snapshot";

/// A probe that is run by hand.
pub struct Session {
    probe: Probe,
    ledger: Ledger,
    snapshots: Arc<SnapshotCell>,
    transcript: Transcript,
    tape: Tape,
    runs: u64,
}

/// What one run cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Wall time, from asking for the run to its end.
    pub wall: Duration,
    /// CPU time of the guest and of the host's functions it called.
    pub cpu: Duration,
    /// Its calls to the host.
    pub host_calls: u64,
    /// Linear memory of the instance afterwards, in bytes; nothing when it was given up.
    pub memory_bytes: Option<u64>,
}

/// How one run went.
#[derive(Debug, Clone)]
pub struct Run {
    /// Counts from 1.
    pub number: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// What it cost.
    pub cost: Cost,
    /// What the guest logged and printed meanwhile.
    pub said: Said,
    /// On replay, what was not the same on recording: `-` before, `+` now.
    pub differences: Vec<String>,
}

impl Session {
    /// A session in which nothing has run yet.
    ///
    /// # Panics
    /// When the host's own metrics break a rule: a defect.
    pub fn begin(stand: &Stand, version: Version) -> Self {
        // A verdict is shown as the probe gave it, however often.
        let health = health::Config {
            failures: 1,
            recoveries: 1,
            ..health::Config::default()
        };
        let ledger =
            Ledger::new(Watch::new(&health)).expect("the host's own metrics have good names");
        let mut session = Self {
            probe: Probe::new(version),
            ledger,
            snapshots: stand.snapshots.clone(),
            transcript: stand.transcript.clone(),
            tape: stand.tape.clone(),
            runs: 0,
        };
        session.announce();
        session.apply(Update::StartComplete);
        session
    }

    /// Reads what the built-in samplers tell, if the probe asks for the snapshot, which then has it. Blocks for a moment;
    /// must be called on a runtime.
    pub fn observe_machine(&mut self) {
        // A recording has its own answers.
        if self.replayed_digest().is_none()
            && self.identity().asks.iter().any(|word| word == SNAPSHOT)
        {
            let updates = machine::sample(Handle::current());
            updates.into_iter().for_each(|update| self.apply(update));
            self.publish();
        }
    }

    /// The digest of the component whose recording is replayed; nothing when none is.
    pub fn replayed_digest(&self) -> Option<String> {
        self.tape.replayed_digest()
    }

    /// Who runs.
    pub fn identity(&self) -> &Arc<ProbeIdentity> {
        self.probe.identity()
    }

    /// How it does.
    pub fn status(&self) -> &ProbeStatus {
        self.probe.status()
    }

    /// How often it would run in production.
    pub fn interval(&self) -> Duration {
        self.probe.interval()
    }

    /// Runs once, whatever the runs before say of when it may run again.
    pub async fn run(&mut self) -> Run {
        let due = Due {
            trigger: Trigger::Test,
            lateness: Duration::ZERO,
            missed: 0,
        };
        let observation = self.probe.run(due).await;
        let said = self.transcript.take();
        let differences = self.tape.conclude(&observation, &said.lines);
        self.runs += 1;
        let run = Run {
            number: self.runs,
            outcome: observation.outcome.clone(),
            cost: self.cost(&observation),
            said,
            differences,
        };
        self.apply(Update::Observation(Box::new(observation)));
        self.publish();
        run
    }

    /// Says that a run was given up before its end: a recording is to be without it.
    pub fn forget_run(&self) {
        self.tape.forget_run();
    }

    fn cost(&self, observation: &Observation) -> Cost {
        let status = self.probe.status();
        Cost {
            wall: observation.duration,
            cpu: status.last_costs.cpu,
            host_calls: status.last_costs.host_calls,
            memory_bytes: status.memory_bytes,
        }
    }

    /// Puts another version into the place of the one that runs: what the probe remembers and has counted goes on.
    pub fn replace(&mut self, version: Version) {
        self.probe.replace(version);
        self.announce();
    }

    /// What is known of the probe, as it would be served: its own series, checks and status alone.
    pub fn snapshot(&mut self) -> Option<Snapshot> {
        let name = self.probe.identity().name.clone();
        let mut snapshot = self.ledger.snapshot(SystemTime::now())?;
        snapshot.sources.retain(|source| source.info.name == name);
        Some(snapshot)
    }

    fn announce(&mut self) {
        let (identity, status) = (self.probe.identity().clone(), self.probe.status().clone());
        let source = SourceInfo {
            name: identity.name.clone(),
            kind: SourceKind::Probe,
            interval: self.probe.interval(),
        };
        self.apply(Update::Probe(identity, Box::new(status)));
        self.apply(Update::Source(source));
    }

    fn apply(&mut self, update: Update) {
        self.ledger.apply(update, SystemTime::now());
    }

    /// Guests that ask for the newest snapshot get the one that holds the run before.
    fn publish(&mut self) {
        if let Some(snapshot) = self.ledger.snapshot(SystemTime::now()) {
            self.snapshots.publish(snapshot);
        }
    }
}
