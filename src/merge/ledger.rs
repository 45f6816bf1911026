//! The merge without a task: for a caller that has all updates in its own hand and waits for nobody.

use std::time::{Instant, SystemTime};

use super::state::State;
use crate::health::Watch;
use crate::model::{MetricError, Update};
use crate::snapshot::Snapshot;

/// The state that the merge keeps, kept by its caller.
pub struct Ledger {
    state: State,
}

impl Ledger {
    /// Nothing yet; checks are judged by `watch`.
    ///
    /// # Errors
    /// When the name of one of the host's own metrics breaks a rule: a defect.
    pub fn new(watch: Watch) -> Result<Self, MetricError> {
        Ok(Self {
            state: State::new(watch, Vec::new())?,
        })
    }

    /// Applies an update, as one that the merge is sent; `wall` is when totals begin.
    pub fn apply(&mut self, update: Update, wall: SystemTime) {
        self.state.apply(update, wall);
    }

    /// Everything as it is now, with health judged and percentiles computed; nothing while there is nothing to show.
    pub fn snapshot(&mut self, wall: SystemTime) -> Option<Snapshot> {
        let now = Instant::now();
        self.state.beat(now, wall);
        self.state.snapshot(now, wall)
    }
}
