//! A few ticks of every series in one piece of memory.
//!
//! Within it the ticks of one series lie side by side, one cache line a series: appending a tick goes through the piece
//! from front to end, and reading one series takes one line of each piece.

use std::ops::Range;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

/// Ticks in a chunk: eight doubles are a cache line.
pub(super) const TICKS: usize = 8;

/// What stands for "no value at this tick": the NaN by which Prometheus marks the end of a series. No value is ever stored
/// with these bits, for every NaN is stored as the usual one.
const ABSENT: u64 = 0x7ff0_0000_0000_0002;

/// One series' ticks.
type Lane = [AtomicU64; TICKS];

/// Up to [`TICKS`] ticks. One writer appends while any number of readers read what is whole.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The number of its first tick, counted from the start.
    pub(super) first: u64,
    times: [AtomicI64; TICKS],
    filled: AtomicUsize,
    lanes: Box<[Lane]>,
}

impl Chunk {
    /// An empty one with room for so many series.
    pub(super) fn new(first: u64, lanes: usize) -> Self {
        let absent = || std::array::from_fn(|_| AtomicU64::new(ABSENT));
        Self {
            first,
            times: Default::default(),
            filled: AtomicUsize::new(0),
            lanes: std::iter::repeat_with(absent).take(lanes).collect(),
        }
    }

    /// The memory that a chunk for so many series takes, in bytes.
    pub(super) const fn bytes(lanes: usize) -> usize {
        size_of::<Self>() + lanes * size_of::<Lane>()
    }

    /// For how many series there is room.
    pub(super) fn width(&self) -> usize {
        self.lanes.len()
    }

    /// How many ticks are whole.
    pub(super) fn filled(&self) -> usize {
        self.filled.load(Ordering::Acquire)
    }

    /// When a whole tick was, on the history's clock.
    pub(super) fn time(&self, tick: usize) -> i64 {
        self.times[tick].load(Ordering::Relaxed)
    }

    /// The times of the first and the last whole tick.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        let last = self.filled().checked_sub(1)?;
        Some((self.time(0), self.time(last)))
    }

    /// The whole ticks from `from` until `until`, both included.
    #[inline]
    pub(super) fn within(&self, from: i64, until: i64) -> Range<usize> {
        let filled = self.filled();
        let times = self.times[..filled]
            .iter()
            .map(|time| time.load(Ordering::Relaxed));
        // All but the first and the last chunk that a reader goes through lie wholly within.
        let Some((first, last)) = self.span() else {
            return 0..0;
        };
        if from <= first && last <= until {
            return 0..filled;
        }
        let before = times.clone().take_while(|time| *time < from).count();
        before..times.take_while(|time| *time <= until).count().max(before)
    }

    /// A value at a whole tick; nothing when the series was absent.
    #[inline]
    pub(super) fn value(&self, series: usize, tick: usize) -> Option<f64> {
        let bits = self.lanes.get(series)?[tick].load(Ordering::Relaxed);
        (bits != ABSENT).then(|| f64::from_bits(bits))
    }

    /// Puts down a value of the tick that is being written.
    #[inline]
    pub(super) fn put(&self, series: u32, tick: usize, value: f64) {
        let value = if value.is_nan() { f64::NAN } else { value };
        self.lanes[series as usize][tick].store(value.to_bits(), Ordering::Relaxed);
    }

    /// Makes the tick that was written readable.
    pub(super) fn seal(&self, tick: usize, time: i64) {
        self.times[tick].store(time, Ordering::Relaxed);
        self.filled.store(tick + 1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_seen_when_it_is_whole_and_not_before() {
        let chunk = Chunk::new(0, 2);
        chunk.put(1, 0, 2.5);
        assert_eq!((chunk.filled(), chunk.span()), (0, None));
        chunk.seal(0, 100);
        assert_eq!((chunk.filled(), chunk.span()), (1, Some((100, 100))));
        assert_eq!((chunk.value(1, 0), chunk.value(0, 0)), (Some(2.5), None));
        assert_eq!(chunk.value(2, 0), None, "a series that came later");
    }

    #[test]
    fn a_number_that_is_none_is_still_a_value() {
        let chunk = Chunk::new(0, 1);
        chunk.put(0, 0, f64::from_bits(ABSENT));
        chunk.seal(0, 1);
        assert!(chunk.value(0, 0).is_some_and(f64::is_nan));
    }
}
