//! Probation: a new version runs, and the one before it is kept until the new one has shown itself good.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::version::Version;
use crate::model::{DeniedAttempt, Failure};

/// Good runs that end probation, if it has also lasted [`SHORTEST`].
const GOOD_RUNS: u32 = 3;
/// The least that it lasts.
const SHORTEST: Duration = Duration::from_secs(60);

/// A version that is watched, with the one to go back to.
pub(super) struct Probation {
    pub(super) predecessor: Version,
    /// What the versions before tried that is not granted.
    pub(super) denied: Arc<[DeniedAttempt]>,
    since: Instant,
    good_runs: u32,
}

impl Probation {
    pub(super) fn new(predecessor: Version, denied: Arc<[DeniedAttempt]>, now: Instant) -> Self {
        Self {
            predecessor,
            denied,
            since: now,
            good_runs: 0,
        }
    }

    /// Counts a good run. True when that was the last one that was needed.
    pub(super) fn passed(&mut self, now: Instant) -> bool {
        self.good_runs += 1;
        self.good_runs >= GOOD_RUNS && now.duration_since(self.since) >= SHORTEST
    }
}

/// Whether an answer of a version on probation is reason enough to go back: it broke a limit, or says that it cannot
/// run with what it is given. A target that does not answer is no fault of the version's.
pub(super) fn is_grave(answer: &Failure) -> bool {
    let kind = answer.code.split('.').next().unwrap_or_default();
    matches!(kind, "limits" | "bad-config" | "grant" | "denied")
}
