//! The life of one watch: which process is its main one, what was a restart and what a crash.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::config::Selector;
use super::events::Events;
use super::members::{Identity, Member, Members};
use super::sighting::{Found, Sighting};
use super::stat::Processes;
use super::supervised::Supervised;
use crate::model::WatchEventKind::{Crashed, Exited, Restarted, Started};
use crate::sampler::process::age;

/// An end that is followed by no start within this time was none for the sake of a restart.
pub(super) const CRASH_AFTER: Duration = Duration::from_secs(10);
/// For how long a successor is looked for more often than usual.
const HURRY_FOR: Duration = Duration::from_secs(30);

/// Now, on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Instant,
    pub(super) wall: SystemTime,
}

/// What is known of one watch.
pub(super) struct Track {
    /// Its name.
    pub(super) name: Arc<str>,
    /// How it finds its processes.
    pub(super) selector: Selector,
    /// What was found last.
    pub(super) sighting: Arc<Sighting>,
    /// What holds up the looking, so that the sighting may be out of date.
    pub(super) hold_up: Option<Arc<str>>,
    /// The sighting that was looked at in the sample before.
    seen: Arc<Sighting>,
    /// The processes that live.
    pub(super) members: Members,
    /// The main process, or the last one that was it.
    pub(super) main: Option<Main>,
    /// Whether it lives.
    pub(super) is_up: bool,
    /// When the main process ended without a successor.
    ended: Option<Instant>,
    /// Whether that end is still to be judged.
    is_open: bool,
    /// Whether the process of the wanted id is another one than it was.
    pub(super) is_another: bool,
    /// Starts in the main process' place.
    pub(super) restarts: u64,
    /// Ends that nobody asked for.
    pub(super) crashes: u64,
    /// Share of a processor since the sample before.
    pub(super) cpu_percent: Option<f64>,
    /// Processor time at the sample before.
    before: Option<(Instant, u64)>,
    /// What the supervisor said before.
    supervised: Supervised,
    /// What happened last.
    pub(super) events: Events,
}

/// The main process of a watch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Main {
    pub(super) identity: Identity,
    /// When it started.
    pub(super) start: SystemTime,
    /// When the pid file that named it was written.
    written: Option<SystemTime>,
}

impl Main {
    fn of(identity: Identity, wall: SystemTime) -> Self {
        let age = age(identity.started_ticks).unwrap_or_default();
        Self {
            identity,
            start: wall.checked_sub(age).unwrap_or(wall),
            written: None,
        }
    }
}

impl Track {
    pub(super) fn new(name: &str, selector: Selector) -> Self {
        Self {
            name: name.into(),
            selector,
            sighting: Arc::default(),
            hold_up: None,
            seen: Arc::default(),
            members: Members::new(),
            main: None,
            is_up: false,
            ended: None,
            is_open: false,
            is_another: false,
            restarts: 0,
            crashes: 0,
            cpu_percent: None,
            before: None,
            supervised: Supervised::default(),
            events: Events::default(),
        }
    }

    /// Follows the processes, takes in what was found since, and judges what happened.
    pub(super) fn sample(&mut self, at: Moment, processes: &mut Processes) {
        self.members.follow(processes);
        let is_news = !Arc::ptr_eq(&self.sighting, &self.seen);
        // A look names a process once; one that is given by its id may come later.
        let is_awaited = matches!(self.selector, Selector::Pid(_)) && self.members.count() == 0;
        if is_news || is_awaited {
            self.adopt(processes);
        }
        let restarts = self.restarts;
        self.settle(at);
        if is_news {
            self.hear(at, self.restarts - restarts);
            self.seen = self.sighting.clone();
        }
        self.judge_end(at);
        self.measure(at.now);
    }

    /// Whether a successor is to be looked for soon.
    pub(super) fn is_in_hurry(&self, now: Instant) -> bool {
        let recent = |ended| now.saturating_duration_since(ended) < HURRY_FOR;
        !self.is_up && self.ended.is_some_and(recent)
    }

    fn adopt(&mut self, processes: &mut Processes) {
        let Found::These(pids, _) = &self.sighting.found else {
            // What was followed is followed on, whatever became of the file or of the supervisor's memory.
            return;
        };
        let (main, sighting, is_pid) = (
            self.main,
            &self.sighting,
            matches!(self.selector, Selector::Pid(_)),
        );
        let mut is_another = false;
        // The kernel gave the id to another process, and nobody has said since that this is the one.
        let accept = |identity: Identity| {
            let same_id = main.filter(|main| main.identity.pid == identity.pid);
            let stale = same_id.is_some_and(|main| {
                let unchanged = sighting.written.is_some() && main.written == sighting.written;
                main.identity != identity && (is_pid || unchanged)
            });
            is_another |= stale;
            !stale
        };
        self.members.adopt(pids, processes, accept);
        self.is_another = is_another;
    }

    /// Finds the main process among those that live, and notes what became of the one before.
    fn settle(&mut self, at: Moment) {
        let before = self.main.map(|main| main.identity);
        let named = self.sighting.main.and_then(|pid| self.members.find(pid));
        let kept = before.and_then(|main| self.members.get(main));
        let heir = named.or(kept).or_else(|| self.members.oldest()).copied();
        let is_named = named.is_some();
        match heir {
            Some(heir) => {
                self.note_heir(at, &heir, is_named);
                if before != Some(heir.identity) {
                    self.main = Some(Main::of(heir.identity, at.wall));
                }
                if let Some(main) = self.main.as_mut().filter(|_| is_named) {
                    main.written = self.sighting.written;
                }
                (self.is_up, self.ended, self.is_open) = (true, None, false);
            }
            None if self.is_up => self.end(at),
            None => {}
        }
    }

    /// Notes what it means that this process is the main one now.
    fn note_heir(&mut self, at: Moment, heir: &Member, is_named: bool) {
        let pid = heir.identity.pid;
        match self.main.map(|main| main.identity) {
            None => {
                let message = format!("process {pid} was found");
                self.events.note(at.wall, Started, Some(pid), message);
            }
            Some(before) if before == heir.identity => {}
            // The one that ended was one of several, and those go on.
            Some(before) if self.is_up && !is_named && !heir.is_new => {
                let message = format!("process {} ended; {pid} goes on", before.pid);
                self.events.note(at.wall, Exited, Some(before.pid), message);
            }
            Some(before) => {
                self.restarts += 1;
                let message = format!("process {pid} took the place of {}", before.pid);
                self.events.note(at.wall, Restarted, Some(pid), message);
            }
        }
    }

    fn end(&mut self, at: Moment) {
        let pid = self.main.map(|main| main.identity.pid);
        let message = format!("process {} ended", pid.unwrap_or_default());
        self.events.note(at.wall, Exited, pid, message);
        (self.is_up, self.ended, self.is_open) = (false, Some(at.now), true);
    }

    /// Takes in what the supervisor counts: it sees every end, also those between two looks.
    fn hear(&mut self, at: Moment, restarted: u64) {
        let Some(now) = self.sighting.supervisor.clone() else {
            return;
        };
        let heard = self.supervised.hear(&now, at.wall, &mut self.events);
        self.restarts += heard.restarts.saturating_sub(restarted);
        self.crashes += heard.crashes;
    }

    /// Where no supervisor tells, an end without a successor is a crash, unless the pid file was taken away.
    fn judge_end(&mut self, at: Moment) {
        if matches!(self.selector, Selector::Unit(_) | Selector::Pm2(_)) || !self.is_open {
            return;
        }
        // Nobody could have seen a successor.
        if self.hold_up.is_some() {
            return;
        }
        let since = |ended| at.now.saturating_duration_since(ended);
        if self.ended.is_none_or(|ended| since(ended) < CRASH_AFTER) {
            return;
        }
        self.is_open = false;
        if !self.sighting.in_order {
            self.crashes += 1;
            let pid = self.main.map(|main| main.identity.pid);
            let message = format!("nothing took its place within {} s", CRASH_AFTER.as_secs());
            self.events.note(at.wall, Crashed, pid, message);
        }
    }

    fn measure(&mut self, now: Instant) {
        let before = self.before.take();
        self.before = self.members.cpu_ticks().map(|ticks| (now, ticks));
        let share = |(then, before): (Instant, u64)| {
            let elapsed = now.saturating_duration_since(then).as_secs_f64();
            let used = seconds(self.members.cpu_ticks()?.saturating_sub(before));
            (self.is_up && elapsed > 0.0).then(|| 100.0 * used / elapsed)
        };
        self.cpu_percent = before.and_then(share);
    }
}

/// Ticks of the kernel's as seconds.
pub(super) fn seconds(ticks: u64) -> f64 {
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}
