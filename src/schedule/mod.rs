//! When each source runs: one task a source, missed runs counted, nothing queued.
//!
//! This room decides *when*; what a run does is the source's own, and what becomes of its result is the
//! merge's. A source that hangs, fails or panics costs its own runs and nobody else's.

mod cadence;
mod probe_handle;
mod probe_task;
mod sampler_task;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::model::{SourceInfo, SourceKind, Update};
use crate::probe::Probe;
use crate::sampler::Maker;

pub use probe_handle::{ProbeEvent, ProbeHandle};

/// Observations under way to the merge. When it is full, sources wait for the merge: nothing is dropped, and
/// the due times that pass meanwhile are counted as missed.
pub const UPDATE_CAPACITY: usize = 1024;

/// What probes have told the catalogue and it has not heard yet. When it is full, probes wait between two runs.
const EVENT_CAPACITY: usize = 256;

/// The tasks of all sources.
pub struct Schedule {
    updates: mpsc::Sender<Update>,
    events: mpsc::Sender<ProbeEvent>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Schedule {
    /// A schedule without sources, and what its probes will tell of themselves. Sources tell `updates` what they
    /// observe, and end when `stop` is cancelled.
    pub fn new(
        updates: mpsc::Sender<Update>,
        stop: CancellationToken,
    ) -> (Self, mpsc::Receiver<ProbeEvent>) {
        let (events, told) = mpsc::channel(EVENT_CAPACITY);
        let schedule = Self {
            updates,
            events,
            stop,
            tasks: JoinSet::new(),
        };
        (schedule, told)
    }

    /// Runs a built-in sampler every `interval`, now first.
    pub async fn add_sampler(&mut self, maker: Maker, interval: Duration) {
        let source = SourceInfo {
            name: maker.name().into(),
            kind: SourceKind::Sampler,
            interval,
        };
        self.tell(Update::Source(source)).await;
        let task = sampler_task::SamplerTask::new(
            maker,
            interval,
            self.updates.clone(),
            self.stop.clone(),
        );
        self.tasks.spawn(task.run());
    }

    /// Runs a probe at its interval, now first.
    pub async fn add_probe(&mut self, probe: Probe) -> ProbeHandle {
        let source = SourceInfo {
            name: probe.identity().name.clone(),
            kind: SourceKind::Probe,
            interval: probe.interval(),
        };
        self.tell(Update::Probe(
            probe.identity().clone(),
            Box::new(probe.status().clone()),
        ))
        .await;
        self.tell(Update::Source(source)).await;
        let (handle, wishes, actions) = ProbeHandle::new();
        let task = probe_task::ProbeTask::new(
            probe,
            (wishes, actions),
            self.events.clone(),
            self.updates.clone(),
            self.stop.clone(),
        );
        self.reap();
        self.tasks.spawn(task.run());
        handle
    }

    /// Lets go of the tasks of probes that are gone.
    fn reap(&mut self) {
        while let Some(ended) = self.tasks.try_join_next() {
            if let Err(error) = ended {
                tracing::error!("a defect of the host ended a source's task: {error}");
            }
        }
    }

    /// Tells the merge something that no run found out.
    pub async fn tell(&self, update: Update) {
        if self.updates.send(update).await.is_err() {
            tracing::debug!("the merge has ended");
        }
    }

    /// Waits for the tasks to end after `stop` was cancelled, until `deadline` at most. True when all have.
    pub async fn drain(mut self, deadline: Instant) -> bool {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        tokio::time::timeout_at(deadline, all).await.is_ok()
    }
}

/// Sends an observation. False when there is nobody left to observe for.
async fn deliver(updates: &mpsc::Sender<Update>, observation: crate::model::Observation) -> bool {
    updates
        .send(Update::Observation(Box::new(observation)))
        .await
        .is_ok()
}

/// A source's name, shared by its observations.
type SourceName = Arc<str>;
