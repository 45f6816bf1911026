//! Where the newest snapshot is kept.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::Snapshot;

/// The newest snapshot, lock-free to read. One writer, any number of readers.
#[derive(Debug)]
pub struct SnapshotCell {
    newest: ArcSwapOption<Snapshot>,
    sequence: watch::Sender<u64>,
}

impl SnapshotCell {
    /// An empty cell: nothing was collected yet.
    pub fn new() -> Self {
        Self {
            newest: ArcSwapOption::empty(),
            sequence: watch::Sender::new(0),
        }
    }

    /// The newest snapshot, or nothing before the first collection.
    pub fn load(&self) -> Option<Arc<Snapshot>> {
        self.newest.load_full()
    }

    /// Replaces the newest snapshot and wakes those who wait for one.
    pub fn publish(&self, snapshot: Snapshot) {
        let sequence = snapshot.sequence;
        self.newest.store(Some(Arc::new(snapshot)));
        self.sequence.send_replace(sequence);
    }

    /// The sequence number of the newest snapshot, to wait for the next one; 0 before the first.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.sequence.subscribe()
    }
}

impl Default for SnapshotCell {
    fn default() -> Self {
        Self::new()
    }
}
