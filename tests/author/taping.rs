//! `probity test --record`, `--replay` and `--fake-clock`: a failing run that is kept as a test.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::desk::{Desk, has};
use crate::support::bench::{GAUGE, named_gauge};
use crate::support::guest::{EMIT, Guest};

const SOCKETS: &[u8] = include_bytes!("../../probes/sockets.wasm");
const TCP: &[u8] = include_bytes!("../../probes/tcp.wasm");
const REACH: &[u8] = include_bytes!("../guests/reach.wasm");

/// A desk with the standard probe `sockets` and what it reads.
fn desk() -> Desk {
    let desk = Desk::new().add("sockets.wasm", SOCKETS);
    fs::create_dir(desk.path("net")).unwrap();
    let text = "sockets: used 7\nTCP: inuse 3 orphan 0 tw 1 alloc 5 mem 2\nUDP: inuse 1 mem 0\n";
    fs::write(desk.path("net/sockstat"), text).unwrap();
    desk
}

/// The command line that records it.
fn record(desk: &Desk) -> String {
    let folder = desk.path("net").display().to_string();
    format!("test sockets.wasm --set folder={folder} --grant read={folder} --record tape.json")
}

#[test]
fn a_run_is_had_again_when_its_world_is_gone() {
    let desk = desk();
    let recorded = desk.run(&format!("{} --runs 2", record(&desk)), 0);
    has(&recorded.notes, &["note: 2 runs are recorded in tape.json"]);
    fs::remove_dir_all(desk.path("net")).unwrap();
    // Neither a configuration that is broken now nor a secret that is gone is asked for.
    fs::write(
        desk.path("probity.toml"),
        "[secrets]\ngone = { env = \"GONE\" }\n",
    )
    .unwrap();
    let replayed = desk.run("test sockets.wasm --replay tape.json --expect-same", 0);
    has(
        &replayed.out,
        &[
            "2 runs: all went well",
            "against the recording\n  all is as it was with the same build\n",
        ],
    );
    let samples = |text: &str| {
        let from = text.find("# HELP").unwrap();
        text[from..text[from..].find("\n\n").unwrap() + from].to_owned()
    };
    assert_eq!(samples(&replayed.out), samples(&recorded.out));
    let json = desk.json("test sockets.wasm --replay tape.json", 0);
    assert_eq!(
        (&json["replay"]["same"], &json["replay"]["same_build"]),
        (&true.into(), &true.into())
    );
}

#[test]
fn a_failing_run_is_kept_mended_and_compared() {
    let desk = desk();
    fs::remove_file(desk.path("net/sockstat")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(desk.path("net/sockstat"))
        .status();
    assert!(made.unwrap().success());
    let recorded = desk.run(&record(&desk), 1);
    has(
        &recorded.notes,
        &[
            "note: 1 run is recorded in tape.json",
            "error: run 1 failed: ",
        ],
    );
    fs::remove_dir_all(desk.path("net")).unwrap();
    // It fails again, as it did then.
    let again = desk.run("test sockets.wasm --replay tape.json", 1);
    has(&again.out, &["all is as it was with the same build"]);
    desk.run("test sockets.wasm --replay tape.json --expect-same", 0);
    // Another build does otherwise: that is told, and it is what counts.
    let mended = named_gauge("value").collect(&format!("{GAUGE} (call $pass-on)"));
    let desk = desk.add("sockets.wasm", &mended.build());
    let mended = desk.run("test sockets.wasm --replay tape.json", 0);
    has(
        &mended.out,
        &[
            "against the recording\n  recorded with another build; - then, + now\n",
            "run 1  - outcome failed",
            "run 1  + outcome ok",
        ],
    );
    let strict = desk.run("test sockets.wasm --replay tape.json --expect-same", 1);
    has(
        &strict.notes,
        &["error: run 1 is not as it was recorded: - outcome failed"],
    );
}

#[test]
fn what_the_tape_lacks_fails_with_the_next_step() {
    let desk = desk();
    desk.run(&record(&desk), 0);
    let text = fs::read_to_string(desk.path("tape.json")).unwrap();
    fs::write(
        desk.path("tape.json"),
        text.replace("/net/sockstat\"", "/net/other\""),
    )
    .unwrap();
    let missed = desk.run("test sockets.wasm --replay tape.json", 1);
    has(
        &missed.notes,
        &[
            "tape.missing: not on the tape: ",
            "next: record it again with --record",
        ],
    );
}

#[test]
fn a_tape_that_is_none_is_65_with_the_place() {
    let desk = desk();
    desk.run(&record(&desk), 0);
    let text = fs::read_to_string(desk.path("tape.json")).unwrap();
    let cut = &text[..text.len() / 2];
    for (content, said) in [
        (cut.to_owned(), "it is not JSON: "),
        ("{}".to_owned(), "it is no tape: "),
        (
            text.replace("\"probity_tape\": 1", "\"probity_tape\": 7"),
            "a tape of version 7: this host reads version 1",
        ),
        (
            text.replace("\"ordinal\": 1", "\"ordinal\": 1, \"x\": 1"),
            "`runs[0].x`: unknown field `x`",
        ),
        (
            text.replace(
                "\"runs\":",
                "\"secrets\": { \"token\": { \"bytes\": 1000000000000000000 } }, \"runs\":",
            ),
            "`secrets.token.bytes`: must be at most 8192",
        ),
    ] {
        fs::write(desk.path("bad.json"), content).unwrap();
        let refused = desk.run("test sockets.wasm --replay bad.json", 65);
        has(&refused.notes, &["error: the tape bad.json: ", said]);
    }
    let missing = desk.run("test sockets.wasm --replay none.json", 65);
    has(
        &missing.notes,
        &["error: the tape none.json cannot be read: "],
    );
    fs::copy(desk.path("sockets.wasm"), desk.path("other.wasm")).unwrap();
    let other = desk.run("test other.wasm --replay tape.json", 65);
    has(
        &other.notes,
        &[
            "the tape is one of probe `sockets`, and this is `other`",
            "next: give it that probe's name with --name",
        ],
    );
    desk.run("test other.wasm --name sockets --replay tape.json", 0);
    for flags in [
        "--set a=1",
        "--grant read=/",
        "--fake-clock",
        "--record x",
        "--log-level debug",
    ] {
        let line = format!("test sockets.wasm --replay tape.json {flags}");
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut command = assert_cmd::Command::cargo_bin("probity").unwrap();
        command
            .current_dir(desk.folder.path())
            .args(words)
            .assert()
            .code(2);
    }
}

#[test]
fn secrets_are_not_on_the_tape() {
    let desk = Desk::new().add("reach.wasm", REACH);
    fs::write(desk.path("token"), "hunter2-hunter2\n").unwrap();
    fs::write(
        desk.path("probity.toml"),
        "[secrets]\ntoken = { file = \"token\" }\n",
    )
    .unwrap();
    let line =
        "test reach.wasm --set do=reveal --set to=token --grant reveal=token --record tape.json";
    let recorded = desk.run(line, 1);
    has(&recorded.out, &["other: ok: hunter2-hunter2"]);
    let tape = fs::read_to_string(desk.path("tape.json")).unwrap();
    assert!(!tape.contains("hunter2"), "{tape}");
    fs::remove_file(desk.path("token")).unwrap();
    let replayed = desk.run("test reach.wasm --replay tape.json", 1);
    has(
        &replayed.out,
        &["other: ok: xxxxxxxxxxxxxxx", "all is as it was"],
    );
}

#[test]
fn a_tape_that_cannot_be_whole_or_written_is_none() {
    let desk = Desk::new().add("reach.wasm", REACH);
    let large = fs::File::create(desk.path("large")).unwrap();
    large.set_len(40 << 20).unwrap();
    let (folder, file) = (
        desk.folder.path().display(),
        desk.path("large").display().to_string(),
    );
    let line = format!(
        "test reach.wasm --set do=read --set to={file} --grant read={folder} --record tape.json"
    );
    let refused = desk.run(&line, 1);
    has(
        &refused.notes,
        &["tape.unrecordable: ", "no tape is written"],
    );
    assert!(!desk.path("tape.json").exists());
    let line =
        format!("test reach.wasm --set do=list --grant read={folder} --record none/tape.json");
    let refused = desk.run(&line, 1);
    has(
        &refused.notes,
        &["error: the tape none/tape.json cannot be written: "],
    );
    // What is no tape is never replaced by one, and a folder is none.
    let line =
        |tape: &str| format!("test reach.wasm --set do=list --grant read={folder} --record {tape}");
    let refused = desk.run(&line("reach.wasm"), 1);
    has(&refused.notes, &["reach.wasm is there and is no tape"]);
    assert_eq!(fs::read(desk.path("reach.wasm")).unwrap(), REACH);
    let refused = desk.run(&line("."), 1);
    has(&refused.notes, &["error: the tape . cannot be written: "]);
}

#[test]
fn what_a_signal_cuts_short_is_told_and_on_the_tape() {
    let desk = Desk::new().add("tcp.wasm", TCP);
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let target =
        format!("targets=[{{name=\"a\",address=\"{address}\",expect=\"hello\",timeout=\"60s\"}}]");
    let mut test = std::process::Command::new(env!("CARGO_BIN_EXE_probity"));
    test.current_dir(desk.folder.path()).env_clear();
    test.env("XDG_STATE_HOME", desk.path("state"));
    test.args([
        "test",
        "tcp.wasm",
        "--runs",
        "1000",
        "--record",
        "tape.json",
    ]);
    test.args(["--set", &target, "--grant", &format!("tcp={address}")]);
    // So that it is not over before the signal.
    test.args(["--limit", "deadline=120s"]);
    let test = test.stdout(Stdio::piped()).stderr(Stdio::piped());
    let test = test.spawn().unwrap();
    for _ in 0..2 {
        server.accept().unwrap().0.write_all(b"hello").unwrap();
    }
    // The third run waits for an answer.
    let _silent = server.accept().unwrap();
    kill_process(Pid::from_child(&test), Signal::INT).unwrap();
    let ended = test.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, notes) = (text(&ended.stdout), text(&ended.stderr));
    assert_eq!(ended.status.code(), Some(130), "{out}\n{notes}");
    has(&out, &["2 runs: all went well", "a signal ended it"]);
    has(
        &notes,
        &[
            "note: 2 runs are recorded in tape.json",
            "error: a signal ended it",
            "\nnext: run it again",
        ],
    );
    let again = desk.run("test tcp.wasm --replay tape.json", 0);
    has(&again.out, &["2 runs: all went well"]);
}

#[test]
fn a_run_that_the_tape_lacks_is_not_the_same() {
    let desk = desk();
    desk.run(&record(&desk), 0);
    let more = desk.run(
        "test sockets.wasm --replay tape.json --runs 2 --expect-same",
        1,
    );
    has(
        &more.notes,
        &[
            "error: run 2 is not as it was recorded: + outcome failed: tape.missing: the tape holds 1 run, and",
        ],
    );
}

#[test]
fn with_a_fake_clock_the_output_is_the_same_each_time() {
    let now = r#"(import "probity:host/run@0.1.0" "now-unix-seconds" (func $now (result f64)))"#;
    let set = "(call $gauge.set (call $handle) %empty (call $now) (i32.const 16)) (call $pass-on)";
    let guest = named_gauge("value")
        .imports(now)
        .collect(&format!("{GAUGE} {set}"));
    let desk = Desk::with(&guest);
    for (flag, value) in [
        ("--fake-clock", "1.767225605e9"),
        ("--fake-clock=2026-01-01T00:01:00Z", "1.767225665e9"),
    ] {
        for _ in 0..2 {
            let report = desk.json(&format!("test guest.wasm --runs 2 --interval 5s {flag}"), 0);
            assert_eq!(report["metrics"][0]["value"], value.parse::<f64>().unwrap());
        }
    }
    for (time, why) in [
        ("noon", "a time such as 2026-01-31T12:00:00Z"),
        (
            "1969-12-31T23:59:59Z",
            "a time from 1970-01-01T00:00:00Z on",
        ),
    ] {
        let mut command = assert_cmd::Command::cargo_bin("probity").unwrap();
        let clock = format!("--fake-clock={time}");
        command
            .current_dir(desk.folder.path())
            .args(["test", "guest.wasm", &clock]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        has(&String::from_utf8(output.stderr).unwrap(), &[why]);
    }
}

#[test]
fn the_quota_of_the_log_goes_by_the_clock_that_the_probe_sees() {
    let guest = Guest::new()
        .text("line", "once a run")
        .collect("(call $log (i32.const 2) %line) (call $log (i32.const 2) %line) (call $ok)");
    let desk = Desk::with(&guest);
    // Each run is a minute behind the one before, however fast they follow each other.
    let line = "test guest.wasm --runs 3 --interval 1m --limit log_lines=1 --fake-clock";
    let shown = desk.run(&format!("{line} --record tape.json"), 0).out;
    let every = [
        "run 1  info   once a run\n  run 1  warn   log quota used up",
        "run 2  info   once a run\n  run 2  warn   log quota used up",
        "run 3  info   once a run\n  run 3  warn   log quota used up",
    ];
    has(&shown, &every);
    let again = desk.run("test guest.wasm --replay tape.json --expect-same", 0);
    has(&again.out, &every);
}

#[test]
fn events_of_declared_kinds_are_taken_again_where_nothing_declares_them() {
    let tell = |kind, body| format!("(call $emit {kind} {body} (i32.const 16))");
    let guest = Guest::new()
        .imports(EMIT)
        .text("kind", "order.placed")
        .text("good", "{\"amount\":12}")
        .text("bad", "{\"amount\":\"many\"}")
        .collect(&format!(
            "{} {} (call $pass-on)",
            tell("%kind", "%good"),
            tell("%kind", "%bad")
        ));
    let desk = Desk::with(&guest);
    let schema = r#"{"properties":{"amount":{"type":"number"}}}"#;
    fs::write(desk.path("order.placed.json"), schema).unwrap();
    let file = desk.path("order.placed.json").display().to_string();
    let declared =
        format!("[[events.kind]]\nname = \"order.placed\"\nversion = 1\nschema_file = {file:?}\n");
    fs::write(desk.path("probity.toml"), declared).unwrap();
    // The answer to the second one is passed on.
    let recorded = desk.run("test guest.wasm --record tape.json", 1);
    has(&recorded.notes, &["run 1 failed: events.body: "]);
    let again = desk.run("test guest.wasm --replay tape.json --expect-same", 0);
    has(
        &again.out,
        &["events.body: ", "all is as it was with the same build"],
    );
    // A tape that has none of them goes on as before there were any.
    let text = fs::read_to_string(desk.path("tape.json")).unwrap();
    let mut tape: serde_json::Value = serde_json::from_str(&text).unwrap();
    let taken = tape["runs"][0].as_object_mut().unwrap().remove("events");
    assert_eq!(taken.unwrap().as_array().unwrap().len(), 2);
    fs::write(desk.path("tape.json"), tape.to_string()).unwrap();
    let old = desk.run("test guest.wasm --replay tape.json", 1);
    has(&old.out, &["events.kind: "]);
}
