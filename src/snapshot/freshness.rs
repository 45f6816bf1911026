//! Three truths: fresh, stale, absent.

use std::time::{Duration, Instant};

use crate::model::MetricKind;

/// Intervals for which a value is fresh: one missed run may be chance.
const STALE_AFTER: u32 = 2;
/// Intervals after which a value is not shown any more.
const ABSENT_AFTER: u32 = 3;

/// How far a value can be trusted at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// Since it was last written.
    pub age: Duration,
    /// Older than two intervals.
    pub stale: bool,
    /// Older than three: not shown any more. Totals are never absent, for the host keeps them.
    pub absent: bool,
}

impl Freshness {
    /// Fresh for two intervals, stale until three, then absent; counters and histograms only go stale.
    pub fn of(kind: MetricKind, updated: Instant, interval: Duration, now: Instant) -> Self {
        let age = now.saturating_duration_since(updated);
        Self {
            age,
            stale: age > interval * STALE_AFTER,
            absent: age > interval * ABSENT_AFTER && !keeps_total(kind),
        }
    }

    /// The moment before which a value is absent at `now`, for those who ask of many values with one
    /// interval; nothing when a value of this kind is never absent, or none can be that old.
    pub fn absent_before(kind: MetricKind, interval: Duration, now: Instant) -> Option<Instant> {
        if keeps_total(kind) {
            None
        } else {
            now.checked_sub(interval * ABSENT_AFTER)
        }
    }
}

/// Totals are the host's and stay.
fn keeps_total(kind: MetricKind) -> bool {
    matches!(kind, MetricKind::Counter | MetricKind::Histogram)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_goes_stale_then_absent_and_a_total_only_stale() {
        let interval = Duration::from_secs(1);
        let now = Instant::now();
        let updated = |seconds: f64| now - Duration::from_secs_f64(seconds);
        for (kind, age, stale, absent) in [
            (MetricKind::Gauge, 2.0, false, false),
            (MetricKind::Gauge, 2.1, true, false),
            (MetricKind::Gauge, 3.1, true, true),
            (MetricKind::StateSet, 3.1, true, true),
            (MetricKind::Counter, 2.1, true, false),
            (MetricKind::Counter, 99.0, true, false),
            (MetricKind::Histogram, 99.0, true, false),
        ] {
            let freshness = Freshness::of(kind, updated(age), interval, now);
            assert_eq!(
                (freshness.stale, freshness.absent),
                (stale, absent),
                "{kind:?} at {age} s"
            );
            let before = Freshness::absent_before(kind, interval, now);
            assert_eq!(
                before.is_some_and(|limit| updated(age) < limit),
                absent,
                "{kind:?} at {age} s, asked the other way round"
            );
        }
    }
}
