//! `probity test`: what it shows of good runs, of failed ones, and of files that are no probes.

use std::time::{Duration, Instant};

use crate::desk::{Desk, has};
use crate::support::bench::named_gauge;
use crate::support::guest::Guest;

/// A gauge, a counter, a check that fails, a line in `start`.
fn whole() -> Guest {
    named_gauge("x_depth")
        .text("total", "x_total")
        .text("id", "far")
        .text("line", "hello\nyou")
        .extra("(global $gauge (mut i32) (i32.const 0)) (global $total (mut i32) (i32.const 0))")
        .start(
            "(call $gauge.define %name %empty %help %empty (i32.const 16)) (global.set $gauge (call $handle))
             (call $counter.define %total %empty %help %empty (i32.const 16)) (global.set $total (call $handle))
             (call $log (i32.const 2) %line) (call $log (i32.const 1) %help) (call $ok)",
        )
        .collect(
            "(call $gauge.set (global.get $gauge) %empty (f64.const 7) (i32.const 16))
             (call $counter.add (global.get $total) %empty (f64.const 2) (i32.const 16))
             (call $check.define %id %help (i32.const 16))
             (call $check.report (call $handle) (i32.const 2) %line) (call $ok)",
        )
}

#[test]
fn samples_checks_log_and_cost_are_shown_as_they_would_be_served() {
    let desk = Desk::with(&whole());
    let shown = desk.run("test guest.wasm --runs 3 --interval 2s", 0).out;
    has(
        &shown,
        &[
            "guest: guest.wasm\n",
            "interface 0.1.0, compiled in ",
            "asks     log",
            "granted  nothing",
            "3 runs: all went well; state active; in production every 2 s",
            "  # TYPE x_depth gauge\n  x_depth{probe=\"guest\"} 7\n",
            "  x_total{probe=\"guest\"} 6\n",
            // A check that fails is no failure of the test.
            "  fail  guest/far  Help.: hello\\nyou\n",
            "log\n  run 1  info   hello\\nyou\n\n",
            "first run",
            "host calls",
        ],
    );
    let one = desk.run("test guest.wasm --log-level debug", 0).out;
    has(
        &one,
        &[
            "1 run: it went well",
            "run 1  debug  Help.",
            "compiled before, loaded in ",
        ],
    );
    assert!(!one.contains("p95"), "one run has no percentiles: {one}");
}

#[test]
fn json_has_the_words_of_the_snapshot() {
    let desk = Desk::with(&whole());
    let report = desk.json("test guest.wasm --runs 4", 0);
    assert_eq!((&report["ok"], &report["runs"]), (&true.into(), &4.into()));
    assert_eq!(report["probe"]["state"], "active");
    assert_eq!(report["metrics"][1]["value"], 8.0);
    assert_eq!(report["metrics"].as_array().unwrap().len(), 2);
    assert_eq!(report["checks"][0]["name"], "guest/far");
    assert_eq!(report["checks"].as_array().unwrap().len(), 1);
    assert_eq!(report["log"][0]["message"], "hello\\nyou");
    assert_eq!(report["failed"].as_array().unwrap().len(), 0);
    let cost = &report["cost"];
    assert!(cost["first"]["host_calls"].as_u64() > cost["last"]["host_calls"].as_u64());
    assert_eq!(cost["last"]["memory_bytes"], 65536);
    assert!(cost["wall_ms"]["max"].as_f64() >= cost["wall_ms"]["p50"].as_f64());
}

#[test]
fn a_crash_shows_what_was_logged_and_printed_and_where_it_was() {
    let guest = Guest::new().wasi().text("line", "about to fall").text("words", "Traceback:\n  line 7\n").collect(
        "(call $log (i32.const 3) %line)
         (call $write (call $stdout) %words (i32.const 64)) (call $log (i32.const 2) %line) (unreachable)",
    );
    let ended = Desk::with(&guest).run("test guest.wasm --runs 2", 1);
    has(
        &ended.out,
        &[
            "2 runs: 2 failed; state backoff",
            "  run 1  warn   about to fall\n  run 1  info   about to fall\n  run 2  warn ",
            "samples, as in /metrics\n  none\n",
            "  run 1  trap.unreachable: ",
            "0: ",
            "it last printed\n      Traceback:\n        line 7\n  run 2  trap",
        ],
    );
    has(
        &ended.notes,
        &[
            "error: run 1 failed: trap.unreachable: ",
            "next: look at the backtrace",
        ],
    );
}

#[test]
fn a_failure_costs_the_values_of_its_own_run_alone() {
    // Every second run fails after it has added.
    let guest = named_gauge("x_total")
        .extra("(global $run (mut i32) (i32.const 0))")
        .collect(
            "(global.set $run (i32.add (global.get $run) (i32.const 1)))
             (call $counter.define %name %empty %help %empty (i32.const 16))
             (call $counter.add (call $handle) %empty (f64.const 1) (i32.const 16))
             (if (result i32) (i32.rem_u (global.get $run) (i32.const 2))
               (then (call $ok)) (else (call $fail (call $failure.other %help))))",
        );
    let desk = Desk::with(&guest);
    let report = desk.json("test guest.wasm --runs 30", 1);
    assert_eq!(
        (&report["failures"], &report["metrics"][0]["value"]),
        (&15.into(), &15.0.into())
    );
    // The first ten are told one by one.
    assert_eq!(report["failed"].as_array().unwrap().len(), 10);
    let shown = desk.run("test guest.wasm --runs 30", 1).out;
    has(
        &shown,
        &[
            "30 runs: 15 failed",
            "run 2  other: Help.",
            "and 5 further failed runs",
        ],
    );
}

#[test]
fn a_rejected_probe_is_not_run_again_and_one_without_work_has_not_gone_well() {
    let rejected = Guest::new()
        .text("m", "`warn` must be")
        .start("(call $fail (call $failure.bad-config %m))");
    let ended = Desk::with(&rejected).run("test guest.wasm --runs 9", 1);
    has(
        &ended.out,
        &["1 run: it failed; state rejected", "is not run again"],
    );
    has(
        &ended.notes,
        &[
            "bad-config: `warn` must be",
            "next: correct the key with --set KEY=VALUE",
        ],
    );
    let dormant = Guest::new()
        .text("m", "no such device")
        .collect("(call $fail (call $failure.not-applicable %m))");
    let desk = Desk::with(&dormant);
    let ended = desk.run("test guest.wasm", 1);
    has(
        &ended.out,
        &[
            "1 run: it observed nothing; state dormant",
            "nothing to observe here: no such device",
        ],
    );
    has(
        &ended.notes,
        &["error: run 1 observed nothing: no such device"],
    );
    let report = desk.json("test guest.wasm --runs 2", 1);
    let told = ["ok", "failures", "idle"].map(|key| report[key].to_string());
    assert_eq!(told, ["false", "0", "2"]);
}

#[test]
fn a_limit_is_the_one_of_production_and_its_key_is_the_next_step() {
    let desk = Desk::with(&whole());
    let ended = desk.run("test guest.wasm --limit host_calls=3", 1);
    has(
        &ended.notes,
        &["limits.host_calls", "with --limit host_calls=VALUE"],
    );
    let spin = Guest::new().collect("(loop $l (br $l)) (call $ok)");
    let ended = Desk::with(&spin).run("test guest.wasm --limit deadline=50ms --limit cpu=10s", 1);
    has(
        &ended.notes,
        &["limits.deadline", "with --limit deadline=VALUE"],
    );
}

#[test]
fn what_is_denied_is_shown_with_the_flag_that_grants_it() {
    let guest = Guest::new()
        .text("secret", "db token")
        .imports(r#"(import "probity:host/secrets@0.1.0" "placeholder" (func $ask (param i32 i32 i32)))"#)
        // The failure is behind a text's result: a discriminant, and the handle.
        .collect("(call $ask %secret (i32.const 16)) (call $pass-on)");
    let ended = Desk::with(&guest).run("test guest.wasm --runs 2", 1);
    has(
        &ended.out,
        &[
            "denied\n  2 times  secret db token\n",
            "granted by  grant = { secrets = [\"db token\"] }",
        ],
    );
    has(
        &ended.notes,
        &["next: allow it with --grant 'secrets=db token'"],
    );
}

#[test]
fn runs_wait_for_their_interval_only_when_asked() {
    let desk = Desk::with(&Guest::new());
    let began = Instant::now();
    desk.run("test guest.wasm --runs 4 --interval 300ms --wait", 0);
    assert!(began.elapsed() >= Duration::from_millis(900));
    desk.run("test guest.wasm --runs 50 --interval 1h", 0);
}

#[test]
fn a_file_that_is_no_probe_exits_with_65_and_a_next_step() {
    let desk = Desk::new()
        .add("text.wasm", b"(component)")
        .add("empty.wasm", b"")
        .add("core.wasm", b"\0asm\x01\0\0\0")
        .add("component.wasm", b"\0asm\x0d\0\x01\0")
        .add("cut.wasm", &whole().build()[..500]);
    for (file, code) in [
        ("text", "file.text"),
        ("empty", "file.empty"),
        ("core", "file.core-module"),
        ("component", "component.export"),
        ("cut", "component.invalid"),
        ("nowhere", "file.unreadable"),
    ] {
        let ended = desk.run(&format!("test {file}.wasm"), 65);
        has(&ended.notes, &[&format!("error: {file}.wasm: {code}: ")]);
        assert_eq!(ended.out, "");
    }
}

#[test]
fn a_command_line_that_means_nothing_says_what_would() {
    let desk = Desk::with(&whole()).add("my probe.wasm", &whole().build());
    for (line, hint) in [
        ("test guest.wasm guest.wasm", "--conformance"),
        ("test guest.wasm --set warn", "--set KEY=VALUE"),
        ("test guest.wasm --grant =x", "--grant KEY=VALUE"),
        ("test guest.wasm --name a.b", "--name"),
    ] {
        has(&desk.run(line, 2).notes, &[hint]);
    }
    has(
        &desk.run_words(&["test", "my probe.wasm"], 2).notes,
        &["--name"],
    );
    desk.run_words(&["test", "my probe.wasm", "--name", "mine"], 0);
}
