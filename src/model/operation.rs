//! What the program did on its own or because an operator asked: reloads, actions.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::Failure;

/// A piece of the program's own work that has ended.
#[derive(Debug, Clone)]
pub struct Operation {
    /// What was done, such as `probe.reload`.
    pub kind: &'static str,
    /// To what: a probe's name.
    pub target: Arc<str>,
    /// Who wanted it.
    pub cause: Cause,
    /// When it began.
    pub started: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// What came of it, in words, or why nothing did.
    pub outcome: Result<String, Arc<Failure>>,
}

impl Operation {
    /// Tells it from others: its target, and when it began in nanoseconds since the Unix epoch.
    pub fn id(&self) -> String {
        let since = self.started.duration_since(SystemTime::UNIX_EPOCH);
        let nanos = since.map_or(0, |since| since.as_nanos());
        format!("{}@{nanos}", self.target)
    }

    /// When it ended, in microseconds since the Unix epoch.
    pub fn ended_micros(&self) -> i64 {
        let ended = self.started.checked_add(self.duration);
        let since = ended.and_then(|ended| ended.duration_since(SystemTime::UNIX_EPOCH).ok());
        since.map_or(0, |since| {
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        })
    }
}

/// Who wanted an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A file changed.
    Folder,
    /// Somebody asked over HTTP.
    Operator,
    /// The program found it necessary.
    Host,
}

impl Cause {
    /// The cause as every format shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Operator => "operator",
            Self::Host => "host",
        }
    }
}

/// What an operator can do to a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read its file again, and try it even if it was rejected before.
    Reload,
    /// Run it no more until it is resumed.
    Pause,
    /// Run a paused probe again.
    Resume,
    /// Run it now, whatever its crashes say, and begin to count them anew.
    Release,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Reload, Self::Pause, Self::Resume, Self::Release];

    /// The action as it stands in a path.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Release => "release",
        }
    }

    /// The operation that it is.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Reload => "probe.reload",
            Self::Pause => "probe.pause",
            Self::Resume => "probe.resume",
            Self::Release => "probe.release",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An action on its way to whoever carries it out.
#[derive(Debug)]
pub struct ActionRequest {
    /// The probe's name.
    pub probe: String,
    /// What to do.
    pub action: Action,
    /// Where the answer goes, once it is known what came of it.
    pub answer: oneshot::Sender<Result<String, ActionError>>,
}

/// Why an action was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ActionError {
    /// No probe has this name.
    #[error("there is no probe `{0}`")]
    NoSuchProbe(String),
    /// The probe is not in a state in which this can be done.
    #[error("{0}")]
    Conflict(String),
    /// The probe is shown and was never loaded: it has no file, or a name that it may not have.
    #[error("{0}")]
    Absent(Arc<Failure>),
    /// It was tried, and failed.
    #[error("{0}")]
    Failed(Arc<Failure>),
}
