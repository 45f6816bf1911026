//! `probity test --conformance`: the suite itself, held against probes that keep the contract and that do not.

use std::io::Read;
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::desk::{Desk, has};
use crate::support::bench::{GAUGE, SET_ONE, named_gauge};
use crate::support::guest::Guest;

/// The example in Rust, as `.ci/guests` builds it.
const QUEUE: &[u8] = include_bytes!("../guests/queue.wasm");

/// The standard probe `files`.
const FILES: &[u8] = include_bytes!("../../probes/files.wasm");

/// The suite has begun by then.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks for it.
const PAUSE: Duration = Duration::from_millis(5);

#[test]
fn a_probe_that_keeps_the_contract_is_green() {
    let desk = Desk::new().add("queue.wasm", QUEUE);
    // What all probes may use here is no part of the contract.
    let tight = "[probes.limits]\nseries = 2\nlog_lines = 1\nhost_calls = 10\n";
    std::fs::write(desk.path("tight.toml"), tight).unwrap();
    let line = "test --conformance queue.wasm --config tight.toml";
    let shown = desk.run(line, 0).out;
    let green = shown.lines().filter(|row| row.ends_with(" ok")).count();
    assert_eq!(green, probity::author::BEHAVIOURS.len(), "{shown}");
    // It works for a person, too.
    let watched = desk.path("queues.txt");
    std::fs::write(&watched, "mail 120 3\n").unwrap();
    let (line, file) = ("test queue.wasm", watched.display());
    let denied = desk.run(&format!("{line} --set file={file}"), 1);
    has(
        &denied.notes,
        &[&format!("next: allow it with --grant read={file}")],
    );
    let shown = desk
        .run(&format!("{line} --set file={file} --grant read={file}"), 0)
        .out;
    has(
        &shown,
        &[
            "queue_depth{probe=\"queue\",queue=\"mail\"} 120",
            "mail has 120: warns from 100",
        ],
    );
}

/// How many rows end with each of `ok`, `n/a` and `RED`.
fn rows(table: &str) -> [usize; 3] {
    ["ok", "n/a", "RED"].map(|cell| {
        let ends = |row: &&str| row.ends_with(&format!("  {cell}"));
        table.lines().filter(ends).count()
    })
}

#[test]
fn any_other_probe_is_asked_what_does_not_need_the_example() {
    let of_any = probity::author::BEHAVIOURS
        .iter()
        .filter(|one| one.of_any.is_some())
        .count();
    let all = probity::author::BEHAVIOURS.len();
    let gauge = named_gauge("x").collect(&format!("{GAUGE} {SET_ONE}"));
    let desk = Desk::with(&gauge);
    // It takes one more handle in each run.
    let line = "test --conformance guest.wasm --limit handles=5000";
    // Nothing is configured, so nothing can be of another type.
    let shown = desk.run(line, 0).out;
    assert_eq!(rows(&shown), [of_any - 1, all - of_any + 1, 0], "{shown}");
    has(
        &shown,
        &[
            "held against what any probe shows",
            "guest.wasm: not the example, run as it is: it gives none of them",
        ],
    );
    let json = desk.json(line, 0);
    assert_eq!(json["files"][0]["example"], false);
    assert_eq!(
        json["files"][0]["results"][1]["ok"],
        serde_json::Value::Null
    );
    // A key that it never looks at is not refused.
    let ended = desk.run(&format!("{line} --set warn=3"), 1);
    assert_eq!(rows(&ended.out), [of_any - 1, all - of_any, 1]);
    has(
        &ended.out,
        &["wrong configuration: with warn = \"wrong\", run 1 went well, and should have failed"],
    );
    has(
        &ended.notes,
        &["1 behaviour is red", "with --set and --grant"],
    );
}

#[test]
fn a_standard_probe_is_green_with_its_own_configuration() {
    let desk = Desk::new().add("files.wasm", FILES);
    std::fs::create_dir(desk.path("spool")).unwrap();
    let spool = desk.path("spool").display().to_string();
    let watch = format!("watch=[{{name=\"spool\",path=\"{spool}\"}}]");
    let grant = format!("read={spool}");
    let line = ["test", "--conformance", "files.wasm"];
    let given = [&line[..], &["--set", &watch, "--grant", &grant]].concat();
    let shown = desk.run_words(&given, 0).out;
    assert_eq!(rows(&shown)[2], 0, "{shown}");
    // What it needs is told where it is not given.
    let ended = desk.run_words(&[&line[..], &["--set", &watch]].concat(), 1);
    has(&ended.out, &["totals: run 1 failed: ", &spool]);
}

#[test]
fn a_probe_that_crashes_is_red_and_one_that_is_none_is_refused() {
    let crash = Guest::new().collect("(unreachable)");
    let desk = Desk::with(&crash).add("other.wasm", &crash.build());
    let ended = desk.run("test --conformance guest.wasm", 1);
    has(
        &ended.out,
        &[
            "definitions: run 1 failed: trap.unreachable",
            "denied: it crashed: trap.unreachable",
        ],
    );
    has(
        &desk.run("test --conformance nowhere.wasm", 65).notes,
        &["file.unreadable"],
    );
    let table = desk.json("test --conformance nowhere.wasm", 65);
    assert_eq!(table["ok"], false);
    assert_eq!(table["refused"][0]["file"], "nowhere.wasm");
    let why = table["refused"][0]["message"].as_str().unwrap();
    has(why, &["file.unreadable"]);
    let named = desk.run("test --conformance guest.wasm other.wasm --name x", 2);
    has(&named.notes, &["2 files cannot have one name"]);
}

#[test]
fn a_probe_that_only_looks_right_is_red_wherever_it_is_wrong() {
    // One gauge of the contract's name, and nothing else.
    let liar = named_gauge("queue_depth").collect(&format!("{GAUGE} {SET_ONE}"));
    let desk = Desk::with(&liar).add("twin.wasm", &liar.build());
    let ended = desk.run("test --conformance guest.wasm twin.wasm", 1);
    let rows: Vec<&str> = ended.out.lines().collect();
    assert_eq!(
        rows[0].split_whitespace().collect::<Vec<_>>(),
        ["guest", "twin"]
    );
    let red = |row: &&&str| row.ends_with("  RED    RED");
    assert_eq!(
        rows.iter().filter(red).count(),
        probity::author::BEHAVIOURS.len()
    );
    has(
        &ended.out,
        &[
            "guest.wasm: definitions: the labels of queue_depth is [], and should be [\"queue\"]",
            "guest.wasm: failure: run 2 went well, and should have failed",
            "twin.wasm: log: what is logged in the first run is []",
        ],
    );
    has(&ended.notes, &["behaviours are red", "next: "]);
    let table = desk.json("test --conformance guest.wasm", 1);
    assert_eq!(table["ok"], false);
    assert_eq!(table["files"][0]["results"][0]["ok"], false);
    let names = table["behaviours"].as_array().unwrap().len();
    assert_eq!(
        table["files"][0]["results"].as_array().unwrap().len(),
        names
    );
}

#[test]
fn an_interrupted_suite_leaves_nothing_behind() {
    // It sleeps for an hour in each run, so that the suite does not end before the signal.
    let hour = "(call $block (call $timer (i64.const 3600000000000))) (call $ok)";
    let desk = Desk::with(&Guest::new().wasi().collect(hour));
    let temporary = desk.path("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let left = || std::fs::read_dir(&temporary).unwrap().count();
    for (signal, exit) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut command = Process::new(env!("CARGO_BIN_EXE_probity"));
        command.current_dir(desk.folder.path()).env_clear();
        command.env("TMPDIR", &temporary);
        command.env("XDG_STATE_HOME", desk.path("state"));
        command.args(["test", "--conformance", "guest.wasm"]);
        command.args(["--limit", "deadline=5m"]);
        let mut suite = command.stderr(Stdio::piped()).spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while left() == 0 {
            assert!(Instant::now() < deadline, "the suite makes no folder");
            std::thread::sleep(PAUSE);
        }
        let process = Pid::from_child(&suite);
        kill_process(process, signal).unwrap();
        let mut notes = String::new();
        let mut told = suite.stderr.take().unwrap();
        told.read_to_string(&mut notes).unwrap();
        assert_eq!(suite.wait().unwrap().code(), Some(exit), "{notes}");
        has(&notes, &["error: a signal ended it\nnext: "]);
        assert_eq!(left(), 0);
    }
}

#[test]
fn every_behaviour_is_told_in_help_and_in_the_documentation() {
    let help = Desk::new().run("test --help", 0).out;
    let documentation = include_str!("../../docs/conformance.md");
    for behaviour in probity::author::BEHAVIOURS {
        has(&help, &[behaviour.name]);
        let row = format!("\n| {} |", behaviour.name);
        let rows = documentation.matches(&row).count();
        assert_eq!(rows, 1 + usize::from(behaviour.of_any.is_some()), "{row}");
    }
}
