//! The thread that looks for the processes of all watches, and asks supervisors.
//!
//! Looking may take long: all of /proc is walked, a pid file may lie on a disk that hangs, a supervisor may not answer.
//! So it is done seldom and on a thread of its own, and what was found is followed by the sampler, which waits for
//! nobody.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::board::Board;
use super::config::Selector;
use super::look::{self, Wanted};
use super::sighting::{Found, Sighting};
use super::stat::Processes;
use super::{pid_file, pm2, systemd};
use crate::sampler::{Machine, SamplerError};

/// How often is looked for processes: a walk over all takes 10 us for each.
const EVERY: Duration = Duration::from_secs(5);
/// How soon again, when a process has just ended and its successor is waited for.
const AT_ONCE: Duration = Duration::from_millis(500);
/// How often systemd is asked, and how soon again when a process of its has ended.
const UNITS: Pace = Pace {
    every: Duration::from_secs(5),
    at_once: Duration::from_secs(1),
};
/// The same for pm2: each time a program of node's is started, which takes half a second of a processor.
const APPS: Pace = Pace {
    every: Duration::from_secs(10),
    at_once: Duration::from_secs(5),
};
/// How soon a supervisor that did not answer is asked again.
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// How long the sampler's start waits for the first look; `systemctl` answers in a tenth of it.
const FIRST_LOOK: Duration = Duration::from_millis(500);

/// How often a supervisor is asked.
#[derive(Debug, Clone, Copy)]
struct Pace {
    every: Duration,
    at_once: Duration,
}

/// The thread, as the sampler holds it. It ends when this is dropped: at once, but for a file that it waits for.
pub(super) struct Scout {
    /// What was found.
    board: Arc<Board>,
    /// Wakes the thread; closed, it ends the thread.
    wake: SyncSender<()>,
    /// The thread. It is not waited for: it may hang with a file.
    thread: JoinHandle<()>,
}

impl Scout {
    /// Starts the thread, and waits a moment for its first look.
    ///
    /// # Errors
    /// The thread could not be started.
    pub(super) fn start(machine: &Machine, selectors: &[Selector]) -> Result<Self, SamplerError> {
        let board = Arc::new(Board::new(selectors.len()));
        let round = Round::new(machine, selectors, board.clone());
        Self::begin(board, move |woken, first| run(round, &woken, &first))
    }

    /// Starts a thread with this work: it is woken by the one channel, and says by the other that it has looked.
    ///
    /// # Errors
    /// As [`Scout::start`].
    pub(super) fn begin(
        board: Arc<Board>,
        work: impl FnOnce(Receiver<()>, SyncSender<()>) + Send + 'static,
    ) -> Result<Self, SamplerError> {
        // One wake-up that waits is as good as many.
        let (wake, woken) = sync_channel(1);
        let (first, looked) = sync_channel(1);
        let name = "probity-scout";
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || work(woken, first))
            .map_err(|reason| SamplerError::Thread { name, reason })?;
        // Without a word by then what is not known yet is shown as such.
        let _late = looked.recv_timeout(FIRST_LOOK);
        Ok(Self {
            board,
            wake,
            thread,
        })
    }

    /// Whether it still looks: a defect may have ended it.
    pub(super) fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    /// What holds up the looking, if anything does.
    pub(super) fn hold_up(&self, now: Instant) -> Option<Arc<str>> {
        self.board.hold_up(now)
    }

    /// Hands out the sightings that are newer than the `known` ones.
    pub(super) fn news<'a>(&self, known: impl Iterator<Item = &'a mut Arc<Sighting>>) {
        self.board.news(known);
    }

    /// A process that was found so has ended: its successor is looked for soon.
    pub(super) fn hurry(&self, selector: &Selector) {
        match selector {
            Selector::Pid(_) => return,
            Selector::Unit(_) => self.board.units_hurry.store(true, Ordering::Release),
            Selector::Pm2(_) => self.board.apps_hurry.store(true, Ordering::Release),
            Selector::PidFile(_) | Selector::Process(..) => {}
        }
        // Full: it is being woken. Closed: it is about to be replaced.
        let _woken_or_gone = self.wake.try_send(());
    }
}

impl Drop for Scout {
    fn drop(&mut self) {
        self.board.stopped.store(true, Ordering::Relaxed);
    }
}

/// The thread's work, until the sampler is gone.
fn run(mut round: Round, woken: &Receiver<()>, first: &SyncSender<()>) {
    loop {
        let looked = Instant::now();
        round.look(looked);
        // Nobody waits any more after the first look.
        let _not_awaited = first.try_send(());
        if !wait(woken, looked) {
            return;
        }
    }
}

/// Waits for the next look; false when there is to be none.
fn wait(woken: &Receiver<()>, looked: Instant) -> bool {
    let mut due = looked + EVERY;
    loop {
        let left = due.saturating_duration_since(Instant::now());
        match woken.recv_timeout(left) {
            Ok(()) => due = due.min(looked + AT_ONCE),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

/// What is looked for in each round, with its places on the board.
struct Round {
    machine: Machine,
    board: Arc<Board>,
    processes: Processes,
    files: Vec<(usize, PathBuf)>,
    names: (Vec<usize>, Vec<Wanted>),
    units: Asked,
    apps: Asked,
}

/// What one supervisor is asked for.
struct Asked {
    places: Vec<usize>,
    names: Vec<String>,
    pace: Pace,
    /// When it was asked last, and whether it answered.
    last: Option<(Instant, bool)>,
}

impl Round {
    fn new(machine: &Machine, selectors: &[Selector], board: Arc<Board>) -> Self {
        let mut round = Self {
            processes: Processes::new(machine.proc("")),
            machine: machine.clone(),
            board,
            files: Vec::new(),
            names: Default::default(),
            units: Asked::new(UNITS),
            apps: Asked::new(APPS),
        };
        for (place, selector) in selectors.iter().enumerate() {
            match selector {
                Selector::Pid(pid) => {
                    let sighting = Sighting {
                        main: Some(*pid),
                        ..Sighting::of(Found::These(vec![*pid], None))
                    };
                    round.board.put(&[place], vec![sighting]);
                }
                Selector::PidFile(path) => round.files.push((place, path.clone())),
                Selector::Process(name, arguments) => {
                    round.names.0.push(place);
                    round.names.1.push(Wanted {
                        name: name.clone(),
                        arguments: arguments.clone(),
                    });
                }
                Selector::Unit(unit) => round.units.add(place, unit),
                Selector::Pm2(app) => round.apps.add(place, app),
            }
        }
        round
    }

    /// Looks for everything that is due.
    fn look(&mut self, now: Instant) {
        for (place, path) in &self.files {
            self.board.come_to(now, path.display().to_string());
            let sighting = pid_file::look(path, &self.machine.mounted(path));
            self.board.put(&[*place], vec![sighting]);
        }
        if !self.names.0.is_empty() {
            self.board.come_to(now, "the processes in /proc");
            let sightings = look::by_name(&mut self.processes, &self.names.1);
            self.board.put(&self.names.0, sightings);
        }
        let Self {
            machine,
            board,
            processes,
            ..
        } = self;
        let hurry = board.units_hurry.swap(false, Ordering::AcqRel);
        if self.units.is_due(now, hurry) {
            board.come_to(now, "systemd's answer");
            let answer = systemd::look(machine, &self.units.names, &board.stopped);
            self.units.tell(board, now, "systemd", answer);
        }
        let hurry = board.apps_hurry.swap(false, Ordering::AcqRel);
        if self.apps.is_due(now, hurry) {
            board.come_to(now, "pm2's answer");
            let answer = pm2::look(machine, processes, &self.apps.names, &board.stopped);
            self.apps.tell(board, now, "pm2", answer);
        }
        board.end_look();
    }
}

impl Asked {
    fn new(pace: Pace) -> Self {
        Self {
            places: Vec::new(),
            names: Vec::new(),
            pace,
            last: None,
        }
    }

    fn add(&mut self, place: usize, name: &str) {
        self.places.push(place);
        self.names.push(name.to_owned());
    }

    fn is_due(&self, now: Instant, hurry: bool) -> bool {
        let patience = match self.last {
            _ if self.names.is_empty() => return false,
            None => return true,
            Some((_, false)) => AFTER_FAILURE,
            Some((_, true)) if hurry => self.pace.at_once,
            Some((_, true)) => self.pace.every,
        };
        // A round that is woken early does not push the next question out by a whole round.
        self.last
            .is_none_or(|(last, _)| now.saturating_duration_since(last) + AT_ONCE / 2 >= patience)
    }

    /// Puts the answer on the board. One that failed leaves what is known of the processes, and says why of the rest.
    fn tell(
        &mut self,
        board: &Board,
        now: Instant,
        kind: &'static str,
        answer: Result<Vec<Sighting>, String>,
    ) {
        self.last = Some((now, answer.is_ok()));
        let sightings = answer.unwrap_or_else(|reason| {
            let unknown = Sighting::unanswered(kind, reason);
            vec![unknown; self.places.len()]
        });
        board.put(&self.places, sightings);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::process::Command;

    use super::*;

    /// Waits until that is so.
    fn until(what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + 3 * AFTER_FAILURE;
        while !is_so() {
            assert!(Instant::now() < deadline, "never {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_look_tells_what_it_has_come_to_until_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("systemctl");
        // Written by another program, for nothing that this one has open for writing can be started.
        let write = "printf '#!/bin/sh\nsleep 1000\n' >\"$0\" && chmod 700 \"$0\"";
        let written = Command::new("/bin/sh")
            .args(["-c", write])
            .arg(&program)
            .status();
        assert!(written.unwrap().success());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let machine = Machine {
            systemctl: program,
            ..Machine::local(runtime.handle().clone())
        };
        let scout = Scout::start(&machine, &[Selector::Unit("web.service".into())]).unwrap();
        let later = || scout.hold_up(Instant::now() + Duration::from_secs(3600));
        let at = " s, at systemd's answer";
        until("at it", || later().is_some_and(|why| why.ends_with(at)));
        until("over", || later().is_none());
        assert_eq!(scout.hold_up(Instant::now()), None);
    }
}
