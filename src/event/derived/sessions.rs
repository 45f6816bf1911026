//! Sessions: which are open, and how long they lasted.

use std::time::{Duration, Instant};

use super::flight::{Begun, End, Flight, Start};
use super::names::Id;
use super::window::Durations;
use super::work::{Buckets, Measures};
use crate::model::SessionFacts;

/// All sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    flight: Flight,
    pub(super) lifetimes: Spans,
    pub(super) cleanups: Spans,
    created: u64,
    cleaned_up: u64,
    lost: u64,
    told: bool,
    /// Starts that found no room, and those told twice or too late.
    pub(super) full: u64,
    pub(super) doubled: u64,
}

/// Durations for buckets and for percentiles.
#[derive(Debug)]
pub(super) struct Spans {
    pub(super) buckets: Buckets,
    window: Durations,
}

impl Spans {
    fn new(measures: &Measures) -> Self {
        Self {
            buckets: Buckets::new(measures),
            window: Durations::new(),
        }
    }

    fn record(&mut self, measures: &Measures, duration: Duration, now: Instant) {
        self.buckets.observe(measures, duration, 1);
        let slice = measures.durations.at(now);
        self.window.record(&measures.durations, slice, duration, 1);
    }
}

impl Sessions {
    pub(super) fn new(measures: &Measures, most: usize) -> Self {
        Self {
            flight: Flight::new(most),
            lifetimes: Spans::new(measures),
            cleanups: Spans::new(measures),
            created: 0,
            cleaned_up: 0,
            lost: 0,
            told: false,
            full: 0,
            doubled: 0,
        }
    }

    /// One has begun.
    pub(super) fn create(&mut self, id: Id<'_>, time: i64, since: Instant) {
        self.told = true;
        let begun = Begun {
            name: 0,
            since,
            time,
            expected: None,
            worker: None,
            queued: false,
        };
        let start = self.flight.start(id, begun);
        match start {
            Start::Replaced(_) => self.lost += 1,
            Start::Full => self.full += 1,
            Start::Doubled => {
                self.doubled += 1;
                return;
            }
            Start::New | Start::Late => {}
        }
        self.created += 1;
    }

    /// One has ended, and cleaning up took so long.
    pub(super) fn clean_up(
        &mut self,
        measures: &Measures,
        (id, time): (Id<'_>, i64),
        took: Option<Duration>,
        now: Instant,
    ) {
        self.told = true;
        let end = self.flight.end(id, time);
        self.cleaned_up += 1;
        if let End::Of(begun) = end {
            let micros = u64::try_from(time.saturating_sub(begun.time)).unwrap_or(0);
            let lasted = Duration::from_micros(micros);
            self.lifetimes.record(measures, lasted, now);
        }
        if let Some(took) = took {
            self.cleanups.record(measures, took, now);
        }
    }

    /// Lets go what is too old: sessions that nobody has cleaned up, and slices of the windows.
    pub(super) fn advance(&mut self, measures: &Measures, now: Instant, lost_after: Duration) {
        let lost = self
            .flight
            .give_up(|begun| now.saturating_duration_since(begun.since) > lost_after);
        self.lost += lost.len() as u64;
        let slice = measures.durations.at(now);
        for spans in [&mut self.lifetimes, &mut self.cleanups] {
            spans.window.advance(&measures.durations, slice);
        }
    }

    /// Counts begin anew; what is there stays.
    pub(super) fn forget_counts(&mut self, measures: &Measures) {
        (self.lifetimes, self.cleanups) = (Spans::new(measures), Spans::new(measures));
        (self.created, self.cleaned_up, self.lost) = (0, 0, 0);
        (self.full, self.doubled) = (0, 0);
    }

    /// What there is to say of them; nothing when none was ever told of.
    pub(super) fn facts(&self) -> Option<SessionFacts> {
        self.told.then(|| SessionFacts {
            open: self.flight.len() as u64,
            created: self.created,
            cleaned_up: self.cleaned_up,
            lost: self.lost,
            lifetimes: self.lifetimes.window.percentiles(),
            cleanups: self.cleanups.window.percentiles(),
        })
    }
}
