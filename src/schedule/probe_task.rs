//! The task that runs one probe.

use std::time::Instant;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::cadence::Cadence;
use super::deliver;
use crate::model::{ProbeState, Update};
use crate::probe::{Due, Probe, Trigger};

pub(super) struct ProbeTask {
    probe: Probe,
    updates: mpsc::Sender<Update>,
    stop: CancellationToken,
}

impl ProbeTask {
    pub(super) fn new(
        probe: Probe,
        updates: mpsc::Sender<Update>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            probe,
            updates,
            stop,
        }
    }

    /// Runs the probe until told to stop, or until it says that its configuration is not fit to run with.
    pub(super) async fn run(mut self) {
        let mut cadence = Cadence::new(Instant::now(), self.probe.interval());
        let mut trigger = Trigger::Startup;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep_until(cadence.next().into()) => {}
            }
            let begin = cadence.begin(Instant::now());
            let due = Due {
                trigger,
                lateness: begin.lateness,
                missed: begin.missed,
            };
            trigger = Trigger::Schedule;
            let observation = tokio::select! {
                observation = self.probe.run(due) => observation,
                // What an unfinished run staged was never promised to anybody.
                () = self.stop.cancelled() => return,
            };
            if !deliver(&self.updates, observation).await
                || self.probe.status().state == ProbeState::Rejected
            {
                return;
            }
            if let Some(moment) = self.probe.not_before() {
                cadence.postpone(moment);
            }
        }
    }
}
