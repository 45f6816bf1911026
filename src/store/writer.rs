//! The one thread that writes: everything queued is committed in one transaction, and each sender is answered.

use std::path::PathBuf;
use std::thread;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::lock::FolderLock;
use crate::model::{Condition, Status, Tally, TallyCounter};

/// Jobs taken at once: bounds how long the first of them waits for the last.
const MAX_BATCH: usize = 1024;

/// A change of the database. It may be applied more than once: a neighbour that fails takes the transaction with it, and
/// then each is tried alone.
pub(super) trait Change: Send {
    /// Applies it within a transaction, and gives the rows that it wrote.
    fn apply(&self, transaction: &Transaction<'_>) -> rusqlite::Result<u64>;
}

/// A change and who waits for it.
pub(super) struct Write {
    pub(super) change: Box<dyn Change>,
    /// Told when the change is on disk, or that it is not.
    pub(super) answer: oneshot::Sender<Result<(), StoreError>>,
}

/// What the thread is asked to do, in order.
pub(super) enum Job {
    /// Commit a change.
    Write(Write),
    /// Look something up; sees every write before it.
    Read(Box<dyn FnOnce(&Connection) + Send>),
    /// Close the database, give the folder free, and say so.
    Close(oneshot::Sender<()>),
}

/// What the store counts.
#[derive(Clone)]
pub(super) struct Counters {
    pub(super) commits: TallyCounter,
    pub(super) rows: TallyCounter,
    pub(super) failures: TallyCounter,
    pub(super) queue_full: TallyCounter,
}

impl Counters {
    pub(super) fn new(tally: &mut Tally) -> Self {
        let mut counter = |name, help| tally.counter(name, help, None);
        Self {
            commits: counter(
                "probity_store_commits_total",
                "Transactions committed to the store.",
            ),
            rows: counter("probity_store_rows_total", "Rows written to the store."),
            failures: counter(
                "probity_store_failures_total",
                "Changes that the store could not write.",
            ),
            queue_full: counter(
                "probity_store_queue_full_total",
                "Jobs refused because the store's queue was full.",
            ),
        }
    }
}

/// The thread's own. The lock is below the connection, so that it is dropped after it.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) lock: FolderLock,
    pub(super) file: PathBuf,
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) counters: Counters,
    pub(super) condition: Condition,
}

impl Writer {
    /// Starts the thread. It ends with [`Job::Close`] or when every sender is gone.
    pub(super) fn start(self) -> Result<(), StoreError> {
        let file = self.file.clone();
        thread::Builder::new()
            .name("store".into())
            .spawn(move || self.run())
            .map(drop)
            .map_err(|error| StoreError::io(&file, &error))
    }

    fn run(mut self) {
        let mut batch = Vec::new();
        while self.jobs.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
            if let Some(closed) = self.handle(&mut batch) {
                drop(self.jobs);
                drop(self.connection);
                drop(self.lock);
                // Whoever asked may have given up waiting.
                let _ = closed.send(());
                return;
            }
        }
    }

    /// Does the jobs in order, writes that follow each other together. Gives back who waits for the end.
    fn handle(&mut self, batch: &mut Vec<Job>) -> Option<oneshot::Sender<()>> {
        let mut writes = Vec::new();
        for job in batch.drain(..) {
            match job {
                Job::Write(write) => writes.push(write),
                Job::Read(read) => {
                    self.commit(std::mem::take(&mut writes));
                    read(&self.connection);
                }
                Job::Close(closed) => {
                    self.commit(writes);
                    return Some(closed);
                }
            }
        }
        self.commit(writes);
        None
    }

    fn commit(&mut self, writes: Vec<Write>) {
        if writes.is_empty() {
            return;
        }
        match self.transaction(&writes) {
            // One of several is at fault, and the others shall not fall with it.
            Err(error) if writes.len() > 1 && !error.of_the_file() => {
                for write in writes {
                    let result = self.transaction(std::slice::from_ref(&write));
                    self.answer(vec![write], &result);
                }
            }
            result => self.answer(writes, &result),
        }
    }

    fn transaction(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        let mut all = || {
            let transaction = self
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut rows = 0;
            for write in writes {
                rows += write.change.apply(&transaction)?;
            }
            transaction.commit()?;
            Ok(rows)
        };
        let rows = all().map_err(|error| StoreError::sqlite(&self.file, &error))?;
        self.counters.commits.increment();
        self.counters.rows.add(rows);
        Ok(())
    }

    fn answer(&self, writes: Vec<Write>, result: &Result<(), StoreError>) {
        self.note(result);
        if result.is_err() {
            self.counters.failures.add(writes.len() as u64);
        }
        for write in writes {
            // A sender that gave up waiting asks again.
            let _ = write.answer.send(result.clone());
        }
    }

    /// Keeps the condition true, and says in the log when it turns.
    fn note(&self, result: &Result<(), StoreError>) {
        let failing = self.condition.get().0 != Status::Pass;
        let file = self.file.display();
        match result {
            Ok(()) if failing => {
                self.condition
                    .set(Status::Pass, format!("{file} is written again"));
                tracing::info!("{file} is written again");
            }
            Ok(()) => {}
            Err(error) => {
                let next = error.next();
                self.condition
                    .set(Status::Fail, format!("{error}; next: {next}"));
                if !failing {
                    tracing::error!(
                        "not stored: {error}; what changes is kept in memory until it can be; next: {next}"
                    );
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
