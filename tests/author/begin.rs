//! `probity new`, `build` and `dev`: from nothing to a probe that runs, with a compiler that is made up.

use std::fs;
use std::path::Path;
use std::process::Command as Process;

use assert_cmd::Command;

use probity::model::ProbeState;

use crate::desk::{Desk, has};
use crate::place::{Place, state};
use crate::support::bench::{GAUGE, named_gauge};
use crate::support::guest::Guest;
use crate::wire::nobody;

const LANGUAGES: [&str; 6] = ["rust", "c", "zig", "go", "python", "js"];

#[test]
fn a_probe_is_begun_in_any_language_and_its_build_says_what_to_install() {
    let desk = Desk::new();
    for language in LANGUAGES {
        let begun = desk.run(&format!("new my-{language} --lang {language}"), 0);
        has(
            &begun.notes,
            &[&format!("next: cd my-{language} && probity build")],
        );
        // Nothing is on the path.
        let build = desk.run(&format!("build my-{language}"), 69);
        has(&build.notes, &["missing", "\nnext: run `"]);
    }
}

#[test]
fn nothing_is_overwritten_and_what_is_wrong_has_a_next_step() {
    let desk = Desk::new();
    desk.run("new hello --lang c", 0);
    fs::write(desk.path("hello/probe.c"), "mine").unwrap();
    let again = desk.run("new hello --lang c", 1);
    has(
        &again.notes,
        &["hello is there already", "next: give another name"],
    );
    assert_eq!(
        fs::read_to_string(desk.path("hello/probe.c")).unwrap(),
        "mine"
    );
    let nameless = desk.run("new 1st --lang c", 2);
    has(&nameless.notes, &["`1st` is no name for a new probe"]);
    let nowhere = desk.run("new no/where --lang c", 1);
    has(&nowhere.notes, &["no/where cannot be written"]);
    let empty = desk.run("dev .", 1);
    has(&empty.notes, &["holds no probe"]);
}

/// A desk with a probe in Rust, and tools that build it by copying `guest.wasm`.
struct Workshop(Desk);

impl Workshop {
    fn new(guest: &Guest) -> Self {
        let desk = Desk::with(guest);
        desk.run("new hello --lang rust", 0);
        fs::create_dir(desk.path("bin")).unwrap();
        let made = "target/wasm32-wasip2/release";
        let cargo = format!("/bin/mkdir -p {made} && /bin/cp ../guest.wasm {made}/hello.wasm");
        let workshop = Self(desk);
        for (name, script) in [("cargo", cargo.as_str()), ("rustc", "echo /")] {
            workshop.tool(name, script);
        }
        workshop
    }

    /// Writes a tool by another program: what this one has open for writing cannot be started, and a child that another test begins has
    /// it open too until it has begun its own program.
    fn tool(&self, name: &str, script: &str) {
        let written = Process::new("/bin/sh")
            .args([
                "-c",
                "printf '#!/bin/sh\\n%s\\n' \"$1\" >\"$0\" && chmod 755 \"$0\"",
            ])
            .arg(self.0.path("bin").join(name))
            .arg(script)
            .status();
        assert!(written.unwrap().success());
    }

    /// Runs `probity dev hello --once` with more arguments; gives what it printed and noted.
    fn dev(&self, more: &[&str], exit: i32) -> (String, String) {
        let mut command = Command::cargo_bin("probity").unwrap();
        command.current_dir(self.0.folder.path()).env_clear();
        command.env("PATH", self.0.path("bin"));
        command.env("XDG_STATE_HOME", self.0.path("state"));
        let ended = command
            .args(["dev", "hello", "--once"])
            .args(more)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, notes) = (text(ended.stdout), text(ended.stderr));
        assert_eq!(ended.status.code(), Some(exit), "{out}\n{notes}");
        (out, notes)
    }
}

/// A guest that sets a gauge to a number.
fn setting(value: f64) -> Guest {
    named_gauge("value").collect(&format!(
        "{GAUGE} (call $gauge.set (call $handle) %empty (f64.const {value}) (i32.const 16)) (call $pass-on)"
    ))
}

#[test]
fn a_round_builds_and_tests_and_a_run_that_fails_ends_it() {
    let workshop = Workshop::new(&setting(1.0));
    let (out, notes) = workshop.dev(&[], 0);
    has(&out, &["1 run: it went well"]);
    has(&notes, &["built hello/hello.wasm", "next: --into FOLDER"]);

    fs::write(
        workshop.0.path("guest.wasm"),
        Guest::new().collect("unreachable").build(),
    )
    .unwrap();
    let (_, notes) = workshop.dev(&["--into", "."], 1);
    has(&notes, &["run 1 failed: trap", "\nnext: "]);
    assert!(
        !Path::new(&workshop.0.path("hello.wasm")).exists(),
        "it was swapped in"
    );

    workshop.tool("cargo", "echo 'error: no' >&2\nexit 101");
    let (_, notes) = workshop.dev(&[], 1);
    has(
        &notes,
        &["error: no", "failed (exit status: 101)", "\nnext: "],
    );
}

#[test]
fn without_a_running_probity_the_address_is_named() {
    let workshop = Workshop::new(&setting(1.0));
    let (_taken, address) = nobody();
    let address = address.to_string();
    let (_, notes) = workshop.dev(&["--into", ".", "--instance", &address], 69);
    has(
        &notes,
        &[
            &format!("no Probity answers at {address}"),
            "\nnext: start it with",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_swaps_the_component_into_a_running_probity() {
    let place = Place::new();
    let running = place.start().await;
    let address = running.0.address().to_string();
    let into = place.folder.path().to_str().unwrap().to_owned();
    let round = tokio::task::spawn_blocking(move || {
        let workshop = Workshop::new(&setting(1.0));
        let flags = ["--into", &into, "--instance", &address];
        let (_, first) = workshop.dev(&flags, 0);
        has(&first, &["hello is active at", "as version 1"]);
        fs::write(workshop.0.path("guest.wasm"), setting(2.0).build()).unwrap();
        let (_, second) = workshop.dev(&flags, 0);
        has(&second, &["hello is active at", "as version 2"]);
        // What runs already says nothing of another folder.
        let elsewhere = workshop.0.path("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let elsewhere = elsewhere.to_str().unwrap();
        let wrong = ["--into", elsewhere, "--instance", &address];
        let (_, third) = workshop.dev(&wrong, 69);
        let from = format!("runs hello from {into}/hello.wasm");
        let not = format!("and not from {elsewhere}/hello.wasm");
        has(
            &third,
            &[&from, &not, "\nnext: name the folder of that file"],
        );
        assert!(!third.contains("is active"), "{third}");
        let (_, fourth) = workshop.dev(&flags, 0);
        has(&fourth, &["hello is active at", "as version 2"]);
    });
    round.await.unwrap();
    let active = Some(ProbeState::Active);
    running
        .until("it runs", |snapshot| state(snapshot, "hello") == active)
        .await;
    running.stop().await;
}
