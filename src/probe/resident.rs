//! One probe from run to run: its resident instance, its state, and when it may run again.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use super::backoff::Backoff;
use super::engine::ProbeHost;
use super::grants::Grants;
use super::host::{Guest, GuestSettings, Kept, Produce, RunFacts, Trigger};
use super::instance::{Export, Instance, Trouble};
use super::ticker::TICK;
use super::v0_1_0::EverythingPre;
use crate::model::{Failure, Observation, Outcome, ProbeIdentity, ProbeState, ProbeStatus};

/// How often a probe that has nothing to observe looks again.
const DORMANT: Duration = Duration::from_secs(600);

/// How long after its deadline a call is given up that neither the epoch nor a dropped future could end.
const FILE_GRACE: Duration = Duration::from_millis(50);

/// A loaded probe. Runs one call at a time; whatever the guest does, [`Probe::run`] returns.
pub struct Probe {
    parts: Arc<Parts>,
    identity: Arc<ProbeIdentity>,
    interval: Duration,
    deadline: Duration,
    resident: Resident,
    status: ProbeStatus,
    backoff: Backoff,
    not_before: Option<Instant>,
}

/// What it takes to make an instance.
pub(super) struct Parts {
    pub(super) host: Arc<ProbeHost>,
    pub(super) prepared: EverythingPre<Guest>,
    pub(super) settings: Arc<GuestSettings>,
    pub(super) grants: Grants,
}

/// An instance, or what is left of the one before.
enum Resident {
    Running(Box<Instance>),
    None(Box<Kept>),
    /// It waits in a system call that cannot be interrupted; no other call is made until it is back.
    Stuck(AbortOnDropHandle<Ended>),
    /// The task that ran it panicked: a defect of the host.
    Lost,
}

/// What a run leaves behind, and how it went.
type Ended = (Resident, Result<Produce, Trouble>);

impl Resident {
    /// How many calls, each with the whole deadline, the next run makes.
    fn calls_to_make(&self) -> u32 {
        match self {
            Self::Running(instance) if instance.started => 1,
            Self::Running(_) => 2,
            Self::None(_) | Self::Stuck(_) | Self::Lost => 3,
        }
    }
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

impl Probe {
    pub(super) fn new(
        parts: Parts,
        identity: ProbeIdentity,
        interval: Duration,
        deadline: Duration,
    ) -> Self {
        let kept = Kept::new(&parts.settings.limits);
        Self {
            parts: Arc::new(parts),
            identity: Arc::new(identity),
            interval,
            deadline,
            resident: Resident::None(Box::new(kept)),
            status: ProbeStatus::new(ProbeState::Loading),
            backoff: Backoff::default(),
            not_before: None,
        }
    }

    /// Who it is.
    pub fn identity(&self) -> &Arc<ProbeIdentity> {
        &self.identity
    }

    /// How it does.
    pub fn status(&self) -> &ProbeStatus {
        &self.status
    }

    /// How often it runs.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Before this moment it shall not run: it crashed, its target asked for a pause, or it has nothing to
    /// observe here.
    pub fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// Runs once and says how it went. Cancel-safe in that a dropped run leaves a crashed instance behind.
    pub async fn run(&mut self, due: Due) -> Observation {
        let started = Instant::now();
        self.status.runs += 1;
        let facts = RunFacts {
            trigger: due.trigger,
            wall: SystemTime::now(),
            deadline: started,
            interval: self.interval,
            missed: due.missed,
            ordinal: u32::try_from(self.status.runs).unwrap_or(u32::MAX),
        };
        let resident = std::mem::replace(&mut self.resident, Resident::Lost);
        let (resident, result) = self.call(resident, facts).await;
        self.resident = resident;
        let (outcome, produce) = self.settle(result);
        Observation {
            source: self.identity.name.clone(),
            started,
            duration: started.elapsed(),
            lateness: due.lateness,
            missed: due.missed,
            outcome,
            staged: produce.staged,
            checks: produce.checks,
            facts: None,
            probe: Some(self.status.clone()),
        }
    }

    /// Runs the call on the guests' runtime. The ticker is woken only if the call outlasts one tick, so a
    /// short call wakes no thread but the guest's.
    async fn call(&mut self, resident: Resident, facts: RunFacts) -> Ended {
        let resident = match resident {
            Resident::Stuck(task) if !task.is_finished() => {
                let message = "an earlier call still waits for the machine's files";
                return (
                    Resident::Stuck(task),
                    Err(Trouble::Crash(Failure::new("deadline", message))),
                );
            }
            // What it found out is too late, what outlives an instance is not.
            Resident::Stuck(task) => joined(task.await).0,
            resident => resident,
        };
        let patience = self.deadline * resident.calls_to_make() + FILE_GRACE;
        let mut task = self.spawn(run_once(self.parts.clone(), resident, facts, self.deadline));
        tokio::select! {
            biased;
            ended = &mut task => return joined(ended),
            () = tokio::time::sleep(TICK) => {}
        }
        let _hold = self.parts.host.ticker.hold();
        match tokio::time::timeout(patience, &mut task).await {
            Ok(ended) => joined(ended),
            Err(_) => {
                let message = "the call waits for the machine's files, longer than limits.deadline";
                (
                    Resident::Stuck(task),
                    Err(Trouble::Crash(Failure::new("deadline", message))),
                )
            }
        }
    }

    /// A guest that reads files gets a thread that may block: every read on it is a plain system call, and a
    /// file system that does not answer costs one thread. All others share the guests' threads. A run that nobody
    /// waits for any more ends at its next chance.
    fn spawn(&self, run: impl Future<Output = Ended> + Send + 'static) -> AbortOnDropHandle<Ended> {
        let guests = self.parts.host.guests();
        if self.parts.grants.read.is_empty() {
            return AbortOnDropHandle::new(guests.spawn(run));
        }
        let runtime = guests.clone();
        AbortOnDropHandle::new(guests.spawn_blocking(move || runtime.block_on(run)))
    }

    /// Draws the conclusions of a run for the probe's state and its next run.
    fn settle(&mut self, result: Result<Produce, Trouble>) -> (Outcome, Produce) {
        self.note_costs();
        let (state, wait, failure) = match result {
            Ok(produce) => {
                self.status.last_success = Some(SystemTime::now());
                self.backoff.reset();
                self.set_state(ProbeState::Active, None);
                return (Outcome::Ok, produce);
            }
            Err(Trouble::Crash(failure)) => {
                self.status.crashes += 1;
                self.give_up_instance();
                (ProbeState::Backoff, Some(self.backoff.next()), failure)
            }
            Err(Trouble::Answer(failure)) => {
                match failure.code.split('.').next().unwrap_or_default() {
                    "not-applicable" => (ProbeState::Dormant, Some(DORMANT), failure),
                    "bad-config" | "grant" => (ProbeState::Rejected, None, failure),
                    _ => (ProbeState::Degraded, failure.retry_after, failure),
                }
            }
        };
        let failure = Arc::new(failure);
        self.set_state(state, wait);
        let outcome = if state == ProbeState::Dormant {
            Outcome::NotApplicable(failure.clone())
        } else {
            self.status.failures += 1;
            Outcome::Failed(failure.clone())
        };
        self.status.last_error = Some((failure, SystemTime::now()));
        (outcome, Produce::default())
    }

    fn set_state(&mut self, state: ProbeState, wait: Option<Duration>) {
        self.status.state = state;
        self.not_before = wait.map(|wait| Instant::now() + wait);
        self.status.next_run = wait.map(|wait| SystemTime::now() + wait);
    }

    fn note_costs(&mut self) {
        let (kept, memory) = match &self.resident {
            Resident::Running(instance) => (instance.kept(), Some(instance.memory_bytes())),
            Resident::None(kept) => (&**kept, None),
            Resident::Stuck(_) | Resident::Lost => return,
        };
        self.status.memory_bytes = memory;
        self.status.rejected_calls = kept.rejected_calls;
        self.status.last_rejection.clone_from(&kept.last_rejection);
        self.status.log_lines = kept.quota.passed;
        self.status.log_dropped = kept.quota.dropped;
        self.status.series = u32::try_from(kept.recorder.series_count()).unwrap_or(u32::MAX);
    }

    /// Nothing in a crashed store may be entered again; what outlives it is kept.
    fn give_up_instance(&mut self) {
        let resident = std::mem::replace(&mut self.resident, Resident::Lost);
        self.resident = match resident {
            Resident::Running(instance) => Resident::None(Box::new(instance.into_kept())),
            Resident::Lost => Resident::None(Box::new(Kept::new(&self.parts.settings.limits))),
            Resident::None(_) | Resident::Stuck(_) => resident,
        };
        self.status.memory_bytes = None;
    }
}

/// What a task left behind; a panic in it is a defect of the host.
fn joined(ended: Result<Ended, JoinError>) -> Ended {
    ended.unwrap_or_else(|error| {
        let message = format!("a defect of the host ended the run: {error}");
        (
            Resident::Lost,
            Err(Trouble::Crash(Failure::new("host.panic", message))),
        )
    })
}

/// One run on the guests' runtime: an instance if there is none, `start` if it has not answered yet, `collect`.
/// Each call has the whole deadline.
async fn run_once(
    parts: Arc<Parts>,
    resident: Resident,
    facts: RunFacts,
    deadline: Duration,
) -> Ended {
    let from_now = |facts: RunFacts| RunFacts {
        deadline: Instant::now() + deadline,
        ..facts
    };
    let kept = match resident {
        Resident::Running(mut instance) => {
            let result = start_and_collect(&mut instance, facts, from_now).await;
            return (Resident::Running(instance), result);
        }
        Resident::None(kept) => *kept,
        Resident::Stuck(_) | Resident::Lost => Kept::new(&parts.settings.limits),
    };
    let made = Instance::new(
        &parts.host,
        &parts.prepared,
        &parts.settings,
        &parts.grants,
        kept,
        from_now(facts),
    )
    .await;
    match made {
        Ok(instance) => {
            let mut instance = Box::new(instance);
            let result = start_and_collect(&mut instance, facts, from_now).await;
            (Resident::Running(instance), result)
        }
        Err((trouble, kept)) => (Resident::None(Box::new(kept)), Err(trouble)),
    }
}

async fn start_and_collect(
    instance: &mut Instance,
    facts: RunFacts,
    from_now: impl Fn(RunFacts) -> RunFacts,
) -> Result<Produce, Trouble> {
    if !instance.started {
        let produce = instance.call(Export::Start, from_now(facts)).await?;
        instance.started = true;
        instance.from_start = Some(produce);
    }
    let produce = instance.call(Export::Collect, from_now(facts)).await?;
    Ok(match instance.from_start.take() {
        Some(started) => started.followed_by(produce),
        None => produce,
    })
}
