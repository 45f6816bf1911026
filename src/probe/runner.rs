//! One probe from run to run: which version runs, when it may run again, and what is known of how it does.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::blame;
use super::host::{Produce, RunFacts, Trigger};
use super::instance::Trouble;
use super::life::{End, Life};
use super::probation::{Probation, is_grave};
use super::resident::Resident;
use super::trial::{self, RefusalKind};
use super::version::Version;
use crate::model::{Failure, Observation, Outcome, ProbeIdentity, ProbeState, ProbeStatus};

/// A loaded probe. Runs one call at a time; whatever the guest does, [`Probe::run`] returns.
pub struct Probe {
    version: Version,
    resident: Resident,
    life: Life,
    probation: Option<Probation>,
    status: ProbeStatus,
    /// The number of runs before the present version's first.
    runs_before: u64,
    /// How it did when it was paused.
    before_pause: ProbeState,
}

/// Whether a version that does so is one to go back to.
fn is_worth_keeping(state: ProbeState) -> bool {
    matches!(
        state,
        ProbeState::Active | ProbeState::Degraded | ProbeState::Dormant
    )
}

/// Why and how late a run begins.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// Why it runs.
    pub trigger: Trigger,
    /// How long after its due time it begins.
    pub lateness: Duration,
    /// Due times passed over since the run before.
    pub missed: u32,
}

/// A version that failed on probation, and why. The one before it runs again.
#[derive(Debug)]
pub struct RolledBack {
    /// The version that was given up.
    pub from: Arc<ProbeIdentity>,
    /// What it did.
    pub failure: Arc<Failure>,
    /// What is to become of it.
    pub kind: RefusalKind,
}

impl Probe {
    /// A probe that has not run yet.
    pub fn new(version: Version) -> Self {
        Self {
            resident: Resident::new(&version),
            version,
            life: Life::new(),
            probation: None,
            status: ProbeStatus::new(ProbeState::Loading),
            runs_before: 0,
            before_pause: ProbeState::Loading,
        }
    }

    /// Who it is.
    pub fn identity(&self) -> &Arc<ProbeIdentity> {
        &self.version.identity
    }

    /// How it does.
    pub fn status(&self) -> &ProbeStatus {
        &self.status
    }

    /// How often it runs.
    pub fn interval(&self) -> Duration {
        self.version.interval
    }

    /// Before this moment it shall not run: it crashed, its target asked for a pause, or it has nothing to
    /// observe here.
    pub fn not_before(&self) -> Option<Instant> {
        self.life.not_before()
    }

    /// Whether it runs on schedule; a rejected or paused probe does not.
    pub fn is_scheduled(&self) -> bool {
        self.life.is_scheduled()
    }

    /// Runs once and says how it went. Cancel-safe in that a dropped run leaves a crashed instance behind.
    pub async fn run(&mut self, due: Due) -> Observation {
        let started = Instant::now();
        let clock = blame::Clock::now();
        self.status.runs += 1;
        let facts = self.facts(due, started);
        let result = self.resident.run(&self.version, facts).await;
        // The guest is not blamed for a slow disk.
        let duration = started.elapsed();
        self.resident.save_state(&self.version).await;
        let (outcome, produce) = self.settle(result, clock);
        let settings = &self.version.parts.settings;
        if let (Some(sink), false) = (&settings.events, produce.events.is_empty()) {
            sink.take(&settings.name, produce.events);
        }
        Observation {
            source: self.version.identity.name.clone(),
            started,
            duration,
            lateness: due.lateness,
            missed: due.missed,
            outcome,
            staged: produce.staged,
            checks: produce.checks,
            facts: None,
            probe: Some(self.status.clone()),
        }
    }

    fn facts(&self, due: Due, started: Instant) -> RunFacts {
        let facts = RunFacts {
            trigger: due.trigger,
            wall: SystemTime::now(),
            deadline: started,
            interval: self.version.interval,
            missed: due.missed,
            ordinal: u32::try_from(self.status.runs - self.runs_before).unwrap_or(u32::MAX),
        };
        let tape = &self.version.parts.settings.tape;
        tape.begin_run(facts, self.version.deadline)
    }

    /// Draws the conclusions of a run for the probe's state and its next run.
    fn settle(
        &mut self,
        result: Result<Produce, Trouble>,
        clock: blame::Clock,
    ) -> (Outcome, Produce) {
        self.note_costs();
        let now = Instant::now();
        let failure = match result {
            Ok(produce) => {
                self.status.last_success = Some(SystemTime::now());
                self.life.conclude(End::Good, now);
                self.resident.give_up_worn();
                if self.probation.as_mut().is_some_and(|one| one.passed(now)) {
                    self.probation = None;
                }
                self.show_life();
                return (Outcome::Ok, produce);
            }
            Err(Trouble::Crash(failure)) => {
                self.status.crashes += 1;
                self.give_up_instance();
                let snapshots = &self.version.parts.host.snapshots;
                match blame::excuse(&failure, clock, snapshots) {
                    Some(excuse) => {
                        self.life.conclude(End::Excused, now);
                        failure.because(excuse)
                    }
                    None => {
                        self.life.conclude(End::Crash, now);
                        failure
                    }
                }
            }
            Err(Trouble::Answer(failure)) => {
                self.life.conclude(End::Answer(&failure), now);
                failure
            }
        };
        self.show_life();
        let outcome = self.note_failure(Arc::new(failure));
        (outcome, self.resident.leftover())
    }

    fn note_failure(&mut self, failure: Arc<Failure>) -> Outcome {
        let now = SystemTime::now();
        if self.status.state == ProbeState::Dormant {
            self.status.last_error = Some((failure.clone(), now));
            Outcome::NotApplicable(failure)
        } else {
            self.status.count_failure(failure.clone(), now);
            Outcome::Failed(failure)
        }
    }

    /// Puts a version into the place of the one that runs, which is kept until the new one has shown itself good. What
    /// the probe remembers and what it has counted go on.
    pub fn replace(&mut self, version: Version) {
        let before = std::mem::replace(&mut self.version, version);
        self.resident.succeed(&self.version);
        self.runs_before = self.status.runs;
        // Of two versions on probation in a row, the last one that passed is the one to go back to.
        let predecessor = match self.probation.take() {
            Some(probation) => probation.predecessor,
            None => before,
        };
        let denied = self.status.denied_attempts.clone();
        self.probation = is_worth_keeping(self.did())
            .then(|| Probation::new(predecessor, denied, Instant::now()));
        if self.status.state != ProbeState::Paused {
            self.life.begin_anew();
            self.show_life();
        }
    }

    /// How it does, or did before it was paused.
    fn did(&self) -> ProbeState {
        match self.status.state {
            ProbeState::Paused => self.before_pause,
            state => state,
        }
    }

    /// Goes back to the version before, if the present one is on probation and its last run, which ended with
    /// `outcome`, was a crash or as grave, or reached for more than is granted.
    pub fn roll_back(&mut self, outcome: &Outcome) -> Option<RolledBack> {
        let probation = self.probation.as_ref()?;
        let more = trial::asks_for_more(&probation.denied, &self.status.denied_attempts);
        let (failure, kind) = match (outcome, more) {
            (Outcome::Failed(failure), _) if self.has_crashed() || is_grave(failure) => {
                (failure.clone(), RefusalKind::Unfit)
            }
            (_, Some(failure)) => (Arc::new(failure), RefusalKind::Held),
            _ => return None,
        };
        let probation = self.probation.take()?;
        let from = std::mem::replace(&mut self.version, probation.predecessor);
        self.resident.succeed(&self.version);
        self.runs_before = self.status.runs;
        self.life.begin_anew();
        self.show_life();
        Some(RolledBack {
            from: from.identity,
            failure,
            kind,
        })
    }

    fn has_crashed(&self) -> bool {
        matches!(
            self.status.state,
            ProbeState::Backoff | ProbeState::Quarantined
        )
    }

    /// Runs no more until [`Probe::resume`]; the instance is given up.
    pub fn pause(&mut self) {
        self.before_pause = self.did();
        self.give_up_instance();
        self.life.pause();
        self.show_life();
    }

    /// Runs again, at once, and nothing is held against it.
    pub fn resume(&mut self) {
        self.life.begin_anew();
        self.show_life();
    }

    pub(super) fn resident_for_trial(&self, version: &Version) -> Resident {
        self.resident.for_trial(version)
    }

    fn show_life(&mut self) {
        let wall =
            |moment: Instant| SystemTime::now() + moment.saturating_duration_since(Instant::now());
        self.status.state = self.life.state();
        self.status.next_run = self.life.not_before().map(wall);
    }

    fn give_up_instance(&mut self) {
        self.resident.give_up_instance();
        self.status.note_memory(None);
        self.status.instance_since = None;
    }

    fn note_costs(&mut self) {
        self.status.charge(self.resident.take_costs());
        let Some(kept) = self.resident.kept() else {
            return;
        };
        self.status.note_memory(self.resident.memory_bytes());
        self.status.instance_since = self.resident.instance_since();
        self.status.last_rejection.clone_from(&kept.last_rejection);
        (self.status.denied, self.status.denied_attempts) = kept.denials.shown();
        self.status.state_bytes = kept.state.bytes();
        self.status.state_failures = kept.state.disk.failures;
        self.status.state_error.clone_from(&kept.state.disk.error);
        self.status.series = u32::try_from(kept.recorder.series_count()).unwrap_or(u32::MAX);
    }
}
