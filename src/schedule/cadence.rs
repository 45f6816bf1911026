//! Due times on a fixed grid.

use std::time::{Duration, Instant};

/// The due times of one source: the start plus whole intervals, so that lateness does not add up.
#[derive(Debug, Clone)]
pub(super) struct Cadence {
    next: Instant,
    interval: Duration,
}

/// How a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Begin {
    /// How long after its due time.
    pub(super) lateness: Duration,
    /// Further due times that passed meanwhile.
    pub(super) missed: u32,
}

impl Cadence {
    /// Due at `first` and then every `interval`, which must not be zero.
    pub(super) fn new(first: Instant, interval: Duration) -> Self {
        Self {
            next: first,
            interval,
        }
    }

    /// The next due time.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Begins the run that is due at `now`. Due times that passed since are missed: one run makes up for all.
    pub(super) fn begin(&mut self, now: Instant) -> Begin {
        let late = now.saturating_duration_since(self.next);
        let whole = u32::try_from(late.as_nanos() / self.interval.as_nanos().max(1))
            .unwrap_or(u32::MAX - 1);
        self.next += self.interval * (whole + 1);
        Begin {
            lateness: late,
            missed: whole,
        }
    }

    /// Moves on to the first due time not before `moment`, without counting what is passed over.
    pub(super) fn postpone(&mut self, moment: Instant) {
        if self.next < moment {
            let wait = moment - self.next;
            let whole = u32::try_from(wait.as_nanos().div_ceil(self.interval.as_nanos().max(1)))
                .unwrap_or(u32::MAX - 1);
            self.next += self.interval * whole;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn late_runs_stay_on_the_grid_and_missed_ones_are_counted() {
        let start = Instant::now();
        for (late_ms, missed, next_s) in [
            (0, 0, 1),
            (999, 0, 1),
            (1000, 1, 2),
            (2500, 2, 3),
            (60_000, 60, 61),
        ] {
            let mut cadence = Cadence::new(start, SECOND);
            let lateness = Duration::from_millis(late_ms);
            assert_eq!(cadence.begin(start + lateness), Begin { lateness, missed });
            assert_eq!(cadence.next(), start + SECOND * next_s, "{late_ms} ms late");
        }
    }

    #[test]
    fn a_pause_counts_nothing_and_keeps_the_grid() {
        let start = Instant::now();
        for (pause_ms, next_s) in [(0, 0), (1, 1), (1000, 1), (1001, 2)] {
            let mut cadence = Cadence::new(start, SECOND);
            cadence.postpone(start + Duration::from_millis(pause_ms));
            assert_eq!(cadence.next(), start + SECOND * next_s, "{pause_ms} ms");
        }
    }
}
