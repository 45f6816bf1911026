//! Why a sampler could not be made or could not sample.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::{Failure, MetricError, SeriesError};

/// Why a sampler has no facts.
#[derive(Debug, thiserror::Error)]
pub enum SamplerError {
    /// This machine has nothing to observe here: not a failure, and shown as null.
    #[error("{} is not there: nothing to observe on this machine", .path.display())]
    Absent {
        /// The file that would tell.
        path: PathBuf,
    },
    /// The kernel or the file system refused.
    #[error("cannot read {}: {reason}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The file is not in the form its format promises.
    #[error("cannot understand {}, line {}: {}", .path.display(), .fault.line, .fault.reason)]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        fault: Malformed,
    },
    /// A series could not be defined or written.
    #[error(transparent)]
    Series(#[from] SeriesError),
    /// A metric's definition breaks a rule.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// A thread of a sampler's own could not be started.
    #[error("cannot start the thread {name}: {reason}")]
    Thread {
        /// The thread.
        name: &'static str,
        /// What the system said.
        reason: io::Error,
    },
}

/// Where a text breaks its format, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// The line, from 1.
    pub line: usize,
    /// What was expected there.
    pub reason: &'static str,
}

impl Malformed {
    /// Line `line` (from 1) breaks the format.
    pub fn new(line: usize, reason: &'static str) -> Self {
        Self { line, reason }
    }
}

impl SamplerError {
    /// Whether there is nothing to observe, rather than something wrong.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Absent { .. })
    }

    /// The error as data, with a stable code.
    pub fn to_failure(&self) -> Failure {
        let code = match self {
            Self::Absent { .. } => "sampler.absent",
            Self::Unreadable { .. } => "sampler.unreadable",
            Self::Malformed { .. } => "sampler.malformed",
            Self::Series(_) | Self::Metric(_) => "sampler.series",
            Self::Thread { .. } => "sampler.thread",
        };
        Failure::new(code, self.to_string())
    }

    pub(super) fn unreadable(path: &Path, reason: impl Into<io::Error>) -> Self {
        Self::Unreadable {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}
