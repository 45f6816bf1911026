//! What is told of one watch.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::config::Selector;
use super::sighting::Found;
use super::track::{Track, seconds};
use crate::model::{WatchFacts, WatchState};
use crate::sampler::process::age;

impl Track {
    /// How its main process is, or why there is none.
    pub(super) fn state(&self) -> WatchState {
        if self.hold_up.is_some() {
            WatchState::Unknown
        } else {
            self.state_as_found()
        }
    }

    /// Whether what is watched is there. While the looking is held up, what was found is followed on, and that it lives
    /// is seen.
    pub(super) fn is_there(&self) -> bool {
        let state = self.state_as_found();
        state.is_up() && (self.hold_up.is_none() || state != WatchState::Idle)
    }

    fn state_as_found(&self) -> WatchState {
        let main = self.main.and_then(|main| self.members.get(main.identity));
        match (main, &self.sighting.found) {
            (Some(_), _) if self.members.unreadable().is_some() => WatchState::Unknown,
            (Some(main), _) => main.stat.state,
            (None, _) if self.members.remains().is_some() => WatchState::Zombie,
            (None, Found::Idle(_)) => WatchState::Idle,
            (None, Found::NotYet | Found::Unknown(_)) => WatchState::Unknown,
            (None, _) if self.members.unreadable().is_some() => WatchState::Unknown,
            (None, Found::None(_) | Found::These(..)) => WatchState::Gone,
        }
    }

    /// Everything that is known of it.
    pub(super) fn facts(&self, page_bytes: u64) -> WatchFacts {
        let main = self.main.filter(|_| self.is_up);
        let age = main.and_then(|main| age(main.identity.started_ticks));
        let start = main.and_then(|main| main.start.duration_since(UNIX_EPOCH).ok());
        let pages = self.members.resident_pages();
        WatchFacts {
            name: self.name.clone(),
            selector: self.selector.key(),
            target: self.selector.target().into(),
            state: self.state(),
            error: self.error(),
            pid: main.map(|main| main.identity.pid),
            start_time_seconds: start.map(|start| start.as_secs_f64()),
            uptime_seconds: age.map(|age| age.as_secs_f64()),
            processes: self.members.count() as u64,
            cpu_percent: self.cpu_percent,
            cpu_seconds_total: self.members.cpu_ticks().map(seconds),
            resident_bytes: pages.map(|pages| pages.saturating_mul(page_bytes)),
            threads: self.members.threads(),
            open_fds: self.members.descriptors(),
            restarts: self.restarts,
            crashes: self.crashes,
            version: self.sighting.version.clone(),
            supervisor: self.sighting.supervisor.clone(),
            events: self.events.list(),
        }
    }

    /// Why the state is what it is, or what could not be told.
    fn error(&self) -> Option<Arc<str>> {
        if let Some(reason) = &self.hold_up {
            return Some(reason.clone());
        }
        if let Some(reason) = self.members.unreadable() {
            return Some(reason.into());
        }
        match &self.sighting.found {
            Found::NotYet => Some("it has not been looked for yet".into()),
            Found::None(why) | Found::Unknown(why) => Some(why.clone()),
            Found::Idle(why) => (!self.is_up).then(|| why.clone()),
            Found::These(_, note) if self.is_up => note.clone(),
            Found::These(..) => Some(self.why_none().into()),
        }
    }

    /// Why none of the processes that a look found is there.
    fn why_none(&self) -> String {
        let zombie = self.members.remains().map(|remains| remains.pid);
        match (&self.selector, self.sighting.main, zombie) {
            (_, _, Some(pid)) => format!("process {pid} has ended and its parent has not noticed"),
            (Selector::Pid(pid), ..) if self.is_another => {
                format!("the process that was {pid} has ended, and the id is another one's now")
            }
            (Selector::Pid(pid), ..) => format!("there is no process {pid}"),
            (Selector::PidFile(path), Some(pid), _) => {
                let what = if self.is_another {
                    "is another one now"
                } else {
                    "does not run"
                };
                format!("{} names process {pid}, which {what}", path.display())
            }
            _ => "its processes have ended".to_owned(),
        }
    }
}
