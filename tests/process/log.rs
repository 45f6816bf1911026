//! The log of a running program: a reader that stalls holds nothing up, and nothing goes missing without a word.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::guest::Guest;
use crate::program::{PATIENCE, Program, command};

/// A second's worth of lines is more than a pipe holds.
const FLOOD: &str = "(local $count i32)
    (loop $next (call $log (i32.const 2) %line)
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $count) (i32.const 2000)))) (call $ok)";
const CONFIG: &str =
    "[probes]\ninterval = \"1s\"\n[probes.limits]\nlog_lines = 1000000\nlog_bytes = \"64MiB\"\n";

/// A program whose guest floods the log, which nobody reads from the address on.
fn flooded() -> (Program, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::new().text("line", "a flood of lines").collect(FLOOD);
    std::fs::write(folder.path().join("flood.wasm"), guest.build()).unwrap();
    let config = folder.path().join("probity.toml");
    std::fs::write(&config, CONFIG).unwrap();
    let program = Program::start(&[
        "--probes",
        folder.path().to_str().unwrap(),
        "--config",
        config.to_str().unwrap(),
    ]);
    (program, folder)
}

/// Asks until lines were dropped, which the program must be able to answer all the while.
fn until_dropping(program: &Program) {
    let began = Instant::now();
    loop {
        assert_eq!(program.get("/livez").0, 200);
        let (_, metrics) = program.get("/metrics");
        let dropped = metrics
            .lines()
            .find_map(|line| line.strip_prefix("probity_log_lines_dropped_total "));
        if dropped.is_some_and(|count| count.parse::<f64>().unwrap() > 0.0) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "nothing dropped: {metrics}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_reader_that_stalls_holds_up_neither_the_program_nor_its_end() {
    let (mut program, _folder) = flooded();
    until_dropping(&program);
    program.until_ready();
    program.signal(Signal::TERM);
    assert_eq!(program.until_gone(), Some(0));
}

#[test]
fn a_reader_that_reads_again_is_told_what_is_missing_and_gets_the_end() {
    let (mut program, _folder) = flooded();
    until_dropping(&program);
    program.until_said("log lines are missing here");
    let told: serde_json::Value =
        serde_json::from_str(program.said.last().expect("just said")).unwrap();
    assert!(told["lines"].as_u64().unwrap() > 0, "{told}");
    assert_eq!(
        (&told["level"], &told["target"]),
        (&"WARN".into(), &"probity::log".into())
    );
    program.signal(Signal::TERM);
    let (code, said) = program.ended();
    assert_eq!(code, Some(0));
    for line in &said {
        assert!(
            serde_json::from_str::<serde_json::Value>(line).is_ok(),
            "no whole line: {line}"
        );
    }
    // A guest that is cut off in the middle of its run may still have its word after the program's last.
    let last = said.iter().rfind(|line| !line.contains("a flood of lines"));
    assert!(
        last.is_some_and(|line| line.contains("\"drained\"")),
        "{last:?}"
    );
}

#[test]
fn p05_a_reader_that_goes_away_ends_nothing_and_what_it_missed_is_counted() {
    let (mut program, _folder) = flooded();
    program.close_log();
    until_dropping(&program);
    program.until_ready();
    program.signal(Signal::TERM);
    assert_eq!(program.until_gone(), Some(0));
}

#[test]
fn what_was_logged_comes_before_the_error_that_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("taken"), "no folder").unwrap();
    let output = command(folder.path())
        .args(["run", "--listen", "127.0.0.1:0"])
        .args(["--state", "taken", "--probes", "taken"])
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let at = |words: &str| {
        said.find(words)
            .unwrap_or_else(|| panic!("{words}: {said}"))
    };
    assert!(at("compiled code is not kept") < at("error: "), "{said}");
    assert!(at("\nerror: ") < at("\nnext: "), "{said}");
}
