//! Pools and queues: what was last told of each, for as long as that can be believed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::names::Names;
use super::window::Durations;
use super::work::{Buckets, Measures};
use super::workers::Workers;
use crate::model::{PoolFacts, QueueFacts};

/// A number that was told, and when.
type Told = Option<(u64, Instant)>;

/// What was told within `window`.
fn lately(told: Told, window: Duration, now: Instant) -> Option<u64> {
    told.filter(|(_, when)| now.saturating_duration_since(*when) <= window)
        .map(|(number, _)| number)
}

/// One pool.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// Whether it was told of itself, and not as its workers' alone.
    told: bool,
    size: Option<u64>,
    in_use: Told,
    waiting: Told,
    saturations: u64,
    /// Of workers in it.
    pub(super) crashes: u64,
}

/// All pools.
#[derive(Debug)]
pub(super) struct Pools {
    names: Names<Pool>,
    told: bool,
}

impl Pools {
    pub(super) fn new(most: usize) -> Self {
        Self {
            names: Names::new(most),
            told: false,
        }
    }

    /// The place of a pool of workers; of none with an empty name.
    pub(super) fn place(&mut self, name: &str) -> usize {
        self.names.place(name, Pool::default)
    }

    pub(super) fn name(&self, place: usize) -> &Arc<str> {
        self.names.name(place)
    }

    /// A worker of it has crashed.
    pub(super) fn crash(&mut self, place: usize) {
        self.names.at(place).crashes += 1;
    }

    pub(super) fn size(&mut self, name: &str, size: u64) {
        let pool = self.told(name);
        pool.size = Some(size);
    }

    /// Everything in it is in use: its size, how many those are, and how many wait.
    pub(super) fn saturated(
        &mut self,
        name: &str,
        (size, in_use, waiting): (u64, u64, u64),
        now: Instant,
    ) {
        let pool = self.told(name);
        pool.size = Some(size);
        pool.in_use = Some((in_use, now));
        pool.waiting = Some((waiting, now));
        pool.saturations += 1;
    }

    fn told(&mut self, name: &str) -> &mut Pool {
        self.told = true;
        let place = self.place(name);
        let pool = self.names.at(place);
        pool.told = true;
        pool
    }

    /// Counts begin anew; what is there stays.
    pub(super) fn forget_counts(&mut self) {
        for (_, pool) in self.names.iter_mut() {
            (pool.saturations, pool.crashes) = (0, 0);
        }
        self.names.forget_overflow();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Arc<str>, &Pool)> {
        let pools = self.names.iter().enumerate();
        pools.map(|(place, (name, pool))| (place, name, pool))
    }

    pub(super) fn overflow(&self) -> u64 {
        self.names.overflow()
    }

    /// What there is to say of them; nothing when none was ever told of. Numbers of several pools together would be
    /// none, so the others have saturations alone.
    pub(super) fn facts(
        &self,
        workers: &Workers,
        window: Duration,
        now: Instant,
    ) -> Option<Vec<PoolFacts>> {
        if !self.told {
            return None;
        }
        let active = workers.active_by_pool();
        let facts = self.iter().filter(|(_, _, pool)| pool.told);
        let facts = facts.map(|(place, name, pool)| {
            let in_use = active.get(&place).copied();
            let single = !self.names.is_other(name);
            PoolFacts {
                name: name.clone(),
                size: pool.size.filter(|_| single),
                in_use: in_use
                    .or_else(|| lately(pool.in_use, window, now))
                    .filter(|_| single),
                waiting: lately(pool.waiting, window, now).filter(|_| single),
                saturations: pool.saturations,
            }
        });
        Some(facts.collect())
    }
}

/// One queue.
#[derive(Debug)]
pub(super) struct Queue {
    depth: Told,
    taken: u64,
    pub(super) buckets: Buckets,
    waits: Durations,
}

/// All queues.
#[derive(Debug)]
pub(super) struct Queues(Names<Queue>);

impl Queues {
    pub(super) fn new(most: usize) -> Self {
        Self(Names::new(most))
    }

    /// Something has left a queue: how long it waited, and how much is still in it.
    pub(super) fn took(
        &mut self,
        measures: &Measures,
        name: &str,
        (wait, depth): (Duration, Option<u64>),
        now: Instant,
    ) {
        let place = self.0.place(name, || Queue {
            depth: None,
            taken: 0,
            buckets: Buckets::new(measures),
            waits: Durations::new(),
        });
        let queue = self.0.at(place);
        if let Some(depth) = depth {
            queue.depth = Some((depth, now));
        }
        queue.taken += 1;
        queue.buckets.observe(measures, wait, 1);
        let slice = measures.durations.at(now);
        queue.waits.record(&measures.durations, slice, wait, 1);
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&Arc<str>, &mut Queue)> {
        self.0.iter_mut()
    }

    pub(super) fn overflow(&self) -> u64 {
        self.0.overflow()
    }

    /// Counts begin anew; what is there stays.
    pub(super) fn forget_counts(&mut self, measures: &Measures) {
        for (_, queue) in self.0.iter_mut() {
            queue.taken = 0;
            queue.buckets = Buckets::new(measures);
            queue.waits = Durations::new();
        }
        self.0.forget_overflow();
    }

    /// Lets go what is too old in the windows.
    pub(super) fn advance(&mut self, measures: &Measures, now: Instant) {
        let slice = measures.durations.at(now);
        for (_, queue) in self.0.iter_mut() {
            queue.waits.advance(&measures.durations, slice);
        }
        self.0.advance(now, |_| false);
    }

    /// Those that have given their places to others since this was last asked.
    pub(super) fn take_gone(&mut self) -> Vec<Arc<str>> {
        self.0.take_gone()
    }

    pub(super) fn facts(&self, window: Duration, now: Instant) -> Vec<QueueFacts> {
        let one = |(name, queue): (&Arc<str>, &Queue)| QueueFacts {
            name: name.clone(),
            depth: lately(queue.depth, window, now).filter(|_| !self.0.is_other(name)),
            taken: queue.taken,
            waits: queue.waits.percentiles(),
        };
        self.0.iter().map(one).collect()
    }
}
