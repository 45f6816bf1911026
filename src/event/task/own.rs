//! The program's own work, as its snapshot shows it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::event::kinds::{ErrorInfo, OperationCompleted};
use crate::model::{EventOutcome, Failure, Operation, SourceKind};
use crate::snapshot::Snapshot;

/// The name under which runs of probes are counted.
pub(super) use crate::event::derived::PROBE_RUNS as RUN;

/// What was seen of it so far.
#[derive(Default)]
pub(super) struct OwnWork {
    last: Option<Arc<Operation>>,
    /// Runs and failures of each probe.
    runs: HashMap<Arc<str>, (u64, u64)>,
}

/// Runs of probes that ended alike.
#[derive(Debug, PartialEq)]
pub(super) struct Runs {
    pub(super) outcome: EventOutcome,
    /// How long the last of them took.
    pub(super) duration: Duration,
    pub(super) count: u64,
}

impl OwnWork {
    /// The operations that have ended since the snapshot that was looked at before, the oldest first.
    pub(super) fn operations(&mut self, snapshot: &Snapshot) -> Vec<Arc<Operation>> {
        let all = &snapshot.operations;
        let known = |one: &&Arc<Operation>| {
            let last = self.last.as_ref();
            last.is_some_and(|last| Arc::ptr_eq(last, one))
        };
        let mut new: Vec<_> = all.iter().take_while(|one| !known(one)).cloned().collect();
        if new.len() == all.len() && self.last.is_some() {
            tracing::warn!(
                "more operations have ended in a second than are kept: some are not among the events"
            );
        }
        if let Some(newest) = all.first() {
            self.last = Some(newest.clone());
        }
        new.reverse();
        new
    }

    /// The runs of probes that have ended since then.
    pub(super) fn runs(&mut self, snapshot: &Snapshot) -> Vec<Runs> {
        let sources = snapshot.sources.iter();
        let probes = sources.filter(|source| source.info.kind == SourceKind::Probe);
        let mut found = Vec::new();
        let mut present = 0;
        for probe in probes {
            present += 1;
            let (runs, failures) = (probe.runs.runs, probe.runs.failures);
            let known = match self.runs.get_mut(&probe.info.name) {
                Some(known) => known,
                None => self.runs.entry(probe.info.name.clone()).or_default(),
            };
            // One that was removed and is back counts from the beginning.
            let before = if runs < known.0 { (0, 0) } else { *known };
            *known = (runs, failures);
            let failed = failures.saturating_sub(before.1);
            let went_well = (runs - before.0).saturating_sub(failed);
            for (outcome, count) in [
                (EventOutcome::Success, went_well),
                (EventOutcome::Failure, failed),
            ] {
                if count > 0 {
                    found.push(Runs {
                        outcome,
                        duration: probe.runs.last,
                        count,
                    });
                }
            }
        }
        if self.runs.len() > present {
            let is_there = |name: &str| snapshot.sources.iter().any(|one| *one.info.name == *name);
            self.runs.retain(|name, _| is_there(name));
        }
        found
    }
}

/// An operation as an event says it.
pub(super) fn completed(operation: &Operation) -> OperationCompleted {
    let error = |failure: &Failure| ErrorInfo {
        kind: failure.code.as_str().into(),
        message: failure.message.as_str().into(),
        stack: failure.backtrace.as_deref().map(Box::from),
        code: None,
    };
    OperationCompleted {
        operation: Some(operation.id().into()),
        name: operation.kind.into(),
        worker: None,
        queue: None,
        outcome: match operation.outcome {
            Ok(_) => EventOutcome::Success,
            Err(_) => EventOutcome::Failure,
        },
        duration_ms: operation.duration.into(),
        error: operation
            .outcome
            .as_ref()
            .err()
            .map(|failure| error(failure)),
    }
}
