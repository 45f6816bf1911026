//! How far a backup is, for whoever looks.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::store::Onlooker;

/// What is done to a backup, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It begins: what an earlier one left is cleared away.
    Beginning,
    /// The database is copied, in pages.
    Copying,
    /// The copy is read through.
    Checking,
    /// The copy is packed and handed to its place, in bytes of the database.
    Packing,
    /// The archive is read back from there, in bytes.
    Verifying,
    /// Its manifest is written, and what is too old goes.
    Ending,
}

impl Phase {
    /// The phase as every format shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Beginning => "beginning",
            Self::Copying => "copying",
            Self::Checking => "checking",
            Self::Packing => "packing",
            Self::Verifying => "verifying",
            Self::Ending => "ending",
        }
    }
}

/// How far a backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is done now.
    pub phase: Phase,
    /// So much of it is done.
    pub done: u64,
    /// Of so much; 0 where that is not known.
    pub all: u64,
}

impl Progress {
    /// At the beginning.
    pub const BEGINNING: Self = Self {
        phase: Phase::Beginning,
        done: 0,
        all: 0,
    };
}

/// Tells how far a backup is, and is told when it shall stop. Cloning gives another hand on the same backup.
#[derive(Debug, Clone)]
pub(super) struct Course {
    told: watch::Sender<Progress>,
    stop: CancellationToken,
    phase: Phase,
}

impl Course {
    pub(super) fn new(told: watch::Sender<Progress>, stop: CancellationToken) -> Self {
        Self {
            told,
            stop,
            phase: Phase::Beginning,
        }
    }

    /// Enters a phase.
    pub(super) fn enter(&mut self, phase: Phase) -> &mut Self {
        self.phase = phase;
        self.reached(0, 0);
        self
    }
}

impl Onlooker for Course {
    fn reached(&mut self, done: u64, all: u64) {
        let phase = self.phase;
        self.told.send_replace(Progress { phase, done, all });
    }

    fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}
