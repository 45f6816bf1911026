//! The life of a watch, on a made-up /proc and with hand-made sightings.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use super::config::Selector;
use super::events::KEPT;
use super::sighting::{Found, Sighting};
use super::stat::Processes;
use super::track::{CRASH_AFTER, Moment, Track};
use crate::model::{WatchFacts, WatchState, WatchSupervisor};

const SECOND: Duration = Duration::from_secs(1);
/// Ticks after boot at which no process of this machine has started yet.
const LATER: u64 = 1 << 40;

struct Bench {
    root: TempDir,
    processes: Processes,
    track: Track,
    now: Instant,
}

impl Bench {
    fn new(selector: Selector) -> Self {
        let root = tempfile::tempdir().unwrap();
        Self {
            processes: Processes::new(root.path().to_owned()),
            root,
            track: Track::new("web", selector),
            now: Instant::now(),
        }
    }

    fn by_name() -> Self {
        Self::new(Selector::Process("web".into(), None))
    }

    fn by_file() -> Self {
        Self::new(Selector::PidFile("/run/web.pid".into()))
    }

    /// A process that started then, used so many ticks, and has three threads and 10 pages.
    fn process(&self, pid: u32, state: char, started: u64, ticks: u64) {
        let folder = self.root.path().join(pid.to_string());
        std::fs::create_dir_all(folder.join("fd")).unwrap();
        std::fs::write(folder.join("fd/0"), "").unwrap();
        let line = format!(
            "{pid} (web) {state} 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 3 0 {started} 0 10 1\n"
        );
        std::fs::write(folder.join("stat"), line).unwrap();
    }

    fn end(&self, pid: u32) {
        std::fs::remove_dir_all(self.root.path().join(pid.to_string())).unwrap();
    }

    /// A second later.
    fn sample(&mut self) -> WatchFacts {
        self.sample_after(SECOND)
    }

    fn sample_after(&mut self, time: Duration) -> WatchFacts {
        self.now += time;
        let at = Moment {
            now: self.now,
            wall: SystemTime::now(),
        };
        self.track.sample(at, &mut self.processes);
        self.track.facts(4096)
    }

    fn see(&mut self, sighting: Sighting) -> WatchFacts {
        self.track.sighting = Arc::new(sighting);
        self.sample()
    }

    fn see_these(&mut self, pids: &[u32]) -> WatchFacts {
        self.see(Sighting::of(Sighting::these(pids.to_vec())))
    }

    /// A pid file that was written so many seconds after the first one.
    fn see_file(&mut self, pid: u32, written: u64) -> WatchFacts {
        self.see(Sighting {
            main: Some(pid),
            written: Some(SystemTime::UNIX_EPOCH + SECOND * u32::try_from(written).unwrap()),
            ..Sighting::of(Found::These(vec![pid], None))
        })
    }

    /// The kinds of the events, oldest first.
    fn events(&self) -> Vec<String> {
        let events = self.track.events.list().into_iter().rev();
        let kinds = events.map(|event| format!("{:?}", event.kind).to_lowercase());
        kinds.collect()
    }
}

fn counts(facts: &WatchFacts) -> (u64, u64) {
    (facts.restarts, facts.crashes)
}

#[test]
fn the_numbers_are_of_all_processes_and_the_id_of_the_oldest() {
    let mut bench = Bench::by_name();
    bench.process(20, 'S', 500, 100);
    bench.process(21, 'R', 400, 50);
    let facts = bench.see_these(&[20, 21, 22]);
    assert_eq!((facts.pid, facts.processes), (Some(21), 2));
    assert_eq!((facts.threads, facts.open_fds), (Some(6), Some(2)));
    assert_eq!(facts.resident_bytes, Some(20 * 4096));
    assert_eq!(facts.state, WatchState::Running);
    assert_eq!(
        (facts.cpu_seconds_total, facts.cpu_percent),
        (Some(1.5), None)
    );
    assert_eq!(facts.error, None);
    bench.process(20, 'S', 500, 160);
    bench.process(21, 'D', 400, 60);
    let facts = bench.sample();
    assert_eq!(
        (facts.cpu_seconds_total, facts.cpu_percent),
        (Some(2.2), Some(70.0))
    );
    assert_eq!(facts.state, WatchState::Blocked);
    assert_eq!(bench.events(), ["started"]);
}

#[test]
fn another_process_in_the_place_of_the_one_that_ended_is_a_restart() {
    let mut bench = Bench::by_name();
    bench.process(20, 'S', 500, 100);
    bench.see_these(&[20]);
    bench.end(20);
    let facts = bench.sample();
    assert_eq!(
        (facts.state, facts.pid, facts.processes),
        (WatchState::Gone, None, 0)
    );
    assert_eq!(facts.error.as_deref(), Some("its processes have ended"));
    assert!(bench.track.is_in_hurry(bench.now));
    bench.process(33, 'S', LATER, 5);
    let facts = bench.see_these(&[33]);
    assert_eq!((facts.pid, counts(&facts)), (Some(33), (1, 0)));
    assert_eq!(facts.cpu_seconds_total, Some(1.05), "the total goes on");
    assert!(!bench.track.is_in_hurry(bench.now));
    // The same id again, at another time: between two samples, and nobody was seen to be gone.
    bench.process(33, 'S', LATER + 9, 2);
    let facts = bench.see_these(&[33]);
    assert_eq!((facts.pid, counts(&facts)), (Some(33), (2, 0)));
    assert_eq!(facts.cpu_seconds_total, Some(1.07));
    let facts = bench.sample_after(CRASH_AFTER * 2);
    assert_eq!(counts(&facts), (2, 0));
    assert_eq!(
        bench.events(),
        ["started", "exited", "restarted", "restarted"]
    );
}

#[test]
fn workers_that_come_and_go_are_no_restart() {
    let mut bench = Bench::by_name();
    bench.process(20, 'S', 500, 0);
    bench.process(21, 'S', 600, 0);
    bench.see_these(&[20, 21]);
    bench.end(21);
    bench.process(22, 'S', 700, 0);
    let facts = bench.see_these(&[20, 22]);
    assert_eq!(
        (facts.pid, facts.processes, counts(&facts)),
        (Some(20), 2, (0, 0))
    );
    bench.end(20);
    let facts = bench.sample();
    assert_eq!(
        (facts.pid, facts.processes, counts(&facts)),
        (Some(22), 1, (0, 0))
    );
    assert_eq!(bench.events(), ["started", "exited"]);
}

#[test]
fn a_main_process_that_is_named_is_followed_by_name() {
    let mut bench = Bench::new(Selector::Unit("web.service".into()));
    let unit = |main| Sighting {
        main: Some(main),
        ..Sighting::of(Sighting::these(vec![20, 21, 22]))
    };
    for pid in [20, 21, 22] {
        bench.process(pid, 'S', u64::from(pid), 0);
    }
    assert_eq!(bench.see(unit(21)).pid, Some(21), "not the oldest");
    let facts = bench.see(unit(22));
    assert_eq!((facts.pid, counts(&facts)), (Some(22), (1, 0)));
}

#[test]
fn an_end_without_a_successor_is_a_crash_after_a_while() {
    let mut bench = Bench::by_name();
    bench.process(20, 'S', 500, 0);
    bench.see_these(&[20]);
    bench.end(20);
    assert_eq!(counts(&bench.sample()), (0, 0));
    let facts = bench.see(Sighting::none("there is no process `web`"));
    assert_eq!(facts.error.as_deref(), Some("there is no process `web`"));
    assert_eq!(counts(&bench.sample_after(CRASH_AFTER)), (0, 1));
    assert_eq!(counts(&bench.sample_after(CRASH_AFTER)), (0, 1), "once");
    assert_eq!(bench.events(), ["started", "exited", "crashed"]);
    bench.process(21, 'S', 600, 0);
    assert_eq!(counts(&bench.see_these(&[21])), (1, 1));
    // What was never there has not crashed.
    let mut bench = Bench::by_name();
    bench.see(Sighting::none("there is no process `web`"));
    assert_eq!(counts(&bench.sample_after(CRASH_AFTER * 2)), (0, 0));
}

#[test]
fn a_pid_file_that_was_taken_away_tells_a_stop_from_a_crash() {
    for (in_order, crashes) in [(true, 0), (false, 1)] {
        let mut bench = Bench::by_file();
        bench.process(20, 'S', 500, 0);
        bench.see_file(20, 0);
        bench.end(20);
        let facts = bench.sample();
        let why = "/run/web.pid names process 20, which does not run";
        assert_eq!(
            (facts.state, facts.error.as_deref()),
            (WatchState::Gone, Some(why))
        );
        if in_order {
            bench.see(Sighting {
                in_order,
                ..Sighting::none("there is no /run/web.pid")
            });
        }
        assert_eq!(counts(&bench.sample_after(CRASH_AFTER)), (0, crashes));
    }
}

#[test]
fn an_id_that_was_given_to_another_process_is_told() {
    let mut bench = Bench::by_file();
    bench.process(20, 'S', 500, 0);
    assert_eq!(bench.see_file(20, 0).pid, Some(20));
    bench.process(20, 'S', 900, 0);
    let facts = bench.see_file(20, 0);
    let why = "/run/web.pid names process 20, which is another one now";
    assert_eq!(
        (facts.state, facts.error.as_deref()),
        (WatchState::Gone, Some(why))
    );
    // Whoever writes the file again means that process.
    let facts = bench.see_file(20, 1);
    assert_eq!((facts.pid, counts(&facts)), (Some(20), (1, 0)));
    assert_eq!(facts.error, None);

    let mut bench = Bench::new(Selector::Pid(20));
    bench.track.sighting = Arc::new(Sighting {
        main: Some(20),
        ..Sighting::of(Found::These(vec![20], None))
    });
    let facts = bench.sample();
    let why = Some("there is no process 20");
    assert_eq!(
        (facts.state, facts.error.as_deref()),
        (WatchState::Gone, why)
    );
    bench.process(20, 'S', 500, 0);
    assert_eq!(bench.sample().pid, Some(20), "it comes later");
    bench.process(20, 'S', 900, 0);
    let facts = bench.sample();
    let why = Some("the process that was 20 has ended, and the id is another one's now");
    assert_eq!(
        (facts.state, facts.error.as_deref()),
        (WatchState::Gone, why)
    );
    assert_eq!(counts(&bench.sample()), (0, 0), "a stranger is no restart");
}

#[test]
fn a_process_is_followed_whatever_becomes_of_the_file_that_named_it() {
    let mut bench = Bench::by_file();
    bench.process(20, 'T', 500, 0);
    bench.see_file(20, 0);
    let facts = bench.see(Sighting::unknown("/run/web.pid is empty"));
    assert_eq!((facts.state, facts.pid), (WatchState::Stopped, Some(20)));
    assert_eq!(facts.error.as_deref(), Some("/run/web.pid is empty"));
    bench.end(20);
    assert_eq!(bench.sample().state, WatchState::Unknown);
}

#[test]
fn one_that_ended_and_was_not_waited_for_is_no_process() {
    let mut bench = Bench::by_name();
    bench.process(20, 'S', 500, 0);
    bench.see_these(&[20]);
    bench.process(20, 'Z', 500, 0);
    let facts = bench.sample();
    assert_eq!(
        (facts.state, facts.pid, facts.processes),
        (WatchState::Zombie, None, 0)
    );
    let why = "process 20 has ended and its parent has not noticed";
    assert_eq!(facts.error.as_deref(), Some(why));
    bench.end(20);
    assert_eq!(bench.sample().state, WatchState::Gone);
}

#[test]
fn one_that_cannot_be_read_for_a_moment_has_not_ended() {
    let mut bench = Bench::by_name();
    bench.process(20, 'S', 500, 0);
    bench.see_these(&[20]);
    std::fs::write(bench.root.path().join("20/stat"), "garbage").unwrap();
    let facts = bench.sample();
    assert_eq!((facts.state, facts.pid), (WatchState::Unknown, Some(20)));
    let why = "cannot read /proc/20/stat: a name in parentheses is expected";
    assert_eq!(facts.error.as_deref(), Some(why));
    bench.process(20, 'S', 500, 0);
    let facts = bench.sample();
    assert_eq!(
        (facts.state, counts(&facts)),
        (WatchState::Sleeping, (0, 0))
    );
}

#[test]
fn what_an_old_process_used_before_it_was_found_is_no_burst() {
    let mut bench = Bench::by_file();
    bench.process(20, 'S', 1, 100);
    bench.process(30, 'S', 2, 900_000);
    assert_eq!(bench.see_file(20, 0).cpu_seconds_total, Some(1.0));
    let facts = bench.see_file(30, 1);
    assert_eq!(
        (facts.cpu_seconds_total, counts(&facts)),
        (Some(1.0), (1, 0))
    );
    bench.process(30, 'S', 2, 900_050);
    assert_eq!(bench.sample().cpu_percent, Some(50.0));
}

#[test]
fn a_supervisors_count_has_the_restarts_that_nobody_saw() {
    let mut bench = Bench::new(Selector::Unit("web.service".into()));
    let unit = |pid, restarts| Sighting {
        main: Some(pid),
        supervisor: Some(Arc::new(WatchSupervisor {
            kind: "systemd",
            state: Some("active".into()),
            restarts: Some(restarts),
            ..WatchSupervisor::default()
        })),
        ..Sighting::of(Sighting::these(vec![pid]))
    };
    bench.process(20, 'S', 500, 0);
    assert_eq!(counts(&bench.see(unit(20, 3))), (0, 0));
    bench.end(20);
    bench.process(30, 'S', 600, 0);
    assert_eq!(counts(&bench.see(unit(30, 8))), (5, 5));
    // By hand: systemd counts from nothing again.
    bench.end(30);
    bench.process(40, 'S', 700, 0);
    assert_eq!(counts(&bench.see(unit(40, 0))), (6, 5));
}

#[test]
fn only_the_last_events_are_kept() {
    let mut bench = Bench::new(Selector::PidFile(PathBuf::from("/run/web.pid")));
    for pid in 1..100 {
        bench.process(pid, 'S', u64::from(pid), 0);
        bench.see_file(pid, 0);
    }
    let facts = bench.sample();
    assert_eq!((facts.events.len(), facts.restarts), (KEPT, 98));
    assert_eq!(&*facts.events[0].message, "process 99 took the place of 98");
}

#[test]
fn an_end_is_no_crash_while_nobody_can_see_a_successor() {
    for (pid, written, wanted) in [(8, 2, (1, 0)), (7, 1, (0, 1))] {
        let mut bench = Bench::by_file();
        bench.process(7, 'S', LATER, 0);
        bench.see_file(7, 1);
        bench.end(7);
        bench.track.hold_up = Some("looking has taken 16 s, at /run/web.pid".into());
        assert_eq!(bench.sample().state, WatchState::Unknown);
        assert_eq!(counts(&bench.sample_after(2 * CRASH_AFTER)), (0, 0));
        bench.track.hold_up = None;
        bench.process(8, 'S', LATER + 1, 0);
        assert_eq!(counts(&bench.see_file(pid, written)), wanted);
    }
}
