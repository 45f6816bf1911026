//! The archive, for readers: what is kept, and where it goes on in memory.

use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::fold::step_end;
use super::{Config, PastReader};
use crate::history::View;
use crate::store::{PastStore, StoreError};

/// How long looking for the steps of what is kept may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// The largest document that is unpacked: far more than any that was packed.
const MAX_DOCUMENT: u64 = 256 << 20;

/// The archive, for readers. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Archive(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    /// The step of the samples, in milliseconds; nothing when none are kept.
    step: Option<i64>,
    snapshots: bool,
    /// Nothing until the store is open, and for ever where it cannot be opened.
    store: OnceLock<PastStore>,
    /// The first tick of this run's history that is not written yet.
    unwritten: AtomicU64,
}

/// Why the archive cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// There is no store.
    #[error("the store is not open; the check `store` says why")]
    NoStore,
    /// The store says why.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ArchiveError {
    /// Whether it only took longer than the reader had.
    pub fn is_slow(&self) -> bool {
        matches!(self, Self::Store(StoreError::Slow(_)))
    }
}

/// Where the archive ends and memory goes on. No sample is on both sides, and none on neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seam {
    /// The archive's samples until here, included, in milliseconds since the Unix epoch.
    pub archive: i64,
    /// What of them is later than this is of a step that memory has the end of, and is taken to be of this moment.
    pub latest: i64,
    /// Memory's samples from here on, included.
    pub memory: i64,
}

impl Archive {
    pub(super) fn new(config: &Config) -> Self {
        let step = i64::try_from(config.series.step.0.as_millis()).unwrap_or(i64::MAX);
        Self(Arc::new(Inside {
            step: config.series.enabled.then_some(step),
            snapshots: config.snapshots.enabled,
            store: OnceLock::new(),
            unwritten: AtomicU64::new(0),
        }))
    }

    /// Gives it the store, once that is open. Only the first one counts.
    pub fn open(&self, store: PastStore) {
        // There is one store for as long as the program runs.
        let _ = self.0.store.set(store);
    }

    /// The step of the samples, in milliseconds; nothing when none are kept.
    pub fn step(&self) -> Option<i64> {
        self.0.step
    }

    /// The longest step of what is kept, in milliseconds: that of an earlier run, if it had a longer one. Nothing when no samples are
    /// kept. It blocks, for a moment; where the archive cannot be read, it is the step of this run.
    pub fn longest_step(&self) -> Option<i64> {
        let step = self.step()?;
        let reader = self.reader(PATIENCE).ok();
        let kept = reader.and_then(|reader| reader.longest_step().ok().flatten());
        Some(kept.map_or(step, |kept| kept.max(step)))
    }

    /// Whether snapshots are kept.
    pub fn has_snapshots(&self) -> bool {
        self.0.snapshots
    }

    /// A reader, which sees everything as it is now. It blocks, and gives up after `patience`.
    ///
    /// # Errors
    /// Why the archive cannot be read.
    pub fn reader(&self, patience: Duration) -> Result<PastReader, ArchiveError> {
        let store = self.store().ok_or(ArchiveError::NoStore)?;
        Ok(store.reader(patience)?)
    }

    /// Where the archive ends, and this view goes on. A reader that is opened later sees at least as much.
    pub fn seam(&self, view: &View) -> Seam {
        let step = self.0.step.unwrap_or(1);
        let unwritten = self.0.unwritten.load(Ordering::Acquire);
        let mut ticks = view.ticks_from(0);
        let Some((number, first)) = ticks.next() else {
            return Seam {
                archive: i64::MAX,
                latest: i64::MAX,
                memory: i64::MAX,
            };
        };
        // The end of the step that the first tick lies in, and the last tick in it.
        let end = step_end(first, step);
        let in_step = ticks.take_while(|(_, time)| *time <= end).last();
        let last = in_step.map_or(number, |(number, _)| number);
        if unwritten > last {
            return Seam {
                archive: end,
                latest: end,
                memory: end + 1,
            };
        }
        // What the archive has of that step is older than memory: another run wrote it.
        Seam {
            archive: end,
            latest: first - 1,
            memory: first,
        }
    }

    pub(super) fn store(&self) -> Option<&PastStore> {
        self.0.store.get()
    }

    /// All ticks before this one are written.
    pub(super) fn wrote_until(&self, tick: u64) {
        self.0.unwritten.store(tick, Ordering::Release);
    }
}

/// A kept snapshot's document.
///
/// # Errors
/// It is no compressed text, or too long a one.
pub fn inflate(document: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::with_capacity(document.len() * 8);
    let decoder = flate2::read::GzDecoder::new(document);
    decoder.take(MAX_DOCUMENT).read_to_end(&mut plain)?;
    Ok(plain)
}
