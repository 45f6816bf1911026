//! Tests of the recorder: what a source can get wrong, and that slots never mix.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn gauge(recorder: &mut Recorder, name: &str, keys: &[&str]) -> MetricId {
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
