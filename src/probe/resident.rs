//! The resident instance: kept between runs, given up after a crash, made anew for another version.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use super::durable;
use super::host::{Kept, Produce, RunFacts};
use super::instance::{Export, Instance, TOO_LATE, Trouble};
use super::ticker::TICK;
use super::version::{Parts, Version};
use crate::model::{Failure, RunCosts, Staged};

/// An instance, or what is left of the one before.
pub(super) enum Resident {
    /// An instance of the version with these parts.
    Running(Box<Instance>, Arc<Parts>),
    /// None, and what outlived the last one.
    None(Box<Kept>),
    /// It waits in a system call that cannot be interrupted; no other call is made until it is back.
    Stuck(AbortOnDropHandle<Ended>),
    /// The task that ran it panicked, a defect of the host, or it is being run just now.
    Lost,
}

/// What a run leaves behind, and how it went; nothing was run where the instance was given up because other files lie where
/// it was granted some.
type Ended = (Resident, Option<Result<Produce, Trouble>>);

impl Resident {
    pub(super) fn new(version: &Version) -> Self {
        Self::None(Box::new(Kept::new(&version.parts.settings)))
    }

    /// What a trial of `version` may use up of what this one has.
    pub(super) fn for_trial(&self, version: &Version) -> Self {
        let settings = &version.parts.settings;
        let kept = self.kept().map(|kept| kept.for_trial(settings));
        Self::None(Box::new(kept.unwrap_or_else(|| Kept::new(settings))))
    }

    /// What outlives the instance, to look at; nothing while a call is stuck.
    pub(super) fn kept(&self) -> Option<&Kept> {
        match self {
            Self::Running(instance, _) => Some(instance.kept()),
            Self::None(kept) => Some(kept),
            Self::Stuck(_) | Self::Lost => None,
        }
    }

    /// What the runs since the last call of this function cost; nothing while a call is stuck.
    pub(super) fn take_costs(&mut self) -> RunCosts {
        let kept = self.kept_mut();
        kept.map(Kept::take_costs).unwrap_or_default()
    }

    /// When the instance was made, if there is one.
    pub(super) fn instance_since(&self) -> Option<Instant> {
        match self {
            Self::Running(instance, _) => Some(instance.made),
            Self::None(_) | Self::Stuck(_) | Self::Lost => None,
        }
    }

    fn kept_mut(&mut self) -> Option<&mut Kept> {
        match self {
            Self::Running(instance, _) => Some(instance.kept_mut()),
            Self::None(kept) => Some(kept),
            Self::Stuck(_) | Self::Lost => None,
        }
    }

    /// Reads what earlier starts left of the probe's state, before the first run and after a panic.
    async fn load_state(&mut self, version: &Version) -> Result<(), Failure> {
        if let Self::Lost = self {
            *self = Self::new(version);
        }
        let settings = &version.parts.settings;
        match self.kept_mut() {
            Some(kept) => {
                settings.tape.begin_state(&mut kept.state);
                let states = settings.states.as_ref();
                durable::load(states, &settings.name, &mut kept.state).await?;
                settings.tape.note_state(&kept.state);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Brings to disk what runs have committed of the probe's state; waits for it, but never long.
    pub(super) async fn save_state(&mut self, version: &Version) {
        let settings = &version.parts.settings;
        if let Some(kept) = self.kept_mut() {
            let disk = &mut kept.state.disk;
            durable::save(settings.states.as_ref(), &settings.name, disk).await;
        }
    }

    /// What a failed run leaves for readers: series that it took away are gone all the same.
    pub(super) fn leftover(&mut self) -> Produce {
        Produce {
            staged: self
                .kept_mut()
                .map_or_else(Staged::default, |kept| kept.recorder.leftover()),
            ..Produce::default()
        }
    }

    /// Linear memory of the instance in bytes, if there is one.
    pub(super) fn memory_bytes(&self) -> Option<u64> {
        match self {
            Self::Running(instance, _) => Some(instance.memory_bytes()),
            Self::None(_) | Self::Stuck(_) | Self::Lost => None,
        }
    }

    /// Drops an instance that is worn out, between two runs.
    pub(super) fn give_up_worn(&mut self) {
        if matches!(self, Self::Running(instance, _) if instance.is_worn()) {
            self.give_up_instance();
        }
    }

    /// Drops the instance and keeps what outlives it.
    pub(super) fn give_up_instance(&mut self) {
        *self = match std::mem::replace(self, Self::Lost) {
            Self::Running(instance, _) => Self::None(Box::new(instance.into_kept())),
            other => other,
        };
    }

    /// Drops the instance of a version that runs no more; what outlives it goes on to `version`.
    pub(super) fn succeed(&mut self, version: &Version) {
        *self = match std::mem::replace(self, Self::Lost) {
            own @ Self::Running(..) if own.is_of(version) => own,
            Self::Running(instance, _) => Self::None(Box::new(
                instance.into_kept().succeeded_by(&version.parts.settings),
            )),
            Self::None(kept) => Self::None(Box::new(kept.succeeded_by(&version.parts.settings))),
            other => other,
        };
    }

    /// One run of `version` on the guests' runtime. The ticker is woken only if the call outlasts one tick, so a
    /// short call wakes no thread but the guest's.
    pub(super) async fn run(
        &mut self,
        version: &Version,
        facts: RunFacts,
    ) -> Result<Produce, Trouble> {
        let mut resident = match std::mem::replace(self, Self::Lost) {
            Self::Stuck(task) if !task.is_finished() => {
                *self = Self::Stuck(task);
                let message = format!("an earlier call {}", waiting(version));
                return Err(Trouble::Crash(Failure::new("limits.deadline", message)));
            }
            Self::Stuck(task) => late(task.await).of(version),
            resident => resident.of(version),
        };
        if let Err(failure) = resident.load_state(version).await {
            *self = resident;
            return Err(Trouble::Answer(failure));
        }
        // Without an instance, as after the first turn, one is made, and that is a run.
        loop {
            let (left, result) = resident.attempt(version, facts).await;
            match result {
                Some(result) => {
                    *self = left;
                    return result;
                }
                None => resident = left,
            }
        }
    }

    /// Hands a run to the guests' runtime, and waits for it as long as its calls may take.
    async fn attempt(self, version: &Version, facts: RunFacts) -> Ended {
        let patience = version.deadline * self.calls_to_make() + TOO_LATE;
        let (parts, deadline) = (version.parts.clone(), version.deadline);
        let mut task = spawn(version, run_once(parts, self, facts, deadline));
        tokio::select! {
            biased;
            ended = &mut task => return joined(ended),
            () = tokio::time::sleep(TICK) => {}
        }
        let _hold = version.parts.host.ticker.hold();
        match tokio::time::timeout(patience, &mut task).await {
            Ok(ended) => joined(ended),
            Err(_) => {
                let message = format!("the call {}, longer than limits.deadline", waiting(version));
                let failure = Failure::new("limits.deadline", message);
                (Self::Stuck(task), Some(Err(Trouble::Crash(failure))))
            }
        }
    }

    /// This one, without the instance if that is another version's.
    fn of(mut self, version: &Version) -> Self {
        if matches!(self, Self::Running(..)) && !self.is_of(version) {
            self.succeed(version);
        }
        self
    }

    fn is_of(&self, version: &Version) -> bool {
        matches!(self, Self::Running(_, parts) if Arc::ptr_eq(parts, &version.parts))
    }

    /// How many calls, each with the whole deadline, the next run makes.
    fn calls_to_make(&self) -> u32 {
        match self {
            Self::Running(instance, _) if instance.started => 1,
            Self::Running(..) => 2,
            Self::None(_) | Self::Stuck(_) | Self::Lost => 3,
        }
    }
}

/// What a call does that neither the epoch nor a dropped future has ended.
fn waiting(version: &Version) -> &'static str {
    if !version.parts.reach.has_files() {
        "still waits for a turn among the other guests"
    } else {
        "still waits for the machine's files"
    }
}

/// A guest that reads files gets a thread that may block: every read on it is a plain system call, and a
/// file system that does not answer costs one thread. All others share the guests' threads. A run that nobody
/// waits for any more ends at its next chance.
fn spawn(
    version: &Version,
    run: impl Future<Output = Ended> + Send + 'static,
) -> AbortOnDropHandle<Ended> {
    let guests = version.parts.host.guests();
    if !version.parts.reach.has_files() {
        return AbortOnDropHandle::new(guests.spawn(run));
    }
    let runtime = guests.clone();
    AbortOnDropHandle::new(guests.spawn_blocking(move || runtime.block_on(run)))
}

/// What is left of a call that was given up and has come back. It is an answer to nobody, and its instance may have
/// crashed; what outlives an instance goes on.
fn late(ended: Result<Ended, JoinError>) -> Resident {
    let (mut resident, _too_late) = joined(ended);
    resident.give_up_instance();
    resident
}

/// What a task left behind; a panic in it is a defect of the host.
fn joined(ended: Result<Ended, JoinError>) -> Ended {
    ended.unwrap_or_else(|error| {
        let message = format!("a defect of the host ended the run: {error}");
        (
            Resident::Lost,
            Some(Err(Trouble::Crash(Failure::new("host.panic", message)))),
        )
    })
}

/// One run on the guests' runtime: an instance if there is none, `start` if it has not answered yet, `collect`.
/// Each call has the whole deadline. An instance that knows other files than those that lie where it was granted some is
/// given up instead, so that the next attempt has the time that it takes to make one.
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
        Resident::Running(mut instance, parts) => {
            let result = match instance.has_moved() {
                Ok(true) => return (Resident::None(Box::new(instance.into_kept())), None),
                Ok(false) => start_and_collect(&mut instance, facts, from_now).await,
                Err(failure) => Err(Trouble::Answer(failure)),
            };
            return (Resident::Running(instance, parts), Some(result));
        }
        Resident::None(kept) => *kept,
        Resident::Stuck(_) | Resident::Lost => Kept::new(&parts.settings),
    };
    let made = Instance::new(
        &parts.host,
        &parts.prepared,
        &parts.settings,
        &parts.reach,
        kept,
        from_now(facts),
    )
    .await;
    match made {
        Ok(instance) => {
            let mut instance = Box::new(instance);
            let result = start_and_collect(&mut instance, facts, from_now).await;
            (Resident::Running(instance, parts), Some(result))
        }
        Err((trouble, kept)) => (Resident::None(Box::new(kept)), Some(Err(trouble))),
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
