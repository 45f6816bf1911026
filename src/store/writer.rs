//! The one thread that writes: what is queued is committed together, and each sender is answered.
//!
//! There are two queues, so that a flood of events neither holds up what probes keep nor is held up by it: each transaction
//! takes all that waits in the one, and a bounded number of rows of the other.

use std::thread;

use rusqlite::{Connection, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::commit::Committer;
use super::lock::FolderLock;
use super::upkeep::Upkeep;
use super::{StoreError, log};
use crate::model::{Tally, TallyCounter};

/// Jobs taken at once: bounds how long the first of them waits for the last.
const MAX_BATCH: usize = 1024;

/// Rows of events in one transaction, unless a single change has more: some 20 ms on a laptop's disk, and whoever comes next
/// waits for no more than that. Larger ones are hardly faster.
const MAX_ROWS: usize = 2_000;

/// A change of the database. It may be applied more than once: a neighbour that fails takes the transaction with it, and
/// then each is tried alone.
pub(super) trait Change: Send {
    /// Applies it within a transaction, and gives the rows that it wrote.
    fn apply(&self, transaction: &Transaction<'_>) -> rusqlite::Result<u64>;

    /// Told on the writer's thread when what it applied last is on disk, before whoever waits is answered.
    fn committed(&self) {}

    /// Whether it adds what was not there. When the disk is full that waits, and the rest is written with what was kept back.
    fn grows(&self) -> bool {
        false
    }
}

/// A change and who waits for it.
pub(super) struct Write {
    pub(super) change: Box<dyn Change>,
    /// Told when the change is on disk, or that it is not.
    pub(super) answer: oneshot::Sender<Result<(), StoreError>>,
}

/// Events and how many they are.
pub(super) struct Bulk {
    pub(super) write: Write,
    pub(super) rows: usize,
}

/// A look at the database, or why there can be none.
pub(super) type Look = Box<dyn FnOnce(Result<&Connection, StoreError>) + Send>;

/// What the thread is asked to do, in order.
pub(super) enum Job {
    /// Commit a change.
    Write(Write),
    /// Look something up; sees every write of this queue before it.
    Read(Look),
    /// Commit what is queued, close the database, give the folder free, and say so.
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

/// The thread's own. The lock is below what has the database open, so that it is dropped after it.
pub(super) struct Writer {
    pub(super) upkeep: Upkeep,
    pub(super) committer: Committer,
    pub(super) lock: FolderLock,
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) events: mpsc::Receiver<Bulk>,
}

impl Writer {
    /// Starts the thread. It ends with [`Job::Close`] or when every sender is gone.
    pub(super) fn start(self) -> Result<(), StoreError> {
        let file = self.committer.file().to_owned();
        let failed = |error: std::io::Error| StoreError::io(&file, &error);
        // It has neither timers nor sockets: it waits for either queue.
        let waiting = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(failed)?;
        thread::Builder::new()
            .name("store".into())
            .spawn(move || self.run(&waiting))
            .map(drop)
            .map_err(failed)
    }

    fn run(mut self, waiting: &tokio::runtime::Runtime) {
        while let Some((jobs, events)) = waiting.block_on(self.next()) {
            let Some(closed) = self.handle(jobs, events) else {
                continue;
            };
            // Whoever closes the database last takes its log in, and that shall be this thread.
            self.upkeep.end();
            drop(self.jobs);
            drop(self.committer);
            drop(self.lock);
            // Whoever asked may have given up waiting.
            let _ = closed.send(());
            return;
        }
        self.upkeep.end();
    }

    /// Waits for something to do, and takes what goes together; nothing when nobody can ask any more.
    async fn next(&mut self) -> Option<(Vec<Job>, Vec<Write>)> {
        let (mut jobs, mut events) = (Vec::new(), Vec::new());
        let mut rows = 0;
        let mut take = |bulk: Bulk, events: &mut Vec<Write>| {
            rows += bulk.rows;
            events.push(bulk.write);
            rows < MAX_ROWS
        };
        tokio::select! {
            biased;
            Some(job) = self.jobs.recv() => jobs.push(job),
            Some(bulk) = self.events.recv() => {
                take(bulk, &mut events);
            }
            else => return None,
        }
        while jobs.len() < MAX_BATCH
            && let Ok(job) = self.jobs.try_recv()
        {
            jobs.push(job);
        }
        while let Ok(bulk) = self.events.try_recv()
            && take(bulk, &mut events)
        {}
        Some((jobs, events))
    }

    /// Does the jobs in order, writes that follow each other together. Gives back who waits for the end.
    fn handle(&mut self, jobs: Vec<Job>, events: Vec<Write>) -> Option<oneshot::Sender<()>> {
        let mut writes = Vec::new();
        for job in jobs {
            match job {
                Job::Write(write) => writes.push(write),
                Job::Read(read) => {
                    self.commit(std::mem::take(&mut writes));
                    read(self.committer.connection());
                }
                Job::Close(closed) => {
                    writes.extend(events);
                    self.commit(writes);
                    self.commit_rest();
                    return Some(closed);
                }
            }
        }
        writes.extend(events);
        self.commit(writes);
        None
    }

    /// Commits the events that still wait, and takes no more.
    fn commit_rest(&mut self) {
        self.events.close();
        let (mut writes, mut rows) = (Vec::new(), 0);
        while let Ok(bulk) = self.events.try_recv() {
            rows += bulk.rows;
            writes.push(bulk.write);
            if rows >= MAX_ROWS {
                self.commit(std::mem::take(&mut writes));
                rows = 0;
            }
        }
        self.commit(writes);
    }

    fn commit(&mut self, writes: Vec<Write>) {
        self.committer.commit(writes);
        self.upkeep.grew(log::pages());
        if self.upkeep.leaves_rest() {
            self.committer.take_in_rest();
        }
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
