//! The task that keeps every series: at each step's end it writes down what the step came to.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;

use super::fold::{Batch, fold};
use super::{Archive, ArchiveTally, SeriesConfig};
use crate::history::History;
use crate::store::{AgeClock, Keeping, KeptSeries, PastBounds};

/// How long a round waits for the disk. What is still under way then is waited for in the next one.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long after a step's end its round begins: the history's last tick of it shall be there. One that comes later is added
/// to its step by the next round.
const AFTER: Duration = Duration::from_millis(100);
/// When what could not be written is tried again, if the step is longer.
const RETRY: Duration = Duration::from_secs(60);
/// Rows that may go with each row written, and at least so many: more than one step can bring, so that what is too much
/// shrinks.
const PRUNED_A_ROW: usize = 2;
const LEAST_PRUNED: usize = 10_000;

/// Writes each step of the history once.
#[derive(Debug)]
pub(super) struct SeriesWriter {
    history: History,
    archive: Archive,
    /// In milliseconds.
    step: i64,
    config: SeriesConfig,
    /// The first tick that is in no batch yet.
    next: u64,
    /// What is left to write of the last batch; there is no other before that is done.
    changes: VecDeque<Arc<[KeptSeries]>>,
    /// How many rows the last batch has.
    rows: usize,
    /// The first change, when the store has it already.
    under_way: Option<Underway>,
    /// How long a round waits for the disk.
    patience: Duration,
    /// What is too old.
    ages: AgeClock,
    tally: ArchiveTally,
}

/// Hides what has nothing to show.
struct Underway(Keeping);

impl std::fmt::Debug for Underway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Underway")
    }
}

impl SeriesWriter {
    pub(super) fn new(
        config: &SeriesConfig,
        history: History,
        archive: Archive,
        tally: ArchiveTally,
    ) -> Self {
        Self {
            step: millis(config.step.0),
            config: config.clone(),
            history,
            archive,
            next: 0,
            changes: VecDeque::new(),
            rows: 0,
            under_way: None,
            patience: PATIENCE,
            ages: AgeClock::default(),
            tally,
        }
    }

    /// Writes each step soon after its end, until it is told to stop; then what there is of the one under way.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut done = true;
        loop {
            let mut wait = self.until_step_ends();
            if !done {
                wait = wait.min(RETRY);
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
            }
            let step_began = wall().div_euclid(self.step) * self.step;
            done = self.round(step_began).await;
        }
        if !self.round(i64::MAX).await {
            tracing::warn!("the archive could not write its last samples before the end");
        }
    }

    /// Writes the ticks until `until`. Whether all of them are on disk.
    async fn round(&mut self, until: i64) -> bool {
        while self.write().await {
            let (view, next, step) = (self.history.view(), self.next, self.step);
            let folding = move || fold(&view, next, until, step);
            match tokio::task::spawn_blocking(folding).await {
                Ok(Some(batch)) => self.take(batch),
                Ok(None) => return true,
                Err(error) => {
                    tracing::error!("samples for the archive could not be made: {error}");
                    return false;
                }
            }
        }
        false
    }

    fn take(&mut self, batch: Batch) {
        self.tally.lost.add(batch.lost);
        self.changes = batch.changes.into();
        self.rows = batch.rows;
        self.next = batch.next;
    }

    /// Writes what is left of the batch. Whether all of it is on disk.
    async fn write(&mut self) -> bool {
        let oldest = self.ages.oldest(self.config.retention.0);
        while let Some(change) = self.changes.front() {
            let rows = change.iter().map(|one| one.samples.len()).sum();
            let bounds = (self.changes.len() == 1).then(|| self.bounds(oldest));
            let under_way = match self.under_way.take() {
                Some(under_way) => Some(under_way),
                None => {
                    let store = self.archive.store();
                    let kept = store.and_then(|store| store.keep(change.clone(), bounds).ok());
                    kept.map(Underway)
                }
            };
            let Some(Underway(mut keeping)) = under_way else {
                self.tally.samples.failures.increment();
                return false;
            };
            match keeping.within(self.patience).await {
                Some(Ok(totals)) => {
                    self.tally.samples.wrote(rows, totals);
                    self.changes.pop_front();
                }
                // Why is in the log, and in the check of the store.
                Some(Err(_)) => {
                    self.tally.samples.failures.increment();
                    return false;
                }
                None => {
                    self.under_way = Some(Underway(keeping));
                    return false;
                }
            }
        }
        self.archive.wrote_until(self.next);
        true
    }

    fn bounds(&self, oldest: i64) -> PastBounds {
        PastBounds {
            oldest,
            bytes: self.config.max_size.0,
            at_once: (self.rows * PRUNED_A_ROW).max(LEAST_PRUNED) as u64,
        }
    }

    fn until_step_ends(&self) -> Duration {
        let left = self.step - wall().rem_euclid(self.step);
        Duration::from_millis(left.unsigned_abs()) + AFTER
    }
}

/// The wall clock, in milliseconds since the Unix epoch.
pub(super) fn wall() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, millis)
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
