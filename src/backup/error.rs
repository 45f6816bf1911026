//! What can become of a backup instead of one, each with the step that helps.

use crate::model::{Failure, printable};
use crate::store::StoreError;

/// The longest reason of others that is passed on, in bytes.
const MAX_REASON_BYTES: usize = 400;

/// Why a backup was not made, read or restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// Another one is under way.
    #[error("another backup is under way{}", .0.as_ref().map(|id| format!(" ({id})")).unwrap_or_default())]
    Busy(Option<String>),
    /// There is none of this name.
    #[error("there is no backup {0}")]
    NotFound(String),
    /// There is none at all.
    #[error("there is no good backup in {0}")]
    None(String),
    /// The database, the copy of it, or the folder that is restored into.
    #[error(transparent)]
    Store(StoreError),
    /// The place for backups does not do what is asked of it.
    #[error("{target}: {reason}")]
    Target {
        /// The place.
        target: String,
        /// What it says.
        reason: String,
        /// Whether it refuses, so that trying again is in vain.
        refused: bool,
    },
    /// The disk is full.
    #[error("{0}: the disk is full")]
    Full(String),
    /// It is not what was put there.
    #[error("{backup} is damaged: {reason}")]
    Damaged {
        /// The archive, or the backup.
        backup: String,
        /// What was found.
        reason: String,
    },
    /// It is no backup of Probity's.
    #[error("{file} is no backup: {reason}")]
    Foreign {
        /// The file.
        file: String,
        /// What it is instead, or lacks.
        reason: String,
    },
    /// It is of a later version of the program.
    #[error("{backup} has {what} version {found}, and this version of Probity knows up to {known}")]
    Newer {
        /// The backup.
        backup: String,
        /// What of it: its format, or its database's schema.
        what: &'static str,
        /// That version.
        found: i64,
        /// The newest one known here.
        known: i64,
    },
    /// The machine does not do what is asked of it.
    #[error("{what}: {reason}")]
    Machine {
        /// What was asked.
        what: String,
        /// What it says.
        reason: String,
    },
    /// It took longer than it may.
    #[error("it took longer than {0}, which backup.timeout allows")]
    Slow(String),
    /// Whoever asked for it wants it no more, or the program ends.
    #[error("it was stopped before it was done")]
    Stopped,
}

/// What kind of trouble it is, for who has to say so with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupTrouble {
    /// Another one, or another process, has to end first.
    Busy,
    /// There is no such thing.
    Missing,
    /// There is a thing where another was to be put.
    Taken,
    /// What was given is not what it should be.
    Data,
    /// A disk is full.
    Full,
    /// The place for backups, or a folder of the machine's, does not do what it should.
    Place,
    /// It was stopped.
    Stopped,
    /// Anything else.
    Other,
}

impl BackupError {
    /// The kind of trouble that it is.
    pub fn trouble(&self) -> BackupTrouble {
        match self {
            Self::Busy(_) | Self::Store(StoreError::Locked { .. }) => BackupTrouble::Busy,
            Self::NotFound(_) | Self::None(_) | Self::Store(StoreError::Missing(_)) => {
                BackupTrouble::Missing
            }
            Self::Store(StoreError::Occupied(_)) => BackupTrouble::Taken,
            Self::Damaged { .. } | Self::Foreign { .. } | Self::Newer { .. } => BackupTrouble::Data,
            Self::Full(_) | Self::Store(StoreError::Full(_) | StoreError::Short { .. }) => {
                BackupTrouble::Full
            }
            Self::Target { .. }
            | Self::Store(StoreError::Folder { .. } | StoreError::ReadOnly { .. }) => {
                BackupTrouble::Place
            }
            Self::Stopped => BackupTrouble::Stopped,
            Self::Store(_) | Self::Machine { .. } | Self::Slow(_) => BackupTrouble::Other,
        }
    }

    /// A stable word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy(_) => "backup.busy",
            Self::NotFound(_) | Self::None(_) => "backup.none",
            Self::Store(StoreError::Full(_) | StoreError::Short { .. }) | Self::Full(_) => {
                "backup.full"
            }
            Self::Store(StoreError::Missing(_)) => "backup.no_database",
            Self::Store(_) => "backup.store",
            Self::Target { refused: true, .. } => "backup.refused",
            Self::Target { .. } => "backup.target",
            Self::Damaged { .. } => "backup.damaged",
            Self::Foreign { .. } => "backup.foreign",
            Self::Newer { .. } => "backup.newer",
            Self::Machine { .. } => "backup.machine",
            Self::Slow(_) => "backup.slow",
            Self::Stopped => "backup.stopped",
        }
    }

    /// The step that helps, as a sentence without a full stop.
    pub fn next(&self) -> &'static str {
        match self {
            Self::Busy(_) => "wait for its end, which /api/v1/backups shows",
            Self::NotFound(_) | Self::None(_) => "see those there are with `probity backup list`",
            Self::Store(error) => error.next(),
            Self::Target { refused: true, .. } => {
                "see that the place, its name and its credentials in [backup] are right and allow it"
            }
            Self::Target { .. } => "see that the place in [backup] can be reached, and try again",
            Self::Full(_) => {
                "free space there, or keep fewer backups (backup.keep, backup.keep_for)"
            }
            Self::Damaged { .. } => {
                "take another one: `probity backup list` shows them, `probity backup verify` looks whether one is whole"
            }
            Self::Foreign { .. } => "name an archive that `probity backup create` made, or its id",
            Self::Newer { .. } => "use the newer version of Probity",
            Self::Machine { .. } => "see what the message names",
            Self::Slow(_) => "give it more time with backup.timeout, or see what holds it up",
            Self::Stopped => "ask for it again",
        }
    }

    /// As an operation's outcome has it.
    pub fn failure(&self) -> Failure {
        Failure::new(self.code(), format!("{self}; next: {}", self.next()))
    }

    pub(super) fn damaged(backup: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Damaged {
            backup: backup.into(),
            reason: printable(&reason.into(), MAX_REASON_BYTES),
        }
    }

    pub(super) fn foreign(file: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Foreign {
            file: file.into(),
            reason: printable(&reason.into(), MAX_REASON_BYTES),
        }
    }

    pub(super) fn target(target: impl Into<String>, reason: &str, refused: bool) -> Self {
        Self::Target {
            target: target.into(),
            reason: printable(reason, MAX_REASON_BYTES),
            refused,
        }
    }

    pub(super) fn machine(what: impl Into<String>, reason: &dyn std::fmt::Display) -> Self {
        Self::Machine {
            what: what.into(),
            reason: printable(&reason.to_string(), MAX_REASON_BYTES),
        }
    }

    /// What the machine says about a file or a folder.
    pub(super) fn io(path: &std::path::Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{
            AlreadyExists, NotADirectory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem,
            StorageFull,
        };
        let shown = path.display().to_string();
        match error.kind() {
            StorageFull | QuotaExceeded => Self::Full(shown),
            AlreadyExists | PermissionDenied | ReadOnlyFilesystem | NotADirectory => {
                Self::target(shown, &error.to_string(), true)
            }
            _ => Self::target(shown, &error.to_string(), false),
        }
    }
}

impl From<StoreError> for BackupError {
    /// A stop is told as one, whoever noticed it.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped(_) => Self::Stopped,
            other => Self::Store(other),
        }
    }
}
