//! Opening another program's database so that nothing of it changes: no file is made, no lock of its program's is lost.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OpenFlags};

use super::QueryError;
use crate::store::open::{beside, immutable};

/// Where the header says how the file is written, and what it says when there is a write-ahead log (SQLite's file format,
/// chapter 1.3).
const READ_VERSION_AT: u64 = 19;
const WITH_LOG: u8 = 2;

/// Opens databases by path.
///
/// It keeps each file open once it has looked at its header: the kernel drops all locks that a process has on a file when
/// the process closes any of its descriptors, and a query that runs at the same time would lose its own.
#[derive(Default)]
pub struct Databases {
    files: Mutex<HashMap<PathBuf, Kept>>,
}

/// A file that is kept open; more than once when several queries were the first at the same time.
struct Kept {
    identity: (u64, u64),
    files: Vec<Arc<File>>,
}

/// A connection that reads.
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// How the file was, when it is read without a lock because no program has it open.
    unlocked: Option<(PathBuf, Seen)>,
}

/// What changes when somebody writes.
#[derive(PartialEq)]
struct Seen {
    identity: (u64, u64),
    length: u64,
    modified: (i64, i64),
    has_log: bool,
}

impl Databases {
    /// A connection to the database at `path`.
    ///
    /// # Errors
    /// [`QueryError::Failed`] when it is not there, not a regular file, or cannot be opened.
    pub(super) fn open(&self, path: &Path) -> Result<Opened, QueryError> {
        let shown = path.display();
        let metadata =
            fs::metadata(path).map_err(|error| QueryError::Failed(format!("{shown}: {error}")))?;
        if !metadata.is_file() {
            let message = format!("{shown} is not a regular file");
            return Err(QueryError::Failed(message));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = |connection, unlocked| match connection {
            Ok(connection) => Ok(Opened {
                connection,
                unlocked,
            }),
            Err(error) => Err(QueryError::running(&error)),
        };
        // With the index of a log there, or without a log, SQLite's own locking is all that is needed.
        if beside(path, "-shm").exists() || !self.has_log(path, &metadata)? {
            return opened(Connection::open_with_flags(path, flags), None);
        }
        // Its program closed it. SQLite would make the log's two files anew, as this user's, and keep their owner out.
        let seen = Seen::of(path, &metadata);
        if seen.has_log {
            let message = format!(
                "{shown} has a write-ahead log that its own program has not taken in: open it there once"
            );
            return Err(QueryError::Failed(message));
        }
        let connection =
            Connection::open_with_flags(immutable(path), flags | OpenFlags::SQLITE_OPEN_URI);
        opened(connection, Some((path.to_owned(), seen)))
    }

    /// Whether the file is written by way of a write-ahead log.
    fn has_log(&self, path: &Path, metadata: &Metadata) -> Result<bool, QueryError> {
        let failed = |error| QueryError::Failed(format!("{}: {error}", path.display()));
        let identity = (metadata.dev(), metadata.ino());
        let file = match self.kept(path, identity) {
            Some(file) => file,
            // Not under the lock: a disk that does not answer holds up nobody else's query.
            None => self.keep(path, identity, File::open(path).map_err(failed)?),
        };
        let mut version = [0];
        // A file that ends before this is no database with a log; SQLite says what it is instead.
        let read = file.read_at(&mut version, READ_VERSION_AT);
        Ok(read.map_err(failed)? == 1 && version[0] == WITH_LOG)
    }

    fn kept(&self, path: &Path, identity: (u64, u64)) -> Option<Arc<File>> {
        let files = self.lock();
        let kept = files.get(path).filter(|kept| kept.identity == identity)?;
        kept.files.first().cloned()
    }

    fn keep(&self, path: &Path, identity: (u64, u64), file: File) -> Arc<File> {
        let file = Arc::new(file);
        let mut files = self.lock();
        let kept = files.entry(path.to_owned()).or_insert(Kept {
            identity,
            files: Vec::new(),
        });
        if kept.identity != identity {
            // Another file has taken its place: nobody opens the one before any more.
            kept.identity = identity;
            kept.files.clear();
        }
        kept.files.push(file.clone());
        file
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, Kept>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opened {
    /// Whether what was read is what is there.
    ///
    /// # Errors
    /// [`QueryError::Busy`] when a program began to write meanwhile.
    pub(super) fn assert_unchanged(&self) -> Result<(), QueryError> {
        let Some((path, before)) = &self.unlocked else {
            return Ok(());
        };
        let now = fs::metadata(path).map(|metadata| Seen::of(path, &metadata));
        if now.is_ok_and(|now| now == *before) {
            return Ok(());
        }
        let message = format!("{} changed while it was read", path.display());
        Err(QueryError::Busy(message))
    }
}

impl Seen {
    fn of(path: &Path, metadata: &Metadata) -> Self {
        let log = fs::metadata(beside(path, "-wal")).map_or(0, |log| log.len());
        Self {
            identity: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            has_log: log > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_open_until_another_takes_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, aside) = (folder.path().join("a.db"), folder.path().join("b.db"));
        let databases = Databases::default();
        for size in 1..4 {
            fs::write(&aside, vec![0; size * 10]).expect("it is written");
            fs::rename(&aside, &path).expect("it takes the place");
            let metadata = fs::metadata(&path).expect("it is there");
            for _ in 0..2 {
                assert_eq!(databases.has_log(&path, &metadata), Ok(false));
            }
            let kept = databases.lock();
            let files: Vec<u64> = kept[&path]
                .files
                .iter()
                .map(|file| file.metadata().expect("it is open").len())
                .collect();
            assert_eq!((kept.len(), files), (1, vec![size as u64 * 10]));
        }
    }
}
