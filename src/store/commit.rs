//! Committing changes together, and what is done when that fails.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;
use super::ballast::Ballast;
use super::events::Order;
use super::log::{self, PAGE_BYTES};
use super::margin;
use super::open;
use super::standing::{Part, Standing};
use super::writer::{Counters, Write};
use crate::model::Status;

/// Between two attempts to open the database again after the disk failed.
const REOPEN: Duration = Duration::from_secs(1);

/// The writer's connection and what it tells of itself.
pub(super) struct Committer {
    /// Nothing after the disk failed: what it says it has written may not be there, so nothing is acknowledged until the
    /// database was opened anew and its log was taken in.
    connection: Option<Connection>,
    file: PathBuf,
    /// Known as soon as the database was open for the first time.
    order: Order,
    /// Why there is none, and when it is tried again.
    failed: Option<(StoreError, Instant)>,
    pub(super) counters: Counters,
    pub(super) standing: Standing,
    pub(super) ballast: Ballast,
}

impl Committer {
    /// With what came of opening the database at `file`; what failed is tried again with the changes that come.
    pub(super) fn new(
        opened: Result<Connection, StoreError>,
        (file, order): (&Path, Order),
        counters: Counters,
        standing: Standing,
        ballast: Ballast,
    ) -> Self {
        let (connection, failed) = match opened {
            Ok(connection) => (Some(connection), None),
            Err(error) => (None, Some((error, Instant::now() + REOPEN))),
        };
        Self {
            connection,
            file: file.to_owned(),
            order,
            failed,
            counters,
            standing,
            ballast,
        }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// The connection, opened again if need be and if it is time.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn connection(&mut self) -> Result<&Connection, StoreError> {
        self.open().map(|connection| &*connection)
    }

    fn open(&mut self) -> Result<&mut Connection, StoreError> {
        if let Some((error, again)) = &self.failed {
            if Instant::now() < *again {
                return Err(error.clone());
            }
            let opened = self.ballast.make_way(|| match self.order.is_known() {
                true => open::again(&self.file),
                false => self.order.open(&self.file),
            });
            match opened {
                Ok(connection) => {
                    tracing::info!("{} was opened again", self.file.display());
                    self.connection = Some(connection);
                    self.failed = None;
                }
                Err(error) => return Err(self.fail(error)),
            }
        }
        let closed = || StoreError::Closed(self.file.clone());
        self.connection.as_mut().ok_or_else(closed)
    }

    /// Lets a change find out after this time, and not before, whether the database can be opened again.
    #[cfg(test)]
    pub(super) fn retry_in(&mut self, time: Duration) {
        if let Some((_, again)) = &mut self.failed {
            *again = Instant::now() + time;
        }
    }

    fn fail(&mut self, error: StoreError) -> StoreError {
        self.connection = None;
        self.failed = Some((error.clone(), Instant::now() + REOPEN));
        error
    }

    /// Takes in what is left of the log, so that the next change begins it anew.
    pub(super) fn take_in_rest(&self) {
        let Some(connection) = &self.connection else {
            return;
        };
        // What is wrong, the upkeep tells.
        if let Err(error) = log::take_in(connection) {
            tracing::debug!("{}: the log's rest: {error}", self.file.display());
        }
    }

    /// Commits changes together and answers who waits.
    pub(super) fn commit(&mut self, mut writes: Vec<Write>) {
        if self.ballast.is_released() {
            let grows = |write: &mut Write| write.change.grows();
            let refused: Vec<_> = writes.extract_if(.., grows).collect();
            let full = Err(StoreError::Full(self.file.clone()));
            self.tell(refused, &full);
        }
        if writes.is_empty() {
            return;
        }
        self.keep_log_short();
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
        let connection = self.open()?;
        let mut all = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut rows = 0;
            for write in writes {
                rows += write.change.apply(&transaction)?;
            }
            transaction.commit()?;
            Ok(rows)
        };
        match all().map_err(|error| StoreError::sqlite(&self.file, &error)) {
            Ok(rows) => {
                self.counters.commits.increment();
                self.counters.rows.add(rows);
                writes.iter().for_each(|write| write.change.committed());
                if self.ballast.is_released() {
                    self.give_log_back();
                }
                Ok(())
            }
            Err(error @ StoreError::Full(_)) => {
                self.ballast.release();
                self.give_log_back();
                Err(error)
            }
            Err(error @ StoreError::Disk { .. }) => Err(self.fail(error)),
            Err(error) => Err(error),
        }
    }

    /// Takes the log in before it is longer than the room that is free: on a full disk a log that cannot be taken in holds its own room,
    /// and nothing could be let go of any more.
    fn keep_log_short(&self) {
        let bytes = log::pages() * PAGE_BYTES;
        let folder = self.file.with_file_name("");
        if bytes > 0 && margin::free(&folder).is_ok_and(|free| free < bytes) {
            self.give_log_back();
        }
    }

    /// Takes the log in and its room back, for while the disk is full there is none for a log that grows.
    fn give_log_back(&self) {
        let Some(connection) = &self.connection else {
            return;
        };
        let taken_in = log::take_in(connection).and_then(|pass| match pass.is_held() {
            true => Ok(()),
            false => connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())),
        });
        // While a reader holds it, and where the room is not enough, the next change tries again.
        if let Err(error) = taken_in {
            tracing::debug!(
                "the log of {} is not taken in: {error}",
                self.file.display()
            );
        }
    }

    fn answer(&self, writes: Vec<Write>, result: &Result<(), StoreError>) {
        self.note(result);
        self.tell(writes, result);
    }

    fn tell(&self, writes: Vec<Write>, result: &Result<(), StoreError>) {
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
        match result {
            Ok(()) => {
                if self.standing.well(Part::Writing) {
                    tracing::info!("{} is written again", self.file.display());
                }
            }
            Err(error) => {
                let next = error.next();
                let message = format!("{error}; next: {next}");
                if self.standing.fault(Part::Writing, Status::Fail, message) {
                    tracing::error!(
                        "not stored: {error}; what changes is kept in memory until it can be; next: {next}"
                    );
                }
            }
        }
    }
}
