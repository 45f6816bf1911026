//! What of the past is kept on disk: every series, made few, and whole snapshots. Both are off unless they are asked for.
//!
//! Owns what is kept, for how long and how it goes on where memory ends. It takes its samples from the history's views and
//! its snapshots from their cell, and hands both to the store. It knows no SQL and no request, and whatever becomes of the
//! disk, nobody waits for it.

mod config;
mod fold;
mod reader;
mod series;
mod snapshots;
mod tally;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::history::History;
use crate::model::Tally;
use crate::snapshot::SnapshotCell;

pub use crate::store::{PastReader, PastSeries, Sample, SnapshotEntry};
pub use config::{Config, SeriesConfig, SnapshotsConfig};
pub use reader::{Archive, ArchiveError, Seam, inflate};

use series::SeriesWriter;
use snapshots::SnapshotWriter;
use tally::ArchiveTally;

/// Writes what is kept: one task for both.
#[derive(Debug)]
pub struct Writer {
    archive: Archive,
    series: Option<SeriesWriter>,
    snapshots: Option<SnapshotWriter>,
    tally: ArchiveTally,
}

impl Writer {
    /// A writer of what `config` wants kept, which counts in `tally` what it does; nothing where nothing is wanted.
    pub fn new(
        config: &Config,
        history: Option<History>,
        cell: Arc<SnapshotCell>,
        tally: &mut Tally,
    ) -> Option<Self> {
        let history = history.filter(|_| config.series.enabled);
        if history.is_none() && !config.snapshots.enabled {
            return None;
        }
        let archive = Archive::new(config);
        let tally = ArchiveTally::new(tally);
        let (series, snapshots) = (&config.series, &config.snapshots);
        Some(Self {
            series: history
                .map(|history| SeriesWriter::new(series, history, archive.clone(), tally.clone())),
            snapshots: snapshots
                .enabled
                .then(|| SnapshotWriter::new(snapshots, cell, archive.clone(), tally.clone())),
            archive,
            tally,
        })
    }

    /// What it writes, for readers.
    pub fn archive(&self) -> Archive {
        self.archive.clone()
    }

    /// Writes until it is told to stop, and then what is left: by then the history has to have stopped.
    pub async fn run(self, stop: CancellationToken) {
        self.tally.begin(&self.archive).await;
        let series = async {
            if let Some(series) = self.series {
                series.run(stop.clone()).await;
            }
        };
        let snapshots = async {
            if let Some(snapshots) = self.snapshots {
                snapshots.run(stop.clone()).await;
            }
        };
        tokio::join!(series, snapshots);
    }
}
