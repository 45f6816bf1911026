//! Counters and gauges of the program's own work that any task may move without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::MetricKind;

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

/// One gauge of a [`Tally`]: a number that goes up and down. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct TallyGauge(TallyCounter);

impl TallyGauge {
    /// Replaces the number.
    pub fn set(&self, value: u64) {
        self.0.0.store(value, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

/// A room's counters and gauges by metric name and one label; the merge publishes them with each snapshot.
#[derive(Debug, Default)]
pub struct Tally {
    entries: Vec<TallyEntry>,
}

/// One published number of a [`Tally`].
#[derive(Debug, Clone)]
pub struct TallyEntry {
    /// The metric's name, with its unit, and `_total` on a counter.
    pub name: &'static str,
    /// Counter or gauge.
    pub kind: MetricKind,
    /// The base unit, or nothing.
    pub unit: &'static str,
    /// One line for people.
    pub help: &'static str,
    /// The label that tells counters of one name apart, as key and value.
    pub label: Option<(&'static str, Arc<str>)>,
    /// The number; a gauge's is set, and not only added to.
    pub counter: TallyCounter,
}

impl Tally {
    /// Adds a counter and gives it back for counting.
    pub fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        label: Option<(&'static str, &str)>,
    ) -> TallyCounter {
        let counter = TallyCounter::default();
        self.entries.push(TallyEntry {
            name,
            kind: MetricKind::Counter,
            unit: "",
            help,
            label: label.map(|(key, value)| (key, value.into())),
            counter: counter.clone(),
        });
        counter
    }

    /// Adds a gauge in `unit`, which its name ends with, and gives it back for setting.
    pub fn gauge(
        &mut self,
        name: &'static str,
        unit: &'static str,
        help: &'static str,
    ) -> TallyGauge {
        let gauge = TallyGauge::default();
        self.entries.push(TallyEntry {
            name,
            kind: MetricKind::Gauge,
            unit,
            help,
            label: None,
            counter: gauge.0.clone(),
        });
        gauge
    }

    /// All of them, in order of their making.
    pub fn entries(&self) -> &[TallyEntry] {
        &self.entries
    }
}
