//! The history's own time, which only goes forward, and how the wall clock relates to it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Differences up to here are the two clocks' drift, and moving every sample for them would make graphs tremble.
const STEP_MS: i64 = 250;

/// A moment on both clocks, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Since the machine started, time asleep included: it never steps, and a suspend leaves a gap.
    pub boot: i64,
    /// Since the Unix epoch.
    pub wall: i64,
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let boot = Duration::try_from(boot).unwrap_or_default();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            boot: millis(boot),
            // Before 1970: a machine without a clock, whose time is counted from 0 until it has one.
            wall: wall.map(millis).unwrap_or_default(),
        }
    }

    /// What to add to this history's time for the wall clock's, given what was added until now. After a step of the wall clock
    /// all of the past is shown by the clock as it is now, so that nothing is lost, doubled or out of order.
    pub(super) fn offset(self, before: Option<i64>) -> i64 {
        let offset = self.wall - self.boot;
        match before {
            Some(before) if (offset - before).abs() <= STEP_MS => before,
            _ => offset,
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_moves_nothing_and_a_step_moves_everything() {
        let moment = |boot, wall| Moment { boot, wall };
        assert_eq!(moment(1_000, 50_000).offset(None), 49_000);
        assert_eq!(moment(2_000, 51_250).offset(Some(49_000)), 49_000);
        assert_eq!(moment(2_000, 51_251).offset(Some(49_000)), 49_251);
        assert_eq!(moment(2_000, 3_000).offset(Some(49_000)), 1_000);
    }

    #[test]
    fn the_machines_clocks_are_read() {
        let (one, two) = (Moment::now(), Moment::now());
        assert!(one.boot > 0 && two.boot >= one.boot);
        assert!(one.wall > 1_600_000_000_000);
    }
}
