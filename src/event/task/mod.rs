//! The task that follows what is committed, and tells each second what follows from it.

mod own;
mod recall;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::derived::{Config, Crossing, Derived, Series};
use super::events::{Arrived, Committed, Events};
use super::recorder::{Context, Recorder};
use crate::model::{
    Event, EventOutcome, Facts, MetricError, Observation, Operation, Outcome, SourceInfo,
    SourceKind, Tally, TallyCounter, Update,
};
use crate::snapshot::SnapshotCell;

use own::OwnWork;
use recall::Recalled;

/// The source that the task is, as the snapshot names it.
pub const SOURCE: &str = "events";

/// How often it tells.
const INTERVAL: Duration = Duration::from_secs(1);

/// Events that are taken at once before others get their turn: a millisecond's work or less.
const AT_ONCE: usize = 1024;

/// The source that the task is.
fn source() -> SourceInfo {
    SourceInfo {
        name: SOURCE.into(),
        kind: SourceKind::Sampler,
        interval: INTERVAL,
    }
}

/// The task.
pub struct Follower {
    derived: Derived,
    series: Series,
    events: Events,
    committed: Committed,
    updates: mpsc::Sender<Update>,
    snapshots: Arc<SnapshotCell>,
    own: OwnWork,
    recorder: Recorder,
    /// What of the program's own could not be recorded.
    unrecorded: TallyCounter,
    /// The last event that was committed before the program started.
    newest: i64,
    /// Whether it is known what went on at the start.
    has_recalled: bool,
    /// When it told last, by plan.
    told: Option<tokio::time::Instant>,
}

impl Follower {
    /// Follows `committed`, and the program's own work in `snapshots`; what comes of it goes to `updates`.
    ///
    /// # Errors
    /// A metric's name that breaks a rule: a defect.
    pub fn new(
        config: &Config,
        (events, committed): (Events, Committed),
        snapshots: Arc<SnapshotCell>,
        updates: mpsc::Sender<Update>,
        tally: &mut Tally,
    ) -> Result<Self, MetricError> {
        let derived = Derived::new(config, Instant::now(), SystemTime::now());
        Ok(Self {
            series: Series::new(&derived)?,
            derived,
            recorder: events.own_recorder(),
            events,
            committed,
            updates,
            snapshots,
            own: OwnWork::default(),
            unrecorded: tally.counter(
                "probity_activity_unrecorded_total",
                "Operations of the program's own and crossings of error rates that could not be stored as events.",
                None,
            ),
            newest: 0,
            has_recalled: false,
            told: None,
        })
    }

    /// Announces itself as a source, and notes what was stored before the program started; to be called before any source
    /// runs and any event is taken, for those are counted.
    pub async fn open(&mut self) {
        self.newest = recall::newest(&self.events).await;
        // Nobody there to hear it ends the task as soon as it runs.
        let _ = self.updates.send(Update::Source(source())).await;
    }

    /// Follows until it is told to stop, or nobody wants to know any more.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut beat = tokio::time::interval(INTERVAL);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut recalling = Some(recall::begin(
            &self.events,
            self.newest,
            self.derived.lasting(),
        ));
        loop {
            // In this order, so that no flood of events delays what is told.
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                due = beat.tick() => {
                    if !self.handle_beat(due).await {
                        return;
                    }
                }
                recalled = recall::ended(&mut recalling) => self.handle_recalled(recalled),
                arrived = self.committed.next(), if recalling.is_none() => match arrived {
                    Some(arrived) => self.handle_arrived(&arrived).await,
                    None => return,
                }
            }
        }
    }

    fn handle_recalled(&mut self, recalled: Recalled) {
        let events = recalled.iter().map(|(event, data)| (event, data));
        self.derived.remember(events);
        self.has_recalled = true;
    }

    async fn handle_arrived(&mut self, arrived: &Arrived) {
        let now = Instant::now();
        for (index, new) in arrived.new_ones().enumerate() {
            if index > 0 && index.is_multiple_of(AT_ONCE) {
                tokio::task::yield_now().await;
            }
            self.derived.apply(new.event, new.data, now);
        }
    }

    /// Tells how things stand. False when nobody wants to know.
    async fn handle_beat(&mut self, due: tokio::time::Instant) -> bool {
        let started = Instant::now();
        let wall = SystemTime::now();
        for crossing in self.derived.tick(started, wall) {
            self.record_crossing(&crossing);
        }
        // What was counted before it is known what went on at the start would be forgotten with that.
        if self.has_recalled {
            self.follow_own(started);
        }
        let facts = self.derived.facts(started);
        let staged = self.series.write(&mut self.derived, &facts);
        let observation = Observation {
            source: SOURCE.into(),
            started,
            duration: started.elapsed(),
            lateness: started.saturating_duration_since(due.into_std()),
            missed: self.missed(due),
            outcome: Outcome::Ok,
            staged,
            checks: Vec::new(),
            facts: Some(Facts::Activity(Box::new(facts))),
            probe: None,
        };
        let update = Update::Observation(Box::new(observation));
        self.updates.send(update).await.is_ok()
    }

    /// Due times that have passed since it told last.
    fn missed(&mut self, due: tokio::time::Instant) -> u32 {
        let last = self.told.replace(due);
        let since = last.map_or(INTERVAL, |last| due.saturating_duration_since(last));
        let beats = since.as_millis() / INTERVAL.as_millis();
        u32::try_from(beats.saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Follows the program's own work: operations become events, and runs of probes are counted.
    fn follow_own(&mut self, now: Instant) {
        let Some(snapshot) = self.snapshots.load() else {
            return;
        };
        for operation in self.own.operations(&snapshot) {
            self.record_operation(&operation, now);
        }
        for run in self.own.runs(&snapshot) {
            self.derived
                .count_own(own::RUN, run.outcome, run.duration, run.count, now);
        }
    }

    /// What cannot be stored is counted here all the same.
    fn record_operation(&mut self, operation: &Operation, now: Instant) {
        let context = Context {
            correlation: Some(&operation.target),
            ..Context::default()
        };
        let recorded = self.recorder.record(&context, || own::completed(operation));
        if recorded.is_err() || !self.events.are_on() {
            let outcome = match operation.outcome {
                Ok(_) => EventOutcome::Success,
                Err(_) => EventOutcome::Failure,
            };
            let (name, duration) = (operation.kind, operation.duration);
            self.derived.count_own(name, outcome, duration, 1, now);
        }
        self.note(recorded.err().as_ref());
    }

    fn record_crossing(&self, crossing: &Crossing) {
        let (of, name) = (crossing.of, &crossing.name);
        let (rate, count) = (crossing.rate, crossing.count);
        if crossing.above {
            tracing::warn!(of, name, rate, count, "an error rate is too high");
        } else {
            tracing::info!(of, name, rate, count, "an error rate is well again");
        }
        let context = Context::default();
        let recorded = self.recorder.record(&context, || crossing.data());
        self.note(recorded.err().as_ref());
    }

    fn note(&self, error: Option<&super::Unrecorded>) {
        if let Some(error) = error {
            self.unrecorded.increment();
            tracing::debug!("not stored as an event: {error}");
        }
    }
}
