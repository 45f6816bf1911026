//! The order of commits: which database it is of, and how far it goes. Known without a look at the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::Connection;

use super::Appended;
use super::read::last;
use crate::store::open;

/// The order of commits of one database; cloning shares it.
#[derive(Clone)]
pub(in crate::store) struct Order {
    pub(super) epoch: Arc<str>,
    newest: Arc<AtomicI64>,
}

impl Order {
    /// As it is when the database is opened.
    pub(in crate::store) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            epoch: open::epoch(connection)?.into(),
            newest: Arc::new(AtomicI64::new(last(connection)?.0)),
        })
    }

    /// The last place that was given; 0 before the first.
    pub(super) fn newest(&self) -> i64 {
        self.newest.load(Ordering::Acquire)
    }

    /// Takes note of what is on disk.
    pub(super) fn grow(&self, appended: &Appended) {
        let newest = appended.sequences.iter().max().copied().unwrap_or(0);
        self.newest.fetch_max(newest, Ordering::AcqRel);
    }
}
