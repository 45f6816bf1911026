//! The clock that says how old what is kept is: the wall clock, as far as it can be believed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long the wall clock has to keep pace with the machine's own before anything goes by it, in milliseconds: one that is ahead
/// for some minutes shall cost nothing, and one that is right is followed soon enough.
pub(super) const PROOF_MS: i64 = 60 * 60 * 1_000;
/// What it may gain between two looks is drift or a small correction, in milliseconds; more is a step.
const STEP_MS: i64 = 60 * 1_000;

/// Tells what is too old. After a start, and after each step forward, the wall clock is believed when it has kept pace with the
/// machine's own clock for an hour; until then time goes on from what was believed before, if anything was. A step back is believed at
/// once, for it lets nothing go. Whoever lets things go has one of his own and asks it each time.
#[derive(Debug, Default)]
pub struct AgeClock {
    /// What to add to the machine's own time, in milliseconds.
    believed: Option<i64>,
    /// What the wall clock says is to be added, and since when on the machine's own clock.
    proposed: Option<(i64, i64)>,
}

impl AgeClock {
    /// What is of before this moment is older than `age`, in milliseconds since the Unix epoch; [`i64::MIN`] while no clock is believed.
    pub fn oldest(&mut self, age: Duration) -> i64 {
        let (boot, wall) = read();
        let age = millis(age);
        self.at(boot, wall)
            .map_or(i64::MIN, |now| now.saturating_sub(age))
    }

    /// What time it is when the machine's own clock and the wall clock say this, as far as anything is believed; all in milliseconds.
    pub(super) fn at(&mut self, boot: i64, wall: i64) -> Option<i64> {
        let offset = wall.saturating_sub(boot);
        let follows = |believed: i64| offset <= believed.saturating_add(STEP_MS);
        if self.believed.is_some_and(follows) {
            (self.believed, self.proposed) = (Some(offset), None);
            return Some(wall);
        }
        let is_kept =
            |(proposed, _): &(i64, i64)| offset.abs_diff(*proposed) <= STEP_MS.unsigned_abs();
        let (_, since) = self.proposed.filter(is_kept).unwrap_or((offset, boot));
        self.proposed = Some((offset, since));
        if boot.saturating_sub(since) >= PROOF_MS {
            (self.believed, self.proposed) = (Some(offset), None);
        }
        self.believed.map(|believed| boot.saturating_add(believed))
    }
}

/// The machine's own clock, which never steps and counts the time asleep, and the wall clock since the Unix epoch; in milliseconds.
pub(super) fn read() -> (i64, i64) {
    let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    (
        millis(Duration::try_from(boot).unwrap_or_default()),
        wall.map(millis).unwrap_or_default(),
    )
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60 * 1_000;
    const DAY: i64 = 24 * 60 * MINUTE;
    /// When the machine started, by a right clock.
    const START: i64 = 20_000 * DAY;

    #[test]
    fn a_clock_is_believed_when_it_has_kept_pace_for_an_hour() {
        let mut clock = AgeClock::default();
        assert_eq!(clock.at(MINUTE, START + MINUTE), None);
        assert_eq!(clock.at(60 * MINUTE, START + 60 * MINUTE), None);
        let now = START + 61 * MINUTE;
        assert_eq!(clock.at(61 * MINUTE, now), Some(now));
        // It gains and loses a little, and is followed.
        let now = START + 63 * MINUTE;
        assert_eq!(clock.at(62 * MINUTE, now), Some(now));
        let now = START + 65 * MINUTE;
        assert_eq!(clock.at(65 * MINUTE, now), Some(now));
    }

    #[test]
    fn one_that_is_a_month_ahead_for_ten_minutes_makes_nothing_older() {
        let mut clock = AgeClock::default();
        clock.at(0, START);
        for minute in 60..70 {
            let now = START + minute * MINUTE;
            assert_eq!(clock.at(minute * MINUTE, now), Some(now));
        }
        for minute in 70..80 {
            let now = START + minute * MINUTE;
            assert_eq!(clock.at(minute * MINUTE, now + 31 * DAY), Some(now));
        }
        let now = START + 80 * MINUTE;
        assert_eq!(clock.at(80 * MINUTE, now), Some(now));
    }

    #[test]
    fn a_step_that_lasts_is_believed_in_the_end_and_one_back_at_once() {
        let mut clock = AgeClock::default();
        // A machine without a clock of its own, which gets the time from the network.
        clock.at(0, 0);
        clock.at(MINUTE, START + MINUTE);
        assert_eq!(clock.at(60 * MINUTE, START + 60 * MINUTE), None);
        let now = START + 61 * MINUTE;
        assert_eq!(clock.at(61 * MINUTE, now), Some(now));
        assert_eq!(clock.at(62 * MINUTE, now - DAY), Some(now - DAY));
        let held = now - DAY + MINUTE;
        assert_eq!(clock.at(63 * MINUTE, now + 2 * MINUTE), Some(held));
        let now = now + 62 * MINUTE;
        assert_eq!(clock.at(123 * MINUTE, now), Some(now));
    }

    #[test]
    fn the_machines_clocks_are_read_and_nothing_is_old_at_the_start() {
        assert_eq!(AgeClock::default().oldest(Duration::ZERO), i64::MIN);
        let mut clock = AgeClock::default();
        let (boot, wall) = read();
        clock.at(boot - PROOF_MS, wall - PROOF_MS);
        let oldest = clock.oldest(Duration::from_secs(60));
        assert!(oldest >= wall - MINUTE, "{oldest} at {wall}");
    }
}
