//! The text formats: golden files for what they look like, a property for what they must keep.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../support/exposition.rs"]
mod exposition;
mod property;
#[path = "../support/snapshots.rs"]
mod snapshots;

use std::time::{Duration, Instant};

use exposition::{Exposition, parse};
use probity::export::{Encoded, Encoder, Format};
use probity::model::{Metric, MetricKind};
use probity::snapshot::Snapshot;
use snapshots::{INTERVAL, gauge, probe, record, sampler, snapshot};

const FORMATS: [Format; 2] = [Format::Prometheus, Format::OpenMetrics];

fn encode(format: Format, snapshot: &Snapshot) -> Encoded {
    Encoder::new(format).encode(snapshot, Instant::now())
}

fn text(encoded: &Encoded) -> &str {
    std::str::from_utf8(&encoded.bytes).unwrap()
}

fn read(format: Format, encoded: &Encoded) -> Exposition {
    parse(text(encoded), format == Format::OpenMetrics)
        .unwrap_or_else(|rule| panic!("{format:?}: {rule}\n{}", text(encoded)))
}

fn metric(kind: MetricKind, name: &str, unit: &str, help: &str, labels: &[&str]) -> Metric {
    Metric::new(kind, name, unit, help, labels).unwrap()
}

/// One series of each kind, special values, and text that needs escaping, from a sampler and a probe.
fn gallery() -> Snapshot {
    let memory = metric(
        MetricKind::Gauge,
        "machine_memory_bytes",
        "bytes",
        "Memory by \"kind\", C:\\like.",
        &["kind"],
    );
    let requests = metric(
        MetricKind::Counter,
        "jobs_total",
        "",
        "Jobs done.",
        &["queue"],
    );
    let waited = metric(
        MetricKind::Counter,
        "jobs_waited_seconds_total",
        "seconds",
        "Time they waited.",
        &[],
    );
    let build = metric(
        MetricKind::Info,
        "build_info",
        "",
        "What runs.",
        &["version"],
    );
    let state = Metric::state_set(
        "job_state",
        "Where it is.",
        &["job"],
        &["idle", "busy \"now\""],
    )
    .unwrap();
    let bounds = [0.005, 1.0, 10.0];
    let delay =
        Metric::histogram("delay_seconds", "seconds", "Delays.", &["path"], &bounds).unwrap();
    let change =
        Metric::histogram("change_celsius", "celsius", "Falls too.", &[], &[-1.0, 1.0]).unwrap();
    let machine = sampler("machine", |recorder| {
        record(recorder, &memory, &["free"], 1_073_741_824.0);
        record(recorder, &memory, &["a\\b\"c\nd"], 0.1);
        record(recorder, &memory, &["nan"], f64::NAN);
        record(recorder, &memory, &["up"], f64::INFINITY);
        record(recorder, &memory, &["down"], f64::NEG_INFINITY);
        record(recorder, &build, &["1.2.3"], 1.0);
        record(recorder, &change, &[], -5.0);
    });
    let jobs = probe("jobs", |recorder| {
        record(recorder, &requests, &["mail"], 3.0);
        record(recorder, &requests, &[""], 4.5);
        record(recorder, &waited, &[], 1e300);
        record(recorder, &state, &["nightly"], 1.0);
        for value in [0.001, 0.5, 0.5, 99.0] {
            record(recorder, &delay, &["/"], value);
        }
        // The same family as the machine's: together, and stamped.
        record(recorder, &memory, &["free"], 7.0);
    });
    snapshot(1, vec![machine, jobs])
}

/// Compares with a committed file; `PROBITY_BLESS=1` writes it anew.
fn golden(file: &str, actual: &str) {
    let path = format!("{}/tests/golden/{file}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("PROBITY_BLESS").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        actual, wanted,
        "{path} (PROBITY_BLESS=1 writes it anew if the change is wanted)"
    );
}

#[test]
fn prometheus_text_looks_like_the_golden_file() {
    let encoded = encode(Format::Prometheus, &gallery());
    read(Format::Prometheus, &encoded);
    golden("metrics.prom", text(&encoded));
}

#[test]
fn openmetrics_text_looks_like_the_golden_file() {
    let encoded = encode(Format::OpenMetrics, &gallery());
    read(Format::OpenMetrics, &encoded);
    golden("metrics.openmetrics", text(&encoded));
}

#[test]
fn a_family_of_two_types_goes_to_the_first_and_the_rest_is_counted() {
    let total = metric(MetricKind::Counter, "disputed_total", "", "A total.", &[]);
    let first = sampler("first", |recorder| gauge(recorder, "disputed", 1.0));
    let second = probe("second", |recorder| {
        record(recorder, &total, &[], 2.0);
        gauge(recorder, "agreed", 3.0);
    });
    let snapshot = snapshot(1, vec![first, second]);
    // In OpenMetrics the counter's family is called like the gauge; in Prometheus text it is not.
    for (format, left_out) in [(Format::Prometheus, 0), (Format::OpenMetrics, 1)] {
        let encoded = encode(format, &snapshot);
        let read = read(format, &encoded);
        assert_eq!(
            (encoded.left_out, encoded.series),
            (left_out, 3 - left_out),
            "{format:?}"
        );
        assert_eq!(read.value("disputed", &[]), Some(1.0));
        assert_eq!(read.value("agreed", &[("probe", "second")]), Some(3.0));
    }
}

#[test]
fn one_series_of_two_samplers_is_written_once_whatever_the_order_of_its_labels() {
    let one = metric(MetricKind::Gauge, "twice", "", "Made by two.", &["a", "b"]);
    let two = metric(MetricKind::Gauge, "twice", "", "Made by two.", &["b", "a"]);
    let first = sampler("first", |recorder| record(recorder, &one, &["x", "y"], 1.0));
    let second = sampler("second", |recorder| {
        record(recorder, &two, &["y", "x"], 2.0)
    });
    let snapshot = snapshot(1, vec![first, second]);
    for format in FORMATS {
        let encoded = encode(format, &snapshot);
        let read = read(format, &encoded);
        assert_eq!((encoded.series, encoded.left_out), (1, 1));
        assert_eq!(read.value("twice", &[("a", "x"), ("b", "y")]), Some(1.0));
    }
}

#[test]
fn a_state_set_called_probe_cannot_forge_the_probe_label() {
    let forged = Metric::state_set("probe", "Forged.", &[], &["other"]).unwrap();
    let snapshot = snapshot(
        1,
        vec![probe("real", |recorder| {
            record(recorder, &forged, &[], 0.0)
        })],
    );
    for format in FORMATS {
        let encoded = encode(format, &snapshot);
        read(format, &encoded);
        assert_eq!((encoded.series, encoded.left_out), (0, 1));
    }
}

#[test]
fn what_is_absent_is_left_out_with_its_family_and_totals_stay() {
    let total = metric(MetricKind::Counter, "kept_total", "", "Kept.", &[]);
    let snapshot = snapshot(
        1,
        vec![sampler("one", |recorder| {
            gauge(recorder, "fading", 1.0);
            record(recorder, &total, &[], 2.0);
        })],
    );
    for format in FORMATS {
        let mut encoder = Encoder::new(format);
        let fresh = encoder.encode(&snapshot, Instant::now());
        assert!(text(&fresh).contains("fading 1\n"));
        let later = encoder.encode(&snapshot, Instant::now() + INTERVAL * 4);
        assert_eq!(later.series, 1, "{format:?}");
        assert!(!text(&later).contains("fading"));
        assert!(text(&later).contains("kept_total 2\n"));
    }
}

#[test]
fn an_encoder_kept_from_snapshot_to_snapshot_follows_every_change() {
    let mut encoder = Encoder::new(Format::Prometheus);
    let mut encode = |sources| {
        let encoded = encoder.encode(&snapshot(1, sources), Instant::now());
        text(&encoded).to_owned()
    };
    let one = sampler("one", |recorder| gauge(recorder, "first", 1.0));
    let mut changed = one.clone();
    changed.points = changed
        .points
        .iter()
        .map(|point| probity::model::Point {
            value: 9.0,
            ..*point
        })
        .collect();
    let two = probe("two", |recorder| gauge(recorder, "second", 2.0));
    let other = sampler("one", |recorder| gauge(recorder, "third", 3.0));
    assert!(encode(vec![one.clone()]).ends_with("first 1\n"));
    assert!(encode(vec![changed]).ends_with("first 9\n"));
    assert!(encode(vec![one, two.clone()]).ends_with("second{probe=\"two\"} 2\n"));
    assert!(encode(vec![other, two.clone()]).contains("third 3\n"));
    assert!(!encode(vec![two.clone()]).contains("third"));
    let mut renamed = two;
    renamed.info.name = "three".into();
    assert!(encode(vec![renamed]).contains("second{probe=\"three\"} 2\n"));
}

#[test]
fn a_metric_without_help_or_a_known_beginning_has_no_such_line() {
    let bare = metric(MetricKind::Counter, "bare_total", "", "", &[]);
    let mut source = sampler("one", |recorder| record(recorder, &bare, &[], 2.0));
    source.points = source
        .points
        .iter()
        .enumerate()
        .map(|(slot, point)| probity::model::Point {
            value: if slot == 0 { point.value } else { 0.0 },
            ..*point
        })
        .collect();
    let encoded = encode(Format::OpenMetrics, &snapshot(1, vec![source]));
    assert_eq!(text(&encoded), "# TYPE bare counter\nbare_total 2\n# EOF\n");
}

#[test]
fn an_empty_snapshot_is_an_empty_exposition() {
    let empty = snapshot(1, Vec::new());
    assert_eq!(text(&encode(Format::Prometheus, &empty)), "");
    assert_eq!(text(&encode(Format::OpenMetrics, &empty)), "# EOF\n");
}

#[test]
fn a_snapshot_from_long_ago_keeps_its_totals_and_nothing_else() {
    let later = Instant::now() + Duration::from_secs(3600);
    let encoded = Encoder::new(Format::Prometheus).encode(&gallery(), later);
    let read = read(Format::Prometheus, &encoded);
    let kinds: Vec<&str> = read.types.values().map(String::as_str).collect();
    assert!(
        kinds
            .iter()
            .all(|kind| ["counter", "histogram"].contains(kind)),
        "{kinds:?}"
    );
    assert_eq!(encoded.series, 5);
}
