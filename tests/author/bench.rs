//! `probity bench`: that everything is measured, not how long it takes.

use crate::desk::{Desk, has};
use crate::support::bench::{GAUGE, SET_ONE, named_gauge};
use crate::support::guest::Guest;

#[test]
fn every_number_is_there() {
    let desk = Desk::with(&named_gauge("x").collect(&format!("{GAUGE} {SET_ONE}")));
    let measured = desk.json("bench guest.wasm --runs 40 --duration 1m", 0);
    let number = |key: &str| measured.pointer(key).and_then(serde_json::Value::as_f64);
    for key in [
        "/size_bytes",
        "/code_bytes",
        "/compile_ms",
        "/load_ms",
        "/first_run_us/p50",
        "/warm_run_us/p50",
        "/warm_run_us/p90",
        "/warm_run_us/p99",
        "/warm_run_us/max",
        "/warm_cpu_us/p50",
        "/warm_runs_per_second",
        "/host_calls",
        "/memory_bytes",
    ] {
        assert!(
            number(key).is_some_and(|number| number > 0.0),
            "{key}: {measured:#}"
        );
    }
    assert_eq!(measured["warm_runs"], 40);
    assert!(measured["resident_bytes"].is_u64());
    assert!(number("/warm_cpu_us/p50") <= number("/warm_run_us/p50"));
    let shown = desk.run("bench guest.wasm --duration 50ms", 0).out;
    has(
        &shown,
        &[
            "guest: guest.wasm",
            "load compiled",
            "warm run",
            "a second one after the other",
        ],
    );
}

#[test]
fn what_fails_is_not_measured() {
    let guest = Guest::new()
        .text("m", "no")
        .collect("(call $fail (call $failure.other %m))");
    let desk = Desk::with(&guest).add("text.wasm", b"(component)");
    has(
        &desk.run("bench guest.wasm", 1).notes,
        &["run 1 failed: other: no", "next: see with `probity test`"],
    );
    has(&desk.run("bench text.wasm", 65).notes, &["file.text"]);
    // Without a place for compiled code there is none to load.
    std::fs::write(desk.path("probity.toml"), "[probes]\ncache = false\n").unwrap();
    let good = desk.add("good.wasm", &Guest::new().build());
    assert!(good.json("bench good.wasm --runs 5", 0)["load_ms"].is_null());
}
