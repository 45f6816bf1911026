//! Workers: which there are, and how much of their time is spent on work.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::names::Ids;
use super::pools::Pools;
use super::window::Slicing;
use crate::model::{PoolWorkers, WorkerFacts, WorkerState};

/// Workers shown one by one.
const SHOWN: usize = 100;
/// Slices of the window of their busy time.
const BUSY_SLICES: u32 = 12;

/// One worker.
#[derive(Debug)]
struct Worker {
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

/// Seconds spent on work, in a window.
#[derive(Debug)]
struct Busy {
    /// The newest last, each with its number.
    slices: VecDeque<(u64, f64)>,
    /// Since when it is counted.
    from: Instant,
    /// Until when what is under way has been counted.
    until: Instant,
}

impl Busy {
    fn new(from: Instant) -> Self {
        Self {
            slices: VecDeque::new(),
            from,
            until: from,
        }
    }

    fn add(&mut self, slice: u64, seconds: f64) {
        match self.slices.back_mut() {
            Some((number, sum)) if *number >= slice => *sum += seconds,
            _ => self.slices.push_back((slice, seconds)),
        }
    }
}

impl Worker {
    /// Counts what it has done since it was last looked at.
    fn advance(&mut self, slicing: &Slicing, now: Instant) {
        let slice = slicing.at(now);
        let since = now.saturating_duration_since(self.busy.until);
        let slots = self.active.min(self.slots);
        if slots > 0 {
            self.busy.add(slice, since.as_secs_f64() * f64::from(slots));
        }
        self.busy.until = self.busy.until.max(now);
        let oldest = (slice + 1).saturating_sub(u64::from(BUSY_SLICES));
        while self
            .busy
            .slices
            .pop_front_if(|(number, _)| *number < oldest)
            .is_some()
        {}
    }

    /// Seconds spent on work, and seconds that it could have.
    fn use_of(&self, window: Duration, now: Instant) -> (f64, f64) {
        let there = now.saturating_duration_since(self.busy.from).min(window);
        let could = there.as_secs_f64() * f64::from(self.slots);
        let spent = self.busy.slices.iter().map(|(_, seconds)| seconds).sum();
        (could.min(spent), could)
    }
}

/// All workers.
#[derive(Debug)]
pub(super) struct Workers {
    by_id: HashMap<Arc<str>, Worker>,
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
            by_id: HashMap::new(),
            ids: Ids::default(),
            slicing: Slicing::new(begun, window, BUSY_SLICES),
            window,
            next: 0,
            most,
            told: false,
            full: 0,
        }
    }

    /// A worker is there from now on; one that had its id is not any more.
    pub(super) fn start(&mut self, id: &str, pool: usize, slots: u32, now: Instant) {
        self.told = true;
        let id: Arc<str> = self.ids.kept(id).as_ref().into();
        self.by_id.remove(&id);
        if let Some(worker) = self.make(id, pool, now) {
            worker.slots = slots.max(1);
            worker.told = true;
        }
    }

    fn make(&mut self, id: Arc<str>, pool: usize, now: Instant) -> Option<&mut Worker> {
        if self.by_id.len() >= self.most {
            self.full += 1;
            return None;
        }
        self.next += 1;
        let worker = Worker {
            pool,
            slots: 1,
            active: 0,
            number: self.next,
            told: false,
            since: now,
            seen: now,
            busy: Busy::new(now),
        };
        Some(self.by_id.entry(id).or_insert(worker))
    }

    /// A worker has ended, in whatever way. Gives its pool's place, if it was known.
    pub(super) fn stop(&mut self, id: &str) -> Option<usize> {
        self.told = true;
        let worker = self.by_id.remove(&*self.ids.kept(id));
        worker.map(|worker| worker.pool)
    }

    /// The worker of this id, one that is known by its work alone if it was never told as started: its id and its number.
    pub(super) fn of(
        &mut self,
        id: &str,
        pools: &mut Pools,
        now: Instant,
    ) -> Option<(Arc<str>, u64)> {
        self.told = true;
        let id = self.ids.kept(id);
        if let Some((id, worker)) = self.by_id.get_key_value(&*id) {
            return Some((id.clone(), worker.number));
        }
        let id: Arc<str> = id.as_ref().into();
        let pool = pools.place("");
        let worker = self.make(id.clone(), pool, now)?;
        let number = worker.number;
        Some((id, number))
    }

    /// It has begun something.
    pub(super) fn enter(&mut self, worker: &(Arc<str>, u64), now: Instant) {
        let slicing = self.slicing;
        if let Some(worker) = self.same(worker) {
            worker.advance(&slicing, now);
            worker.active += 1;
            worker.seen = now;
        }
    }

    /// What it did is over.
    pub(super) fn leave(&mut self, worker: &(Arc<str>, u64), now: Instant) {
        let slicing = self.slicing;
        if let Some(worker) = self.same(worker) {
            worker.advance(&slicing, now);
            worker.active = worker.active.saturating_sub(1);
            worker.seen = now;
        }
    }

    /// It has done something whose start was not told.
    pub(super) fn did(
        &mut self,
        worker: &(Arc<str>, u64),
        duration: Option<Duration>,
        now: Instant,
    ) {
        let (slicing, window) = (self.slicing, self.window);
        if let Some(worker) = self.same(worker) {
            worker.advance(&slicing, now);
            let spent = duration.unwrap_or_default().min(window);
            worker.busy.add(slicing.at(now), spent.as_secs_f64());
            worker.seen = now;
            // It was there before it was heard of.
            if !worker.told
                && let Some(since) = now.checked_sub(spent)
            {
                worker.since = worker.since.min(since);
                worker.busy.from = worker.busy.from.min(since);
            }
        }
    }

    fn same(&mut self, (id, number): &(Arc<str>, u64)) -> Option<&mut Worker> {
        let worker = self.by_id.get_mut(id)?;
        (worker.number == *number).then_some(worker)
    }

    /// Counts what all have done until now, and lets go who was known by its work alone and has done none for long.
    pub(super) fn advance(&mut self, now: Instant, lost_after: Duration) {
        let slicing = self.slicing;
        self.by_id.retain(|_, worker| {
            worker.advance(&slicing, now);
            let silent = now.saturating_duration_since(worker.seen);
            worker.told || worker.active > 0 || silent <= lost_after
        });
    }

    /// Counts begin anew, at `now`; who is there stays.
    pub(super) fn forget_counts(&mut self, now: Instant) {
        for worker in self.by_id.values_mut() {
            worker.busy = Busy::new(now);
        }
        self.full = 0;
    }

    /// How many operations the workers of each pool do now; nothing for pools without workers.
    pub(super) fn active_by_pool(&self) -> HashMap<usize, u64> {
        let mut active = HashMap::new();
        for worker in self.by_id.values() {
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
        for worker in self.by_id.values() {
            let name = pools.name(worker.pool);
            let (pool, spent, could) = by_pool
                .entry(worker.pool)
                .or_insert_with(|| (nobody(name, 0), 0.0, 0.0));
            pool.total += 1;
            pool.busy += u64::from(worker.active > 0);
            let (did, might) = worker.use_of(self.window, now);
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
            total: self.by_id.len() as u64,
            busy: pools_facts.iter().map(|pool| pool.busy).sum(),
            crashes: pools_facts.iter().map(|pool| pool.crashes).sum(),
            pools: pools_facts,
            workers: self.states(pools, now),
        })
    }

    fn states(&self, pools: &Pools, now: Instant) -> Vec<WorkerState> {
        let mut oldest: Vec<_> = self.by_id.iter().collect();
        oldest.sort_unstable_by_key(|(_, worker)| worker.number);
        oldest.truncate(SHOWN);
        let state = |(id, worker): (&Arc<str>, &Worker)| {
            let (spent, could) = worker.use_of(self.window, now);
            WorkerState {
                id: id.clone(),
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
