//! Counters of the program's own work that any task may bump without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One counter of a [`Tally`]; cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct TallyCounter(Arc<AtomicU64>);

impl TallyCounter {
    /// Counts one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Counts `count` at once.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The total so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A room's counters by metric name and one label; the merge publishes them with each snapshot.
#[derive(Debug, Default)]
pub struct Tally {
    entries: Vec<TallyEntry>,
}

/// One published counter of a [`Tally`].
#[derive(Debug, Clone)]
pub struct TallyEntry {
    /// The metric's name, with `_total`.
    pub name: &'static str,
    /// One line for people.
    pub help: &'static str,
    /// The label that tells counters of one name apart, as key and value.
    pub label: Option<(&'static str, &'static str)>,
    /// The counter.
    pub counter: TallyCounter,
}

impl Tally {
    /// Adds a counter and gives it back for counting.
    pub fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        label: Option<(&'static str, &'static str)>,
    ) -> TallyCounter {
        let counter = TallyCounter::default();
        self.entries.push(TallyEntry {
            name,
            help,
            label,
            counter: counter.clone(),
        });
        counter
    }

    /// All counters, in order of their making.
    pub fn entries(&self) -> &[TallyEntry] {
        &self.entries
    }
}
