//! Which documents are rendered apart.

use std::time::{Duration, SystemTime};

use super::*;
use crate::model::{Input, Metric, MetricKind, Recorder, SourceInfo, SourceKind};
use crate::snapshot::{FactSheet, HealthReport, RunStats, SourceView};

/// A snapshot of one source with so many series of the metric, each with a label of so many bytes.
fn snapshot(metric: Metric, input: Input<'_>, series: usize, label: usize) -> Snapshot {
    let mut recorder = Recorder::new(series);
    let metric = recorder.define(metric).expect("it is new");
    for index in 0..series {
        let label = format!("{index:0label$}");
        recorder
            .write(metric, &[label], input)
            .expect("there is room");
    }
    let source = SourceView {
        info: SourceInfo {
            name: "test".into(),
            kind: SourceKind::Probe,
            interval: Duration::from_secs(1),
        },
        generation: 1,
        schema: recorder.commit().schema,
        points: Arc::from([]),
        failure: None,
        runs: RunStats::default(),
    };
    Snapshot {
        sequence: 1,
        timestamp: SystemTime::UNIX_EPOCH,
        published: Instant::now(),
        whole: true,
        facts: FactSheet::default(),
        sources: vec![Arc::new(source)],
        probes: Vec::new(),
        operations: Arc::default(),
        health: Arc::new(HealthReport::new(Vec::new())),
    }
}

#[test]
fn a_document_is_heavy_by_what_its_series_make() {
    let gauge = || Metric::new(MetricKind::Gauge, "a", "", "", &["x"]).expect("it is one");
    let bounds: Vec<f64> = (0..200).map(f64::from).collect();
    let wide = || Metric::histogram("a", "", "", &["x"], &bounds).expect("it is one");
    let (set, observe) = (Input::Set(1.0), Input::Observe(&[1.0]));
    for (metric, input, series, label, json, text) in [
        (gauge(), set, 100, 6, false, false),
        (gauge(), set, 499, 6, false, false),
        (gauge(), set, 500, 6, true, false),
        (gauge(), set, 400, 1000, true, false),
        (gauge(), set, 20_000, 30, true, false),
        (gauge(), set, 30_000, 6, true, true),
        (wide(), observe, 1, 6, false, false),
        (wide(), observe, 20, 6, true, false),
        (wide(), observe, 20, 1000, true, true),
    ] {
        let what = format!("{series} {} of {label} bytes", metric.kind.as_str());
        let snapshot = snapshot(metric, input, series, label);
        assert_eq!(Document::Snapshot.is_heavy(&snapshot), json, "{what}");
        assert_eq!(Document::OpenMetrics.is_heavy(&snapshot), text, "{what}");
    }
}
