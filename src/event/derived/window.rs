//! Numbers of the last few minutes: kept in slices of time, the oldest of which falls away as a whole.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::model::{ErrorRate, EventOutcome, Percentiles};

/// Two significant digits: percentiles within 1 %.
const DIGITS: u8 = 2;
/// Longer durations count as this long in percentiles.
const LONGEST_MICROS: u64 = 24 * 3_600_000_000;
/// So many durations are counted at once: it takes as many times before a count of 64 bits is full.
const MOST_AT_ONCE: u64 = u32::MAX as u64;
/// Slices of a window of durations: each may hold a few kilobytes.
const DURATION_SLICES: u32 = 5;
/// Slices of a window of outcomes, which are two numbers each.
const OUTCOME_SLICES: u32 = 30;

/// Counts the slices of a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slicing {
    begun: Instant,
    slice: Duration,
    slices: u32,
}

impl Slicing {
    pub(super) fn new(begun: Instant, window: Duration, slices: u32) -> Self {
        Self {
            begun,
            slice: window / slices,
            slices,
        }
    }

    /// For durations.
    pub(super) fn durations(begun: Instant, window: Duration) -> Self {
        Self::new(begun, window, DURATION_SLICES)
    }

    /// For outcomes.
    pub(super) fn outcomes(begun: Instant, window: Duration) -> Self {
        Self::new(begun, window, OUTCOME_SLICES)
    }

    /// The number of the slice that `now` is in.
    pub(super) fn at(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.begun).as_nanos();
        u64::try_from(since / self.slice.as_nanos().max(1)).unwrap_or(u64::MAX)
    }

    /// When a slice begins, and when it ends.
    pub(super) fn span(&self, number: u64) -> (Instant, Instant) {
        let nanos = u64::try_from(self.slice.as_nanos()).unwrap_or(u64::MAX);
        let begin = self.begun + Duration::from_nanos(nanos.saturating_mul(number));
        (begin, begin + self.slice)
    }

    /// The oldest slice that counts when `newest` is the present one.
    pub(super) fn oldest(&self, newest: u64) -> u64 {
        (newest + 1).saturating_sub(u64::from(self.slices))
    }
}

/// Durations in a window.
#[derive(Debug)]
pub(super) struct Durations {
    /// The newest last, each with its number.
    slices: VecDeque<(u64, Histogram<u64>)>,
    whole: Option<Histogram<u64>>,
}

impl Durations {
    pub(super) fn new() -> Self {
        Self {
            slices: VecDeque::new(),
            whole: None,
        }
    }

    /// Counts a duration `count` times.
    pub(super) fn record(&mut self, slicing: &Slicing, slice: u64, duration: Duration, count: u64) {
        self.advance(slicing, slice);
        if self.slices.back().is_none_or(|(number, _)| *number < slice) {
            self.slices.push_back((slice, histogram()));
        }
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let micros = micros.clamp(1, LONGEST_MICROS);
        let newest = self.slices.back_mut().map(|(_, newest)| newest);
        let whole = self.whole.get_or_insert_with(histogram);
        for one in newest.into_iter().chain([whole]) {
            one.record_n(micros, count.min(MOST_AT_ONCE))
                .expect("a histogram that resizes takes any capped value");
        }
    }

    /// Lets slices go that are too old. True if there were any.
    pub(super) fn advance(&mut self, slicing: &Slicing, slice: u64) -> bool {
        let oldest = slicing.oldest(slice);
        let mut changed = false;
        while let Some((_, gone)) = self.slices.pop_front_if(|(number, _)| *number < oldest) {
            changed = true;
            if let Some(whole) = &mut self.whole {
                whole
                    .subtract(&gone)
                    .expect("no count is ever full, so all that a slice has is in the whole");
            }
        }
        if self.slices.is_empty() {
            self.whole = None;
        }
        changed
    }

    pub(super) fn percentiles(&self) -> Percentiles {
        let Some(whole) = &self.whole else {
            return Percentiles::default();
        };
        let at = |quantile| Duration::from_micros(whole.value_at_quantile(quantile));
        Percentiles {
            count: whole.len(),
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
        }
    }
}

/// One whose counts never reach their end: it would lose some without a word, and percentiles with them.
fn histogram() -> Histogram<u64> {
    Histogram::new(DIGITS).expect("two digits are within hdrhistogram's bounds")
}

/// How much of what ended in a window went wrong.
#[derive(Debug)]
pub(super) struct Rate {
    /// Ended and gone wrong, by slice; the newest last.
    slices: VecDeque<(u64, u64, u64)>,
    ended: u64,
    errors: u64,
    /// Whether it has crossed the threshold and not come back.
    above: bool,
    /// The slice in which it was recalled that it had, until a window is over: what was counted before is not known.
    recalled: Option<u64>,
}

impl Rate {
    pub(super) fn new() -> Self {
        Self {
            slices: VecDeque::new(),
            ended: 0,
            errors: 0,
            above: false,
            recalled: None,
        }
    }

    /// It had crossed the threshold before the program started, which is in `slice`.
    pub(super) fn recall(&mut self, slice: u64) {
        (self.above, self.recalled) = (true, Some(slice));
    }

    /// Counts what ended `count` times in this way.
    pub(super) fn record(&mut self, slice: u64, outcome: EventOutcome, count: u64) {
        let errors = if outcome.is_error() { count } else { 0 };
        match self.slices.back_mut() {
            Some((number, ended, failed)) if *number >= slice => {
                *ended += count;
                *failed += errors;
            }
            _ => self.slices.push_back((slice, count, errors)),
        }
        self.ended += count;
        self.errors += errors;
    }

    /// Lets slices go that are too old. True if there were any.
    pub(super) fn advance(&mut self, slicing: &Slicing, slice: u64) -> bool {
        let oldest = slicing.oldest(slice);
        self.recalled.take_if(|recalled| *recalled < oldest);
        let mut changed = false;
        while let Some((_, ended, errors)) =
            self.slices.pop_front_if(|(number, ..)| *number < oldest)
        {
            self.ended -= ended;
            self.errors -= errors;
            changed = true;
        }
        changed
    }

    /// The share of errors; nothing when none has ended, unless it was too high before the program started: then that stands, with
    /// a count of 0.
    pub(super) fn rate(&self) -> Option<ErrorRate> {
        (self.ended > 0 || self.recalled.is_some()).then(|| ErrorRate {
            rate: self.errors as f64 / self.ended.max(1) as f64,
            count: self.ended,
            above: self.above,
        })
    }

    /// Judges it: above from the threshold on if enough have ended, below again only under `clear` or when nothing is left
    /// to complain of. Tells where it is now if that has changed. What is only recalled is judged when enough have ended, or a window is over.
    pub(super) fn judge(&mut self, threshold: f64, clear: f64, least: u64) -> Option<bool> {
        if self.recalled.is_some() && self.ended < least {
            return None;
        }
        self.recalled = None;
        let rate = self.rate().map_or(0.0, |rate| rate.rate);
        let above = if self.above {
            rate >= clear
        } else {
            self.ended >= least && rate >= threshold
        };
        (above != std::mem::replace(&mut self.above, above)).then_some(above)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(300);

    #[test]
    fn percentiles_are_of_the_window_alone() {
        let begun = Instant::now();
        let slicing = Slicing::durations(begun, WINDOW);
        let slice = |seconds| slicing.at(begun + Duration::from_secs(seconds));
        let mut durations = Durations::new();
        for millis in 1..=100 {
            durations.record(&slicing, slice(0), Duration::from_millis(millis), 1);
        }
        durations.record(&slicing, slice(299), Duration::from_secs(7), 3);
        let near = |found: Duration, wanted: u64| {
            let wanted = Duration::from_millis(wanted).as_secs_f64();
            (found.as_secs_f64() / wanted - 1.0).abs() < 0.01
        };
        let seen = durations.percentiles();
        assert_eq!(seen.count, 103);
        assert!(
            near(seen.p50, 52) && near(seen.p95, 98) && near(seen.p99, 7000),
            "{seen:?}"
        );
        assert!(durations.advance(&slicing, slice(301)));
        let seen = durations.percentiles();
        assert_eq!((seen.count, near(seen.p50, 7000)), (3, true));
        assert!(durations.advance(&slicing, slice(541)));
        assert_eq!(durations.percentiles(), Percentiles::default());
        assert!(durations.whole.is_none(), "an idle name costs nothing");
    }

    #[test]
    fn counts_beyond_32_bits_come_and_go() {
        let begun = Instant::now();
        let slicing = Slicing::durations(begun, WINDOW);
        let slice = |seconds| slicing.at(begun + Duration::from_secs(seconds));
        let mut durations = Durations::new();
        let (short, long) = (Duration::from_millis(1), Duration::from_secs(1));
        for seconds in [0, 100] {
            durations.record(&slicing, slice(seconds), short, u64::MAX);
        }
        assert_eq!(durations.percentiles().count, 2 * MOST_AT_ONCE);
        durations.record(&slicing, slice(200), long, 1);
        assert!(durations.advance(&slicing, slice(310)));
        assert_eq!(durations.percentiles().count, MOST_AT_ONCE + 1);
        assert!(durations.advance(&slicing, slice(410)));
        let left = durations.percentiles();
        assert_eq!((left.count, left.p50.as_secs()), (1, 1));
    }

    #[test]
    fn a_rate_crosses_once_and_comes_back_once() {
        let begun = Instant::now();
        let slicing = Slicing::outcomes(begun, WINDOW);
        let slice = |seconds| slicing.at(begun + Duration::from_secs(seconds));
        let mut rate = Rate::new();
        let judge = |rate: &mut Rate| rate.judge(0.1, 0.08, 20);
        rate.record(slice(0), EventOutcome::Timeout, 2);
        rate.record(slice(0), EventOutcome::Success, 17);
        assert_eq!(judge(&mut rate), None, "too few have ended");
        rate.record(slice(1), EventOutcome::Success, 1);
        assert_eq!([judge(&mut rate), judge(&mut rate)], [Some(true), None]);
        assert_eq!(
            rate.rate().map(|rate| (rate.rate, rate.above)),
            Some((0.1, true))
        );
        rate.record(slice(2), EventOutcome::Cancelled, 4);
        assert_eq!(judge(&mut rate), None, "0.083 is not below 0.08");
        rate.record(slice(20), EventOutcome::Success, 2);
        assert_eq!([judge(&mut rate), judge(&mut rate)], [Some(false), None]);
        assert!(rate.advance(&slicing, slice(310)));
        assert_eq!(
            rate.rate().map(|rate| (rate.rate, rate.count)),
            Some((0.0, 2))
        );
    }

    #[test]
    fn a_rate_of_what_has_stopped_comes_back_when_the_window_is_empty() {
        let begun = Instant::now();
        let slicing = Slicing::outcomes(begun, WINDOW);
        let mut rate = Rate::new();
        rate.record(0, EventOutcome::Failure, 20);
        assert_eq!(rate.judge(0.1, 0.08, 20), Some(true));
        assert!(!rate.advance(&slicing, slicing.at(begun + Duration::from_secs(299))));
        assert_eq!(rate.judge(0.1, 0.08, 20), None);
        assert!(rate.advance(&slicing, slicing.at(begun + Duration::from_secs(300))));
        assert_eq!(
            (rate.judge(0.1, 0.08, 20), rate.rate()),
            (Some(false), None)
        );
    }
}
