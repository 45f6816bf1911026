//! Workers: which there are, and how much of their time is spent on work.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::busy::{self, Busy, Spell};
use super::names::{Id, Ids};
use super::pools::Pools;
use super::window::Slicing;
use crate::model::{PoolWorkers, WorkerFacts, WorkerState};

/// Workers shown one by one.
const SHOWN: usize = 100;

/// A worker as its operations know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WorkerRef {
    pub(super) id: Arc<str>,
    /// Stands for its source and id.
    key: u64,
    /// Tells it from others that had its id.
    number: u64,
}

/// One worker.
#[derive(Debug)]
struct Worker {
    id: Arc<str>,
    pool: usize,
    slots: u32,
    /// Operations of its that are under way.
    active: u32,
    /// Tells it from others that had its id.
    number: u64,
    /// Whether its start was told, and not its work alone.
    told: bool,
    since: Instant,
    /// When it was last told of.
    seen: Instant,
    busy: Busy,
}

impl Worker {
    /// Counts what it has done since it was last looked at.
    fn advance(&mut self, slicing: &Slicing, now: Instant) {
        let slots = self.active.min(self.slots);
        self.busy.advance(slicing, slots, now);
    }

    fn known_by(&self, key: u64) -> WorkerRef {
        WorkerRef {
            id: self.id.clone(),
            key,
            number: self.number,
        }
    }

    /// It was there before it was heard of.
    fn reach_back(&mut self, since: Instant) {
        if !self.told {
            self.since = self.since.min(since);
            self.busy.reach_back(since);
        }
    }
}

/// All workers.
#[derive(Debug)]
pub(super) struct Workers {
    /// By the number that stands for source and id.
    by_key: HashMap<u64, Worker>,
    ids: Ids,
    slicing: Slicing,
    window: Duration,
    next: u64,
    most: usize,
    /// Whether any was ever told of.
    told: bool,
    /// How often one found no room.
    pub(super) full: u64,
}

impl Workers {
    pub(super) fn new(begun: Instant, window: Duration, most: usize) -> Self {
        Self {
            by_key: HashMap::new(),
            ids: Ids::default(),
            slicing: busy::slicing(begun, window),
            window,
            next: 0,
            most,
            told: false,
            full: 0,
        }
    }

    /// A worker is there since then; one that had its id is not any more.
    pub(super) fn start(
        &mut self,
        id: Id<'_>,
        (pool, slots): (usize, u32),
        since: Instant,
        now: Instant,
    ) {
        self.told = true;
        self.by_key.remove(&self.ids.key(id));
        if let Some(worker) = self.make(id, pool, now) {
            worker.reach_back(since);
            worker.slots = slots.max(1);
            worker.told = true;
        }
    }

    fn make(&mut self, id: Id<'_>, pool: usize, now: Instant) -> Option<&mut Worker> {
        if self.by_key.len() >= self.most {
            self.full += 1;
            return None;
        }
        self.next += 1;
        let worker = Worker {
            id: self.ids.kept(id.id),
            pool,
            slots: 1,
            active: 0,
            number: self.next,
            told: false,
            since: now,
            seen: now,
            busy: Busy::new(&self.slicing, now, now),
        };
        let key = self.ids.key(id);
        Some(self.by_key.entry(key).or_insert(worker))
    }

    /// A worker has ended, in whatever way. Gives what was known of it: its pool's place, and what operations know it by.
    pub(super) fn stop(&mut self, id: Id<'_>) -> Option<(usize, WorkerRef)> {
        self.told = true;
        let key = self.ids.key(id);
        let worker = self.by_key.remove(&key)?;
        Some((worker.pool, worker.known_by(key)))
    }

    /// The worker of this id; one that is known by its work alone if it was never told as started.
    pub(super) fn of(&mut self, id: Id<'_>, pools: &mut Pools, now: Instant) -> Option<WorkerRef> {
        self.told = true;
        let key = self.ids.key(id);
        if let Some(worker) = self.by_key.get(&key) {
            return Some(worker.known_by(key));
        }
        let pool = pools.place("");
        let worker = self.make(id, pool, now)?;
        Some(worker.known_by(key))
    }

    /// It has been doing something since then.
    pub(super) fn enter(&mut self, worker: &WorkerRef, since: Instant, now: Instant) {
        let slicing = self.slicing;
        if let Some(worker) = self.same(worker) {
            worker.reach_back(since);
            worker.advance(&slicing, now);
            if worker.active < worker.slots {
                worker.busy.begin(&slicing, since);
            }
            worker.active += 1;
            worker.seen = now;
        }
    }

    /// What it did is over, in that way if that is known.
    pub(super) fn leave(&mut self, worker: &WorkerRef, spell: Option<Spell>, now: Instant) {
        let slicing = self.slicing;
        if let Some(worker) = self.same(worker) {
            worker.advance(&slicing, now);
            // Beyond its slots nothing was counted.
            if let Some(spell) = spell.filter(|_| worker.active <= worker.slots) {
                worker.busy.end(&slicing, spell);
            }
            worker.active = worker.active.saturating_sub(1);
            worker.seen = now;
        }
    }

    /// It has done something, until then, whose start was not told.
    pub(super) fn did(
        &mut self,
        worker: &WorkerRef,
        (duration, until): (Duration, Instant),
        now: Instant,
    ) {
        let (slicing, window) = (self.slicing, self.window);
        if let Some(worker) = self.same(worker) {
            worker.advance(&slicing, now);
            worker.seen = now;
            if let Some(since) = until.checked_sub(duration.min(window)) {
                worker.reach_back(since);
                worker.busy.count(&slicing, (since, until));
            }
        }
    }

    fn same(&mut self, known: &WorkerRef) -> Option<&mut Worker> {
        let worker = self.by_key.get_mut(&known.key)?;
        (worker.number == known.number).then_some(worker)
    }

    /// Counts what all have done until now, and lets go who does nothing and was not told of for long: for the first of the
    /// spans if its start was told, for the second if it is known by its work alone.
    pub(super) fn advance(&mut self, now: Instant, (told, untold): (Duration, Duration)) {
        let slicing = self.slicing;
        self.by_key.retain(|_, worker| {
            worker.advance(&slicing, now);
            let silent = now.saturating_duration_since(worker.seen);
            let patience = if worker.told { told } else { untold };
            worker.active > 0 || silent <= patience
        });
    }

    /// Counts begin anew, at `now`; who is there stays.
    pub(super) fn forget_counts(&mut self, now: Instant) {
        for worker in self.by_key.values_mut() {
            worker.busy = Busy::new(&self.slicing, now, now);
        }
        self.full = 0;
    }

    /// How many operations the workers of each pool do now; nothing for pools without workers.
    pub(super) fn active_by_pool(&self) -> HashMap<usize, u64> {
        let mut active = HashMap::new();
        for worker in self.by_key.values() {
            *active.entry(worker.pool).or_default() += u64::from(worker.active);
        }
        active
    }

    /// What there is to say of them; nothing when none was ever told of.
    pub(super) fn facts(&self, pools: &Pools, now: Instant) -> Option<WorkerFacts> {
        if !self.told {
            return None;
        }
        let mut by_pool: HashMap<usize, (PoolWorkers, f64, f64)> = HashMap::new();
        for (place, name, pool) in pools.iter() {
            if pool.crashes > 0 {
                by_pool.insert(place, (nobody(name, pool.crashes), 0.0, 0.0));
            }
        }
        for worker in self.by_key.values() {
            let name = pools.name(worker.pool);
            let (pool, spent, could) = by_pool
                .entry(worker.pool)
                .or_insert_with(|| (nobody(name, 0), 0.0, 0.0));
            pool.total += 1;
            pool.busy += u64::from(worker.active > 0);
            let (did, might) = worker.busy.spent(&self.slicing, worker.slots, now);
            *spent += did;
            *could += might;
        }
        let mut pools_facts: Vec<_> = by_pool.into_iter().collect();
        pools_facts.sort_by_key(|(place, _)| *place);
        let pools_facts = pools_facts
            .into_iter()
            .map(|(_, (mut pool, spent, could))| {
                pool.utilization = (could > 0.0).then(|| spent / could);
                pool
            });
        let pools_facts: Vec<_> = pools_facts.collect();
        Some(WorkerFacts {
            total: self.by_key.len() as u64,
            busy: pools_facts.iter().map(|pool| pool.busy).sum(),
            crashes: pools_facts.iter().map(|pool| pool.crashes).sum(),
            pools: pools_facts,
            workers: self.states(pools, now),
        })
    }

    fn states(&self, pools: &Pools, now: Instant) -> Vec<WorkerState> {
        let mut oldest: Vec<_> = self.by_key.values().collect();
        oldest.sort_unstable_by_key(|worker| worker.number);
        oldest.truncate(SHOWN);
        let state = |worker: &Worker| {
            let (spent, could) = worker.busy.spent(&self.slicing, worker.slots, now);
            WorkerState {
                id: worker.id.clone(),
                pool: pools.name(worker.pool).clone(),
                slots: worker.slots,
                active: worker.active,
                utilization: if could > 0.0 { spent / could } else { 0.0 },
                age: now.saturating_duration_since(worker.since),
            }
        };
        oldest.into_iter().map(state).collect()
    }
}

fn nobody(pool: &Arc<str>, crashes: u64) -> PoolWorkers {
    PoolWorkers {
        pool: pool.clone(),
        total: 0,
        busy: 0,
        crashes,
        utilization: None,
    }
}
