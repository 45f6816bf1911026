//! What backups count.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Manifest;
use crate::model::{Tally, TallyCounter, TallyGauge};

/// All numbers.
#[derive(Debug)]
pub(super) struct BackupTally {
    ok: TallyCounter,
    failed: TallyCounter,
    last_success: TallyGauge,
    duration: TallyGauge,
    bytes: TallyGauge,
    stored: TallyGauge,
}

impl BackupTally {
    pub(super) fn new(tally: &mut Tally) -> Self {
        let [ok, failed] = ["ok", "failed"].map(|outcome| {
            let help = "Backups by outcome.";
            tally.counter("probity_backups_total", help, Some(("outcome", outcome)))
        });
        Self {
            ok,
            failed,
            last_success: tally.gauge(
                "probity_backup_last_success_timestamp_seconds",
                "seconds",
                "When the newest good backup was begun, since the Unix epoch; 0 while there is none.",
            ),
            duration: tally.gauge(
                "probity_backup_last_duration_seconds",
                "seconds",
                "How long the last good backup took.",
            ),
            bytes: tally.gauge(
                "probity_backup_last_size_bytes",
                "bytes",
                "Size of the newest good backup's archive.",
            ),
            stored: tally.gauge("probity_backups_stored", "", "Good backups that are kept."),
        }
    }

    /// What there is: so many good ones, and the newest.
    pub(super) fn stored(&self, count: usize, newest: Option<&Manifest>) {
        self.stored.set(count as u64);
        let time = newest.map_or(0, |newest| seconds(newest.id.time()));
        self.last_success.set(time);
        let archive = newest.and_then(|newest| newest.archive.as_ref());
        self.bytes.set(archive.map_or(0, |archive| archive.bytes));
    }

    pub(super) fn made(&self, took: Duration) {
        self.ok.increment();
        // Never 0: that is what stands there before the first one.
        self.duration.set(took.as_secs_f64().ceil() as u64);
    }

    pub(super) fn failed(&self) {
        self.failed.increment();
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
