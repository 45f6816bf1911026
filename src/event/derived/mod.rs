//! What follows from events: how much, how long, what is under way, and what goes wrong.
//!
//! Pure state, told one event after the other; it reads no clock, waits for nobody and writes nothing. All of it is
//! bounded: what finds no room is counted, and names without room are one, `other`.

mod busy;
mod config;
mod facts;
mod flight;
mod kinds;
mod names;
mod pools;
mod rates;
mod series;
mod sessions;
mod take;
mod window;
mod work;
mod workers;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod place_tests;
#[cfg(test)]
mod series_tests;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant, SystemTime};

use super::{Data, Kind};
use crate::model::{Event, EventOutcome};

pub use config::{Config, ErrorRateConfig, Overdue};
pub use rates::Crossing;
pub(super) use rates::PROBE_RUNS;
pub use series::Series;

use kinds::Kinds;
use pools::{Pools, Queues};
use sessions::Sessions;
use window::Slicing;
use work::{Ended, Measures, Work};
use workers::Workers;

/// How far an event's own time may be from when it came for it to count: clocks of senders differ, and batches wait.
const TRUSTED: Duration = Duration::from_secs(300);

/// Something that lasts: what tells of its beginning and end, and how long ago it may have begun.
#[derive(Debug, Clone, Copy)]
pub struct Lasting {
    /// Of what, in a word.
    pub sort: &'static str,
    /// The kinds that tell of it.
    pub kinds: &'static [Kind],
    /// What began before is lost.
    pub back: Duration,
}

/// Everything that follows from the events so far.
#[derive(Debug)]
pub struct Derived {
    config: Config,
    measures: Measures,
    clock: Clock,
    kinds: Kinds,
    operations: Work,
    requests: Work,
    runs: Work,
    queues: Queues,
    pools: Pools,
    workers: Workers,
    sessions: Sessions,
}

/// One moment by both clocks.
#[derive(Debug, Clone, Copy)]
struct Clock {
    now: Instant,
    /// In microseconds since the Unix epoch.
    wall: i64,
}

impl Clock {
    fn new(now: Instant, wall: SystemTime) -> Self {
        let since = wall.duration_since(SystemTime::UNIX_EPOCH);
        let wall = since.map_or(0, |since| {
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        });
        Self { now, wall }
    }

    /// When something happened that came at `now`: at its own time if that is at most `trusted` before, else when it came.
    fn when(&self, time: i64, now: Instant, trusted: Duration) -> Instant {
        let since = now.saturating_duration_since(self.now).as_micros();
        let wall = self
            .wall
            .saturating_add(i64::try_from(since).unwrap_or(i64::MAX));
        let ago = u64::try_from(wall.saturating_sub(time)).unwrap_or(0);
        let ago = Duration::from_micros(ago);
        let when = now.checked_sub(ago).filter(|_| ago <= trusted);
        when.unwrap_or(now)
    }
}

impl Derived {
    /// Nothing yet, at `now`, which `wall` is on the wall clock.
    pub fn new(config: &Config, now: Instant, wall: SystemTime) -> Self {
        let measures = Measures {
            durations: Slicing::durations(now, config.window.0),
            outcomes: Slicing::outcomes(now, config.error_rate.window.0),
            bounds: config.bounds(),
        };
        let work = |default| {
            let overdue = Overdue {
                default,
                ..config.overdue.clone()
            };
            Work::new(config.names, config.in_flight, overdue)
        };
        Self {
            clock: Clock::new(now, wall),
            kinds: Kinds::new(config.names),
            // Only operations are short enough for one expectation of all.
            operations: work(config.overdue.default),
            requests: work(None),
            runs: work(None),
            queues: Queues::new(config.names),
            pools: Pools::new(config.names),
            workers: Workers::new(now, config.busy_window.0, config.workers),
            sessions: Sessions::new(&measures, config.sessions),
            config: config.clone(),
            measures,
        }
    }

    /// Takes an event that came at `now`.
    pub fn apply(&mut self, event: &Event, data: &Data, now: Instant) {
        let when = self.clock.when(event.time, now, TRUSTED);
        self.take(event, data, when, now);
    }

    /// What has to be remembered of what was stored before the program started.
    pub fn lasting(&self) -> Vec<Lasting> {
        self.config.lasting()
    }

    /// Takes what was stored before the program started, the oldest first: what is under way stays so, and nothing of it is
    /// counted. An error rate that was too high stays so until it is well again.
    pub fn remember<'a>(&mut self, events: impl IntoIterator<Item = (&'a Event, &'a Data)>) {
        let now = self.clock.now;
        let mut crossings = Vec::new();
        for (event, data) in events {
            if let Data::ErrorRateCrossed(crossing) = data {
                crossings.push(crossing);
            }
            let when = self.clock.when(event.time, now, Duration::MAX);
            self.take(event, data, when, when);
        }
        self.give_up(now);
        self.forget_counts(now);
        self.recall_crossings(&crossings);
    }

    fn forget_counts(&mut self, now: Instant) {
        self.kinds = Kinds::new(self.config.names);
        for work in [&mut self.operations, &mut self.requests, &mut self.runs] {
            work.forget_counts(&self.measures);
        }
        self.queues.forget_counts(&self.measures);
        self.pools.forget_counts();
        self.workers.forget_counts(now);
        self.sessions.forget_counts(&self.measures);
    }

    /// Counts pieces of the program's own work that are no events: so many, each of which took that long.
    pub fn count_own(
        &mut self,
        name: &str,
        outcome: EventOutcome,
        duration: Duration,
        count: u64,
        now: Instant,
    ) {
        let place = self.operations.place(&self.measures, name);
        let end = Ended {
            outcome,
            duration: Some(duration),
            count,
        };
        self.operations.count(&self.measures, place, now, &end);
    }

    /// Once a second: lets go what is too old, and judges the error rates. Gives those that have crossed their threshold.
    pub fn tick(&mut self, now: Instant, wall: SystemTime) -> Vec<Crossing> {
        self.clock = Clock::new(now, wall);
        self.give_up(now);
        for work in [&mut self.operations, &mut self.requests, &mut self.runs] {
            work.advance(&self.measures, now);
        }
        self.queues.advance(&self.measures, now);
        self.crossings()
    }

    /// Lets go whose end was never told.
    fn give_up(&mut self, now: Instant) {
        let lost_after = self.config.lost_after.0;
        for work in [&mut self.operations, &mut self.requests, &mut self.runs] {
            for lost in work.give_up(now, lost_after) {
                if let Some(worker) = &lost.worker {
                    self.workers.leave(worker, None, now);
                }
            }
        }
        let silent = (self.config.worker_lost_after.0, lost_after);
        self.workers.advance(now, silent);
        let lost_after = self.config.session_lost_after.0;
        self.sessions.advance(&self.measures, now, lost_after);
    }

    /// Events taken since the start.
    pub fn events(&self) -> u64 {
        self.kinds.total()
    }
}
