//! The verdict on readiness as it is now, not as it was when the snapshot was made.

use std::time::{Duration, Instant};

use crate::model::Status;
use crate::snapshot::Snapshot;

/// A snapshot younger than this is never late: short stalls are the loop-lag check's business.
const LEAST_ALLOWANCE: Duration = Duration::from_secs(5);
/// Intervals of the quickest source that a snapshot may be old.
const ALLOWED_INTERVALS: u32 = 3;
/// The check that a late snapshot fails, whatever the snapshot itself says of it.
const COLLECTOR: &str = "collector";

/// One check's verdict.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    pub(super) name: String,
    pub(super) status: Status,
    pub(super) reason: String,
    /// Whether readiness asks for it.
    pub(super) gates: bool,
    /// Given by the server itself, just now.
    pub(super) live: bool,
}

/// All verdicts and what they come to.
#[derive(Debug)]
pub(super) struct Report {
    /// The worst verdict.
    pub(super) status: Status,
    /// Whether no check that gates readiness fails.
    pub(super) ready: bool,
    pub(super) verdicts: Vec<Verdict>,
}

impl Verdict {
    /// A live check that passes.
    pub(super) fn passing(name: &str, reason: &str) -> Self {
        Self::live(name, Status::Pass, reason.to_owned())
    }

    fn live(name: &str, status: Status, reason: String) -> Self {
        Self {
            name: name.to_owned(),
            status,
            reason,
            gates: true,
            live: true,
        }
    }
}

impl Report {
    /// The snapshot's checks, set right where the server knows better: nothing was collected yet, nothing is
    /// collected any more, or the program is about to stop.
    pub(super) fn new(snapshot: Option<&Snapshot>, draining: bool, now: Instant) -> Self {
        let mut verdicts = Vec::new();
        match snapshot {
            Some(snapshot) => verdicts = checks(snapshot, now),
            None => {
                let reason = "no snapshot yet: the first collection is under way";
                verdicts.push(Verdict::live("startup", Status::Fail, reason.into()));
            }
        }
        if draining {
            let reason = "no longer ready: the program is stopping";
            verdicts.push(Verdict::live("shutdown", Status::Fail, reason.into()));
        }
        Self::of(verdicts)
    }

    /// Sums up verdicts.
    pub(super) fn of(verdicts: Vec<Verdict>) -> Self {
        let statuses = verdicts.iter().map(|verdict| verdict.status);
        let mut gates = verdicts.iter().filter(|verdict| verdict.gates);
        Self {
            status: statuses.max().unwrap_or(Status::Pass),
            ready: gates.all(|verdict| verdict.status < Status::Fail),
            verdicts,
        }
    }
}

fn checks(snapshot: &Snapshot, now: Instant) -> Vec<Verdict> {
    let given = snapshot.health.checks.iter().map(|check| Verdict {
        name: check.name.to_string(),
        status: check.status,
        reason: check.message.clone(),
        gates: check.gates_readiness,
        live: false,
    });
    let late = lateness(snapshot, now);
    let mut verdicts: Vec<Verdict> = given.collect();
    if let Some(late) = late {
        verdicts.retain(|verdict| verdict.name != COLLECTOR);
        verdicts.push(late);
    }
    verdicts
}

/// A failing verdict when the snapshot is older than it may be.
fn lateness(snapshot: &Snapshot, now: Instant) -> Option<Verdict> {
    let age = now.saturating_duration_since(snapshot.published);
    let intervals = snapshot.sources.iter().map(|source| source.info.interval);
    let allowed = intervals.min().map_or(LEAST_ALLOWANCE, |quickest| {
        (quickest * ALLOWED_INTERVALS).max(LEAST_ALLOWANCE)
    });
    (age > allowed).then(|| {
        let (age, allowed) = (age.as_secs_f64(), allowed.as_secs_f64());
        let reason = format!("the newest snapshot is {age:.1} s old, {allowed:.1} s are allowed");
        Verdict::live(COLLECTOR, Status::Fail, reason)
    })
}
