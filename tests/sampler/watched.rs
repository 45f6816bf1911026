//! Watched processes: real ones of this test's own, started, killed and started again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use probity::history::{self, Writer};
use probity::merge::Ledger;
use probity::model::{
    Facts, Observation, Outcome, SourceInfo, SourceKind, Span, Staged, Tally, Update,
};
use probity::sampler::{Machine, Sampler, WatchConfig, watched};
use probity::{health, snapshot};
use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{Fixture, json, value};

/// How long something may take that is sure to come. A supervisor that the machine held up is asked again after 30 s.
pub const PATIENCE: Duration = Duration::from_secs(100);
const STEP: Duration = Duration::from_millis(20);

/// A sampler of watches, and what it said last.
pub struct Stand {
    sampler: Box<dyn Sampler>,
    pub facts: Value,
    pub staged: Staged,
}

impl Stand {
    pub fn new(watches: &[WatchConfig], machine: &Machine) -> Self {
        let sampler = watched(watches, machine).unwrap().make().unwrap();
        let mut stand = Self {
            sampler,
            facts: Value::Null,
            staged: Staged::default(),
        };
        stand.sample();
        stand
    }

    pub fn sample(&mut self) -> Facts {
        self.sampler.sample(Instant::now()).unwrap();
        let (facts, staged) = self.sampler.take();
        (self.facts, self.staged) = (json(facts.clone()), staged);
        facts
    }

    /// The only watch.
    pub fn watch(&self) -> &Value {
        &self.facts["watches"][0]
    }

    pub fn metric(&self, name: &str) -> Option<f64> {
        let name = format!("watched_process_{name}");
        value(
            &self.staged,
            &name,
            &[self.watch()["name"].as_str().unwrap()],
        )
    }

    /// Samples until the only watch is so.
    pub fn until(&mut self, what: &str, is_so: impl Fn(&Value) -> bool) {
        self.until_of(0, what, is_so);
    }

    /// Samples until that one of the watches is so.
    pub fn until_of(&mut self, index: usize, what: &str, is_so: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.sample();
            let watch = &self.facts["watches"][index];
            if is_so(watch) {
                return;
            }
            assert!(Instant::now() < deadline, "never {what}: {watch:#}");
            std::thread::sleep(STEP);
        }
    }

    pub fn until_pid(&mut self, pid: u32) {
        self.until("that process", |watch| watch["pid"] == pid);
    }

    /// The kinds of the only watch's events, oldest first.
    pub fn events(&self) -> Vec<&str> {
        let events = self.watch()["events"].as_array().unwrap();
        let kinds = events.iter().map(|event| event["kind"].as_str().unwrap());
        kinds.rev().collect()
    }
}

pub fn watch(key: &str, target: &str) -> WatchConfig {
    let mut watch = WatchConfig {
        name: "it".into(),
        ..WatchConfig::default()
    };
    let target = Some(target.to_owned());
    match key {
        "pid" => watch.pid = target.map(|pid| pid.parse().unwrap()),
        "pid_file" => watch.pid_file = target.map(PathBuf::from),
        "process" => watch.process = target,
        "unit" => watch.unit = target,
        _ => watch.pm2 = target,
    }
    watch
}

/// This machine, with programs of the test's own in the place of supervisors'.
pub fn this_machine(fixture: &Fixture) -> Machine {
    Machine {
        root: "/".into(),
        systemctl: "/nowhere/systemctl".into(),
        pm2: "/nowhere/pm2".into(),
        ..fixture.machine()
    }
}

/// A process that sleeps, under a name of its own; killed when the test is over.
pub struct Sleeper(pub Child);

impl Sleeper {
    /// Started through a link, whose name becomes the command's.
    pub fn named(folder: &Path, name: &str) -> Self {
        let link = folder.join(name);
        if !link.exists() {
            std::os::unix::fs::symlink("/bin/sleep", &link).unwrap();
        }
        Self(
            Command::new(link)
                .arg("1000")
                .stdin(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    pub fn new() -> Self {
        Self(
            Command::new("sleep")
                .arg("1000")
                .stdin(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A name that no other process has.
fn own_name(test: &str) -> String {
    format!("{test}{}", std::process::id())
}

#[test]
fn without_watches_there_is_no_sampler() {
    assert!(watched(&[], &Fixture::new().machine()).is_none());
}

#[test]
fn a_process_is_found_by_its_name_and_followed_across_a_restart() {
    let (fixture, folder) = (Fixture::new(), TempDir::new().unwrap());
    let name = own_name("wr");
    let mut stand = Stand::new(&[watch("process", &name)], &this_machine(&fixture));
    let why = format!("there is no process `{name}`");
    assert_eq!(
        (&stand.watch()["state"], &stand.watch()["error"]),
        (&"gone".into(), &why.into())
    );
    assert_eq!(
        (stand.metric("up"), stand.metric("processes")),
        (Some(0.0), Some(0.0))
    );
    assert_eq!(stand.metric("restarts_total"), Some(0.0));

    let first = Sleeper::named(folder.path(), &name);
    stand.until_pid(first.pid());
    let facts = stand.watch();
    assert_eq!(
        (&facts["processes"], &facts["threads"]),
        (&1.into(), &1.into())
    );
    assert!(facts["open_fds"].as_u64().unwrap() >= 3, "{facts:#}");
    assert!(facts["resident_bytes"].as_u64().unwrap() > 0, "{facts:#}");
    assert!(
        facts["uptime_seconds"].as_f64().unwrap() < 60.0,
        "{facts:#}"
    );
    assert_eq!(
        (&facts["error"], &facts["supervisor"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(stand.metric("up"), Some(1.0));
    assert!(stand.metric("start_time_seconds").unwrap() > 1.6e9);
    stand.until("cpu", |watch| watch["cpu_percent"].is_number());

    drop(first);
    stand.until("gone", |watch| watch["state"] == "gone");
    assert_eq!(stand.metric("resident_memory_bytes"), None);
    let second = Sleeper::named(folder.path(), &name);
    stand.until_pid(second.pid());
    assert_eq!(
        (&stand.watch()["restarts"], &stand.watch()["crashes"]),
        (&1.into(), &0.into())
    );
    assert_eq!(stand.metric("restarts_total"), Some(1.0));
    assert_eq!(stand.events(), ["started", "exited", "restarted"]);
}

#[test]
fn several_of_one_name_are_added_up() {
    let (fixture, folder) = (Fixture::new(), TempDir::new().unwrap());
    let name = own_name("ws");
    let both = [(); 2].map(|()| Sleeper::named(folder.path(), &name));
    // One that sleeps under the same name, but for something else.
    let arguments = Some("1000".to_owned());
    let other = Command::new(folder.path().join(&name)).arg("999").spawn();
    let other = Sleeper(other.unwrap());
    let config = WatchConfig {
        arguments,
        ..watch("process", &name)
    };
    let mut stand = Stand::new(&[config], &this_machine(&fixture));
    stand.until("both", |watch| watch["processes"] == 2);
    assert_eq!(
        (&stand.watch()["threads"], stand.metric("processes")),
        (&2.into(), Some(2.0))
    );
    let oldest = stand.watch()["pid"].clone();
    assert!(both.iter().any(|one| oldest == one.pid()) && oldest != other.pid());
    let [one, two] = both;
    let (gone, stays) = if oldest == one.pid() {
        (one, two)
    } else {
        (two, one)
    };
    drop(gone);
    stand.until_pid(stays.pid());
    assert_eq!(stand.watch()["restarts"], 0, "it was there before");
}

#[test]
fn what_a_process_does_and_that_nobody_waits_for_it_is_shown() {
    let fixture = Fixture::new();
    let mut sleeper = Sleeper::new();
    let watches = [watch("pid", &sleeper.pid().to_string())];
    let mut stand = Stand::new(&watches, &this_machine(&fixture));
    stand.until("sleeping", |watch| watch["state"] == "sleeping");
    sleeper.signal("-STOP");
    stand.until("stopped", |watch| watch["state"] == "stopped");
    assert_eq!(stand.metric("up"), Some(1.0));
    sleeper.signal("-KILL");
    stand.until("a zombie", |watch| watch["state"] == "zombie");
    assert_eq!(
        (stand.metric("up"), &stand.watch()["pid"]),
        (Some(0.0), &Value::Null)
    );
    sleeper.0.wait().unwrap();
    stand.until("gone", |watch| watch["state"] == "gone");
    let why = format!("there is no process {}", sleeper.pid());
    assert_eq!(stand.watch()["error"], why);
}

#[test]
fn a_pid_file_may_be_missing_garbage_and_late() {
    let (fixture, folder) = (Fixture::new(), TempDir::new().unwrap());
    let file = folder.path().join("app.pid");
    let shown = file.display().to_string();
    let mut stand = Stand::new(&[watch("pid_file", &shown)], &this_machine(&fixture));
    let is = |state: &'static str, why: String| {
        move |watch: &Value| watch["state"] == state && watch["error"] == why
    };
    stand.until("missing", is("gone", format!("there is no {shown}")));
    std::fs::write(&file, "soon\n").unwrap();
    let why = format!("{shown} names no process: its first line is no process id");
    stand.until("garbage", is("unknown", why));
    let first = Sleeper::new();
    std::fs::write(&file, format!("{}\n", first.pid())).unwrap();
    stand.until_pid(first.pid());
    let second = Sleeper::new();
    std::fs::write(&file, second.pid().to_string()).unwrap();
    stand.until_pid(second.pid());
    assert_eq!(
        stand.watch()["restarts"],
        1,
        "though the first one still runs"
    );
    let why = format!("{shown} names process {}, which does not run", second.pid());
    drop(second);
    stand.until("stale", is("gone", why));
}

fn observation(started: Instant, facts: Facts, staged: Staged) -> Update {
    Update::Observation(Box::new(Observation {
        source: "watched".into(),
        started,
        duration: Duration::ZERO,
        lateness: Duration::ZERO,
        missed: 0,
        outcome: Outcome::Ok,
        staged,
        checks: Vec::new(),
        facts: Some(facts),
        probe: None,
    }))
}

/// The way of everything that is watched: sampler, merge, snapshot, history.
struct Way {
    stand: Stand,
    ledger: Ledger,
    writer: Writer,
    ticks: u32,
    begun: Instant,
}

impl Way {
    fn new(stand: Stand) -> Self {
        let mut ledger = Ledger::new(health::Watch::new(&health::Config::default())).unwrap();
        let source = SourceInfo {
            name: "watched".into(),
            kind: SourceKind::Sampler,
            interval: Duration::from_secs(3600),
        };
        ledger.apply(Update::Source(source), SystemTime::now());
        let config = history::Config {
            interval: Span::millis(100),
            ..history::Config::default()
        };
        Self {
            stand,
            ledger,
            writer: Writer::new(&config, &mut Tally::default()),
            ticks: 0,
            begun: Instant::now(),
        }
    }

    /// Samples once, and puts it into the history.
    fn tick(&mut self) -> snapshot::Snapshot {
        let facts = self.stand.sample();
        let update = observation(Instant::now(), facts, self.stand.staged.clone());
        self.ledger.apply(update, SystemTime::now());
        let snapshot = self.ledger.snapshot(SystemTime::now()).unwrap();
        self.ticks += 1;
        self.writer
            .record(&snapshot, self.begun.max(Instant::now()));
        snapshot
    }

    /// All values of a series, which must be one and the same from first to last.
    fn past(&self, name: &str) -> Vec<f64> {
        let view = self.writer.history().view();
        let found: Vec<_> = view.named(name).collect();
        assert_eq!(found.len(), 1, "one series of {name}");
        let (id, key) = &found[0];
        assert_eq!(key.label("watch"), Some("it"));
        view.samples(*id, i64::MIN, i64::MAX)
            .map(|(_, value)| value)
            .collect()
    }
}

#[test]
fn the_history_goes_on_when_the_process_is_replaced() {
    let (fixture, folder) = (Fixture::new(), TempDir::new().unwrap());
    let file = folder.path().join("app.pid");
    let first = Sleeper::new();
    std::fs::write(&file, first.pid().to_string()).unwrap();
    let watches = [watch("pid_file", file.to_str().unwrap())];
    let mut way = Way::new(Stand::new(&watches, &this_machine(&fixture)));
    let up_and_down = |way: &mut Way, wanted: f64| {
        way.tick();
        assert_eq!(way.stand.metric("up"), Some(wanted));
    };
    up_and_down(&mut way, 1.0);
    drop(first);
    way.stand.until("gone", |watch| watch["state"] == "gone");
    up_and_down(&mut way, 0.0);
    let second = Sleeper::new();
    std::fs::write(&file, second.pid().to_string()).unwrap();
    way.stand.until_pid(second.pid());
    up_and_down(&mut way, 1.0);
    let snapshot = way.tick();
    assert_eq!(way.past("watched_process_up"), [1.0, 0.0, 1.0, 1.0]);
    assert_eq!(
        way.past("watched_process_restarts_total"),
        [0.0, 0.0, 1.0, 1.0]
    );
    let cpu = way.past("watched_process_cpu_seconds_total");
    assert_eq!(cpu.len(), 4, "a total never ends");
    assert!(cpu.is_sorted(), "nor does it shrink: {cpu:?}");

    let resources = snapshot::part(&snapshot, "resources", Instant::now()).unwrap();
    let shown = &resources["watched"]["watches"][0];
    assert_eq!(
        (&shown["name"], &shown["pid"]),
        (&"it".into(), &second.pid().into())
    );
    assert_eq!(resources["watched"]["stale"], false);
    let checks = snapshot::part(&snapshot, "health", Instant::now()).unwrap();
    let checks: BTreeMap<_, _> = checks["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| (check["name"].as_str().unwrap(), check["status"].clone()))
        .collect();
    assert_eq!(checks["watched/it"], "pass");
}
