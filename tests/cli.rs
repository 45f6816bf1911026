//! The command line as a person or a script meets it.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::{self, OpenOptions};
use std::process::{Command as Process, Stdio};

use assert_cmd::Command;
use tempfile::TempDir;

/// The program in a folder of its own, without the caller's environment.
fn probity(folder: &TempDir) -> Command {
    let mut command = Command::cargo_bin("probity").unwrap();
    command.current_dir(folder.path()).env_clear();
    command
}

fn folder() -> TempDir {
    TempDir::new().unwrap()
}

/// Runs a command line and checks its exit code; gives back its standard output and standard error.
fn run(folder: &TempDir, line: &str, exit: i32) -> (String, String) {
    let output = probity(folder)
        .args(line.split_whitespace())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, notes) = (text(output.stdout), text(output.stderr));
    assert_eq!(
        output.status.code(),
        Some(exit),
        "probity {line}\n{out}\n{notes}"
    );
    (out, notes)
}

#[test]
fn check_says_what_is_fine_and_notes_what_is_missing() {
    let folder = folder();
    fs::write(
        folder.path().join("probity.toml"),
        "[probes]\nfolder = \"guests\"\n",
    )
    .unwrap();
    let (out, notes) = run(&folder, "check --listen 127.0.0.1:0", 0);
    assert!(
        out.starts_with("the configuration is fine (./probity.toml, then --listen)\n"),
        "{out}"
    );
    assert!(out.contains("serves on 127.0.0.1:0"), "{out}");
    assert!(notes.contains("note: probes.folder guests: "), "{notes}");
}

#[test]
fn check_reads_the_token_file_as_the_start_does() {
    let folder = folder();
    let config = "[server]\ntoken_file = \"token\"\n";
    fs::write(folder.path().join("probity.toml"), config).unwrap();
    fs::write(folder.path().join("token"), "\n").unwrap();
    for line in ["check", "run --listen 127.0.0.1:0 --state state"] {
        let (_, said) = run(&folder, line, 78);
        assert!(
            said.contains("token file token: its first line is empty"),
            "{said}"
        );
    }
    fs::write(folder.path().join("token"), "open sesame\n").unwrap();
    run(&folder, "check", 0);
}

#[test]
fn check_refuses_with_78_place_and_next_step() {
    let folder = folder();
    fs::write(
        folder.path().join("bad.toml"),
        "[server]\nlistne = 1\nmax_body = 0\n",
    )
    .unwrap();
    let (out, notes) = run(&folder, "check --config bad.toml", 78);
    assert_eq!(out, "");
    for part in [
        "error: bad.toml:2:1: ",
        "did you mean `listen`?",
        "bad.toml:3:12: ",
        "\nnext: ",
    ] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
    run(&folder, "check --config nowhere.toml", 78);
    run(&folder, "run --config bad.toml", 78);
    run(&folder, "--config bad.toml", 78);
    let (_, notes) = run(&folder, "check --listen nonsense", 78);
    assert!(
        notes.contains("error: --listen: `server.listen` is nonsense"),
        "{notes}"
    );
}

#[test]
fn show_prints_what_is_in_effect_in_a_form_that_loads_again() {
    let folder = folder();
    let (shown, notes) = run(&folder, "config show --listen 127.0.0.1:9", 0);
    assert!(
        shown.starts_with("# From built-in defaults, then --listen.\n"),
        "{shown}"
    );
    assert!(shown.contains("listen = \"127.0.0.1:9\""), "{shown}");
    assert_eq!(notes, "");
    fs::write(folder.path().join("again.toml"), &shown).unwrap();
    let (again, _) = run(&folder, "config show --config again.toml", 0);
    let body = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    assert_eq!(body(&again), body(&shown));
    let (json, notes) = run(&folder, "config show --format json", 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["server"]["listen"], "127.0.0.1:7762");
    assert_eq!(notes, "note: from built-in defaults\n");
}

#[test]
fn init_writes_the_example_once_and_never_overwrites() {
    let folder = folder();
    let example = probity::config::EXAMPLE;
    run(&folder, "config init", 0);
    let path = folder.path().join("probity.toml");
    assert_eq!(fs::read_to_string(&path).unwrap(), example);
    fs::write(&path, "# mine\n").unwrap();
    let (_, notes) = run(&folder, "config init", 1);
    assert!(
        notes.contains("exists") && notes.contains("\nnext: "),
        "{notes}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\n");
    run(&folder, "config init nowhere/probity.toml", 1);
    assert_eq!(run(&folder, "config init -", 0).0, example);
}

#[test]
fn wit_help_and_version_go_to_standard_output() {
    let folder = folder();
    let (wit, _) = run(&folder, "wit", 0);
    assert_eq!(wit, include_str!("../wit/0.1.0/probity.wit"));
    assert!(run(&folder, "--help", 0).0.contains("Usage: probity"));
    let version = format!("probity {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&folder, "--version", 0).0, version);
}

#[test]
fn what_is_not_understood_exits_with_2_and_a_suggestion() {
    let folder = folder();
    for (line, hint, verb) in [
        ("chekc", "'check'", "probity"),
        ("config shwo", "'show'", "probity config"),
        ("--lisen 1", "'--listen'", "probity"),
        ("run --log-format xml", "human", "probity run"),
        ("wit --listen 1", "'--listen'", "probity wit"),
        ("--listen 127.0.0.1:1 check", "check", "probity"),
        ("test", "<FILE.wasm>", "probity test"),
        ("config show --format", "--format", "probity config show"),
        ("compile-component", "--stack", "probity"),
    ] {
        let (out, notes) = run(&folder, line, 2);
        assert_eq!(out, "");
        assert!(notes.contains(hint), "{line}: {notes}");
        let next = format!("\nnext: `{verb} --help` shows what is understood\n");
        assert!(notes.ends_with(&next), "{line}: {notes}");
        assert!(!notes.contains("For more"), "{line}: {notes}");
    }
    let (_, notes) = run(&folder, "config", 2);
    assert!(notes.contains("  init "), "{notes}");
    assert!(
        notes.ends_with("\nnext: name one of the verbs above after `probity config`\n"),
        "{notes}"
    );
}

#[test]
fn check_looks_for_the_component_that_a_probe_runs() {
    let folder = folder();
    let probes = folder.path().join("probes");
    std::fs::create_dir(&probes).unwrap();
    std::fs::write(probes.join("tcp.wasm"), "").unwrap();
    let config = "[[probe]]\nname = \"mail\"\ncomponent = \"tcp\"\n[[probe]]\nname = \"web\"\ncomponent = \"http\"\n";
    std::fs::write(folder.path().join("two.toml"), config).unwrap();
    let (_, notes) = run(&folder, "check --config two.toml --probes probes", 0);
    assert!(
        !notes.contains("tcp.wasm") && !notes.contains("mail"),
        "{notes}"
    );
    assert!(
        notes.contains("probe web has a section and no file probes/http.wasm"),
        "{notes}"
    );
}

#[test]
fn top_needs_a_terminal_an_address_and_a_token_that_can_be_read() {
    let folder = folder();
    for (line, exit, told) in [
        (
            "top",
            69,
            &[
                "needs a terminal",
                "next: ",
                "curl -s http://127.0.0.1:7762/snapshot",
            ][..],
        ),
        (
            "top --url https://box",
            2,
            &["`https://box` has TLS", "next: name it like --url http://"],
        ),
        (
            "top --token-file missing",
            78,
            &["token file missing: ", "next: "],
        ),
        ("top --interval 5ms", 2, &["must be between 100ms and 1h"]),
    ] {
        let (out, notes) = run(&folder, line, exit);
        assert_eq!(out, "", "{line}");
        for told in told {
            assert!(notes.contains(told), "{line}: {notes}");
        }
    }
}

#[test]
fn p05_a_reader_that_goes_away_is_no_error() {
    let folder = folder();
    for line in [
        "wit",
        "--help",
        "--version",
        "config show",
        "config init -",
        "check",
    ] {
        let binary = env!("CARGO_BIN_EXE_probity");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Process::new(binary)
            .args(line.split_whitespace())
            .current_dir(folder.path())
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let notes = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}: {notes}");
        assert!(!notes.contains("panicked"), "{line}: {notes}");
    }
}

#[test]
fn p05_closed_descriptors_do_not_panic_and_a_full_disk_is_told() {
    let folder = folder();
    let shell = |script: &str| {
        let output = Process::new("sh")
            .args(["-c", script])
            .env("P", env!("CARGO_BIN_EXE_probity"))
            .current_dir(folder.path())
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    for (script, exit) in [
        ("$P wit >&-", 0),
        ("$P chekc 2>&-", 2),
        ("$P check --listen x >&- 2>&-", 78),
        ("exec $P wit <&- >&- 2>&-", 0),
    ] {
        let (code, notes) = shell(script);
        assert_eq!(code, Some(exit), "{script}: {notes}");
        assert!(!notes.contains("panicked"), "{script}: {notes}");
    }
    if OpenOptions::new().write(true).open("/dev/full").is_ok() {
        let (code, notes) = shell("$P wit >/dev/full");
        assert_eq!(code, Some(1), "{notes}");
        assert!(notes.contains("next: "), "{notes}");
    }
}
