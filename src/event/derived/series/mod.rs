//! The metrics that follow from events. Names of work, routes, queues, pools and kinds are labels; ids never are.

mod define;

use std::time::Instant;

use super::Derived;
use super::names::Names;
use super::work::{Named, Work};
use crate::model::{
    ActivityFacts, EventOutcome, Input, MetricId, PoolFacts, QueueFacts, Recorder, SeriesError,
    SessionFacts, Staged, WorkFacts, WorkerFacts,
};
use define::WorkMetrics;

/// The recorder of all series that follow from events, and their definitions.
pub struct Series {
    recorder: Recorder,
    kinds: [MetricId; 3],
    operations: WorkMetrics,
    requests: WorkMetrics,
    runs: WorkMetrics,
    queues: [MetricId; 2],
    workers: [MetricId; 3],
    pools: [MetricId; 4],
    sessions: [MetricId; 6],
    bounds: [MetricId; 3],
}

impl Series {
    /// Writes everything as one run.
    pub fn write(&mut self, derived: &mut Derived, facts: &ActivityFacts) -> Staged {
        let written = self.write_all(derived, facts);
        if let Err(error) = written {
            tracing::error!("metrics of events: {error}");
        }
        self.recorder.commit()
    }

    fn write_all(
        &mut self,
        derived: &mut Derived,
        facts: &ActivityFacts,
    ) -> Result<(), SeriesError> {
        self.write_kinds(derived)?;
        let now = derived.clock.now;
        let work = [
            (
                &self.operations,
                Some(&facts.operations),
                &mut derived.operations,
            ),
            (
                &self.requests,
                facts.requests.as_ref(),
                &mut derived.requests,
            ),
            (&self.runs, facts.runs.as_ref(), &mut derived.runs),
        ];
        for (metrics, facts, work) in work {
            if let Some(facts) = facts {
                metrics.write(&mut self.recorder, now, facts, work)?;
            }
        }
        self.write_queues(derived, &facts.queues)?;
        if let Some(workers) = &facts.workers {
            self.write_workers(workers)?;
        }
        for pool in facts.pools.iter().flatten() {
            self.write_pool(pool)?;
        }
        if let Some(sessions) = &facts.sessions {
            self.write_sessions(derived, sessions)?;
        }
        self.write_bounds(derived)
    }

    fn write_kinds(&mut self, derived: &Derived) -> Result<(), SeriesError> {
        let [events, outcomes, errors] = self.kinds;
        for (kind, counts) in derived.kinds.iter() {
            total(&mut self.recorder, events, &[kind], counts.events)?;
            for (outcome, count) in EventOutcome::ALL.into_iter().zip(counts.outcomes) {
                if count > 0 {
                    total(
                        &mut self.recorder,
                        outcomes,
                        &[kind, outcome.as_str()],
                        count,
                    )?;
                }
            }
            if counts.errors > 0 {
                total(&mut self.recorder, errors, &[kind], counts.errors)?;
            }
        }
        Ok(())
    }

    fn write_queues(
        &mut self,
        derived: &mut Derived,
        facts: &[QueueFacts],
    ) -> Result<(), SeriesError> {
        let [depth, wait] = self.queues;
        let recorder = &mut self.recorder;
        for name in derived.queues.take_gone() {
            retire(recorder, &[depth, wait], &name);
        }
        for (facts, (name, queue)) in facts.iter().zip(derived.queues.iter_mut()) {
            known(recorder, depth, &[name], facts.depth)?;
            queue
                .buckets
                .take(|counts, sum| recorder.count(wait, &[name], counts, sum))?;
        }
        Ok(())
    }

    fn write_workers(&mut self, facts: &WorkerFacts) -> Result<(), SeriesError> {
        let [workers, utilization, crashes] = self.workers;
        let recorder = &mut self.recorder;
        for pool in &facts.pools {
            let name = &*pool.pool;
            known(recorder, workers, &[name, "busy"], Some(pool.busy))?;
            let idle = Some(pool.total - pool.busy);
            known(recorder, workers, &[name, "idle"], idle)?;
            if let Some(share) = pool.utilization {
                set(recorder, utilization, &[name], share)?;
            }
            total(recorder, crashes, &[name], pool.crashes)?;
        }
        Ok(())
    }

    fn write_pool(&mut self, facts: &PoolFacts) -> Result<(), SeriesError> {
        let [size, in_use, waiting, saturations] = self.pools;
        let (recorder, name) = (&mut self.recorder, [&*facts.name]);
        known(recorder, size, &name, facts.size)?;
        known(recorder, in_use, &name, facts.in_use)?;
        known(recorder, waiting, &name, facts.waiting)?;
        total(recorder, saturations, &name, facts.saturations)
    }

    fn write_sessions(
        &mut self,
        derived: &mut Derived,
        facts: &SessionFacts,
    ) -> Result<(), SeriesError> {
        let [open, created, cleaned_up, lost, lifetime, cleanup] = self.sessions;
        let recorder = &mut self.recorder;
        known(recorder, open, &[], Some(facts.open))?;
        total(recorder, created, &[], facts.created)?;
        total(recorder, cleaned_up, &[], facts.cleaned_up)?;
        total(recorder, lost, &[], facts.lost)?;
        let sessions = &mut derived.sessions;
        let spans = [
            (lifetime, &mut sessions.lifetimes),
            (cleanup, &mut sessions.cleanups),
        ];
        for (metric, spans) in spans {
            spans
                .buckets
                .take(|counts, sum| recorder.count::<&str>(metric, &[], counts, sum))?;
        }
        Ok(())
    }

    /// What found no room, and what was told twice.
    fn write_bounds(&mut self, derived: &Derived) -> Result<(), SeriesError> {
        let [untracked, other, doubled] = self.bounds;
        let recorder = &mut self.recorder;
        let (operations, requests, runs) = (&derived.operations, &derived.requests, &derived.runs);
        let sessions = &derived.sessions;
        for (of, count) in [
            ("operations", operations.full),
            ("requests", requests.full),
            ("runs", runs.full),
            ("workers", derived.workers.full),
            ("sessions", sessions.full),
        ] {
            total(recorder, untracked, &[of], count)?;
        }
        for (of, count) in [
            ("kinds", derived.kinds.overflow()),
            ("operations", overflow(&operations.names)),
            ("requests", overflow(&requests.names)),
            ("runs", overflow(&runs.names)),
            ("queues", derived.queues.overflow()),
            ("pools", derived.pools.overflow()),
        ] {
            total(recorder, other, &[of], count)?;
        }
        for (of, count) in [
            ("operations", operations.doubled),
            ("requests", requests.doubled),
            ("runs", runs.doubled),
            ("sessions", sessions.doubled),
        ] {
            total(recorder, doubled, &[of], count)?;
        }
        Ok(())
    }
}

impl WorkMetrics {
    fn write(
        &self,
        recorder: &mut Recorder,
        now: Instant,
        facts: &WorkFacts,
        work: &mut Work,
    ) -> Result<(), SeriesError> {
        for name in work.names.take_gone() {
            self.retire(recorder, &name);
        }
        let overdue = work.overdue_by_name(now);
        let names = facts.names.iter().zip(work.names.iter_mut());
        for (place, (facts, (name, named))) in names.enumerate() {
            let name = &**name;
            for (outcome, count) in EventOutcome::ALL.into_iter().zip(facts.outcomes) {
                total(recorder, self.ended, &[name, outcome.as_str()], count)?;
            }
            named
                .buckets
                .take(|counts, sum| recorder.count(self.duration, &[name], counts, sum))?;
            known(recorder, self.in_flight, &[name], Some(facts.in_flight))?;
            let late = overdue.get(&place).copied().unwrap_or_default();
            known(recorder, self.overdue, &[name], Some(late))?;
            total(recorder, self.lost, &[name], facts.lost)?;
            if let Some(rate) = facts.error_rate {
                set(recorder, self.error_rate, &[name], rate.rate)?;
            }
        }
        Ok(())
    }

    /// Takes the series of a name away that has given its place to another.
    fn retire(&self, recorder: &mut Recorder, name: &str) {
        let metric = recorder.metric(self.ended).name.clone();
        for outcome in EventOutcome::ALL {
            recorder.retire(&metric, &[name, outcome.as_str()]);
        }
        let of_name = [
            self.duration,
            self.in_flight,
            self.overdue,
            self.lost,
            self.error_rate,
        ];
        retire(recorder, &of_name, name);
    }
}

/// Takes the series away that these metrics have for a name.
fn retire(recorder: &mut Recorder, metrics: &[MetricId], name: &str) {
    for metric in metrics {
        let metric = recorder.metric(*metric).name.clone();
        recorder.retire(&metric, &[name]);
    }
}

fn overflow(names: &Names<Named>) -> u64 {
    names.overflow()
}

fn total(
    recorder: &mut Recorder,
    metric: MetricId,
    labels: &[&str],
    count: u64,
) -> Result<(), SeriesError> {
    let total = Input::Mirror(count as f64);
    recorder.write(metric, labels, total)
}

fn set(
    recorder: &mut Recorder,
    metric: MetricId,
    labels: &[&str],
    value: f64,
) -> Result<(), SeriesError> {
    recorder.write(metric, labels, Input::Set(value))
}

/// Sets a gauge whose value may not be known.
fn known(
    recorder: &mut Recorder,
    metric: MetricId,
    labels: &[&str],
    value: Option<u64>,
) -> Result<(), SeriesError> {
    match value {
        Some(value) => set(recorder, metric, labels, value as f64),
        None => Ok(()),
    }
}
