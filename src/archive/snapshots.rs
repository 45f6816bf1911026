//! The task that keeps snapshots: the newest one, again and again.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::series::millis;
use super::{Archive, ArchiveTally, SnapshotsConfig};
use crate::snapshot::{Snapshot, SnapshotCell, document};
use crate::store::{AgeClock, KeptSnapshot, PastBounds};

/// How long the disk is waited for. What is still under way then may still be written, and the next one is tried as usual.
const PATIENCE: Duration = Duration::from_secs(5);
/// Snapshots that go with each one that comes, so that what is too much shrinks.
const PRUNED_AT_ONCE: u64 = 100;

/// Keeps the newest snapshot at every interval.
#[derive(Debug)]
pub(super) struct SnapshotWriter {
    cell: Arc<SnapshotCell>,
    archive: Archive,
    config: SnapshotsConfig,
    /// The number of the last one that was kept.
    last: Option<u64>,
    /// What is too old.
    ages: AgeClock,
    tally: ArchiveTally,
}

impl SnapshotWriter {
    pub(super) fn new(
        config: &SnapshotsConfig,
        cell: Arc<SnapshotCell>,
        archive: Archive,
        tally: ArchiveTally,
    ) -> Self {
        Self {
            cell,
            archive,
            config: config.clone(),
            last: None,
            ages: AgeClock::default(),
            tally,
        }
    }

    /// Keeps one at every interval until it is told to stop, and then the last one.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut interval = tokio::time::interval(self.config.interval.0);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = interval.tick() => self.round().await,
            }
        }
        self.round().await;
    }

    /// Keeps the newest one, if there was none like it.
    async fn round(&mut self) {
        let Some(snapshot) = self.cell.load() else {
            return;
        };
        if self.last == Some(snapshot.sequence) {
            return;
        }
        let sequence = snapshot.sequence;
        let packed = tokio::task::spawn_blocking(move || pack(&snapshot)).await;
        let written = match packed {
            Ok(Ok(snapshot)) => self.write(snapshot).await,
            Ok(Err(error)) => {
                tracing::error!("a snapshot for the archive could not be packed: {error}");
                false
            }
            Err(error) => {
                tracing::error!("a snapshot for the archive could not be made: {error}");
                false
            }
        };
        if written {
            self.last = Some(sequence);
        } else {
            self.tally.snapshots.failures.increment();
        }
    }

    /// Whether it is on disk.
    async fn write(&mut self, snapshot: KeptSnapshot) -> bool {
        let bounds = PastBounds {
            oldest: self.ages.oldest(self.config.retention.0),
            bytes: self.config.max_size.0,
            at_once: PRUNED_AT_ONCE,
        };
        let store = self.archive.store();
        let keeping = store.and_then(|store| store.keep_snapshot(snapshot, bounds).ok());
        let Some(mut keeping) = keeping else {
            return false;
        };
        // Why not is in the log, and in the check of the store.
        let Some(Ok(totals)) = keeping.within(PATIENCE).await else {
            return false;
        };
        self.tally.snapshots.wrote(1, totals);
        true
    }
}

/// The document as a reader sees it now, compressed.
fn pack(snapshot: &Snapshot) -> std::io::Result<KeptSnapshot> {
    let text = document(snapshot, Instant::now()).to_string();
    let out = Vec::with_capacity(text.len() / 6);
    let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
    encoder.write_all(text.as_bytes())?;
    let since = snapshot.timestamp.duration_since(UNIX_EPOCH);
    Ok(KeptSnapshot {
        time: since.map_or(0, millis),
        sequence: snapshot.sequence,
        document: Bytes::from(encoder.finish()?),
    })
}
