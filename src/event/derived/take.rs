//! One event, by what it says.

use std::time::{Duration, Instant};

use super::Derived;
use super::busy::Spell;
use super::flight::{Begun, End};
use super::names::Id;
use super::work::{Ended, Started, Told, Work};
use crate::event::Data;
use crate::event::kinds::{
    ErrorInfo, Millis, OperationCompleted, OperationStarted, Queued, RequestCompleted,
    RequestStarted, RunFinished, RunStarted, WorkerStarted,
};
use crate::model::{Event, EventOutcome, WorkResult, printable};

/// The name of runs whose start was not told: only that says what runs.
const UNKNOWN: &str = "unknown";
/// The longest id that is shown, in bytes.
const SHOWN_ID: usize = 128;
/// The longest class of an error that is shown, in bytes.
const SHOWN_CLASS: usize = 64;
/// The longest words of an error that are shown, in bytes.
const SHOWN_MESSAGE: usize = 256;

/// What a result says beside its end.
#[derive(Debug, Clone, Copy, Default)]
struct Said<'a> {
    id: Option<&'a str>,
    worker: Option<&'a str>,
    error: Option<&'a ErrorInfo>,
}

impl Derived {
    /// Takes an event that happened at `when` and came at `now`.
    pub(super) fn take(&mut self, event: &Event, data: &Data, when: Instant, now: Instant) {
        self.kinds.count(event, error_of(data).is_some());
        match data {
            Data::OperationStarted(data) => self.operation_started(event, data, when, now),
            Data::OperationCompleted(data) => self.operation_completed(event, data, when, now),
            Data::RequestStarted(data) => self.request_started(event, data, when),
            Data::RequestCompleted(data) => self.request_completed(event, data, now),
            Data::RunStarted(data) => self.run_started(event, data, when),
            Data::RunFinished(data) => self.run_finished(event, data, now),
            Data::WorkerStarted(data) => self.worker_started(event, data, when, now),
            Data::WorkerStopped(data) => {
                self.workers.stop(of(event, &data.worker));
            }
            Data::WorkerCrashed(data) => {
                self.crashed(of(event, &data.worker), data.pool.as_deref());
            }
            Data::PoolStarted(data) => self.pools.size(&data.pool, data.size),
            Data::PoolSaturated(data) => {
                let use_of = (data.size, data.in_use, data.waiting);
                self.pools.saturated(&data.pool, use_of, now);
            }
            Data::SessionCreated(data) => {
                let session = of(event, &data.session);
                self.sessions.create(session, event.time, when);
            }
            Data::SessionCleanedUp(data) => {
                let took = data.duration_ms.map(duration_of);
                let ended = (of(event, &data.session), event.time);
                self.sessions.clean_up(&self.measures, ended, took, now);
            }
            Data::StepThought(_)
            | Data::StepToolCall(_)
            | Data::StepMessage(_)
            | Data::StepError(_)
            | Data::ArtifactCreated(_)
            | Data::ErrorRateCrossed(_)
            | Data::Declared => {}
        }
    }

    fn operation_started(
        &mut self,
        event: &Event,
        data: &OperationStarted,
        when: Instant,
        now: Instant,
    ) {
        if let Some(queue) = &data.queue {
            self.took(queue, now);
        }
        let worker = data.worker.as_deref().map(|id| of(event, id));
        let worker = worker.and_then(|id| self.workers.of(id, &mut self.pools, now));
        let told = Told {
            id: of(event, &data.operation),
            name: &data.name,
            since: when,
            time: event.time,
            expected: data.expected_ms.map(duration_of),
            worker: worker.clone(),
            queued: data.queue.is_some(),
        };
        let Started::InPlaceOf(before) = self.operations.start(&self.measures, told) else {
            return;
        };
        if let Some(worker) = before.as_ref().and_then(|begun| begun.worker.as_ref()) {
            self.workers.leave(worker, None, now);
        }
        if let Some(worker) = &worker {
            self.workers.enter(worker, when, now);
        }
    }

    fn operation_completed(
        &mut self,
        event: &Event,
        data: &OperationCompleted,
        when: Instant,
        now: Instant,
    ) {
        let operation = data.operation.as_deref().map(|id| of(event, id));
        let begun = match self.operations.end(operation, event.time) {
            End::Of(begun) => Some(begun),
            End::Alone => None,
        };
        let duration = duration_of(data.duration_ms);
        self.worked(
            begun.as_deref(),
            data.worker.as_deref().map(|id| of(event, id)),
            (duration, when),
            now,
        );
        let queued = begun.as_ref().is_some_and(|begun| begun.queued);
        if let Some(queue) = data.queue.as_ref().filter(|_| !queued) {
            self.took(queue, now);
        }
        let place = self.operations.place(&self.measures, &data.name);
        let end = ended(data.outcome, Some(duration));
        self.operations.count(&self.measures, place, now, &end);
        let told = Said {
            id: data.operation.as_deref(),
            worker: data.worker.as_deref(),
            error: data.error.as_ref(),
        };
        keep(&mut self.operations, place, event, &end, told);
    }

    /// A worker has done something that took so long, and ended then.
    fn worked(
        &mut self,
        begun: Option<&Begun>,
        worker: Option<Id<'_>>,
        (took, until): (Duration, Instant),
        now: Instant,
    ) {
        if let Some((begun, worker)) = begun.and_then(|begun| Some((begun, begun.worker.as_ref()?)))
        {
            let spell = Spell {
                since: begun.since,
                until,
                took,
            };
            self.workers.leave(worker, Some(spell), now);
        } else if let Some(id) = worker
            && let Some(worker) = self.workers.of(id, &mut self.pools, now)
        {
            self.workers.did(&worker, (took, until), now);
        }
    }

    fn worker_started(&mut self, event: &Event, data: &WorkerStarted, when: Instant, now: Instant) {
        let pool = self.pools.place(data.pool.as_deref().unwrap_or_default());
        let slots = data.slots.unwrap_or(1);
        let worker = of(event, &data.worker);
        self.workers.start(worker, (pool, slots), when, now);
    }

    /// A worker has crashed: nobody tells the end of what it did.
    fn crashed(&mut self, worker: Id<'_>, pool: Option<&str>) {
        let known = self.workers.stop(worker);
        let told = pool.map(|pool| self.pools.place(pool));
        let pool = told.or(known.as_ref().map(|(pool, _)| *pool));
        let pool = pool.unwrap_or_else(|| self.pools.place(""));
        self.pools.crash(pool);
        if let Some((_, worker)) = known {
            self.operations.lose_of(&worker);
        }
    }

    fn request_started(&mut self, event: &Event, data: &RequestStarted, when: Instant) {
        let told = Told {
            id: of(event, &data.request),
            name: &data.route,
            since: when,
            time: event.time,
            expected: None,
            worker: None,
            queued: false,
        };
        self.requests.start(&self.measures, told);
    }

    fn request_completed(&mut self, event: &Event, data: &RequestCompleted, now: Instant) {
        let request = data.request.as_deref().map(|id| of(event, id));
        self.requests.end(request, event.time);
        let place = self.requests.place(&self.measures, &data.route);
        let end = ended(data.outcome, Some(duration_of(data.duration_ms)));
        self.requests.count(&self.measures, place, now, &end);
        let told = Said {
            id: data.request.as_deref(),
            error: data.error.as_ref(),
            ..Said::default()
        };
        keep(&mut self.requests, place, event, &end, told);
    }

    fn run_started(&mut self, event: &Event, data: &RunStarted, when: Instant) {
        let Some(id) = event.run.as_deref() else {
            self.runs.place(&self.measures, &data.name);
            return;
        };
        let told = Told {
            id: of_run(id),
            name: &data.name,
            since: when,
            time: event.time,
            expected: None,
            worker: None,
            queued: false,
        };
        self.runs.start(&self.measures, told);
    }

    fn run_finished(&mut self, event: &Event, data: &RunFinished, now: Instant) {
        let begun = match self.runs.end(event.run.as_deref().map(of_run), event.time) {
            End::Of(begun) => Some(begun),
            End::Alone => None,
        };
        let place = match &begun {
            Some(begun) => begun.name,
            None => self.runs.place(&self.measures, UNKNOWN),
        };
        let lasted = |begun: &Begun| {
            let micros = u64::try_from(event.time.saturating_sub(begun.time)).ok()?;
            Some(Duration::from_micros(micros))
        };
        let told = data.duration_ms.map(duration_of);
        let duration = told.or_else(|| begun.as_deref().and_then(lasted));
        let end = ended(data.outcome, duration);
        self.runs.count(&self.measures, place, now, &end);
        let told = Said {
            id: event.run.as_deref(),
            error: data.error.as_ref(),
            ..Said::default()
        };
        keep(&mut self.runs, place, event, &end, told);
    }

    fn took(&mut self, queue: &Queued, now: Instant) {
        let told = (duration_of(queue.wait_ms), queue.depth);
        self.queues.took(&self.measures, &queue.name, told, now);
    }
}

/// What the source of an event calls so: those of two sources may have one id.
fn of<'a>(event: &'a Event, id: &'a str) -> Id<'a> {
    Id {
        source: event.source.as_deref(),
        id,
    }
}

/// A run, which is one for all sources.
fn of_run(id: &str) -> Id<'_> {
    Id { source: None, id }
}

fn ended(outcome: EventOutcome, duration: Option<Duration>) -> Ended {
    Ended {
        outcome,
        duration,
        count: 1,
    }
}

fn keep(work: &mut Work, place: usize, event: &Event, end: &Ended, told: Said<'_>) {
    let error = |error: &ErrorInfo| {
        let class = printable(&error.kind, SHOWN_CLASS);
        let message = printable(&error.message, SHOWN_MESSAGE);
        (class.into(), message.into())
    };
    let result = WorkResult {
        name: work.names.name(place).clone(),
        id: told.id.map(shown),
        source: event.source.as_deref().map(shown),
        worker: told.worker.map(shown),
        run: event.run.as_deref().map(shown),
        ended: event.time,
        duration: end.duration,
        outcome: end.outcome,
        error: told.error.map(error),
    };
    work.keep(place, result);
}

fn shown(text: &str) -> Box<str> {
    if text.len() <= SHOWN_ID {
        text.into()
    } else {
        printable(text, SHOWN_ID).into()
    }
}

/// A duration as it was told; one that no clock could show is the longest there is.
fn duration_of(millis: Millis) -> Duration {
    Duration::try_from_secs_f64(millis.get() / 1e3).unwrap_or(Duration::MAX)
}

/// What an event says of an error.
fn error_of(data: &Data) -> Option<&ErrorInfo> {
    match data {
        Data::OperationCompleted(data) => data.error.as_ref(),
        Data::RequestCompleted(data) => data.error.as_ref(),
        Data::RunFinished(data) => data.error.as_ref(),
        Data::StepToolCall(data) => data.error.as_ref(),
        Data::StepError(data) => Some(&data.error),
        Data::WorkerCrashed(data) => Some(&data.error),
        _ => None,
    }
}
