//! Facts about the processes that an operator wants watched. What cannot be told is `None`, which JSON shows as null.

use std::sync::Arc;
use std::time::SystemTime;

use serde::{Serialize, Serializer};

/// All watches, in the order of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct WatchedFacts {
    /// Each watch.
    pub watches: Vec<WatchFacts>,
}

/// One watch and the processes that it found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WatchFacts {
    /// The watch's name.
    #[serde(serialize_with = "shared")]
    pub name: Arc<str>,
    /// How it finds its processes: `pid`, `pid_file`, `process`, `unit` or `pm2`.
    pub selector: &'static str,
    /// What that is given, such as the unit's name.
    #[serde(serialize_with = "shared")]
    pub target: Arc<str>,
    /// How its main process is, or why there is none.
    pub state: WatchState,
    /// Why the state is what it is, where that needs a word: why there is no process, or what could not be read.
    #[serde(serialize_with = "known")]
    pub error: Option<Arc<str>>,
    /// The main process: the one that the pid file or the supervisor names, else the oldest.
    pub pid: Option<u32>,
    /// When the main process started, Unix seconds.
    pub start_time_seconds: Option<f64>,
    /// Since then.
    pub uptime_seconds: Option<f64>,
    /// Processes alive. The numbers below are of all of them.
    pub processes: u64,
    /// Share of one processor since the sample before, 100 for one whole core.
    pub cpu_percent: Option<f64>,
    /// Processor time of all processes this watch ever had, user and kernel.
    pub cpu_seconds_total: Option<f64>,
    /// Resident memory; pages that several processes share count for each.
    pub resident_bytes: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// Starts of another process in the place of the main one, since the watch began.
    pub restarts: u64,
    /// Ends that nobody asked for, since the watch began.
    pub crashes: u64,
    /// The program's version, where the supervisor tells.
    #[serde(serialize_with = "known")]
    pub version: Option<Arc<str>>,
    /// What the supervisor says; nothing for watches without one.
    #[serde(serialize_with = "known")]
    pub supervisor: Option<Arc<WatchSupervisor>>,
    /// What happened last, newest first.
    pub events: Vec<WatchEvent>,
}

/// How the main process of a watch is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WatchState {
    /// On a processor, or waiting for one.
    Running,
    /// Waiting for something to happen.
    Sleeping,
    /// Waiting for a device and not to be woken (`D`).
    Blocked,
    /// Stopped by a signal or a debugger.
    Stopped,
    /// There is nothing to run now, and that is as it should be: a unit that is active without a process.
    Idle,
    /// Ended, and its parent has not noticed.
    Zombie,
    /// There is no process.
    Gone,
    /// It cannot be told.
    #[default]
    Unknown,
}

impl WatchState {
    /// Every state's word, in the order of the type.
    pub const WORDS: [&'static str; 8] = [
        "running", "sleeping", "blocked", "stopped", "idle", "zombie", "gone", "unknown",
    ];

    /// The state as JSON and metrics write it.
    pub fn as_str(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// Whether what is watched is there.
    pub fn is_up(self) -> bool {
        !matches!(self, Self::Zombie | Self::Gone | Self::Unknown)
    }
}

/// What a supervisor says of a watched unit or app.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct WatchSupervisor {
    /// `systemd` or `pm2`.
    pub kind: &'static str,
    /// Its word for the state: systemd's ActiveState, pm2's status.
    pub state: Option<String>,
    /// systemd's SubState.
    pub sub_state: Option<String>,
    /// systemd's LoadState.
    pub load_state: Option<String>,
    /// How the unit ended last, as systemd's Result says.
    pub result: Option<String>,
    /// The main process' last exit status or signal, as systemd's ExecMainStatus says.
    pub exit_status: Option<u64>,
    /// How often it restarted the program, as it counts.
    pub restarts: Option<u64>,
    /// pm2's restarts in quick succession.
    pub unstable_restarts: Option<u64>,
    /// The unit's control group.
    pub cgroup: Option<WatchCgroup>,
    /// Why it could not be asked.
    pub error: Option<String>,
}

/// The control group of a watched unit.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct WatchCgroup {
    /// Its path.
    pub path: String,
    /// Memory in use, page cache included.
    pub memory_bytes: Option<u64>,
    /// Processor time used by all processes it ever had.
    pub cpu_seconds_total: Option<f64>,
}

/// What happened to a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WatchEventKind {
    /// A process was found where none had been.
    Started,
    /// The main process ended.
    Exited,
    /// Another process took the main one's place.
    Restarted,
    /// It ended and nobody had asked for it.
    Crashed,
    /// The supervisor shows another state.
    State,
}

/// Something that happened to a watch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WatchEvent {
    /// When it was noticed.
    #[serde(serialize_with = "rfc3339")]
    pub timestamp: SystemTime,
    /// What it was.
    pub kind: WatchEventKind,
    /// The process.
    pub pid: Option<u32>,
    /// In words.
    #[serde(serialize_with = "shared")]
    pub message: Arc<str>,
}

fn shared<T: Serialize + ?Sized, S: Serializer>(
    value: &Arc<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    (**value).serialize(serializer)
}

fn known<T: Serialize + ?Sized, S: Serializer>(
    value: &Option<Arc<T>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.as_deref().serialize(serializer)
}

/// RFC 3339 in UTC with milliseconds; null for a time no calendar holds.
fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    match jiff::Timestamp::try_from(*time) {
        Ok(time) => serializer.collect_str(&format_args!("{time:.3}")),
        Err(_) => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_in_json_and_metrics() {
        use WatchState::{Blocked, Gone, Idle, Running, Sleeping, Stopped, Unknown, Zombie};
        let states = [
            Running, Sleeping, Blocked, Stopped, Idle, Zombie, Gone, Unknown,
        ];
        for (state, word) in std::iter::zip(states, WatchState::WORDS) {
            assert_eq!(state.as_str(), word);
            let json = serde_json::to_value(state).expect("it is a word");
            assert_eq!(json, word);
        }
    }

    #[test]
    fn an_event_has_a_time_that_people_read() {
        let event = WatchEvent {
            timestamp: SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_700_000_000_250),
            kind: WatchEventKind::Restarted,
            pid: Some(7),
            message: "as process 7".into(),
        };
        let json = serde_json::to_value(event).expect("it is plain");
        assert_eq!(json["timestamp"], "2023-11-14T22:13:20.250Z");
        assert_eq!(json["kind"], "restarted");
    }
}
