//! Watched units and apps, with programs of the test's own in the place of `systemctl` and `pm2`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use probity::sampler::Machine;
use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{Fixture, value};
use crate::watched::{Sleeper, Stand, this_machine, watch};

/// A folder with a program that does what the script says.
struct Fake {
    folder: TempDir,
}

impl Fake {
    fn new(script: &str) -> Self {
        let fake = Self {
            folder: TempDir::new().unwrap(),
        };
        // Written by another process: one that this one has open for writing while it starts others cannot be started.
        let mut writer = Command::new("sh")
            .args(["-c", "cat >\"$0\" && chmod 700 \"$0\""])
            .arg(fake.program())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let text = format!(
            "#!/bin/sh\ncd '{}'\n{script}\n",
            fake.folder.path().display()
        );
        writer
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        assert!(writer.wait().unwrap().success());
        fake
    }

    /// One that notes what it is asked and prints the answer that the test has put there.
    fn answering(answer: &str) -> Self {
        let fake = Self::new("echo \"$@\" >>asked\ncat answer");
        fake.answer(answer);
        fake
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("program")
    }

    /// Put there whole: it may be read at any time.
    fn answer(&self, text: &str) {
        let path = |name| self.folder.path().join(name);
        std::fs::write(path("next"), text).unwrap();
        std::fs::rename(path("next"), path("answer")).unwrap();
    }

    fn asked(&self) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join("asked")).ok()
    }
}

fn unit(name: &str, state: &str, pid: u32, restarts: u64) -> String {
    let (active, sub) = state.split_once(' ').unwrap();
    format!(
        "Id={name}\nNames={name} alias.service\nLoadState=loaded\nActiveState={active}\nSubState={sub}\n\
         Result=success\nMainPID={pid}\nNRestarts={restarts}\nExecMainStatus=0\nControlGroup=\n"
    )
}

/// Whether a supervisor has told of it; one that the machine held up for too long has not, and is asked again.
fn is_told(watch: &Value) -> bool {
    let supervisor = &watch["supervisor"];
    supervisor.is_object() && supervisor["error"].is_null()
}

/// Whether there was a question, and no more than one in each second since then.
fn is_seldom(asked: &str, since: Instant) -> bool {
    (1..=1 + since.elapsed().as_secs()).contains(&(asked.lines().count() as u64))
}

fn with_systemctl(fixture: &Fixture, program: &Path) -> Machine {
    Machine {
        systemctl: program.to_owned(),
        ..this_machine(fixture)
    }
}

#[test]
fn a_unit_is_followed_across_its_restarts() {
    let fixture = Fixture::new();
    let first = Sleeper::new();
    let fake = Fake::answering(&unit("web.service", "active running", first.pid(), 3));
    let machine = with_systemctl(&fixture, &fake.program());
    let mut stand = Stand::new(&[watch("unit", "web")], &machine);
    stand.until_pid(first.pid());
    let asked = fake.asked().unwrap();
    assert!(asked.starts_with("show --no-pager --property="), "{asked}");
    assert!(asked.ends_with("-- web.service\n"), "{asked}");
    let supervisor = &stand.watch()["supervisor"];
    assert_eq!(
        (&supervisor["kind"], &supervisor["state"]),
        (&"systemd".into(), &"active".into())
    );
    assert_eq!(
        (&supervisor["restarts"], &stand.watch()["restarts"]),
        (&3.into(), &0.into())
    );
    assert_eq!(
        value(&stand.staged, "watched_unit_state", &["it"]),
        Some(0.0),
        "active"
    );

    let second = Sleeper::new();
    fake.answer(&unit("web.service", "active running", second.pid(), 5));
    drop(first);
    stand.until_pid(second.pid());
    assert_eq!(
        (&stand.watch()["restarts"], &stand.watch()["crashes"]),
        (&2.into(), &2.into())
    );

    let failed = unit("web.service", "failed failed", 0, 5);
    let failed = failed
        .replace("success", "exit-code")
        .replace("Status=0", "Status=7");
    fake.answer(&failed);
    drop(second);
    stand.until("failed", |watch| watch["crashes"] == 3 && is_told(watch));
    let why = "web.service is failed (failed): result exit-code, exit status 7";
    assert_eq!(
        (&stand.watch()["state"], &stand.watch()["error"]),
        (&"gone".into(), &why.into())
    );
    assert!(stand.events().contains(&"state"), "{:?}", stand.events());
    assert_eq!(
        value(&stand.staged, "watched_unit_state", &["it"]),
        Some(3.0),
        "failed"
    );
}

/// Puts a process of two threads into a fixture.
fn put_process(fixture: &Fixture, pid: u32, started: u64) {
    let line = format!("{pid} (web) S 1 1 1 0 -1 0 0 0 0 0 5 5 0 0 20 0 2 0 {started} 0 10 1\n");
    fixture.write(&format!("proc/{pid}/stat"), line.as_bytes());
}

#[test]
fn the_processes_of_a_slice_are_those_of_the_groups_below_it() {
    let fixture = Fixture::new();
    let slice = "sys/fs/cgroup/shop.slice";
    fixture.write(&format!("{slice}/cgroup.procs"), b"");
    for (pid, group) in [(20, "a.service"), (21, "b.service/own"), (22, "b.service")] {
        put_process(&fixture, pid, u64::from(pid));
        let list = format!("{slice}/{group}/cgroup.procs");
        fixture.write(&list, format!("{pid}\n").as_bytes());
    }
    let answer = unit("shop.slice", "active active", 0, 0);
    let fake = Fake::answering(&answer.replace("Group=", "Group=/shop.slice"));
    let machine = Machine {
        systemctl: fake.program(),
        ..fixture.machine()
    };
    let mut stand = Stand::new(&[watch("unit", "shop.slice")], &machine);
    stand.until_pid(20);
    let facts = stand.watch();
    assert_eq!(
        (&facts["processes"], &facts["error"]),
        (&3.into(), &Value::Null)
    );
    assert_eq!(facts["state"], "sleeping");
}

#[test]
fn of_a_unit_with_more_groups_than_are_looked_at_that_is_told() {
    let fixture = Fixture::new();
    put_process(&fixture, 20, 100);
    let group = "sys/fs/cgroup/many.service";
    fixture.write(&format!("{group}/cgroup.procs"), b"20\n");
    for index in 0..1000 {
        fixture.write(&format!("{group}/{index}/cgroup.procs"), b"");
    }
    let answer = unit("many.service", "active running", 20, 0);
    let fake = Fake::answering(&answer.replace("Group=", "Group=/many.service"));
    let machine = Machine {
        systemctl: fake.program(),
        ..fixture.machine()
    };
    let mut stand = Stand::new(&[watch("unit", "many.service")], &machine);
    stand.until_pid(20);
    let error = stand.watch()["error"].to_string();
    assert!(error.contains("more than 1000 control groups"), "{error}");
}

#[test]
fn the_processes_of_a_unit_are_those_of_its_control_group() {
    let fixture = Fixture::new();
    let group = "sys/fs/cgroup/system.slice/web.service";
    for (pid, started) in [(20, 100), (21, 90)] {
        put_process(&fixture, pid, started);
    }
    fixture.write(&format!("{group}/cgroup.procs"), b"20\n21\n");
    fixture.write(&format!("{group}/memory.current"), b"4096000\n");
    fixture.write(
        &format!("{group}/cpu.stat"),
        b"usage_usec 2500000\nuser_usec 1\n",
    );
    let answer = unit("web.service", "active running", 20, 0);
    let fake = Fake::answering(&answer.replace("Group=", "Group=/system.slice/web.service"));
    let machine = Machine {
        systemctl: fake.program(),
        ..fixture.machine()
    };
    let mut stand = Stand::new(&[watch("unit", "web.service")], &machine);
    stand.until_pid(20);
    let facts = stand.watch();
    assert_eq!(
        (&facts["processes"], &facts["threads"]),
        (&2.into(), &4.into())
    );
    let cgroup = &facts["supervisor"]["cgroup"];
    assert_eq!(cgroup["path"], "/system.slice/web.service");
    assert_eq!(
        (&cgroup["memory_bytes"], &cgroup["cpu_seconds_total"]),
        (&4_096_000.into(), &2.5.into())
    );
}

#[test]
fn one_question_is_for_all_units_and_each_has_its_own_answer() {
    let fixture = Fixture::new();
    let missing = "Id=none.service\nNames=none.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nMainPID=0\n";
    let answer = [
        unit("setup.service", "active exited", 0, 0),
        missing.to_owned(),
        unit("web.service", "inactive dead", 0, 0),
    ];
    let fake = Fake::answering(&answer.join("\n"));
    let names = ["setup", "none", "alias", "silent"].map(|unit| probity::sampler::WatchConfig {
        name: unit.into(),
        ..watch("unit", unit)
    });
    let began = Instant::now();
    let mut stand = Stand::new(&names, &with_systemctl(&fixture, &fake.program()));
    stand.until("an answer", is_told);
    let watches = stand.facts["watches"].as_array().unwrap().clone();
    for (shown, (state, why)) in std::iter::zip(
        &watches,
        [
            (
                "idle",
                "setup.service is active (exited) and has no process",
            ),
            ("gone", "systemd has no none.service"),
            // An alias is told by the names of the first unit that has it.
            (
                "idle",
                "alias.service is active (exited) and has no process",
            ),
            ("unknown", "systemctl says nothing of silent.service"),
        ],
    ) {
        assert_eq!(
            (&shown["state"], &shown["error"]),
            (&state.into(), &why.into())
        );
    }
    let asked = fake.asked().unwrap();
    let all = "-- setup.service none.service alias.service silent.service";
    assert!(asked.lines().all(|line| line.ends_with(all)), "{asked}");
    assert!(is_seldom(&asked, began), "{asked}");
}

#[test]
fn a_unit_that_is_refused_does_not_keep_the_others_from_being_told_of() {
    let fixture = Fixture::new();
    // As `systemctl show` does: in order, up to the first one that it refuses.
    let fake = Fake::new(
        r#"while [ "$1" != -- ]; do shift; done; shift
for unit; do
    case $unit in odd*) echo "Failed to get properties of $unit" >&2; exit 1;; esac
    printf 'Id=%s\nLoadState=loaded\nActiveState=active\nSubState=exited\n\n' "$unit"
done"#,
    );
    let names = ["one", "odd", "two", "odd2", "three"];
    let watches = names.map(|unit| probity::sampler::WatchConfig {
        name: unit.into(),
        ..watch("unit", unit)
    });
    let mut stand = Stand::new(&watches, &with_systemctl(&fixture, &fake.program()));
    // Whoever is told of last was asked for when all others had been.
    stand.until_of(4, "the last answer", is_told);
    for (name, shown) in std::iter::zip(names, stand.facts["watches"].as_array().unwrap()) {
        let (state, error) = match name.starts_with("odd") {
            true => (
                "unknown",
                format!("exit status: 1: Failed to get properties of {name}.service"),
            ),
            false => (
                "idle",
                format!("{name}.service is active (exited) and has no process"),
            ),
        };
        assert_eq!(shown["state"], state, "{name}");
        let told = shown["error"].as_str().unwrap();
        assert!(told.ends_with(&error), "{name}: {told}");
    }
}

#[test]
fn a_supervisor_that_does_not_answer_is_null_with_a_reason_and_holds_nobody_up() {
    let fixture = Fixture::new();
    let hanging = Fake::new("sleep 1000");
    let chattering = Fake::new("while :; do echo 0123456789012345678901234567890123456789; done");
    let failing = Fake::new("echo 'System has not been booted with systemd' >&2; exit 1");
    for (program, why) in [
        (hanging.program(), "did not answer within 2s and was ended"),
        (chattering.program(), "said more than 1MiB and was ended"),
        (
            failing.program(),
            "exit status: 1: System has not been booted with systemd",
        ),
        (
            "/nowhere/systemctl".into(),
            "cannot start /nowhere/systemctl: ",
        ),
    ] {
        let sleeper = Sleeper::new();
        let other = probity::sampler::WatchConfig {
            name: "other".into(),
            ..watch("pid", &sleeper.pid().to_string())
        };
        let watches = [watch("unit", "web"), other];
        let mut stand = Stand::new(&watches, &with_systemctl(&fixture, &program));
        assert_eq!(
            stand.facts["watches"][1]["pid"],
            sleeper.pid(),
            "the other one is there"
        );
        stand.until("refused", |watch| {
            watch["supervisor"]["error"]
                .as_str()
                .is_some_and(|error| error.contains(why))
        });
        let facts = stand.watch();
        assert_eq!(
            (&facts["state"], &facts["supervisor"]["state"]),
            (&"unknown".into(), &Value::Null)
        );
        assert_eq!(
            (&facts["crashes"], stand.metric("up")),
            (&0.into(), Some(0.0))
        );
    }
}

/// A made-up machine where pm2's daemon runs, with one process of an app.
fn with_pm2(fixture: &Fixture, program: &Path) -> Machine {
    fixture.write("home/app/.pm2/pm2.pid", b"900");
    fixture.write("proc/900/comm", b"PM2 v5.3.0: God\n");
    process(fixture, 901);
    Machine {
        pm2: program.to_owned(),
        pm2_home: Some("/home/app/.pm2".into()),
        ..fixture.machine()
    }
}

fn process(fixture: &Fixture, pid: u32) {
    let line = format!("{pid} (node) S 1 1 1 0 -1 0 0 0 0 0 5 5 0 0 20 0 11 0 {pid} 0 10 1\n");
    fixture.write(&format!("proc/{pid}/stat"), line.as_bytes());
}

fn app(pid: u32, status: &str, restarts: u64, unstable: u64) -> String {
    format!(
        "{{\"pid\":{pid},\"name\":\"api\",\"pm_id\":0,\"monit\":{{\"memory\":1,\"cpu\":0}},\"pm2_env\":{{\"status\":\
         \"{status}\",\"version\":\"1.4.2\",\"restart_time\":{restarts},\"unstable_restarts\":{unstable},\
         \"env\":{{\"TOKEN\":\"hidden\"}}}}}}"
    )
}

#[test]
fn an_app_of_pm2s_is_followed_with_its_version_and_counts() {
    let fixture = Fixture::new();
    let fake = Fake::answering(&format!("[{}]\n", app(901, "online", 4, 0)));
    let began = Instant::now();
    let mut stand = Stand::new(&[watch("pm2", "api")], &with_pm2(&fixture, &fake.program()));
    stand.until_pid(901);
    let facts = stand.watch();
    assert_eq!(
        (&facts["version"], &facts["threads"]),
        (&"1.4.2".into(), &11.into())
    );
    let supervisor = &facts["supervisor"];
    assert_eq!(
        (&supervisor["state"], &supervisor["restarts"]),
        (&"online".into(), &4.into())
    );
    assert!(!stand.facts.to_string().contains("hidden"));
    let asked = fake.asked().unwrap();
    assert!(asked.lines().all(|line| line == "jlist"), "{asked}");
    assert!(is_seldom(&asked, began), "{asked}");

    process(&fixture, 902);
    fake.answer(&format!("[{}]", app(902, "online", 6, 2)));
    fixture.remove("proc/901");
    stand.until_pid(902);
    assert_eq!(
        (&stand.watch()["restarts"], &stand.watch()["crashes"]),
        (&2.into(), &2.into())
    );
    assert_eq!(
        value(&stand.staged, "watched_pm2_state", &["it"]),
        Some(0.0),
        "online"
    );
}

#[test]
fn instances_of_an_app_are_added_up_and_one_that_is_not_there_is_told() {
    let fixture = Fixture::new();
    let list = [
        app(901, "online", 1, 0),
        app(902, "online", 2, 1),
        app(0, "stopped", 0, 0),
    ];
    let fake = Fake::answering(&format!("[PM2] a word before\n[{}]\n", list.join(",")));
    process(&fixture, 902);
    let machine = with_pm2(&fixture, &fake.program());
    let mut stand = Stand::new(&[watch("pm2", "api")], &machine);
    stand.until("both", |watch| watch["processes"] == 2);
    let supervisor = &stand.watch()["supervisor"];
    assert_eq!(
        (&supervisor["restarts"], &supervisor["state"]),
        (&3.into(), &"stopped".into())
    );
    let mut stand = Stand::new(&[watch("pm2", "web")], &machine);
    stand.until("gone", |watch| watch["state"] == "gone");
    assert_eq!(stand.watch()["error"], "pm2 has no app `web`");
}

#[test]
fn pm2_is_not_asked_where_that_would_start_its_daemon() {
    let fixture = Fixture::new();
    let fake = Fake::answering("[]");
    let machine = with_pm2(&fixture, &fake.program());
    // The id in the file is another program's by now.
    fixture.write("proc/900/comm", b"cron\n");
    let mut stand = Stand::new(&[watch("pm2", "api")], &machine);
    let why = "pm2's daemon does not run for /home/app/.pm2";
    stand.until("refused", |watch| watch["error"] == why);
    assert_eq!(stand.watch()["supervisor"]["error"], why);
    assert_eq!(fake.asked(), None);
}
