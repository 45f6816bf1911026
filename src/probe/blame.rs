//! Whose fault it is that a run took too long: a machine that slept or an event loop that stood still is no fault of
//! the probe's.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::model::Failure;
use crate::snapshot::SnapshotCell;

/// Beyond this lag of the event loop no deadline is held against a probe.
const LAG: Duration = Duration::from_millis(250);
/// A suspend is at least this long; less is the difference of two readings.
const SUSPEND: Duration = Duration::from_millis(100);

/// How long the machine has slept since it started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    asleep: Duration,
}

impl Clock {
    pub(super) fn now() -> Self {
        let read = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
        let awake = read(ClockId::Monotonic);
        Self {
            asleep: read(ClockId::Boottime).saturating_sub(awake),
        }
    }
}

/// Why a crash of a run that began at `began` is not held against the probe, if there is a reason.
pub(super) fn excuse(
    failure: &Failure,
    began: Clock,
    snapshots: &SnapshotCell,
) -> Option<&'static str> {
    let lag = snapshots.load().and_then(|snapshot| {
        let dated = snapshot.facts.event_loop.as_ref()?;
        Some(dated.facts.lag.current_seconds)
    });
    judge(
        failure,
        Clock::now().asleep.saturating_sub(began.asleep),
        lag.unwrap_or_default(),
    )
}

fn judge(failure: &Failure, slept: Duration, lag_seconds: f64) -> Option<&'static str> {
    if failure.code != "limits.deadline" {
        return None;
    }
    if slept >= SUSPEND {
        return Some("the machine was suspended meanwhile");
    }
    (lag_seconds > LAG.as_secs_f64()).then_some("the host itself was held up meanwhile")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_deadline_is_excused_and_only_for_a_reason() {
        let deadline = Failure::new("limits.deadline", "x");
        let trap = Failure::new("trap", "x");
        let second = Duration::from_secs(1);
        for (failure, slept, lag, excused) in [
            (&deadline, Duration::ZERO, 0.0, false),
            (&deadline, Duration::ZERO, 0.25, false),
            (&deadline, Duration::ZERO, 0.26, true),
            (&deadline, second, 0.0, true),
            (&trap, second, 1.0, false),
        ] {
            assert_eq!(judge(failure, slept, lag).is_some(), excused);
        }
    }
}
