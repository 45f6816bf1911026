//! The order of commits: which database it is of, and how far it goes. Known without a look at the disk.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use rusqlite::Connection;

use super::Appended;
use super::read::last;
use crate::store::{StoreError, open};

/// The order of commits of one database; cloning shares it.
#[derive(Clone, Default)]
pub(in crate::store) struct Order(Arc<Known>);

#[derive(Default)]
struct Known {
    /// Nothing until the database was open.
    epoch: OnceLock<Box<str>>,
    newest: AtomicI64,
}

impl Order {
    /// Opens the database for the first time, and takes note of its order.
    ///
    /// # Errors
    /// As [`open::open`].
    pub(in crate::store) fn open(&self, file: &Path) -> Result<Connection, StoreError> {
        let connection = open::open(file)?;
        let read = || {
            let newest = last(&connection)?.0;
            Ok((open::epoch(&connection)?, newest))
        };
        let (epoch, newest) = read().map_err(|error| StoreError::sqlite(file, &error))?;
        self.0.newest.fetch_max(newest, Ordering::AcqRel);
        self.0.epoch.get_or_init(|| epoch);
        Ok(connection)
    }

    /// Whether the database was open.
    pub(in crate::store) fn is_known(&self) -> bool {
        self.0.epoch.get().is_some()
    }

    /// The word that tells the database from others; nothing until it was open.
    pub(super) fn epoch(&self) -> Option<&str> {
        self.0.epoch.get().map(|epoch| &**epoch)
    }

    /// The last place that was given; 0 before the first.
    pub(super) fn newest(&self) -> i64 {
        self.0.newest.load(Ordering::Acquire)
    }

    /// Takes note of what is on disk.
    pub(super) fn grow(&self, appended: &Appended) {
        let newest = appended.sequences.iter().max().copied().unwrap_or(0);
        self.0.newest.fetch_max(newest, Ordering::AcqRel);
    }
}
