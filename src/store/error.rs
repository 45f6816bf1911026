//! What can be wrong with the store, each with the step that helps.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::model::printable;

/// The longest reason of the machine's or of SQLite's that is passed on, in bytes.
const MAX_REASON_BYTES: usize = 300;

/// Why the store cannot be opened, or did not do what it was asked to. [`StoreError::next`] is the step that helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process has the folder. This one may pass.
    #[error("{folder} is in use by another instance{pid}", folder = .folder.display(), pid = of_pid(*.pid))]
    Locked {
        /// The state folder.
        folder: PathBuf,
        /// The other one's process id, if it could be read.
        pid: Option<u32>,
    },
    /// A later version of the program has migrated it.
    #[error("{file} has schema version {found}, and this version of Probity knows up to {known}", file = .file.display())]
    Newer {
        /// The database.
        file: PathBuf,
        /// Its schema's version.
        found: i64,
        /// The newest one known here.
        known: i64,
    },
    /// It is some other program's database.
    #[error("{file} is a SQLite database of another program (application id {found:#010x})", file = .file.display())]
    Foreign {
        /// The database.
        file: PathBuf,
        /// What stands in its header.
        found: u32,
    },
    /// There is none.
    #[error("there is no database {file}", file = .0.display())]
    Missing(PathBuf),
    /// There is one where another is to be put.
    #[error("{file} is there already", file = .0.display())]
    Occupied(PathBuf),
    /// Whoever asked wants it no more.
    #[error("{file}: stopped before it was done", file = .0.display())]
    Stopped(PathBuf),
    /// It has no bytes: something emptied it, for the program itself never leaves it so.
    #[error("{file} is empty (0 bytes)", file = .0.display())]
    Empty(PathBuf),
    /// It does not begin as a SQLite database does.
    #[error("{file} is not a SQLite database", file = .0.display())]
    Garbage(PathBuf),
    /// It begins well, and does not go on so.
    #[error("{file} is damaged: {reason}", file = .file.display())]
    Damaged {
        /// The database.
        file: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The folder or the database cannot be written.
    #[error("{path} cannot be written: {reason}", path = .path.display())]
    ReadOnly {
        /// The folder or the file.
        path: PathBuf,
        /// What the machine says.
        reason: String,
    },
    /// The folder cannot be made, or is none.
    #[error("{folder} cannot be used as a folder: {reason}", folder = .folder.display())]
    Folder {
        /// The state folder.
        folder: PathBuf,
        /// What the machine says.
        reason: String,
    },
    /// The disk is full.
    #[error("{file} cannot grow: the disk is full", file = .0.display())]
    Full(PathBuf),
    /// A copy would take what others need.
    #[error("{folder}: the disk is too full for a copy: {free} bytes are free, and {needed} are needed", folder = .folder.display())]
    Short {
        /// Where the copy was to go.
        folder: PathBuf,
        /// Bytes that are free there.
        free: u64,
        /// Bytes that it takes, with those that stay free.
        needed: u64,
    },
    /// While the database was copied more was written than can wait to be taken in.
    #[error("{log} has grown to {bytes} bytes while the database was copied", log = .log.display())]
    Outgrown {
        /// The write-ahead log.
        log: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// The disk did not do what it was asked to. Nothing is acknowledged until the database was opened anew.
    #[error("{path}: the disk failed: {reason}", path = .path.display())]
    Disk {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// Whatever else the machine or SQLite says.
    #[error("{path}: {reason}", path = .path.display())]
    Failed {
        /// The folder or the file.
        path: PathBuf,
        /// What they say.
        reason: String,
    },
    /// The writer's queue has no room.
    #[error("{file}: the writer is behind, and its queue is full", file = .0.display())]
    QueueFull(PathBuf),
    /// Another program has it locked, and nothing was done.
    #[error("{file} is locked by another program", file = .0.display())]
    Busy(PathBuf),
    /// There was no answer in time; it may still be done.
    #[error("{file}: no answer from the disk in time", file = .0.display())]
    Slow(PathBuf),
    /// It was closed.
    #[error("{file} was closed", file = .0.display())]
    Closed(PathBuf),
}

impl StoreError {
    /// The step that helps, as a sentence without a full stop.
    pub fn next(&self) -> &'static str {
        match self {
            Self::Locked { .. } => {
                "stop the other instance, or give this one a folder of its own (state.directory or --state)"
            }
            Self::Newer { .. } => {
                "run the newer version, or move the file away to begin without its state"
            }
            Self::Missing(_) => {
                "name the state folder of a Probity that has run (state.directory or --state)"
            }
            Self::Occupied(_) => "name an empty folder, or let it be moved aside with --replace",
            Self::Stopped(_) => "ask for it again",
            Self::Foreign { .. } => "set state.directory (or --state) to a folder of Probity's own",
            Self::Empty(_) | Self::Garbage(_) | Self::Damaged { .. } => {
                "put a backup in its place, or move the file away (with -wal and -shm beside it) to begin without its state"
            }
            Self::ReadOnly { .. } => {
                "let this user write there, or set state.directory (or --state) to a folder that it can write"
            }
            Self::Folder { .. } => "set state.directory (or --state) to a folder",
            Self::Full(_) | Self::Short { .. } => "free space on that file system",
            Self::Outgrown { .. } => "make a backup when less is written",
            Self::Disk { .. } | Self::Failed { .. } | Self::QueueFull(_) | Self::Slow(_) => {
                "look at that disk: its space, its permissions and the kernel's log"
            }
            Self::Busy(_) => "end that program's transaction",
            Self::Closed(_) => "start the program again",
        }
    }

    /// Whether everybody else's change would fail for the same reason: it lies with the file, not with what was asked.
    pub(super) fn of_the_file(&self) -> bool {
        !matches!(self, Self::Failed { .. })
    }

    /// What SQLite says about the database at `file`.
    pub(super) fn sqlite(file: &Path, error: &rusqlite::Error) -> Self {
        let reason = printable(&error.to_string(), MAX_REASON_BYTES);
        let file = file.to_owned();
        // The index beside the log cannot be made larger, for which SQLite has no word of its own.
        let is_short = error
            .sqlite_error()
            .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE);
        if is_short {
            return Self::Full(file);
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(file),
            Some(ErrorCode::NotADatabase) => Self::Garbage(file),
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { file, reason },
            Some(ErrorCode::SystemIoFailure) => Self::Disk { path: file, reason },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::ReadOnly { path: file, reason }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(file),
            // A reader's time is over.
            Some(ErrorCode::OperationInterrupted) => Self::Slow(file),
            _ => Self::Failed { path: file, reason },
        }
    }

    /// What the machine says about `path`, which is to be written.
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        let (path, reason) = (path.to_owned(), error.to_string());
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly { path, reason }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(path),
            _ => Self::Failed { path, reason },
        }
    }
}

fn of_pid(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}
