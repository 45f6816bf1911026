//! What is kept of the past: samples of series, made few, and whole snapshots.
//!
//! Each change writes, and lets go of what is too old or too much, in one transaction; how much there is stands in the
//! table `kept`, so that nothing is ever counted by reading everything.

mod kept;
mod prune;
mod read;
mod series;
mod snapshots;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Transaction;

use super::StoreError;
use super::handle::{Handle, Saving};
use super::writer::Change;
use crate::model::{MetricKind, Summary};

pub use read::{PastReader, SnapshotEntry};
pub use snapshots::KeptSnapshot;

/// The past in the store; cloning gives another handle on it.
#[derive(Clone)]
pub struct PastStore(pub(super) Handle);

/// A series' labels in order of their keys.
pub type Labels = Box<[(Arc<str>, Arc<str>)]>;

/// A series by what tells it from others, with what readers want to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastSeries {
    /// Its name.
    pub name: Arc<str>,
    /// Its labels in order of their keys.
    pub labels: Labels,
    /// What kind of metric it is part of.
    pub kind: MetricKind,
    /// The base unit, or nothing.
    pub unit: Arc<str>,
    /// The source that it comes from.
    pub source: Arc<str>,
    /// It only grows, but for resets.
    pub cumulative: bool,
}

/// What the samples of one step of a series came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// The end of the step, in milliseconds since the Unix epoch.
    pub time: i64,
    /// When the last of them was: by this, and not by the step's end, rates are told.
    pub last_time: i64,
    /// What they came to.
    pub summary: Summary,
}

/// Samples of one series that are to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptSeries {
    /// The series.
    pub series: PastSeries,
    /// Its samples; those of a step that has some already are added to them.
    pub samples: Vec<Sample>,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastBounds {
    /// What is older goes, in milliseconds since the Unix epoch.
    pub oldest: i64,
    /// As soon as it takes more than so many bytes, what is oldest goes.
    pub bytes: u64,
    /// So many rows at most go with one change, so that no other waits long; the next one goes on.
    pub at_once: u64,
}

/// How much there is after a change, and what went with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PastTotals {
    /// Rows that are kept.
    pub rows: u64,
    /// What they take on disk, estimated by their number and the length of their texts.
    pub bytes: u64,
    /// Rows that went.
    pub pruned: u64,
}

/// A change on its way to the disk, and what there will be then.
pub struct Keeping {
    saving: Saving,
    totals: Arc<Mutex<PastTotals>>,
}

impl Keeping {
    /// Waits until it is on disk, or for `patience`; nothing if it is still under way then.
    ///
    /// # Errors
    /// Why it is not on disk.
    pub async fn within(&mut self, patience: Duration) -> Option<Result<PastTotals, StoreError>> {
        let answer = self.saving.within(patience).await?;
        Some(answer.map(|()| *self.totals.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl PastStore {
    /// Hands samples to the writer. Those of a step that has some already are added to them: the same twice counts twice.
    /// `bounds` lets go of others afterwards.
    ///
    /// # Errors
    /// [`StoreError::QueueFull`] or [`StoreError::Closed`]; nothing is written then.
    pub fn keep(
        &self,
        series: Arc<[KeptSeries]>,
        bounds: Option<PastBounds>,
    ) -> Result<Keeping, StoreError> {
        self.submit(move |transaction| series::keep(transaction, &series, bounds))
    }

    /// Hands a snapshot to the writer; it takes the place of one of the same time. `bounds` lets go of others afterwards.
    ///
    /// # Errors
    /// [`StoreError::QueueFull`] or [`StoreError::Closed`]; nothing is written then.
    pub fn keep_snapshot(
        &self,
        snapshot: KeptSnapshot,
        bounds: PastBounds,
    ) -> Result<Keeping, StoreError> {
        self.submit(move |transaction| snapshots::keep(transaction, &snapshot, bounds))
    }

    /// A reader with a connection of its own, which sees everything as it is now. It blocks, and gives up after `patience`.
    ///
    /// # Errors
    /// Why the database cannot be opened.
    pub fn reader(&self, patience: Duration) -> Result<PastReader, StoreError> {
        PastReader::open(&self.0.file, patience)
    }

    /// The database's file.
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    fn submit<F>(&self, apply: F) -> Result<Keeping, StoreError>
    where
        F: Fn(&Transaction<'_>) -> rusqlite::Result<(u64, PastTotals)> + Send + 'static,
    {
        let totals = Arc::default();
        let change = PastChange {
            apply,
            totals: Arc::clone(&totals),
        };
        let saving = self.0.submit(change)?;
        Ok(Keeping { saving, totals })
    }
}

impl std::fmt::Debug for PastStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PastStore").field(&self.0.file).finish()
    }
}

/// A change that tells how much there is after it.
struct PastChange<F> {
    apply: F,
    /// Of the last time that it was applied: the one that was committed, once it is answered.
    totals: Arc<Mutex<PastTotals>>,
}

impl<F> Change for PastChange<F>
where
    F: Fn(&Transaction<'_>) -> rusqlite::Result<(u64, PastTotals)> + Send,
{
    fn apply(&self, transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
        let (rows, totals) = (self.apply)(transaction)?;
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner) = totals;
        Ok(rows)
    }

    fn grows(&self) -> bool {
        true
    }
}
