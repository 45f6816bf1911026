//! What a copy of the database leaves to those who write it meanwhile: room on the disk, and a log that does not grow for ever.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use super::StoreError;
use super::lock::LockedFile;
use super::open::{LOG_BYTES, beside};

/// How long the log may grow while a copy keeps it from being taken in, bytes, unless the database is larger than that.
const MOST_LOG: u64 = 1 << 30;

/// What a copy leaves to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Margin {
    /// Bytes that stay free on the file system of the copy.
    pub free: u64,
    /// How long the log may grow meanwhile, bytes; as long as the database has, if that is more.
    pub log: u64,
}

impl Margin {
    /// Beside a database with a ballast of so many bytes: so much stays free, and what the log has in quiet times.
    pub fn beside(ballast: u64) -> Self {
        Self {
            free: ballast.saturating_add(LOG_BYTES),
            log: MOST_LOG,
        }
    }

    /// Whether `folder`, whose file system is looked at now, has room for so many bytes more.
    ///
    /// # Errors
    /// [`StoreError::Short`]; what the machine says.
    pub fn fits(&self, folder: &Path, bytes: u64) -> Result<(), StoreError> {
        let free = free(folder).map_err(|error| StoreError::io(folder, &error))?;
        let needed = bytes.saturating_add(self.free);
        if free >= needed {
            return Ok(());
        }
        Err(StoreError::Short {
            folder: folder.to_owned(),
            free,
            needed,
        })
    }

    /// Whether the log of a database of so many bytes is not too long yet.
    ///
    /// # Errors
    /// [`StoreError::Outgrown`].
    pub(super) fn holds(&self, database: &Path, bytes: u64) -> Result<(), StoreError> {
        let log = beside(database, "-wal");
        // Where there is none, it is empty.
        let length = fs::metadata(&log).map_or(0, |log| log.len());
        if length <= self.log.max(bytes) {
            return Ok(());
        }
        Err(StoreError::Outgrown { log, bytes: length })
    }
}

/// Bytes that are free on the file system of `folder`.
///
/// # Errors
/// What the machine says.
pub(super) fn free(folder: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Says of a database that it is copied, to whoever asks in whatever process, until it is dropped: a lock on its folder, which the
/// kernel takes away with the process. Where folders cannot be locked nothing is said.
#[derive(Debug)]
pub(super) struct Copied(#[expect(dead_code, reason = "it holds the lock")] Option<LockedFile>);

impl Copied {
    /// The database in `folder` is copied from now on.
    pub(super) fn begin(folder: &Path) -> Self {
        let locked = File::open(folder).and_then(|file| {
            // Whoever only asks holds it for a moment.
            file.lock_shared()?;
            Ok(LockedFile::new(file))
        });
        Self(locked.ok())
    }
}

/// Whether the database is copied right now.
pub(super) fn is_copied(database: &Path) -> bool {
    let folder = database.with_file_name("");
    let Ok(file) = File::open(folder) else {
        return false;
    };
    match file.try_lock() {
        Ok(()) => {
            drop(LockedFile::new(file));
            false
        }
        Err(error) => matches!(error, TryLockError::WouldBlock),
    }
}

#[cfg(test)]
mod tests {
    use super::super::FILE;
    use super::*;

    #[test]
    fn what_does_not_fit_beside_what_stays_free_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Margin::beside(0).fits(folder.path(), 1), Ok(()));
        let short = Margin::beside(u64::MAX - 1).fits(folder.path(), 1);
        assert!(
            matches!(
                short,
                Err(StoreError::Short {
                    needed: u64::MAX,
                    ..
                })
            ),
            "{short:?}"
        );
    }

    #[test]
    fn a_database_is_copied_as_long_as_somebody_copies_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join(FILE);
        assert!(!is_copied(&database));
        let one = Copied::begin(folder.path());
        let other = Copied::begin(folder.path());
        assert!(is_copied(&database));
        drop(one);
        assert!(is_copied(&database));
        drop(other);
        assert!(!is_copied(&database));
    }
}
