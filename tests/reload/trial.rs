//! Versions that compile and do badly: on trial, on probation, and what goes on across versions.

use probity::model::{DiskVerdict, ProbeState};
use probity::snapshot::Snapshot;

use super::support::bench::{GAUGE, SET_ONE, named_gauge};
use super::support::guest::Guest;
use super::{gauge, generation, is_refused, on_disk, running_with_one, value, view};

fn trap() -> Guest {
    named_gauge("value").collect("unreachable")
}

/// Sets 2 and traps in its run of this number; the trial is a run of an instance of its own.
fn trap_in_run(number: u32) -> Guest {
    let set = "(call $gauge.set (call $handle) %empty (f64.const 2) (i32.const 16))";
    named_gauge("value")
        .extra("(global $runs (mut i32) (i32.const 0))")
        .collect(&format!(
            "(global.set $runs (i32.add (global.get $runs) (i32.const 1)))
             (if (i32.eq (global.get $runs) (i32.const {number})) (then unreachable)) {GAUGE} {set} (call $pass-on)"
        ))
}

fn kinds(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.operations.iter().map(|one| one.kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_traps_on_trial_never_runs() {
    let (place, running) = running_with_one().await;
    place.put("a", &trap().build());
    let now = running
        .until("a refused version", |now| {
            is_refused(now, "a", "trap.unreachable")
        })
        .await;
    assert_eq!(
        (value(&now, "a"), generation(&now, "a")),
        (Some(1.0), Some(1))
    );
    assert_eq!(
        view(&now, "a").unwrap().status.crashes,
        0,
        "the trial counts for nothing"
    );
    let operation = running
        .until("the reload's end", |now| {
            kinds(now).first() == Some(&"probe.reload")
        })
        .await;
    assert!(operation.operations[0].outcome.is_err());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_traps_on_probation_is_rolled_back_and_remembered() {
    let (place, running) = running_with_one().await;
    let bad = trap_in_run(2).build();
    place.put("a", &bad);
    let now = running
        .until("a version given up", |now| {
            kinds(now).first() == Some(&"probe.rollback")
                && is_refused(now, "a", "trap.unreachable")
        })
        .await;
    assert_eq!(generation(&now, "a"), Some(1));
    running
        .until("the value of the one before", |now| {
            value(now, "a") == Some(1.0)
        })
        .await;

    // The same bytes are not tried twice, other ones are.
    place.put("a", &gauge(3.0).build());
    running
        .until("a good version", |now| value(now, "a") == Some(3.0))
        .await;
    place.put("a", &bad);
    let now = running
        .until("the same refusal", |now| {
            is_refused(now, "a", "trap.unreachable")
        })
        .await;
    assert_eq!(value(&now, "a"), Some(3.0));
    assert_eq!(
        now.operations
            .iter()
            .filter(|one| one.kind == "probe.rollback")
            .count(),
        1
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_runs_alone_is_backed_off_and_not_rejected() {
    let (place, running) = running_with_one().await;
    place.put("b", &trap().build());
    running
        .until("a probe in backoff", |now| {
            view(now, "b").is_some_and(|view| view.status.state == ProbeState::Backoff)
        })
        .await;
    place.put("b", &gauge(4.0).build());
    running
        .until("a mended one", |now| value(now, "b") == Some(4.0))
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_has_to_reach_what_the_one_before_reaches() {
    let (place, running) = running_with_one().await;
    let fails = named_gauge("value").collect("(call $fail (call $failure.other %help))");
    place.put("a", &fails.build());
    let now = running
        .until("a refused version", |now| is_refused(now, "a", "other"))
        .await;
    assert_eq!(value(&now, "a"), Some(1.0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_state_and_accounts_go_on_across_versions() {
    let count = |help: &str| {
        Guest::new()
            .text("name", "value_total")
            .text("help", help)
            .text("empty", "")
            .collect(
                "(call $counter.define %name %empty %help %empty (i32.const 16))
                 (call $counter.add (call $handle) %empty (f64.const 1) (i32.const 16)) (call $pass-on)",
            )
            .build()
    };
    let (place, running) = running_with_one().await;
    place.put("b", &count("One."));
    let now = running
        .until("five runs", |now| {
            value(now, "b").is_some_and(|total| total >= 5.0)
        })
        .await;
    let runs = view(&now, "b").unwrap().status.runs;
    place.put("b", &count("Two."));
    let now = running
        .until("two runs of the new version", |now| {
            generation(now, "b") == Some(2) && view(now, "b").unwrap().status.runs > runs + 2
        })
        .await;
    let status = &view(&now, "b").unwrap().status;
    assert_eq!(
        value(&now, "b"),
        Some(status.runs as f64),
        "each run counted one, the trial none"
    );
    assert_eq!(on_disk(&now, "b").unwrap().verdict, DiskVerdict::Running);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn g40_a_version_may_change_what_a_metric_is() {
    let (place, running) = running_with_one().await;
    let renamed = named_gauge("other_value").collect(&format!("{GAUGE} {SET_ONE}"));
    place.put("a", &renamed.build());
    let now = running
        .until("the other metric", |now| {
            let source = now.sources.iter().find(|source| &*source.info.name == "a");
            source.is_some_and(|source| {
                let names: Vec<&str> = source
                    .schema
                    .series
                    .iter()
                    .map(|series| &*series.metric.name)
                    .collect();
                names == ["other_value"]
            })
        })
        .await;
    assert_eq!(generation(&now, "a"), Some(2));
    running.stop().await;
}

/// Sets 2, and asks for a secret in its runs from this number on.
fn reaching_from(run: u32) -> Guest {
    let import = r#"(import "probity:host/secrets@0.1.0" "placeholder" (func $placeholder (param i32 i32 i32)))"#;
    let set = "(call $gauge.set (call $handle) %empty (f64.const 2) (i32.const 16))";
    named_gauge("value")
        .imports(import)
        .extra("(global $runs (mut i32) (i32.const 0))")
        .collect(&format!(
            "(global.set $runs (i32.add (global.get $runs) (i32.const 1)))
             (if (i32.ge_u (global.get $runs) (i32.const {run})) (then (call $placeholder %name (i32.const 64))))
             {GAUGE} {set} (call $pass-on)"
        ))
}

#[tokio::test(flavor = "multi_thread")]
async fn g49_a_version_that_reaches_for_more_than_is_granted_is_held() {
    let (place, running) = running_with_one().await;
    for (run, when) in [(1, "on trial"), (2, "on probation")] {
        place.put("a", &reaching_from(run).build());
        let now = running
            .until(when, |now| is_refused(now, "a", "grant.held"))
            .await;
        let disk = on_disk(&now, "a").unwrap();
        assert_eq!(disk.verdict, DiskVerdict::Held);
        let message = &disk.failure.as_ref().unwrap().message;
        assert!(message.contains("secrets = [\"value\"]"), "{message}");
        running
            .until("the version before", |now| value(now, "a") == Some(1.0))
            .await;
        place.put("a", &gauge(1.0).build());
        running
            .until("the version before in its place", |now| {
                on_disk(now, "a").unwrap().verdict == DiskVerdict::Running
            })
            .await;
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_came_while_the_probe_was_paused_is_on_probation_when_it_is_resumed() {
    let (place, running) = running_with_one().await;
    assert_eq!(super::actions::post(&running, "a/pause", "").await.0, 200);
    place.put("a", &trap().build());
    running
        .until("the version in its place", |now| {
            generation(now, "a") == Some(2)
        })
        .await;
    assert_eq!(super::actions::post(&running, "a/resume", "").await.0, 200);
    let now = running
        .until("a version given up", |now| {
            is_refused(now, "a", "trap.unreachable")
        })
        .await;
    assert_eq!(
        (generation(&now, "a"), value(&now, "a")),
        (Some(1), Some(1.0))
    );
    running.stop().await;
}
