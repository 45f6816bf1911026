//! A handle on the writer: what every part of the store hands its changes and looks over with.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::writer::{Bulk, Change, Counters, Job, Write};

/// The way to the writer's thread; cloning gives another.
#[derive(Clone)]
pub(super) struct Handle {
    pub(super) jobs: mpsc::Sender<Job>,
    pub(super) events: mpsc::Sender<Bulk>,
    pub(super) counters: Counters,
    pub(super) file: Arc<Path>,
}

/// Changes on their way to the disk.
pub struct Saving {
    answer: oneshot::Receiver<Result<(), StoreError>>,
    file: Arc<Path>,
}

impl Saving {
    /// Waits until they are on disk, or for `patience`; nothing if they are still under way then.
    ///
    /// # Errors
    /// Why they are not on disk.
    pub async fn within(&mut self, patience: Duration) -> Option<Result<(), StoreError>> {
        let answer = tokio::time::timeout(patience, &mut self.answer)
            .await
            .ok()?;
        Some(answer.unwrap_or_else(|_| Err(StoreError::Closed(self.file.to_path_buf()))))
    }
}

impl Handle {
    /// Hands a change to the writer.
    ///
    /// # Errors
    /// [`StoreError::QueueFull`] or [`StoreError::Closed`]; nothing is written then.
    pub(super) fn submit(&self, change: impl Change + 'static) -> Result<Saving, StoreError> {
        let (write, saving) = self.write(change);
        self.send(&self.jobs, Job::Write(write))?;
        Ok(saving)
    }

    /// Hands so many rows of events to the writer, in a queue of their own.
    ///
    /// # Errors
    /// [`StoreError::QueueFull`] or [`StoreError::Closed`]; nothing is written then.
    pub(super) fn submit_events(
        &self,
        change: impl Change + 'static,
        rows: usize,
    ) -> Result<Saving, StoreError> {
        let (write, saving) = self.write(change);
        self.send(&self.events, Bulk { write, rows })?;
        Ok(saving)
    }

    fn write(&self, change: impl Change + 'static) -> (Write, Saving) {
        let (sender, answer) = oneshot::channel();
        let write = Write {
            change: Box::new(change),
            answer: sender,
        };
        let file = self.file.clone();
        (write, Saving { answer, file })
    }

    /// Looks something small up on the writer's thread, where every change handed over before is seen.
    ///
    /// # Errors
    /// What the look gives; [`StoreError::Slow`] after `patience`.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        patience: Duration,
        look: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        let file = self.file.clone();
        let read = move |connection: Result<&Connection, StoreError>| {
            let found = connection.and_then(|connection| {
                look(connection).map_err(|error| StoreError::sqlite(&file, &error))
            });
            // Whoever asked may have given up waiting.
            let _ = sender.send(found);
        };
        self.send(&self.jobs, Job::Read(Box::new(read)))?;
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => Err(StoreError::Closed(self.file.to_path_buf())),
            Err(_) => Err(StoreError::Slow(self.file.to_path_buf())),
        }
    }

    fn send<T>(&self, queue: &mpsc::Sender<T>, job: T) -> Result<(), StoreError> {
        let file = || self.file.to_path_buf();
        queue.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                self.counters.queue_full.increment();
                StoreError::QueueFull(file())
            }
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed(file()),
        })
    }
}
