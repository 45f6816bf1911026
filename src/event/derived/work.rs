//! Work of one sort: operations, requests or runs, by name.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::config::Overdue;
use super::flight::{Begun, End, Flight, Start};
use super::names::{Id, Names};
use super::window::{Durations, Rate, Slicing};
use super::workers::WorkerRef;
use crate::model::{EventOutcome, NameFacts, Percentiles, WorkResult};

/// Results shown of all names together.
pub(super) const RECENT: usize = 100;
/// Results shown of one name and outcome.
pub(super) const LAST: usize = 10;
/// How many ways to end there are.
pub(super) const OUTCOMES: usize = EventOutcome::ALL.len();

/// How time is cut, and where the buckets end.
#[derive(Debug)]
pub(super) struct Measures {
    pub(super) durations: Slicing,
    pub(super) outcomes: Slicing,
    /// In seconds.
    pub(super) bounds: Vec<f64>,
}

/// Observations since they were last taken, by bucket with +Inf last.
#[derive(Debug)]
pub(super) struct Buckets {
    counts: Vec<u64>,
    sum: f64,
}

impl Buckets {
    pub(super) fn new(measures: &Measures) -> Self {
        Self {
            counts: vec![0; measures.bounds.len() + 1],
            sum: 0.0,
        }
    }

    pub(super) fn observe(&mut self, measures: &Measures, duration: Duration, count: u64) {
        let seconds = duration.as_secs_f64();
        let bucket = measures.bounds.partition_point(|bound| *bound < seconds);
        self.counts[bucket] += count;
        self.sum += seconds * count as f64;
    }

    /// What was observed, if `take` takes it.
    pub(super) fn take<E>(
        &mut self,
        take: impl FnOnce(&[u64], f64) -> Result<(), E>,
    ) -> Result<(), E> {
        take(&self.counts, self.sum)?;
        self.counts.fill(0);
        self.sum = 0.0;
        Ok(())
    }
}

/// Work of one name.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) in_flight: u64,
    pub(super) outcomes: [u64; OUTCOMES],
    pub(super) lost: u64,
    pub(super) buckets: Buckets,
    pub(super) rate: Rate,
    durations: Durations,
    last: [VecDeque<Arc<WorkResult>>; OUTCOMES],
    /// As it was last shown; nothing when something has changed since.
    shown: Option<Arc<NameFacts>>,
}

impl Named {
    fn new(measures: &Measures) -> Self {
        Self {
            in_flight: 0,
            outcomes: [0; OUTCOMES],
            lost: 0,
            buckets: Buckets::new(measures),
            rate: Rate::new(),
            durations: Durations::new(),
            last: Default::default(),
            shown: None,
        }
    }

    fn count(&mut self, measures: &Measures, now: Instant, end: &Ended) {
        let outcome = place_of(end.outcome);
        self.outcomes[outcome] += end.count;
        self.rate
            .record(measures.outcomes.at(now), end.outcome, end.count);
        if let Some(duration) = end.duration {
            let slice = measures.durations.at(now);
            self.buckets.observe(measures, duration, end.count);
            self.durations
                .record(&measures.durations, slice, duration, end.count);
        }
        self.shown = None;
    }

    pub(super) fn percentiles(&self) -> Percentiles {
        self.durations.percentiles()
    }

    /// Forgets that it was shown.
    pub(super) fn touch(&mut self) {
        self.shown = None;
    }

    /// How it stands, made anew only if something has changed.
    pub(super) fn show(&mut self, name: &Arc<str>) -> Arc<NameFacts> {
        if let Some(shown) = &self.shown {
            return shown.clone();
        }
        let last = |results: &VecDeque<_>| results.iter().cloned().collect();
        let facts = Arc::new(NameFacts {
            name: name.clone(),
            in_flight: self.in_flight,
            outcomes: self.outcomes,
            lost: self.lost,
            error_rate: self.rate.rate(),
            durations: self.percentiles(),
            last: self.last.each_ref().map(last),
        });
        self.shown = Some(facts.clone());
        facts
    }
}

/// How something ended, so many times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) outcome: EventOutcome,
    pub(super) duration: Option<Duration>,
    pub(super) count: u64,
}

/// What was told of a start.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) id: Id<'a>,
    pub(super) name: &'a str,
    /// When it came, and when it happened by the sender's clock.
    pub(super) since: Instant,
    pub(super) time: i64,
    pub(super) expected: Option<Duration>,
    pub(super) worker: Option<WorkerRef>,
    pub(super) queued: bool,
}

/// What became of a start.
#[derive(Debug)]
pub(super) enum Started {
    /// It is followed; here is what had its id, whose end was never told.
    InPlaceOf(Option<Box<Begun>>),
    /// It is not followed: there is no room, or nothing new in it.
    Not,
}

/// Work of one sort.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) names: Names<Named>,
    pub(super) flight: Flight,
    recent: VecDeque<Arc<WorkResult>>,
    overdue: Overdue,
    /// Whether anything was ever told of it.
    told: bool,
    /// Starts that found no room, and those told twice or too late.
    pub(super) full: u64,
    pub(super) doubled: u64,
}

impl Work {
    pub(super) fn new(names: usize, in_flight: usize, overdue: Overdue) -> Self {
        Self {
            // What the operator names is not one of many.
            names: Names::new(names).with_reserved(overdue.names.keys()),
            flight: Flight::new(in_flight),
            recent: VecDeque::new(),
            overdue,
            told: false,
            full: 0,
            doubled: 0,
        }
    }

    /// The place of a name.
    pub(super) fn place(&mut self, measures: &Measures, name: &str) -> usize {
        self.told = true;
        self.names.place(name, || Named::new(measures))
    }

    /// Something has begun.
    pub(super) fn start(&mut self, measures: &Measures, told: Told<'_>) -> Started {
        let place = self.place(measures, told.name);
        let begun = Begun {
            name: place,
            since: told.since,
            time: told.time,
            expected: told.expected.or_else(|| self.overdue.of(told.name)),
            worker: told.worker,
            queued: told.queued,
        };
        let before = match self.flight.start(told.id, begun) {
            Start::New => None,
            Start::Replaced(before) => {
                self.lose(&before);
                Some(before)
            }
            Start::Doubled | Start::Late => {
                self.doubled += 1;
                return Started::Not;
            }
            Start::Full => {
                self.full += 1;
                return Started::Not;
            }
        };
        self.begin(place);
        Started::InPlaceOf(before)
    }

    fn begin(&mut self, place: usize) {
        let named = self.names.at(place);
        named.in_flight += 1;
        named.touch();
    }

    /// Something has ended that was or was not told as begun.
    pub(super) fn end(&mut self, id: Option<Id<'_>>, time: i64) -> End {
        let Some(id) = id else {
            return End::Alone;
        };
        let end = self.flight.end(id, time);
        if let End::Of(begun) = &end {
            self.land(begun);
        }
        end
    }

    fn land(&mut self, begun: &Begun) {
        let named = self.names.at(begun.name);
        named.in_flight = named.in_flight.saturating_sub(1);
        named.touch();
    }

    /// Its end was never told.
    fn lose(&mut self, begun: &Begun) {
        self.land(begun);
        self.names.at(begun.name).lost += 1;
    }

    /// Counts an end.
    pub(super) fn count(&mut self, measures: &Measures, place: usize, now: Instant, end: &Ended) {
        self.told = true;
        self.names.at(place).count(measures, now, end);
    }

    /// Keeps a result among the last ones.
    pub(super) fn keep(&mut self, place: usize, result: WorkResult) {
        let result = Arc::new(result);
        let named = self.names.at(place);
        push(
            &mut named.last[place_of(result.outcome)],
            result.clone(),
            LAST,
        );
        named.touch();
        push(&mut self.recent, result, RECENT);
    }

    /// Lets go what has been under way for longer than `lost_after`, and for more than twice what was expected.
    pub(super) fn give_up(&mut self, now: Instant, lost_after: Duration) -> Vec<Begun> {
        let lost = self.flight.give_up(|begun| {
            let patience = begun.expected.map_or(lost_after, |expected| {
                lost_after.max(expected.saturating_mul(2))
            });
            now.saturating_duration_since(begun.since) > patience
        });
        lost.iter().for_each(|begun| self.lose(begun));
        lost
    }

    /// Lets go what a worker did that is gone.
    pub(super) fn lose_of(&mut self, worker: &WorkerRef) {
        let lost = self
            .flight
            .give_up(|begun| begun.worker.as_ref() == Some(worker));
        lost.iter().for_each(|begun| self.lose(begun));
    }

    /// Lets go what is too old in the windows.
    pub(super) fn advance(&mut self, measures: &Measures, now: Instant) {
        let durations = measures.durations.at(now);
        let outcomes = measures.outcomes.at(now);
        for (_, named) in self.names.iter_mut() {
            let old = named.durations.advance(&measures.durations, durations);
            if named.rate.advance(&measures.outcomes, outcomes) || old {
                named.touch();
            }
        }
        self.names.advance(now, |named| named.in_flight > 0);
    }

    /// Counts begin anew; what is under way and what ended last stays.
    pub(super) fn forget_counts(&mut self, measures: &Measures) {
        for (_, named) in self.names.iter_mut() {
            *named = Named {
                in_flight: named.in_flight,
                last: std::mem::take(&mut named.last),
                ..Named::new(measures)
            };
        }
        self.names.forget_overflow();
        (self.full, self.doubled) = (0, 0);
    }

    pub(super) fn recent(&self) -> Vec<Arc<WorkResult>> {
        self.recent.iter().cloned().collect()
    }

    pub(super) fn was_told(&self) -> bool {
        self.told
    }
}

/// Puts the newest in front.
fn push<T>(list: &mut VecDeque<T>, newest: T, most: usize) {
    list.truncate(most - 1);
    list.push_front(newest);
}

/// The place of an outcome among all.
pub(super) fn place_of(outcome: EventOutcome) -> usize {
    match outcome {
        EventOutcome::Success => 0,
        EventOutcome::Failure => 1,
        EventOutcome::Timeout => 2,
        EventOutcome::Cancelled => 3,
    }
}
