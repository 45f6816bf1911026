//! The merge: sole owner of the current state.
//!
//! It takes observations from a bounded channel, applies them, and publishes an immutable snapshot. It never
//! waits for a reader, a disk or a guest, and nothing else writes what it owns.

mod ledger;
mod numbers;
mod operations;
mod own;
mod secrets;
mod source;
mod state;

#[cfg(test)]
mod recording_tests;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::health;
use crate::model::{Tally, Update};
use crate::redact::Redactor;
use crate::snapshot::SnapshotCell;

pub use ledger::Ledger;
pub use own::NAME as OWN_SOURCE;
use secrets::Secrets;
use state::State;

/// How often health is judged, percentiles are computed and the host's own metrics are written. A snapshot is
/// published at least this often, so that ages in it stay true.
const BEAT: Duration = Duration::from_secs(1);
/// Updates applied before a snapshot is published; bounds the age of what readers see in a flood.
const MAX_BATCH: usize = 256;

/// The task that owns the state.
pub struct Merge {
    updates: mpsc::Receiver<Update>,
    cell: Arc<SnapshotCell>,
    state: State,
    secrets: Secrets,
}

impl Merge {
    /// A merge that publishes in `cell` what comes from `updates`, judged by `watch`, with the counters of `tallies`
    /// among the host's own metrics.
    ///
    /// # Errors
    /// A [`MetricError`](crate::model::MetricError) when a tally's name breaks a rule.
    pub fn new(
        updates: mpsc::Receiver<Update>,
        cell: Arc<SnapshotCell>,
        watch: health::Watch,
        tallies: Vec<Arc<Tally>>,
    ) -> Result<Self, crate::model::MetricError> {
        let state = State::new(watch, tallies)?;
        Ok(Self {
            updates,
            cell,
            state,
            secrets: Secrets::default(),
        })
    }

    /// Takes secrets out of what sources say: their failures, their checks.
    #[must_use]
    pub fn redacting(mut self, redactor: Redactor) -> Self {
        self.secrets = Secrets::new(redactor);
        self
    }

    /// Merges until every sender is gone; what they sent is applied first.
    pub async fn run(mut self) {
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(MAX_BATCH);
        loop {
            tokio::select! {
                count = self.updates.recv_many(&mut batch, MAX_BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.handle_batch(&mut batch);
                }
                _ = beat.tick() => self.handle_beat(),
            }
        }
    }

    fn handle_batch(&mut self, batch: &mut Vec<Update>) {
        let was_whole = self.state.is_whole();
        for mut update in batch.drain(..) {
            self.secrets.take_out(&mut update);
            self.state.apply(update, SystemTime::now());
        }
        if self.state.is_whole() && !was_whole {
            self.state.beat(Instant::now(), SystemTime::now());
        }
        self.publish();
    }

    fn handle_beat(&mut self) {
        self.state.beat(Instant::now(), SystemTime::now());
        self.publish();
    }

    fn publish(&mut self) {
        if let Some(snapshot) = self.state.snapshot(Instant::now(), SystemTime::now()) {
            self.cell.publish(snapshot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Failure, SourceInfo, SourceKind};

    /// Merges these updates; whether the snapshot afterwards is whole, nothing when there is none.
    async fn whole_after(updates: Vec<Update>) -> Option<bool> {
        let cell = Arc::new(SnapshotCell::new());
        let (sender, received) = mpsc::channel(8);
        let watch = health::Watch::new(&health::Config::default());
        let merge = Merge::new(received, cell.clone(), watch, Vec::new());
        for update in updates {
            sender.send(update).await.expect("the merge is there");
        }
        drop(sender);
        merge.expect("the names are good").run().await;
        cell.load().map(|snapshot| snapshot.whole)
    }

    fn probe(name: &str) -> Update {
        Update::Source(SourceInfo {
            name: name.into(),
            kind: SourceKind::Probe,
            interval: Duration::from_secs(15),
        })
    }

    #[tokio::test]
    async fn a_start_without_any_source_is_whole_and_shown() {
        assert_eq!(whole_after(Vec::new()).await, None);
        assert_eq!(whole_after(vec![Update::StartComplete]).await, Some(true));
    }

    #[tokio::test]
    async fn what_is_whole_stays_whole_when_a_source_comes_later() {
        let late = Update::Late("a".into(), Arc::new(Failure::new("late", "it waits")));
        let unanswered = vec![probe("a"), Update::StartComplete];
        assert_eq!(whole_after(unanswered).await, Some(false));
        let joined = vec![probe("a"), Update::StartComplete, late, probe("b")];
        assert_eq!(whole_after(joined).await, Some(true));
    }
}
