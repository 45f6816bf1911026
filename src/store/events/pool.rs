//! Connections that read: few, kept, and each in one hand at a time.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use rusqlite::{Connection, OpenFlags};

use super::row::Rows;
use crate::store::StoreError;

/// So many questions are answered at once; with more of them the machine's cores would wait for each other.
const MOST: usize = 4;
/// Statements that a connection keeps prepared: those of a few filters.
const STATEMENTS: usize = 64;
/// Steps of SQLite's machine between two looks at the clock: well under a millisecond.
const STEPS: i32 = 10_000;
/// Pages that a connection keeps, in KiB, as SQLite counts it: what lies above the leaves of some ten million events.
const CACHE_KIB: i64 = 4_096;

/// The readers of one database.
#[derive(Debug)]
pub(in crate::store) struct Pool {
    file: PathBuf,
    state: Mutex<State>,
    /// One was given back.
    back: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Pooled>,
    out: usize,
    closed: bool,
}

/// A connection with what it knows.
#[derive(Debug)]
pub(super) struct Pooled {
    pub(super) connection: Connection,
    pub(super) rows: Rows,
}

impl Pool {
    pub(in crate::store) fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            state: Mutex::default(),
            back: Condvar::new(),
        }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Takes a connection whose questions end at `until`; waits until then while all are taken.
    pub(super) fn take(&self, until: Instant) -> Result<Pooled, StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let pooled = loop {
            if state.closed {
                return Err(StoreError::Closed(self.file.clone()));
            }
            if let Some(pooled) = state.idle.pop() {
                state.out += 1;
                break Some(pooled);
            }
            if state.out < MOST {
                state.out += 1;
                break None;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StoreError::Slow(self.file.clone()));
            }
            let waited = self.back.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        };
        drop(state);
        let ready = pooled.map_or_else(|| self.open(), Ok).and_then(|pooled| {
            let bound = move || Instant::now() >= until;
            pooled.connection.progress_handler(STEPS, Some(bound))?;
            pooled
                .connection
                .busy_timeout(until.saturating_duration_since(Instant::now()))?;
            Ok(pooled)
        });
        ready.map_err(|error| {
            self.give_back(None);
            StoreError::sqlite(&self.file, &error)
        })
    }

    fn open(&self) -> rusqlite::Result<Pooled> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        Ok(Pooled {
            connection,
            rows: Rows::default(),
        })
    }

    /// Gives a connection back; nothing where it is not to be used again.
    pub(super) fn give_back(&self, pooled: Option<Pooled>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.out -= 1;
        if !state.closed {
            state.idle.extend(pooled);
        }
        self.back.notify_one();
    }

    /// Closes those that nobody has; the others are closed when they are given back.
    pub(in crate::store) fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        state.idle.clear();
        self.back.notify_all();
    }
}
