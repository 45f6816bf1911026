//! SQLite: what is kept between starts, and databases that guests may read.
//!
//! This room is the only one that knows SQL. Others call named methods with the model's words, and never wait for the
//! disk on the event loop. One thread writes, one transaction at a time; what is acknowledged is on disk. A database that
//! is newer, foreign or damaged is refused and left as it is.

mod error;
mod granted;
mod lock;
mod open;
mod schema;
mod state;
mod writer;

use std::path::{Path, PathBuf};

use tokio::sync::{mpsc, oneshot};

use crate::model::{Condition, Status, Tally};

pub use error::StoreError;
pub use granted::{Databases, Query, QueryBounds, QueryError, Stop};
pub use state::{Saving, StateStore};

use lock::FolderLock;
use writer::{Counters, Job, Writer};

/// The database's name in the state folder.
const FILE: &str = "probity.db";

/// Jobs that wait for the writer. A job that finds no room is refused and counted: its sender decides whether to try again.
const QUEUE: usize = 1024;

/// The database in the state folder, open for this process alone.
///
/// It stays open until [`Store::close`], or until it and everything that it gave out are dropped.
pub struct Store {
    jobs: mpsc::Sender<Job>,
    counters: Counters,
    condition: Condition,
    file: PathBuf,
}

impl Store {
    /// Opens the database in `folder`, or makes both. Blocks for as long as the disk takes. What the store does from
    /// then on is counted in `tally`, which gets its counters even when the store cannot be opened.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it open; otherwise what is wrong with the folder or the file.
    /// Nothing that was there before is changed then.
    pub fn open(folder: &Path, tally: &mut Tally) -> Result<Self, StoreError> {
        let counters = Counters::new(tally);
        let lock = FolderLock::take(folder)?;
        let file = folder.join(FILE);
        let connection = open::open(&file)?;
        let condition = Condition::new(Status::Pass, format!("{} is open", file.display()));
        let (jobs, received) = mpsc::channel(QUEUE);
        Writer {
            connection,
            lock,
            file: file.clone(),
            jobs: received,
            counters: counters.clone(),
            condition: condition.clone(),
        }
        .start()?;
        Ok(Self {
            jobs,
            counters,
            condition,
            file,
        })
    }

    /// The probes' state in it.
    pub fn states(&self) -> StateStore {
        StateStore {
            jobs: self.jobs.clone(),
            counters: self.counters.clone(),
            file: self.file.as_path().into(),
        }
    }

    /// How it does; the store itself keeps this true.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Writes what is queued, closes the database and gives the folder free. What was given out gets
    /// [`StoreError::Closed`] from then on.
    pub async fn close(self) {
        let (closed, answer) = oneshot::channel();
        if self.jobs.send(Job::Close(closed)).await.is_ok() {
            // An error is a thread that is gone already, and the database with it.
            let _ = answer.await;
        }
    }
}
