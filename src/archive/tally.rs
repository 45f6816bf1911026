//! What the archive counts.

use std::time::Duration;

use super::Archive;
use crate::model::{Tally, TallyCounter, TallyGauge};
use crate::store::PastTotals;

/// How long reading how much there is may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// All numbers; cloning shares them.
#[derive(Debug, Clone)]
pub(super) struct ArchiveTally {
    /// Of samples.
    pub(super) samples: Numbers,
    /// Of snapshots.
    pub(super) snapshots: Numbers,
    /// Ticks that memory let go before they were written.
    pub(super) lost: TallyCounter,
}

/// The numbers of one thing that is kept.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    rows: TallyGauge,
    bytes: TallyGauge,
    written: TallyCounter,
    /// Attempts that wrote nothing.
    pub(super) failures: TallyCounter,
    pruned: TallyCounter,
}

impl ArchiveTally {
    pub(super) fn new(tally: &mut Tally) -> Self {
        let gauges = [
            ("probity_archive_samples", "Rows of samples in the archive."),
            ("probity_archive_snapshots", "Snapshots in the archive."),
        ];
        let rows = gauges.map(|(name, help)| tally.gauge(name, "", help));
        let gauges = [
            (
                "probity_archive_samples_bytes",
                "Disk that the archive's samples take, estimated.",
            ),
            (
                "probity_archive_snapshots_bytes",
                "Disk that the archive's snapshots take, estimated.",
            ),
        ];
        let bytes = gauges.map(|(name, help)| tally.gauge(name, "bytes", help));
        let mut counters = |name, help| {
            ["samples", "snapshots"].map(|kind| tally.counter(name, help, Some(("kind", kind))))
        };
        let written = counters(
            "probity_archive_written_rows_total",
            "Rows written to the archive.",
        );
        let failures = counters(
            "probity_archive_failures_total",
            "Attempts to write to the archive that wrote nothing.",
        );
        let pruned = counters(
            "probity_archive_pruned_rows_total",
            "Rows that the archive let go, by age or by size.",
        );
        let lost = tally.counter(
            "probity_archive_lost_ticks_total",
            "Ticks that the history let go before the archive could write them.",
            None,
        );
        let all = rows.into_iter().zip(bytes).zip(written).zip(failures);
        let mut all = all
            .zip(pruned)
            .map(|((((rows, bytes), written), failures), pruned)| Numbers {
                rows,
                bytes,
                written,
                failures,
                pruned,
            });
        let mut next = || all.next().expect("there are two of each");
        Self {
            samples: next(),
            snapshots: next(),
            lost,
        }
    }

    /// Shows how much there is at the start. What cannot be read is shown with the first change.
    pub(super) async fn begin(&self, archive: &Archive) {
        let archive = archive.clone();
        let totals = move || archive.reader(PATIENCE).ok()?.totals().ok();
        let read = tokio::task::spawn_blocking(totals).await;
        if let Ok(Some([samples, snapshots])) = read {
            self.samples.show(samples);
            self.snapshots.show(snapshots);
        }
    }
}

impl Numbers {
    /// So many rows were written, and this is how much there is now.
    pub(super) fn wrote(&self, rows: usize, totals: PastTotals) {
        self.written.add(rows as u64);
        self.pruned.add(totals.pruned);
        self.show(totals);
    }

    fn show(&self, totals: PastTotals) {
        self.rows.set(totals.rows);
        self.bytes.set(totals.bytes);
    }
}
