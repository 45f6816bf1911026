//! Events: appended in order, each once, many with one commit; read by what they are about.

mod answer;
mod append;
mod ends;
mod filter;
mod order;
#[cfg(test)]
mod parts_tests;
mod pool;
mod prune;
#[cfg(test)]
mod prune_tests;
mod read;
#[cfg(test)]
mod read_tests;
mod retain;
mod row;
#[cfg(test)]
mod tests;
mod walk;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::StoreError;
use super::handle::{Handle, Saving};
use crate::model::Event;

pub use answer::{EventTotals, EventsAfter, EventsPage, RunEntry, RunEvents, RunsPage};
pub use filter::EventFilter;
pub(super) use order::Order;
pub(super) use pool::Pool;
pub use prune::{EventBounds, EventsPruned};
pub use read::EventReader;
pub use retain::{Retention, RetentionTally};
pub use walk::{EventCursor, EventOrder};

use append::Append;
use prune::Prune;

/// The events in the store; cloning gives another handle on it.
#[derive(Clone)]
pub struct EventStore {
    pub(super) handle: Handle,
    pub(super) readers: Arc<Pool>,
    pub(super) order: Order,
}

/// What became of events that were appended together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appended {
    /// For each of them its place in the order of commits.
    pub sequences: Vec<i64>,
    /// For each of them whether it was there already: then that is the place of the one that was.
    pub doubled: Vec<bool>,
}

/// Why events are not on disk; then none of them is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The store could not write.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// These (by their places among those that were appended together) have an id that another event has.
    #[error("{} of the events have the id of another event", .0.len())]
    Conflicts(Vec<usize>),
}

/// What became of the events of one change when it was applied last; the places of those whose id another event has.
type Verdict = Arc<Mutex<Result<Arc<Appended>, Vec<usize>>>>;

/// Events on their way to the disk.
pub struct Appending {
    saving: Saving,
    verdict: Verdict,
}

impl Appending {
    /// Waits until they are on disk, or for `patience`; nothing if they are still under way then.
    ///
    /// # Errors
    /// Why they are not on disk.
    pub async fn within(
        &mut self,
        patience: Duration,
    ) -> Option<Result<Arc<Appended>, AppendError>> {
        let answer = self.saving.within(patience).await?;
        Some(answer.map_err(AppendError::Store).and_then(|()| {
            let verdict = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
            verdict.clone().map_err(AppendError::Conflicts)
        }))
    }
}

/// Events on their way out.
pub struct Pruning {
    saving: Saving,
    pruned: Arc<Mutex<EventsPruned>>,
}

impl Pruning {
    /// Waits until they are gone, or for `patience`; nothing if that is still under way then.
    ///
    /// # Errors
    /// Why they are still there.
    pub async fn within(&mut self, patience: Duration) -> Option<Result<EventsPruned, StoreError>> {
        let answer = self.saving.within(patience).await?;
        Some(answer.map(|()| *self.pruned.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl EventStore {
    /// Hands events to the writer: they are committed all or none. One whose id is there already, with the same kind and the
    /// same words, is passed over. `committed` is called on the writer's thread as soon as they are on disk, in the order of
    /// commits, also when nobody waits; it must not block.
    ///
    /// # Errors
    /// [`StoreError::QueueFull`] or [`StoreError::Closed`]; nothing is written then.
    pub fn append(
        &self,
        events: Arc<[Event]>,
        committed: impl Fn(&Appended) + Send + 'static,
    ) -> Result<Appending, StoreError> {
        let verdict: Verdict = Arc::new(Mutex::new(Ok(Arc::default())));
        let rows = events.len();
        let order = self.order.clone();
        let committed = move |appended: &Appended| {
            order.grow(appended);
            committed(appended);
        };
        let change = Append {
            events,
            verdict: verdict.clone(),
            committed: Box::new(committed),
        };
        let saving = self.handle.submit_events(change, rows)?;
        Ok(Appending { saving, verdict })
    }

    /// Lets go of what is beyond `bounds`, the oldest first, with one change; it is not held up by events that are appended. Their
    /// places are never given again.
    ///
    /// # Errors
    /// [`StoreError::QueueFull`] or [`StoreError::Closed`]; nothing goes then.
    pub fn prune(&self, bounds: EventBounds) -> Result<Pruning, StoreError> {
        let pruned = Arc::default();
        let saving = self.handle.submit(Prune {
            bounds,
            pruned: Arc::clone(&pruned),
        })?;
        Ok(Pruning { saving, pruned })
    }

    /// A reader, from a few that are kept; waits for one while all are taken. It blocks, and all that it is asked has to be
    /// answered within `patience` from now.
    ///
    /// # Errors
    /// Why the database cannot be opened; [`StoreError::Slow`] when none was given back in time.
    pub fn reader(&self, patience: Duration) -> Result<EventReader, StoreError> {
        EventReader::open(&self.readers, patience)
    }

    /// A word that tells this database's order of commits from all others: there is another one in a database that was restored.
    /// Nothing while the database could not be opened yet.
    pub fn epoch(&self) -> Option<&str> {
        self.order.epoch()
    }

    /// The last place in the order of commits that was given; 0 before the first.
    pub fn newest(&self) -> i64 {
        self.order.newest()
    }

    /// The database's file.
    pub fn file(&self) -> &Path {
        &self.handle.file
    }
}
