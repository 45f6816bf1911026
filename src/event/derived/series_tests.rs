//! What is written as metrics.

use std::time::Duration;

use super::Series;
use super::tests::Stage;
use crate::model::{Metric, MetricKind, Recorder, Staged, Write};

/// The series of a run by name and labels, with what was written to them.
fn written(staged: &Staged) -> Vec<(String, f64)> {
    let line = |write: &Write| {
        let series = staged.schema.series.iter();
        let series = series
            .filter(|one| one.slot <= write.slot)
            .max_by_key(|one| one.slot);
        let series = series.expect("a write is of a series");
        let labels = series.labels.join(",");
        (format!("{}{{{labels}}}", series.metric.name), write.value)
    };
    staged.writes.iter().map(line).collect()
}

#[test]
fn series_have_names_and_never_ids() {
    let mut stage = Stage::new(|_| {});
    let mut series = Series::new(&stage.derived).expect("the names keep the rules");
    stage.start("id-1", "mail");
    stage.end("id-2", "mail", "success", 30.0);
    stage.tell("session.created", r#"{"session": "id-3"}"#);
    stage.tell("worker.started", r#"{"worker": "id-4", "pool": "p"}"#);
    let facts = stage.facts();
    let staged = series.write(&mut stage.derived, &facts);
    let lines = written(&staged);
    for wanted in [
        ("probity_events_total{operation.started}", 1.0),
        ("probity_operations_total{mail,success}", 1.0),
        ("probity_operations_total{mail,failure}", 0.0),
        ("probity_operation_duration_seconds{mail}", 0.03),
        ("probity_operations_in_flight{mail}", 1.0),
        ("probity_operations_overdue{mail}", 0.0),
        ("probity_workers{p,idle}", 1.0),
        ("probity_sessions{}", 1.0),
    ] {
        let wanted = (wanted.0.to_owned(), wanted.1);
        assert!(lines.contains(&wanted), "{wanted:?} of {lines:#?}");
    }
    let labels = staged
        .schema
        .series
        .iter()
        .flat_map(|one| one.labels.iter());
    assert!(labels.into_iter().all(|label| !label.contains("id-")));
    let unused = staged
        .schema
        .series
        .iter()
        .all(|one| !one.metric.name.contains("request_"));
    assert!(unused, "nothing was told of requests");
    // Observations are taken once: the next run has none.
    let facts = stage.facts();
    let again = written(&series.write(&mut stage.derived, &facts));
    let durations = again
        .iter()
        .filter(|(name, _)| name.contains("operation_duration"));
    assert!(durations.clone().count() > 0 && durations.into_iter().all(|(_, value)| *value == 0.0));
}

#[test]
fn the_series_of_a_name_go_with_its_place() {
    let mut stage = Stage::new(|config| config.names = 1);
    let mut series = Series::new(&stage.derived).expect("the names keep the rules");
    // Whether there are series of each of these names.
    let mut are_there = |stage: &mut Stage| {
        stage.pass(1);
        let facts = stage.facts();
        let staged = series.write(&mut stage.derived, &facts);
        ["old", "other", "new"].map(|name| {
            let mut series = staged.schema.series.iter();
            series.any(|one| one.labels.iter().any(|label| **label == *name))
        })
    };
    stage.end("1", "old", "success", 1.0);
    assert_eq!(are_there(&mut stage), [true, false, false]);
    stage.time += Duration::from_secs(26 * 3600);
    // One that finds no room makes the next look for it.
    stage.end("2", "early", "success", 1.0);
    assert_eq!(are_there(&mut stage), [true, true, false]);
    stage.end("3", "new", "success", 1.0);
    assert_eq!(are_there(&mut stage), [false, true, true]);
}

#[test]
fn a_recorder_takes_counts_for_its_buckets_alone() {
    let mut recorder = Recorder::new(9);
    let metric = Metric::histogram("a_seconds", "seconds", "h", &[], &[1.0]).expect("it is one");
    let metric = recorder.define(metric).expect("it is new");
    assert!(recorder.count::<&str>(metric, &[], &[1, 2], 5.0).is_ok());
    assert!(
        recorder
            .count::<&str>(metric, &[], &[1, 2, 3], 5.0)
            .is_err()
    );
    assert!(recorder.count::<&str>(metric, &[], &[1], f64::NAN).is_err());
    let gauge = Metric::new(MetricKind::Gauge, "b", "", "h", &[]).expect("it is one");
    let gauge = recorder.define(gauge).expect("it is new");
    assert!(recorder.count::<&str>(gauge, &[], &[1], 5.0).is_err());
    assert_eq!(recorder.commit().writes.len(), 3);
}
