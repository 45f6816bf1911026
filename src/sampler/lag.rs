//! One delay signal: written by the loop without a lock that anybody holds for long, read once an interval.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::model::LagFacts;

/// Delays are kept up to an hour; longer ones count as one.
const MOST_MICROSECONDS: u64 = 3_600_000_000;
/// Two digits: 1 % is finer than any threshold, and the histogram stays at 13 KB.
const DIGITS: u8 = 2;
/// Nothing is out.
const NONE: u64 = u64::MAX;

/// Delays of one kind, in microseconds.
#[derive(Debug)]
pub(super) struct Delays {
    /// From which `out` counts.
    origin: Instant,
    /// How often the signal is raised, in microseconds.
    cadence: u64,
    /// When the signal that is still out was raised or is due, in microseconds after `origin`.
    out: AtomicU64,
    /// The delay of the signal that arrived last.
    last: AtomicU64,
    /// Held to record one delay, or to exchange the histogram for an empty one.
    recorded: Mutex<Histogram<u32>>,
}

impl Delays {
    /// No delays yet of a signal that is raised every `cadence`.
    pub(super) fn new(cadence: Duration) -> Self {
        Self {
            origin: Instant::now(),
            cadence: u64::try_from(cadence.as_micros()).unwrap_or(u64::MAX),
            out: AtomicU64::new(NONE),
            last: AtomicU64::new(0),
            recorded: Mutex::new(histogram()),
        }
    }

    /// A signal is raised, or will be due, at `at`.
    pub(super) fn raise(&self, at: Instant) {
        self.out.store(self.since_origin(at), Ordering::Release);
    }

    /// Whether a signal is out.
    pub(super) fn is_out(&self) -> bool {
        self.out.load(Ordering::Acquire) != NONE
    }

    /// The signal that was out arrived at `at`. Delays longer than the cadence stand for the signals that could not
    /// be raised meanwhile (correction for coordinated omission).
    pub(super) fn arrive(&self, at: Instant) {
        let out = self.out.swap(NONE, Ordering::AcqRel);
        if out == NONE {
            return;
        }
        let delay = self.since_origin(at).saturating_sub(out);
        self.last.store(delay, Ordering::Release);
        self.record(&mut self.lock(), delay);
    }

    /// The delays since the last reading; `spare` is an empty histogram and is one again afterwards. A signal that is
    /// out for longer than the cadence counts with its age, so that a loop that is blocked shows now.
    pub(super) fn read(&self, now: Instant, spare: &mut Histogram<u32>) -> LagFacts {
        std::mem::swap(&mut *self.lock(), spare);
        let out = self.out.load(Ordering::Acquire);
        let age = match out {
            NONE => 0,
            out => self.since_origin(now).saturating_sub(out),
        };
        let current = age.max(self.last.load(Ordering::Acquire));
        if age >= self.cadence {
            self.record(spare, age);
        } else if spare.is_empty() {
            self.record(spare, current);
        }
        let facts = LagFacts {
            current_seconds: seconds(current),
            p50_seconds: seconds(spare.value_at_quantile(0.5)),
            p99_seconds: seconds(spare.value_at_quantile(0.99)),
            max_seconds: seconds(spare.max()),
        };
        spare.reset();
        facts
    }

    fn record(&self, histogram: &mut Histogram<u32>, delay: u64) {
        histogram
            .record_correct(delay.min(MOST_MICROSECONDS), self.cadence)
            .expect("the value is within the bounds");
    }

    fn since_origin(&self, at: Instant) -> u64 {
        let micros = at.saturating_duration_since(self.origin).as_micros();
        u64::try_from(micros).unwrap_or(NONE - 1)
    }

    fn lock(&self) -> MutexGuard<'_, Histogram<u32>> {
        // Recording does not panic, and a count more or less would do no harm.
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An empty histogram of delays.
pub(super) fn histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1, MOST_MICROSECONDS, DIGITS).expect("the bounds are in order")
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    const CADENCE: Duration = Duration::from_millis(100);

    fn near(value: f64, wanted: f64) -> bool {
        (value - wanted).abs() <= 0.01 * wanted
    }

    #[test]
    fn a_long_delay_stands_for_the_signals_it_held_up() {
        let (delays, mut spare) = (Delays::new(CADENCE), histogram());
        let start = Instant::now();
        delays.raise(start);
        delays.arrive(start + Duration::from_secs(1));
        let facts = delays.read(start + Duration::from_secs(1), &mut spare);
        assert!(near(facts.current_seconds, 1.0), "{facts:?}");
        assert!(near(facts.max_seconds, 1.0), "{facts:?}");
        assert!(near(facts.p50_seconds, 0.5), "1.0, 0.9, … 0.1: {facts:?}");
    }

    #[test]
    fn a_signal_that_is_out_shows_its_age() {
        let (delays, mut spare) = (Delays::new(CADENCE), histogram());
        let start = Instant::now();
        delays.raise(start);
        let facts = delays.read(start + Duration::from_secs(3), &mut spare);
        assert!(
            near(facts.current_seconds, 3.0) && near(facts.p99_seconds, 3.0),
            "{facts:?}"
        );
        assert!(delays.is_out());
        delays.arrive(start + Duration::from_secs(4));
        assert!(!delays.is_out());
        delays.arrive(start + Duration::from_secs(9));
        let facts = delays.read(start + Duration::from_secs(9), &mut spare);
        assert!(
            near(facts.max_seconds, 4.0),
            "a second arrival is none: {facts:?}"
        );
    }

    #[test]
    fn each_reading_begins_anew_and_one_without_signals_repeats_the_last() {
        let (delays, mut spare) = (Delays::new(CADENCE), histogram());
        let start = Instant::now();
        delays.raise(start);
        delays.arrive(start + Duration::from_secs(2));
        delays.read(start + Duration::from_secs(2), &mut spare);
        delays.raise(start + Duration::from_secs(2));
        delays.arrive(start + Duration::from_millis(2_050));
        let facts = delays.read(start + Duration::from_secs(3), &mut spare);
        assert!(near(facts.max_seconds, 0.05), "{facts:?}");
        let facts = delays.read(start + Duration::from_secs(3), &mut spare);
        assert!(near(facts.p50_seconds, 0.05), "{facts:?}");
    }

    #[test]
    fn a_signal_due_in_the_future_has_no_age_and_an_endless_one_an_end() {
        let (delays, mut spare) = (Delays::new(CADENCE), histogram());
        let start = Instant::now();
        delays.raise(start + CADENCE);
        assert_eq!(delays.read(start, &mut spare), LagFacts::default());
        delays.raise(start);
        let facts = delays.read(start + Duration::from_secs(100_000), &mut spare);
        assert!(near(facts.max_seconds, 3600.0), "{facts:?}");
    }
}
