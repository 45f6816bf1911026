//! Probes built against a newer interface: those that need nothing new run, of the others it is told what they need.

use probity::model::Outcome;
use probity::probe::Limits;

use crate::support::bench::{Bench, GAUGE, SET_ONE, named_gauge, run};
use crate::support::guest::Guest;

/// What 0.1.1 may bring: a function, an interface, a method, a resource.
fn newer(version: &str) -> Guest {
    named_gauge("x")
        .collect(&format!("{GAUGE} {SET_ONE}"))
        .newer("interface run {", "weekday: func() -> u32;")
        .newer(
            "interface metrics {",
            "resource summary { define: static func(name: string) -> u32; }",
        )
        .newer("resource gauge {", "touch: func();")
        .newer("interface config {", "count: func() -> u32;")
        .newer(
            "package probity:host@0.1.0 {",
            "interface span { begin: func(); finish: func(); }",
        )
        .newer("world probe {", "import probity:host/span@0.1.0;")
        .version(version)
}

async fn runs(guest: &Guest) {
    let bench = Bench::new();
    let mut probe = bench.load(guest, Limits::default());
    let observation = run(&mut probe).await;
    assert!(
        matches!(observation.outcome, Outcome::Ok),
        "{:?}",
        observation.outcome
    );
    assert_eq!(observation.staged.writes.len(), 1);
}

fn refused(guest: &Guest, code: &str, parts: &[&str]) {
    let (_, failure) = Bench::new().reject(&guest.build(), Limits::default());
    assert_eq!(failure.code, code, "{failure}");
    for part in parts {
        assert!(failure.message.contains(part), "{part}: {failure}");
    }
}

#[tokio::test]
async fn prb9_what_needs_nothing_new_runs() {
    for version in ["0.1.0", "0.1.1", "0.1.9"] {
        runs(&newer(version)).await;
    }
    runs(
        &named_gauge("x")
            .collect(&format!("{GAUGE} {SET_ONE}"))
            .whole_world(),
    )
    .await;
}

#[test]
fn prb9_what_is_missing_is_named_with_its_interface_and_version() {
    const NEXT: &str = "update the host, or build the probe against 0.1.0";
    for (import, parts) in [
        (
            r#"(import "probity:host/run@0.1.0" "weekday" (func (result i32)))"#,
            [
                "needs `weekday` of `probity:host/run@0.1.1`",
                "this host speaks 0.1.0",
                NEXT,
            ],
        ),
        (
            r#"(import "probity:metrics/metrics@0.1.0" "[method]gauge.touch" (func (param i32)))"#,
            [
                "needs `gauge.touch` of `probity:metrics/metrics@0.1.1`",
                "0.1.0",
                NEXT,
            ],
        ),
        (
            r#"(import "probity:host/span@0.1.0" "begin" (func)) (import "probity:host/span@0.1.0" "finish" (func))"#,
            [
                "needs `begin`, `finish` of `probity:host/span@0.1.1`",
                "0.1.0",
                NEXT,
            ],
        ),
        (
            r#"(import "probity:metrics/metrics@0.1.0" "[static]summary.define" (func (param i32 i32) (result i32)))"#,
            [
                "needs `summary`, `summary.define` of `probity:metrics/metrics@0.1.1`",
                "0.1.0",
                NEXT,
            ],
        ),
        (
            r#"(import "probity:metrics/metrics@0.1.0" "[resource-drop]summary" (func (param i32)))"#,
            [
                "needs `summary` of `probity:metrics/metrics@0.1.1`",
                "0.1.0",
                NEXT,
            ],
        ),
    ] {
        refused(&newer("0.1.1").imports(import), "component.version", &parts);
    }
    // What it imports of WASI is here, and is not counted.
    let import = r#"(import "probity:host/run@0.1.0" "weekday" (func (result i32)))"#;
    refused(
        &newer("0.1.1").imports(import).wasi(),
        "component.version",
        &["needs `weekday` of `probity:host/run@0.1.1`, and this host"],
    );
    // One that imports the whole of a newer world needs all that is new.
    refused(
        &newer("0.1.1").whole_world(),
        "component.version",
        &["needs `begin`, `finish` of `probity:host/span@0.1.1` (and 5 further)"],
    );
}

#[test]
fn prb9_what_has_another_type_is_told_with_both_versions() {
    let guest = newer("0.1.1")
        .newer("enum level {", "fatal,")
        .imports(r#"(import "probity:host/log@0.1.0" "enabled" (func (param i32) (result i32)))"#);
    refused(
        &guest,
        "component.version",
        &[
            "is built against `probity:",
            "@0.1.1`",
            "this host, which speaks 0.1.0",
            "log",
        ],
    );
}

#[test]
fn a_function_that_wasi_does_not_have_here_is_named() {
    let guest = named_gauge("x")
        .imports(r#"(import "wasi:random/random@0.2.99" "get-random-u128" (func (result i64)))"#)
        .foreign(
            "wasi:random/random@0.2.99",
            "get-random-u128: func() -> u64;",
        );
    refused(
        &guest,
        "component.import",
        &[
            "`get-random-u128`",
            "`wasi:random/random@0.2.99`",
            "does not offer",
        ],
    );
}
