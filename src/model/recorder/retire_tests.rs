//! Tests of what is taken away: with what was staged, and made again.

use super::super::Input;
use super::super::tests::gauge;
use super::*;
use crate::model::{Metric, MetricKind, Staged};

#[test]
fn a_retired_series_takes_its_staged_writes_along() {
    let mut recorder = Recorder::new(10);
    let metric = gauge(&mut recorder, "a", &["x"]);
    let series = recorder.series(metric, &["v"]).expect("there is room");
    recorder.set(series, 1.0).expect("it is a gauge");
    assert!(recorder.retire("a", &["v"]));
    assert!(!recorder.retire("a", &["v"]) && !recorder.retire("b", &["v"]));
    let staged = recorder.commit();
    assert!(staged.writes.is_empty() && staged.schema.series.is_empty());
}

/// Which series of a schema begin anew, by their first label.
fn fresh(staged: &Staged) -> Vec<(&str, bool)> {
    let series = staged.schema.series.iter();
    series
        .map(|series| (&*series.labels[0], series.fresh))
        .collect()
}

#[test]
fn what_is_taken_away_and_made_again_begins_anew_once() {
    let mut recorder = Recorder::new(10);
    let metric = gauge(&mut recorder, "a", &["x"]);
    let write = |recorder: &mut Recorder, label| {
        recorder
            .write(metric, &[label], Input::Set(1.0))
            .expect("there is room");
    };
    write(&mut recorder, "v");
    assert!(recorder.retire("a", &["v"]), "nobody has seen it");
    write(&mut recorder, "v");
    assert_eq!(fresh(&recorder.commit()), [("v", false)]);
    for _ in 0..2 {
        assert!(recorder.retire("a", &["v"]));
        write(&mut recorder, "v");
    }
    assert_eq!(fresh(&recorder.commit()), [("v", true)]);
    write(&mut recorder, "v");
    assert_eq!(fresh(&recorder.commit()), [("v", false)]);
}

#[test]
fn a_failed_run_leaves_a_schema_only_if_it_took_something_away() {
    let mut recorder = Recorder::new(10);
    let metric = gauge(&mut recorder, "a", &["x"]);
    let write = |recorder: &mut Recorder, label| {
        recorder
            .write(metric, &[label], Input::Set(1.0))
            .expect("there is room");
    };
    write(&mut recorder, "v");
    recorder.commit();
    write(&mut recorder, "w");
    assert!(recorder.retire("a", &["w"]));
    recorder.discard();
    assert!(!recorder.leftover().schema.recorded);

    assert!(recorder.retire("a", &["v"]));
    write(&mut recorder, "v");
    recorder.discard();
    let left = recorder.leftover();
    assert!(left.schema.recorded && left.schema.series.is_empty() && left.writes.is_empty());
    assert!(!recorder.leftover().schema.recorded);
}

#[test]
fn all_series_with_one_label_go_together_and_others_stay() {
    let mut recorder = Recorder::new(10);
    let mut metric = |name: &str, kind, keys: &[&str]| {
        let metric = Metric::new(kind, name, "", "h", keys).expect("it keeps the rules");
        recorder.define(metric).expect("it keeps the rules")
    };
    let gauge = metric("a", MetricKind::Gauge, &["source"]);
    let total = metric("b_total", MetricKind::Counter, &["reason", "source"]);
    for source in ["one", "two"] {
        let series = recorder
            .series(gauge, &[source])
            .expect("it keeps the rules");
        recorder.set(series, 1.0).expect("it keeps the rules");
        let series = recorder
            .series(total, &["one", source])
            .expect("it keeps the rules");
        recorder.add(series, 1.0).expect("it keeps the rules");
    }
    recorder.retire_labelled("source", "one");
    recorder.retire_labelled("source", "three");
    let staged = recorder.commit();
    let left: Vec<_> = staged
        .schema
        .series
        .iter()
        .map(|series| (&*series.metric.name, series.labels.join(" ")))
        .collect();
    assert_eq!(
        left,
        [("a", "two".to_owned()), ("b_total", "one two".to_owned())]
    );
    assert_eq!(staged.writes.len(), 2);
}

#[test]
fn what_is_held_goes_with_its_series_and_with_its_instance() {
    let mut recorder = Recorder::new(1);
    let metric = gauge(&mut recorder, "a", &["x"]);
    let held = |recorder: &mut Recorder| {
        let series = recorder.series(metric, &["old"]).expect("there is room");
        recorder.set(series, 1.0).expect("it is a gauge");
        recorder.hold();
    };
    held(&mut recorder);
    assert!(recorder.retire("a", &["old"]));
    recorder.series(metric, &["new"]).expect("there is room");
    let staged = recorder.commit();
    assert!(staged.writes.is_empty());
    assert_eq!(&*staged.schema.series[0].labels[0], "new");

    assert!(recorder.retire("a", &["new"]));
    held(&mut recorder);
    recorder.forget_instance();
    assert!(recorder.commit().writes.is_empty());
}
