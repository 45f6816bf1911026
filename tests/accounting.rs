//! What each probe costs and how it fails, from its runs to the documents that show it.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use probity::health;
use probity::merge::Merge;
use probity::model::{ByteSize, MetricKind, Outcome, ProbeState, SourceInfo, SourceKind, Update};
use probity::probe::{Limits, Probe};
use probity::snapshot::{Snapshot, SnapshotCell, part};
use support::bench::{Bench, GAUGE, SET_ONE, named_gauge, run};
use support::guest::Guest;
use tokio::sync::mpsc;

/// Runs well, then fails by its own word, then with a refused call that it passes on, then by a trap, and again.
fn troubled() -> Guest {
    let body = format!(
        "(global.set $runs (i32.add (global.get $runs) (i32.const 1)))
         (call $log (i32.const 2) %help)
         (if (i32.eq (global.get $runs) (i32.const 2)) (then (return (call $fail (call $failure.unavailable %help)))))
         (if (i32.eq (global.get $runs) (i32.const 3)) (then (return
           (block (result i32) (call $gauge.define %bad %empty %help %empty (i32.const 16)) (call $pass-on)))))
         (if (i32.eq (global.get $runs) (i32.const 4)) (then unreachable))
         {GAUGE} {SET_ONE}"
    );
    named_gauge("x")
        .text("bad", "9lives")
        .imports(
            "(import \"probity:host/failure@0.1.0\" \"[static]failure.unavailable\" (func $failure.unavailable (param i32 i32) (result i32)))",
        )
        .extra("(global $runs (mut i32) (i32.const 0))")
        .collect(&body)
}

async fn runs(probe: &mut Probe, count: usize) {
    for _ in 0..count {
        run(probe).await;
    }
}

#[tokio::test]
async fn every_run_is_charged_and_every_failure_has_its_reason() {
    let bench = Bench::new();
    let mut probe = bench.load(&troubled(), Limits::default());
    runs(&mut probe, 1).await;
    let first = probe.status().clone();
    assert_eq!((first.costs.instances, first.failures), (1, 0));
    // A line, a definition, a write.
    assert_eq!(first.last_costs.host_calls, 3);
    assert!(first.costs.cpu > Duration::ZERO && first.costs == first.last_costs);
    assert!(
        first
            .instance_since
            .is_some_and(|made| made < Instant::now())
    );
    assert_eq!(first.memory_bytes, Some(1 << 16));

    runs(&mut probe, 3).await;
    let crashed = probe.status().clone();
    assert_eq!(crashed.state, ProbeState::Backoff);
    assert_eq!((crashed.memory_bytes, crashed.instance_since), (None, None));
    assert_eq!(
        (crashed.peak_memory_bytes, crashed.costs.instances),
        (1 << 16, 1)
    );
    assert!(
        crashed.last_costs.cpu > Duration::ZERO,
        "the crashed run is charged too"
    );

    runs(&mut probe, 4).await;
    let status = probe.status();
    let reasons: Vec<_> = status.failure_reasons.iter().collect();
    assert_eq!(
        reasons,
        [
            ("metrics.name", 2),
            ("trap.unreachable", 2),
            ("unavailable", 2)
        ]
    );
    let of_code = |code: &str| {
        let errors = status.recent_errors.iter();
        let errors = errors.filter(|one| one.failure.code == code);
        errors.map(|one| one.count).sum::<u64>()
    };
    for (code, times) in &reasons {
        assert_eq!(of_code(code), *times, "{code}");
    }
    assert_eq!((status.runs, status.failures, status.crashes), (8, 6, 2));
    let costs = status.costs;
    assert_eq!(
        (costs.instances, costs.rejected_calls, costs.log_lines),
        (2, 2, 8)
    );
    // Each round: 3 calls, then 2, 2 and 1.
    assert_eq!(costs.host_calls, 16);
    assert!(costs.cpu > crashed.costs.cpu);
}

#[tokio::test]
async fn growing_memory_is_shown_with_its_peak() {
    let grow = "(drop (memory.grow (i32.const 3))) (call $ok)";
    let bench = Bench::new();
    let limits = Limits {
        memory: ByteSize::kib(512),
        ..Limits::default()
    };
    let mut probe = bench.load(&Guest::new().collect(grow), limits);
    for pages in [4, 7, 7] {
        assert!(matches!(run(&mut probe).await.outcome, Outcome::Ok));
        let status = probe.status();
        assert_eq!(status.memory_bytes, Some(pages << 16));
        assert_eq!(status.peak_memory_bytes, pages << 16);
    }
}

/// The snapshot after these runs of the probe, once the host's own metrics are written.
async fn merged(probe: &mut Probe, count: u64) -> Arc<Snapshot> {
    let (updates, received) = mpsc::channel(16);
    let cell = Arc::new(SnapshotCell::new());
    let watch = health::Watch::new(&health::Config::default());
    let merge = Merge::new(received, cell.clone(), watch, Vec::new()).unwrap();
    let merge = tokio::spawn(merge.run());
    let identity = probe.identity().clone();
    let source = SourceInfo {
        name: identity.name.clone(),
        kind: SourceKind::Probe,
        interval: Duration::from_secs(60),
    };
    let loaded = Update::Probe(identity, Box::new(probe.status().clone()));
    updates.send(loaded).await.unwrap();
    updates.send(Update::Source(source)).await.unwrap();
    for _ in 0..count {
        let observation = Box::new(run(probe).await);
        updates
            .send(Update::Observation(observation))
            .await
            .unwrap();
    }
    // The end of the start is a beat: the own metrics are written.
    updates.send(Update::StartComplete).await.unwrap();
    let mut changes = cell.changes();
    let whole = |snapshot: &Snapshot| snapshot.whole && snapshot.sources[0].runs.runs == count;
    let found = loop {
        match cell.load().filter(|snapshot| whole(snapshot)) {
            Some(snapshot) => break snapshot,
            None => changes.changed().await.unwrap(),
        }
    };
    drop(updates);
    merge.await.unwrap();
    found
}

#[tokio::test]
async fn the_document_shows_the_account() {
    let bench = Bench::new();
    let mut probe = bench.load(&troubled(), Limits::default());
    let snapshot = merged(&mut probe, 5).await;
    let document = part(&snapshot, "probes", Instant::now()).unwrap();
    let shown = &document[0];
    for (key, wanted) in [
        ("runs", 5),
        ("failures", 3),
        ("crashes", 1),
        ("instances", 2),
        ("host_calls", 11),
        ("last_host_calls", 3),
        ("rejected_calls", 1),
        ("log_lines", 5),
        ("log_dropped", 0),
        ("series", 1),
        ("memory_bytes", 1 << 16),
        ("peak_memory_bytes", 1 << 16),
    ] {
        assert_eq!(shown[key], wanted, "{key}");
    }
    let reasons = serde_json::json!({ "metrics.name": 1, "trap.unreachable": 1, "unavailable": 1 });
    assert_eq!(shown["failure_reasons"], reasons);
    for key in ["cpu_ms", "last_cpu_ms", "instance_uptime_ms"] {
        assert!(shown[key].as_f64().unwrap() > 0.0, "{key}: {}", shown[key]);
    }
    assert!(shown["loaded"].as_str().unwrap().starts_with("20"));
}

#[tokio::test]
async fn the_hosts_own_metrics_show_the_account() {
    let bench = Bench::new();
    let mut probe = bench.load(&troubled(), Limits::default());
    let snapshot = merged(&mut probe, 5).await;
    let own = snapshot.sources.last().unwrap();
    let find = |name: &str, reason: Option<&str>| {
        let series = own.schema.series.iter().find(|series| {
            *series.metric.name == *name
                && reason.is_none_or(|reason| series.labels.iter().any(|label| **label == *reason))
        });
        let series = series.unwrap_or_else(|| panic!("{name} is missing"));
        (series.metric.kind, own.numbers(series))
    };
    for (name, reason, wanted) in [
        ("probity_probe_failures_total", Some("unavailable"), 1.0),
        (
            "probity_probe_failures_total",
            Some("trap.unreachable"),
            1.0,
        ),
        ("probity_probe_host_calls_total", None, 11.0),
        ("probity_probe_instances_total", None, 2.0),
        ("probity_probe_log_lines_total", None, 5.0),
        ("probity_probe_memory_peak_bytes", None, 65536.0),
        ("probity_probe_last_run_host_calls", None, 3.0),
    ] {
        assert_eq!(find(name, reason).1[0].value, wanted, "{name}");
    }
    for name in [
        "probity_probe_cpu_seconds_total",
        "probity_probe_last_run_cpu_seconds",
    ] {
        let value = find(name, None).1[0].value;
        assert!(value > 0.0 && value < 10.0, "{name} {value}");
    }
    let (kind, started) = find("probity_probe_start_time_seconds", None);
    assert!(kind == MetricKind::Gauge && started[0].value > 1.7e9);
    let (kind, durations) = find("probity_probe_run_duration_seconds", None);
    // Six buckets, the one without an end, the sum, the time of the beginning.
    let counted: f64 = durations[..7].iter().map(|point| point.value).sum();
    assert!(kind == MetricKind::Histogram && counted == 5.0 && durations[7].value > 0.0);
}
