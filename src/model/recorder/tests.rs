//! Tests of the recorder: what a source can get wrong, and that slots never mix.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::{Change, Series};

pub(super) fn gauge(recorder: &mut Recorder, name: &str, keys: &[&str]) -> MetricId {
    let metric =
        Metric::new(MetricKind::Gauge, name, "", "Help.", keys).expect("a good definition");
    recorder
        .define(metric)
        .expect("a new or the same definition")
}

#[test]
fn the_same_definition_is_the_same_metric_and_another_is_refused() {
    let mut recorder = Recorder::new(10);
    let first = gauge(&mut recorder, "a", &["x"]);
    assert_eq!(gauge(&mut recorder, "a", &["x"]), first);
    for keys in [&[][..], &["y"], &["x", "y"]] {
        let metric =
            Metric::new(MetricKind::Gauge, "a", "", "Help.", keys).expect("a good definition");
        assert!(matches!(
            recorder.define(metric),
            Err(SeriesError::Redefined { .. })
        ));
    }
}

#[test]
fn wrong_calls_are_refused_and_stage_nothing() {
    let mut recorder = Recorder::new(10);
    let metric = gauge(&mut recorder, "a", &["x"]);
    let long = "v".repeat(LONGEST_VALUE + 1);
    assert!(matches!(
        recorder.series::<&str>(metric, &[]),
        Err(SeriesError::LabelMismatch {
            keys: 1,
            values: 0,
            ..
        })
    ));
    assert!(matches!(
        recorder.series(metric, &[long.as_str()]),
        Err(SeriesError::LabelTooLong { .. })
    ));
    assert!(recorder.series(metric, &[&long[1..]]).is_ok());
    let series = recorder.series(metric, &["v"]).expect("there is room");
    assert!(matches!(
        recorder.add(series, 1.0),
        Err(SeriesError::WrongKind { .. })
    ));
    assert!(matches!(
        recorder.observe(series, 1.0),
        Err(SeriesError::WrongKind { .. })
    ));
    assert!(matches!(
        recorder.set(SeriesId::from_number(77), 1.0),
        Err(SeriesError::UnknownSeries(77))
    ));
    assert_eq!(recorder.staged(), 0);
}

#[test]
fn labels_that_join_alike_are_different_series() {
    let mut recorder = Recorder::new(10);
    let metric = gauge(&mut recorder, "a", &["x", "y"]);
    let pairs = [
        ["ab", "c"],
        ["a", "bc"],
        ["", "abc"],
        ["1:a", "b"],
        ["1", ":ab"],
    ];
    let ids: Vec<u32> = pairs
        .iter()
        .map(|pair| {
            recorder
                .series(metric, pair)
                .expect("there is room")
                .to_number()
        })
        .collect();
    assert_eq!(ids, [0, 1, 2, 3, 4]);
}

#[test]
fn at_the_limit_only_absent_gauges_give_way() {
    let mut recorder = Recorder::new(2);
    let metric = gauge(&mut recorder, "a", &["x"]);
    let old = recorder.series(metric, &["old"]).expect("there is room");
    recorder.set(old, 1.0).expect("it is a gauge");
    for turn in 0..ABSENT_AFTER_RUNS + 1 {
        let kept = recorder.series(metric, &["kept"]).expect("there is room");
        recorder.set(kept, 1.0).expect("it is a gauge");
        let wanted = recorder.series(metric, &["new"]);
        assert!(
            matches!(
                wanted,
                Err(SeriesError::TooManySeries {
                    wanted: 3,
                    limit: 2,
                    ..
                })
            ),
            "turn {turn}"
        );
        recorder.commit();
    }
    recorder
        .series(metric, &["new"])
        .expect("the old one gave way");
    assert_eq!(recorder.series_count(), 2);
    assert!(matches!(
        recorder.set(old, 2.0),
        Err(SeriesError::UnknownSeries(_))
    ));
}

pub(super) fn counter(recorder: &mut Recorder, name: &str) -> SeriesId {
    let metric = Metric::new(MetricKind::Counter, name, "", "Help.", &[]).expect("it is one");
    let metric = recorder.define(metric).expect("it is new");
    recorder.series::<&str>(metric, &[]).expect("there is room")
}

/// The changes and values of all writes.
pub(super) fn writes(staged: &Staged) -> Vec<(Change, f64)> {
    let writes = staged.writes.iter();
    writes.map(|write| (write.change, write.value)).collect()
}

#[test]
fn g48_a_run_stages_one_value_a_series_however_often_it_writes() {
    let mut recorder = Recorder::new(10);
    let total = counter(&mut recorder, "a_total");
    let metric = Metric::histogram("b", "", "Help.", &[], &[1.0, 2.0]).expect("it is one");
    let metric = recorder.define(metric).expect("it is new");
    let histogram = recorder.series::<&str>(metric, &[]).expect("there is room");
    for _ in 0..1000 {
        recorder.add(total, 2.0).expect("it may be added to");
        let values = Input::Observe(&[0.5, 3.0, 1.0]);
        recorder.put(histogram, values).expect("they are finite");
    }
    assert_eq!(recorder.staged(), 2);
    let wanted = [
        (Change::Add, 2000.0),
        (Change::Count { bucket: 0 }, 2000.0),
        (Change::Count { bucket: 2 }, 1000.0),
        (Change::Sum, 4500.0),
    ];
    assert_eq!(writes(&recorder.commit()), wanted);
    assert!(recorder.commit().writes.is_empty());
}

#[test]
fn what_is_written_over_what_is_staged_is_refused_or_added() {
    let mut recorder = Recorder::new(10);
    let total = counter(&mut recorder, "a_total");
    recorder.mirror(total, 5.0).expect("it is the first");
    let twice = recorder.mirror(total, 6.0);
    assert!(matches!(twice, Err(SeriesError::Duplicate(_))));
    recorder.add(total, 2.0).expect("it may be added to");
    assert_eq!(writes(&recorder.commit()), [(Change::Mirror, 7.0)]);
    recorder.add(total, f64::MAX).expect("it is finite");
    let beyond = recorder.add(total, f64::MAX);
    assert!(matches!(beyond, Err(SeriesError::NotFinite(_))));
    assert_eq!(writes(&recorder.commit()), [(Change::Add, f64::MAX)]);
}

#[test]
fn of_many_observations_those_before_the_refused_one_count() {
    let mut recorder = Recorder::new(10);
    let metric = Metric::histogram("b", "", "Help.", &[], &[1.0]).expect("it is one");
    let metric = recorder.define(metric).expect("it is new");
    let series = recorder.series::<&str>(metric, &[]).expect("there is room");
    for refused in [&[f64::NAN, 1.0][..], &[1.0, f64::INFINITY, 1.0]] {
        let result = recorder.put(series, Input::Observe(refused));
        assert!(matches!(result, Err(SeriesError::NotFinite(_))));
    }
    let wanted = [(Change::Count { bucket: 0 }, 1.0), (Change::Sum, 1.0)];
    assert_eq!(writes(&recorder.commit()), wanted);
}

#[test]
fn what_is_held_outlives_failed_runs_and_goes_first() {
    let mut recorder = Recorder::new(10);
    let metric = gauge(&mut recorder, "a", &[]);
    let series = recorder.series::<&str>(metric, &[]).expect("there is room");
    recorder.set(series, 1.0).expect("it is a gauge");
    recorder.hold();
    for _ in 0..2 {
        recorder.set(series, 2.0).expect("it is another run");
        recorder.discard();
    }
    recorder.set(series, 3.0).expect("it is another run");
    let wanted = [(Change::Set, 1.0), (Change::Set, 3.0)];
    assert_eq!(writes(&recorder.commit()), wanted);
    assert!(recorder.commit().writes.is_empty());
}

#[test]
fn series_that_only_a_failed_run_needed_go_with_it() {
    let mut recorder = Recorder::new(10);
    let metric = gauge(&mut recorder, "a", &["x"]);
    let write = |recorder: &mut Recorder, label| recorder.write(metric, &[label], Input::Set(1.0));
    write(&mut recorder, "known").expect("there is room");
    recorder.commit();
    for label in ["known", "new", "bound"] {
        write(&mut recorder, label).expect("there is room");
    }
    let bound = recorder.series(metric, &["bound"]).expect("it is there");
    recorder.discard();
    assert_eq!(recorder.series_count(), 2);
    recorder.set(bound, 1.0).expect("its id was given out");
    recorder.discard();
    recorder.forget_instance();
    assert_eq!(recorder.series_count(), 1);
    assert!(matches!(
        recorder.set(bound, 1.0),
        Err(SeriesError::UnknownSeries(_))
    ));
}

#[test]
fn a_refused_write_makes_no_series() {
    let mut recorder = Recorder::new(10);
    let gauge = gauge(&mut recorder, "a", &["x"]);
    let total = Metric::new(MetricKind::Counter, "b_total", "", "Help.", &[]).expect("it is one");
    let total = recorder.define(total).expect("it is new");
    let histogram = Metric::histogram("c", "", "Help.", &[], &[1.0]).expect("it is one");
    let histogram = recorder.define(histogram).expect("it is new");
    let states = Metric::state_set("d", "Help.", &[], &["on"]).expect("it is one");
    let states = recorder.define(states).expect("it is new");
    let since = Input::MirrorSince {
        total: 1.0,
        created: f64::NAN,
    };
    for (metric, labels, input, code) in [
        (gauge, &[][..], Input::Set(1.0), "metrics.label-mismatch"),
        (gauge, &["v"], Input::Add(1.0), "metrics.wrong-kind"),
        (total, &[], Input::Add(-1.0), "metrics.decrease"),
        (total, &[], Input::Mirror(f64::NAN), "metrics.not-finite"),
        (total, &[], since, "metrics.not-finite"),
        (
            histogram,
            &[],
            Input::Observe(&[f64::NAN, 1.0]),
            "metrics.not-finite",
        ),
        (states, &[], Input::Activate("off"), "metrics.unknown-state"),
    ] {
        let refused = recorder.write(metric, labels, input).expect_err(code);
        assert_eq!(refused.code(), code);
    }
    recorder
        .write::<&str>(histogram, &[], Input::Observe(&[]))
        .expect("it is nothing");
    assert_eq!((recorder.series_count(), recorder.staged()), (0, 0));
}

#[test]
fn totals_that_no_run_began_give_way_in_time() {
    let mut recorder = Recorder::new(2);
    let metric = Metric::new(MetricKind::Counter, "a_total", "", "Help.", &["x"]);
    let metric = recorder
        .define(metric.expect("it is one"))
        .expect("it is new");
    recorder
        .write(metric, &["begun"], Input::Add(1.0))
        .expect("there is room");
    recorder.commit();
    recorder.series(metric, &["bound"]).expect("there is room");
    for _ in 0..=ABSENT_AFTER_RUNS {
        assert!(recorder.series(metric, &["new"]).is_err());
        recorder.discard();
    }
    recorder
        .series(metric, &["new"])
        .expect("the bound one gave way");
    assert!(
        recorder.series(metric, &["another"]).is_err(),
        "the begun one stays"
    );
}

#[test]
fn a_hundred_thousand_series_give_way_in_one_go() {
    const MANY: usize = 100_000;
    let mut recorder = Recorder::new(MANY);
    let metric = gauge(&mut recorder, "a", &["x"]);
    for label in 0..MANY {
        let label = label.to_string();
        recorder
            .write(metric, &[label], Input::Set(1.0))
            .expect("there is room");
    }
    for _ in 0..=ABSENT_AFTER_RUNS {
        recorder.commit();
    }
    // For each series to go through all of them would take minutes, and the test with it.
    recorder.series(metric, &["new"]).expect("all gave way");
    assert_eq!(recorder.series_count(), 1);
}

#[test]
fn what_a_run_fills_again_is_looked_through_once() {
    let mut recorder = Recorder::new(2);
    let metric = gauge(&mut recorder, "a", &["x"]);
    for label in ["a", "b"] {
        recorder.series(metric, &[label]).expect("there is room");
    }
    for _ in 0..=ABSENT_AFTER_RUNS {
        recorder.commit();
    }
    for label in ["c", "d"] {
        recorder.series(metric, &[label]).expect("two gave way");
    }
    assert!(recorder.series(metric, &["e"]).is_err());
    assert_eq!(recorder.series_count(), 2);
    assert!(recorder.series(metric, &["c"]).is_ok(), "it is still there");
}

#[test]
fn at_the_limit_of_text_what_is_absent_gives_way() {
    let metric =
        |name| Metric::new(MetricKind::Gauge, name, "", "Help.", &["x"]).expect("it is one");
    let one = metric("a").text_bytes(&["v"]);
    let mut recorder = Recorder::new(10).with_text_limit(2 * one);
    let id = recorder.define(metric("a")).expect("it is new");
    for label in ["v", "w"] {
        recorder.series(id, &[label]).expect("there is room");
    }
    for _ in 0..=ABSENT_AFTER_RUNS {
        let refused = recorder.series(id, &["x"]).expect_err("there is no room");
        let wanted = SeriesError::TooMuchText {
            name: "a".into(),
            wanted: 3 * one,
            limit: 2 * one,
        };
        assert_eq!(refused, wanted);
        recorder.commit();
    }
    recorder.series(id, &["xy"]).expect("two gave way");
    assert_eq!(recorder.commit().schema.text, one + 1);
    assert!(recorder.series(id, &["x"]).is_err());
    assert!(recorder.retire("a", &["xy"]));
    assert_eq!(recorder.commit().schema.text, 0);
}

#[test]
fn slots_are_as_many_as_the_live_series_need() {
    let mut recorder = Recorder::new(1);
    for buckets in 1..200 {
        let name = format!("h{buckets}");
        let bounds: Vec<f64> = (0..buckets).map(f64::from).collect();
        let metric = Metric::histogram(&name, "", "Help.", &[], &bounds).expect("it is one");
        let metric = recorder.define(metric).expect("it is new");
        recorder.series::<&str>(metric, &[]).expect("there is room");
        assert_eq!(recorder.commit().schema.slots, bounds.len() + 3);
        assert!(recorder.retire::<&str>(&name, &[]));
    }
}

proptest! {
    /// Whatever is defined, written and retired in whatever order: a committed write lands in the slot of its own series.
    #[test]
    fn every_write_finds_its_own_series(steps in prop::collection::vec((0..3_u8, 0..4_u8, any::<bool>()), 0..200)) {
        let mut recorder = Recorder::new(100);
        let metrics = ["a", "b", "c"].map(|name| gauge(&mut recorder, name, &["x"]));
        for (metric, label, retire) in steps {
            let (name, label) = (["a", "b", "c"][usize::from(metric)], label.to_string());
            if retire {
                recorder.retire(name, &[&label]);
                continue;
            }
            let series = recorder.series(metrics[usize::from(metric)], &[&label]).expect("there is room");
            let value = f64::from(metric) * 10.0 + label.parse::<f64>().expect("it is a digit");
            recorder.set(series, value).expect("once a run");
            let staged = recorder.commit();
            let slots: BTreeMap<u32, &Series> = staged.schema.series.iter().map(|series| (series.slot, series)).collect();
            prop_assert_eq!(slots.len(), staged.schema.series.len(), "no two series share a slot");
            prop_assert!(slots.keys().all(|slot| (*slot as usize) < staged.schema.slots));
            for write in &staged.writes {
                let owner = slots[&write.slot];
                prop_assert_eq!(&*owner.metric.name, name);
                prop_assert_eq!(&*owner.labels[0], label.as_str());
                prop_assert_eq!(write.value, value);
            }
        }
    }
}
