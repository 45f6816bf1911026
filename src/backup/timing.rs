//! When the next scheduled backup is due, counted from the last good one, through restarts, failures and steps of the clock.

use std::time::{Duration, SystemTime};

/// How soon one that failed is tried again, unless they are made more often anyway.
const RETRY: Duration = Duration::from_secs(600);

/// The schedule.
#[derive(Debug)]
pub(super) struct Timing {
    every: Duration,
    /// The last good backup, whoever wanted it; before the first one, when it was looked for in vain.
    last: SystemTime,
    has_good: bool,
    /// When the last try failed, if that was the last of all.
    failed: Option<SystemTime>,
}

impl Timing {
    /// A schedule at `now`; `last` is the newest good backup there is.
    pub(super) fn new(every: Duration, last: Option<SystemTime>, now: SystemTime) -> Self {
        Self {
            every,
            last: last.unwrap_or(now).min(now),
            has_good: last.is_some(),
            failed: None,
        }
    }

    /// How long until the next one is due.
    pub(super) fn wait(&mut self, now: SystemTime) -> Duration {
        let pause = match self.failed {
            Some(_) => RETRY.min(self.every),
            None if self.has_good => self.every,
            None => Duration::ZERO,
        };
        // After a step back of the clock everything happened just now, else nothing would be due for as long as the step.
        self.last = self.last.min(now);
        self.failed = self.failed.map(|failed| failed.min(now));
        let due = self.failed.unwrap_or(self.last) + pause;
        due.duration_since(now).unwrap_or_default()
    }

    /// There is a good one of this time.
    pub(super) fn made(&mut self, at: SystemTime) {
        self.last = self.last.max(at);
        self.has_good = true;
        self.failed = None;
    }

    /// What is stored now, whoever made it or took it away: the newest good one is of this time. One that is newer than any before
    /// is as good as one that was made here.
    pub(super) fn stored(&mut self, newest: Option<SystemTime>, now: SystemTime) {
        match newest {
            // Dated ahead by some clock: it is one, and no news each time that it is looked at.
            Some(ahead) if ahead > now => {
                if !self.has_good {
                    self.made(now);
                }
            }
            Some(newest) if !self.has_good || newest > self.last => self.made(newest),
            Some(newest) => self.last = newest,
            None => self.has_good = false,
        }
    }

    /// Whether the last try failed, and no good one came since.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// One that was due came to nothing.
    pub(super) fn failed(&mut self, now: SystemTime) {
        self.failed = Some(now);
    }

    /// The last good one.
    pub(super) fn last(&self) -> Option<SystemTime> {
        self.has_good.then_some(self.last)
    }

    /// Whether twice the time has passed without a good one.
    pub(super) fn is_overdue(&self, now: SystemTime) -> bool {
        let age = now.duration_since(self.last).unwrap_or_default();
        age > self.every * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const DAY: Duration = Duration::from_secs(24 * 3_600);

    fn noon() -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * 20_000
    }

    #[test]
    fn the_first_is_due_at_once_and_the_next_a_whole_time_after_the_last() {
        let now = noon();
        assert_eq!(Timing::new(DAY, None, now).wait(now), Duration::ZERO);
        let mut timing = Timing::new(DAY, Some(now - HOUR), now);
        assert_eq!(timing.wait(now), DAY - HOUR);
        assert_eq!(timing.wait(now + DAY), Duration::ZERO);
        timing.made(now + DAY);
        assert_eq!(timing.wait(now + DAY), DAY);
        let mut old = Timing::new(DAY, Some(now - DAY * 9), now);
        assert_eq!(old.wait(now), Duration::ZERO);
    }

    #[test]
    fn one_that_failed_is_tried_again_sooner_and_is_overdue_after_twice_the_time() {
        let now = noon();
        let mut timing = Timing::new(DAY, Some(now), now);
        timing.failed(now + DAY);
        assert_eq!(timing.wait(now + DAY), RETRY);
        assert!(!timing.is_overdue(now + DAY * 2));
        assert!(timing.is_overdue(now + DAY * 2 + HOUR));
        timing.made(now + DAY * 2);
        assert!(!timing.is_overdue(now + DAY * 2 + HOUR));
        let minute = Duration::from_secs(60);
        let mut often = Timing::new(minute, None, now);
        often.failed(now);
        assert_eq!(often.wait(now), minute);
        assert_eq!(often.last(), None);
    }

    #[test]
    fn what_others_make_and_take_away_counts() {
        let now = noon();
        let mut timing = Timing::new(DAY, Some(now - HOUR), now);
        timing.failed(now);
        timing.stored(Some(now - HOUR), now);
        assert!(timing.has_failed(), "that one was there before");
        let later = now + HOUR;
        timing.stored(Some(later), later);
        assert!(!timing.has_failed());
        assert_eq!(timing.wait(later), DAY);
        timing.stored(Some(now - HOUR), later);
        assert_eq!(timing.wait(later), DAY - 2 * HOUR);
        timing.stored(None, later);
        assert_eq!((timing.last(), timing.wait(later)), (None, Duration::ZERO));
        // By a clock that was ahead.
        let ahead = Some(later + DAY * 30);
        timing.stored(ahead, later);
        assert_eq!(timing.last(), Some(later));
        timing.stored(ahead, later + DAY);
        assert_eq!(timing.last(), Some(later), "it is no news");
        assert_eq!(timing.wait(later + DAY), Duration::ZERO);
        timing.failed(later + DAY);
        timing.stored(ahead, later + DAY);
        assert!(timing.has_failed());
    }

    #[test]
    fn after_a_step_of_the_clock_one_is_due_within_the_usual_time() {
        let now = noon();
        let mut of_the_future = Timing::new(DAY, Some(now + DAY * 99), now);
        assert_eq!(of_the_future.wait(now), DAY);
        let mut timing = Timing::new(DAY, Some(now), now);
        assert_eq!(timing.wait(now - DAY * 99), DAY);
        assert_eq!(timing.wait(now - DAY * 98), Duration::ZERO);
        let mut failed = Timing::new(DAY, Some(now), now);
        failed.failed(now);
        assert_eq!(failed.wait(now - DAY * 99), RETRY);
    }
}
