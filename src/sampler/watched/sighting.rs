//! What a look for the processes of a watch found.

use std::sync::Arc;
use std::time::SystemTime;

use crate::model::WatchSupervisor;

/// Processes of one watch beyond these are not followed: each costs 20 us a sample.
pub(super) const MOST_PROCESSES: usize = 1000;

/// What one look found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sighting {
    /// The processes.
    pub(super) found: Found,
    /// The main one, where something names it.
    pub(super) main: Option<u32>,
    /// When the pid file that names it was written.
    pub(super) written: Option<SystemTime>,
    /// Whether an end without a successor is a stop in good order: the pid file was taken away.
    pub(super) in_order: bool,
    /// The supervisor's answer.
    pub(super) supervisor: Option<Arc<WatchSupervisor>>,
    /// The program's version.
    pub(super) version: Option<Arc<str>>,
}

/// The processes that a look found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Found {
    /// Nobody has looked yet.
    #[default]
    NotYet,
    /// These, and what else is to be said.
    These(Vec<u32>, Option<Arc<str>>),
    /// None, and why.
    None(Arc<str>),
    /// None, and that is as it should be.
    Idle(Arc<str>),
    /// That cannot be told, and why.
    Unknown(Arc<str>),
}

impl Sighting {
    /// Nothing but why nothing can be told.
    pub(super) fn unknown(why: impl Into<Arc<str>>) -> Self {
        Self::of(Found::Unknown(why.into()))
    }

    /// Nothing but why its supervisor tells nothing.
    pub(super) fn unanswered(kind: &'static str, why: String) -> Self {
        let supervisor = WatchSupervisor {
            kind,
            error: Some(why.clone()),
            ..WatchSupervisor::default()
        };
        Self {
            supervisor: Some(Arc::new(supervisor)),
            ..Self::unknown(why)
        }
    }

    /// Nothing but why there is none.
    pub(super) fn none(why: impl Into<Arc<str>>) -> Self {
        Self::of(Found::None(why.into()))
    }

    /// With nothing else to be said.
    pub(super) fn of(found: Found) -> Self {
        Self {
            found,
            ..Self::default()
        }
    }

    /// These processes, as many as are followed.
    pub(super) fn these(mut pids: Vec<u32>) -> Found {
        let more = pids.len().saturating_sub(MOST_PROCESSES);
        pids.truncate(MOST_PROCESSES);
        let note =
            format!("{more} more processes match than the {MOST_PROCESSES} that are followed");
        Found::These(pids, (more > 0).then(|| note.into()))
    }
}
