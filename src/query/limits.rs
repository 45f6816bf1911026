//! What one query may cost, and the account of what it has cost so far.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::QueryError;

/// Steps of a range query behind its first at most, as in Prometheus: no screen has more points.
pub const MAX_STEPS: u64 = 11_000;
/// Pieces of work between two looks at the clock: some tens of microseconds.
const WORK_BETWEEN_LOOKS: u64 = 16 << 10;

/// What one query may cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Series that one selector may choose.
    pub series: u64,
    /// Samples read from the history, by all selectors together.
    pub samples: u64,
    /// Values calculated and held, eight bytes each: one a series and step, and those of each step of the calculation.
    pub values: u64,
    /// Values in its answer, of some thirty bytes each as JSON.
    pub results: u64,
    /// Bytes of labels that it makes, and of those in its answer.
    pub labels: u64,
    /// Time from its beginning, reading its text included.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            series: 20_000,
            samples: 50_000_000,
            // 40 MB; a graph of a thousand series with a thousand points and a calculation in three steps.
            values: 5_000_000,
            results: 1_000_000,
            // The most series that one selector chooses, with three kilobytes each.
            labels: 64 << 20,
            time: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Whether there is time left for what began at this moment.
    ///
    /// # Errors
    /// There is none.
    pub fn check_time(&self, begun: Instant) -> Result<(), QueryError> {
        if begun.elapsed() < self.time {
            return Ok(());
        }
        let most = self.time.as_secs_f64();
        Err(QueryError::too_slow(format!(
            "the query takes longer than {most} s"
        )))
    }
}

/// The account of one query.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    begun: Instant,
    samples: Cell<u64>,
    values: Cell<u64>,
    results: Cell<u64>,
    labels: Cell<u64>,
    /// Work since the last look at the clock.
    work: Cell<u64>,
}

impl Budget {
    /// The account of a query that began at this moment.
    pub(super) fn new(limits: &Limits, begun: Instant) -> Self {
        Self {
            limits: limits.clone(),
            begun,
            samples: Cell::new(0),
            values: Cell::new(0),
            results: Cell::new(0),
            labels: Cell::new(0),
            work: Cell::new(0),
        }
    }

    /// One selector chose this many series.
    pub(super) fn series(&self, count: usize) -> Result<(), QueryError> {
        let most = self.limits.series;
        if count as u64 > most {
            let message = format!("a selector chooses {count} series: at most {most}");
            return Err(QueryError::too_much(message));
        }
        Ok(())
    }

    /// This many samples were read.
    pub(super) fn samples(&self, count: usize) -> Result<(), QueryError> {
        let most = self.limits.samples;
        let total = self.samples.get().saturating_add(count as u64);
        self.samples.set(total);
        if total > most {
            let message = format!("the query reads more than {most} samples");
            return Err(QueryError::too_much(message));
        }
        self.work(count)
    }

    /// Room for this many values is about to be taken.
    pub(super) fn values(&self, count: usize) -> Result<(), QueryError> {
        let most = self.limits.values;
        let total = self.values.get().saturating_add(count as u64);
        self.values.set(total);
        if total > most {
            let message = format!("the query makes more than {most} values, as series times steps");
            return Err(QueryError::too_much(message));
        }
        self.work(count)
    }

    /// The answer has this many further values.
    pub(super) fn results(&self, count: usize) -> Result<(), QueryError> {
        let most = self.limits.results;
        let total = self.results.get().saturating_add(count as u64);
        self.results.set(total);
        if total > most {
            let message = format!(
                "the answer would hold more than {most} values: choose fewer series, or take a longer step"
            );
            return Err(QueryError::too_much(message));
        }
        self.work(count)
    }

    /// Labels of this many bytes are about to be made, or are in the answer.
    pub(super) fn labels(&self, bytes: usize) -> Result<(), QueryError> {
        let most = self.limits.labels;
        let total = self.labels.get().saturating_add(bytes as u64);
        self.labels.set(total);
        if total > most {
            let message = format!("the query makes more than {most} bytes of labels");
            return Err(QueryError::too_much(message));
        }
        // A look at the clock for each few megabytes.
        self.work(1 + bytes / 256)
    }

    /// This many pieces of work are done.
    pub(super) fn work(&self, count: usize) -> Result<(), QueryError> {
        let work = self.work.get().saturating_add(count as u64);
        if work < WORK_BETWEEN_LOOKS {
            self.work.set(work);
            return Ok(());
        }
        self.work.set(0);
        self.time()
    }

    /// Looks at the clock.
    pub(super) fn time(&self) -> Result<(), QueryError> {
        self.limits.check_time(self.begun)
    }
}
