//! When a verdict that is seen is shown: only after it was seen often enough in a row.

use crate::model::Status;

/// Evaluations in a row that a change needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// To a worse verdict.
    pub(super) failures: u32,
    /// To a better one.
    pub(super) recoveries: u32,
}

/// One boundary between two verdicts, that is crossed only after a streak.
#[derive(Debug, Clone, Copy, Default)]
struct Latch {
    crossed: bool,
    streak: u32,
}

/// The verdict shown for one check. Each boundary (to warn, to fail) counts for itself, so that a value that
/// wanders between warn and fail is shown as a warning as soon as one that stays at warn.
#[derive(Debug, Clone, Default)]
pub(super) struct Hysteresis {
    begun: bool,
    warn: Latch,
    fail: Latch,
}

impl Latch {
    fn step(&mut self, beyond: bool, patience: Patience) {
        let needed = if beyond {
            patience.failures
        } else {
            patience.recoveries
        };
        self.streak = if beyond == self.crossed {
            0
        } else {
            self.streak + 1
        };
        if self.streak >= needed {
            *self = Self {
                crossed: beyond,
                streak: 0,
            };
        }
    }
}

impl Hysteresis {
    /// Takes what one evaluation saw and gives what is to be shown. The first is shown at once.
    pub(super) fn step(&mut self, seen: Status, patience: Patience) -> Status {
        let at_once = Patience {
            failures: 0,
            recoveries: 0,
        };
        let patience = if self.begun { patience } else { at_once };
        self.begun = true;
        self.warn.step(seen >= Status::Warn, patience);
        self.fail.step(seen >= Status::Fail, patience);
        match (self.fail.crossed, self.warn.crossed) {
            (true, _) => Status::Fail,
            (false, true) => Status::Warn,
            (false, false) => Status::Pass,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Status::{Fail, Pass, Warn};
    use proptest::prelude::*;

    fn shown(seen: &[Status], failures: u32, recoveries: u32) -> Vec<Status> {
        let mut hysteresis = Hysteresis::default();
        let patience = Patience {
            failures,
            recoveries,
        };
        seen.iter()
            .map(|seen| hysteresis.step(*seen, patience))
            .collect()
    }

    #[test]
    fn a_change_is_shown_after_its_streak_and_the_first_verdict_at_once() {
        for (seen, expected) in [
            (&[Fail][..], &[Fail][..]),
            (&[Pass, Warn, Warn, Warn], &[Pass, Pass, Pass, Warn]),
            (&[Pass, Fail, Fail, Fail], &[Pass, Pass, Pass, Fail]),
            (&[Pass, Fail, Warn, Fail], &[Pass, Pass, Pass, Warn]),
            (&[Pass, Fail, Fail, Pass, Fail], &[Pass; 5]),
            (&[Fail, Pass, Pass], &[Fail, Fail, Pass]),
            (&[Fail, Warn, Pass], &[Fail, Fail, Warn]),
            (
                &[Fail, Pass, Fail, Pass, Pass],
                &[Fail, Fail, Fail, Fail, Pass],
            ),
        ] {
            assert_eq!(shown(seen, 3, 2), expected, "{seen:?}");
        }
        assert_eq!(shown(&[Pass, Fail, Pass], 1, 1), [Pass, Fail, Pass]);
    }

    fn status() -> impl Strategy<Value = Status> {
        prop_oneof![Just(Pass), Just(Warn), Just(Fail)]
    }

    proptest! {
        /// What is shown changes exactly when the last evaluations all call for it, told from the whole history.
        #[test]
        fn what_is_shown_follows_from_the_last_streak(
            seen in proptest::collection::vec(status(), 1..60),
            failures in 1_u32..6,
            recoveries in 1_u32..6,
        ) {
            let shown = shown(&seen, failures, recoveries);
            prop_assert_eq!(shown[0], seen[0]);
            for at in 1..seen.len() {
                let (before, now) = (shown[at - 1], shown[at]);
                let last = |count: u32| &seen[(at + 1).saturating_sub(count as usize)..=at];
                let enough = |count: u32| at + 1 >= count as usize;
                if now > before {
                    prop_assert!(last(failures).iter().all(|seen| *seen >= now));
                } else if now < before {
                    prop_assert!(last(recoveries).iter().all(|seen| *seen <= now));
                } else {
                    let all_worse = enough(failures) && last(failures).iter().all(|seen| *seen > now);
                    let all_better = enough(recoveries) && last(recoveries).iter().all(|seen| *seen < now);
                    prop_assert!(!all_worse && !all_better);
                }
            }
        }
    }
}
