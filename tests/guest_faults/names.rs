//! Metric names among several probes and several versions of one.

use std::sync::Arc;

use probity::health;
use probity::merge::Merge;
use probity::model::{MetricKind, Observation, Outcome, SourceInfo, SourceKind, Span, Update};
use probity::probe::Limits;
use probity::snapshot::SnapshotCell;
use tokio::sync::mpsc;

use crate::COUNTER;
use crate::support::bench::{Bench, GAUGE, SET_ONE, loaded, named_gauge, run};
use crate::support::guest::Guest;

fn gauge() -> Guest {
    named_gauge("x_total_things").collect(&format!("{GAUGE} {SET_ONE}"))
}

/// The same name with a unit.
fn with_unit(name: &str) -> Guest {
    named_gauge(name)
        .text("unit", "bytes")
        .collect("(call $gauge.define %name %unit %help %empty (i32.const 16)) (call $pass-on)")
}

fn failure(observation: &Observation) -> &str {
    match &observation.outcome {
        Outcome::Failed(failure) => &failure.message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn g23_one_name_of_two_probes_means_one_thing() {
    let bench = Bench::new();
    let plain = named_gauge("x_bytes")
        .collect(&format!("{GAUGE} {SET_ONE}"))
        .build();
    let mut first = loaded(bench.load_named("first", &plain, Limits::default()));
    assert!(matches!(run(&mut first).await.outcome, Outcome::Ok));
    let mut same = loaded(bench.load_named("same", &plain, Limits::default()));
    assert!(matches!(run(&mut same).await.outcome, Outcome::Ok));

    let other = with_unit("x_bytes").build();
    let mut other = loaded(bench.load_named("other", &other, Limits::default()));
    let refused = run(&mut other).await;
    assert!(
        failure(&refused).contains("`x_bytes` is already a gauge of probe `first`"),
        "{}",
        failure(&refused)
    );
    assert_eq!(other.status().costs.rejected_calls, 1);
    // The first ones go on, and when they are gone the name is free.
    assert!(matches!(run(&mut first).await.outcome, Outcome::Ok));
    drop((first, same));
    assert!(matches!(run(&mut other).await.outcome, Outcome::Ok));
    bench.assert_alive().await;
}

#[tokio::test]
async fn g40_a_new_version_of_a_probe_may_change_its_metrics() {
    let bench = Bench::new();
    let counter = |step: u32| {
        named_gauge("x_total").collect(&format!(
            "{COUNTER} (call $counter.add (call $handle) %empty (f64.const {step}) (i32.const 16)) (call $pass-on)"
        ))
    };
    // The same counter, then a gauge instead, then the counter again in a schema of another shape.
    let versions = [counter(2), counter(3), gauge(), counter(5)];
    let (updates, received) = mpsc::channel(16);
    let cell = Arc::new(SnapshotCell::new());
    let watch = health::Watch::new(&health::Config::default());
    let merge = tokio::spawn(
        Merge::new(received, cell.clone(), watch, Vec::new())
            .unwrap()
            .run(),
    );
    let source = SourceInfo {
        name: "guest".into(),
        kind: SourceKind::Probe,
        interval: Span::seconds(60).0,
    };
    updates.send(Update::Source(source)).await.unwrap();
    let mut shown = Vec::new();
    let mut old = None;
    for (number, version) in (1..).zip(&versions) {
        let mut probe = bench.load(version, Limits::default());
        let observation = run(&mut probe).await;
        assert!(
            matches!(observation.outcome, Outcome::Ok),
            "{:?}",
            observation.outcome
        );
        updates
            .send(Update::Observation(Box::new(observation)))
            .await
            .unwrap();
        // The version before is still loaded when the new one makes its first run, as on a reload.
        old = Some(probe);
        let mut changes = cell.changes();
        let view = loop {
            match cell.load() {
                Some(snapshot) if snapshot.sources[0].runs.runs == number => {
                    break snapshot.sources[0].clone();
                }
                _ => changes.changed().await.unwrap(),
            }
        };
        let series = &view.schema.series[0];
        shown.push((series.metric.kind, view.numbers(series)[0].value));
        assert_eq!(view.schema.series.len(), 1);
    }
    drop((old, updates));
    merge.await.unwrap();
    let wanted = [
        (MetricKind::Counter, 2.0),
        (MetricKind::Counter, 5.0),
        (MetricKind::Gauge, 1.0),
        (MetricKind::Counter, 5.0),
    ];
    assert_eq!(shown, wanted);
}
