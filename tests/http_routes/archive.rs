//! The past from before memory: what the archive has of it, put together with what memory has; and kept snapshots.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use probity::archive::{self, Archive};
use probity::history::{self, Moment};
use probity::http::Handles;
use probity::model::{Metric, MetricKind, Recorder, Span, Summary, Tally};
use probity::snapshot::{Snapshot, SnapshotCell};
use probity::store::{KeptSeries, PastSeries, Sample, Store};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::history::{ask, encoded};
use crate::snapshots::{gauge, record, sampler, snapshot};
use crate::wire::{PATIENCE, TestServer, config};

const STEP: i64 = 60_000;
const TICK: i64 = 5_000;

fn counter() -> Metric {
    Metric::new(MetricKind::Counter, "jobs_total", "", "Jobs.", &[]).unwrap()
}

/// A counter and a gauge, both at `total`.
fn shown(total: f64) -> Snapshot {
    let fill = |recorder: &mut Recorder| {
        record(recorder, &counter(), &[], total);
        gauge(recorder, "depth", total);
    };
    snapshot(1, vec![sampler("machine", fill)])
}

fn settings() -> archive::Config {
    let mut config = archive::Config::default();
    config.series.enabled = true;
    config.series.step = Span::seconds(60);
    config.snapshots.enabled = true;
    config
}

/// An archive of ten minutes, and a memory that has the last two and a half of them and is not written yet.
pub struct Bench {
    pub server: TestServer,
    archive: archive::Writer,
    /// When memory begins, in milliseconds: half a minute into a step.
    memory: i64,
    pub end: i64,
    _store: Store,
    _folder: TempDir,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(|tick| Some(100.0 + (tick * 5) as f64)).await
    }

    /// Both are at `total` of the tick in memory; nothing where that tick is left out.
    async fn with(total: impl Fn(i64) -> Option<f64>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut tally = Tally::default();
        let store = Store::open(folder.path(), &mut tally).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let end = now.as_millis() as i64 / STEP * STEP;
        let memory = end - 150_000;
        write(&store, end).await;
        let mut writer = history::Writer::new(&history::Config::default(), &mut tally);
        for tick in 0..=30 {
            let wall = memory + tick * TICK;
            let boot = 1_000_000 + tick * TICK;
            // There were 95 a tick before.
            if let Some(total) = total(tick) {
                let moment = Moment { boot, wall };
                writer.record_at(&shown(total), Instant::now(), moment);
            }
        }
        let cell = Arc::new(SnapshotCell::new());
        let history = writer.history();
        let archive = archive::Writer::new(&settings(), Some(history), cell, &mut tally).unwrap();
        archive.archive().open(store.past());
        let (past, kept) = (writer.history(), archive.archive());
        let with = |handles| Handles {
            history: Some(past),
            archive: Some(kept),
            ..handles
        };
        Self {
            server: TestServer::start_with(&config(), None, with),
            archive,
            memory,
            end,
            _store: store,
            _folder: folder,
        }
    }

    async fn ask(&self, query: &str) -> Value {
        let end = self.end / 1_000;
        let path = format!("/api/v1/history?end={end}&{query}");
        let (status, document) = ask(&self.server, &path).await;
        assert_eq!(status, 200, "{document}");
        document
    }
}

/// A time as documents show it.
fn time(at: i64) -> Value {
    let time = UNIX_EPOCH + Duration::from_millis(at as u64);
    let shown = Snapshot {
        timestamp: time,
        ..shown(0.0)
    };
    probity::snapshot::part(&shown, "timestamp", Instant::now()).unwrap()
}

/// Ten minutes until two minutes before `end`, of three series: a total that gains 60 a minute, a gauge, and one that is gone. The
/// last row is of the half step that an earlier run had of it.
async fn write(store: &Store, end: i64) {
    let series = |name: &str, kind, cumulative, value: fn(f64) -> Summary| KeptSeries {
        series: PastSeries {
            name: name.into(),
            labels: Box::default(),
            kind,
            unit: "".into(),
            source: "machine".into(),
            cumulative,
        },
        samples: (0..10)
            .map(|back| {
                let time = end - 2 * STEP - back * STEP;
                // A tick before memory begins, and at the end of each step before.
                let last_time = if back == 0 { end - 155_000 } else { time };
                let total = 95.0 + (last_time - (end - 155_000)) as f64 / 1_000.0;
                Sample {
                    time,
                    last_time,
                    summary: value(total),
                }
            })
            .collect(),
    };
    let twelve = |last: f64| Summary {
        count: 12,
        sum: last * 12.0,
        minimum: last - 5.0,
        maximum: last + 5.0,
        last,
    };
    let kept = [
        series("jobs_total", MetricKind::Counter, true, twelve),
        series("depth", MetricKind::Gauge, false, twelve),
        series("gone", MetricKind::Gauge, false, twelve),
    ];
    let mut keeping = store.past().keep(Arc::new(kept), None).unwrap();
    keeping.within(PATIENCE).await.unwrap().unwrap();
}

fn points(document: &Value, series: usize) -> Vec<(i64, Option<f64>)> {
    let points = document["series"][series]["points"].as_array().unwrap();
    let point = |point: &Value| (point[0].as_i64().unwrap(), point[1].as_f64());
    points.iter().map(point).collect()
}

fn values(document: &Value, series: usize) -> Vec<Option<f64>> {
    points(document, series)
        .into_iter()
        .map(|(_, value)| value)
        .collect()
}

#[tokio::test]
async fn a_window_that_memory_has_is_answered_from_memory_alone() {
    let bench = Bench::new().await;
    let document = bench.ask("window=2m&series=depth&step=1m&fn=last").await;
    assert_eq!(document["archive_until"], Value::Null);
    assert_eq!(values(&document, 0), [Some(190.0), Some(250.0)]);
    assert_eq!(document.get("archive_error"), None);
}

#[tokio::test]
async fn a_longer_window_goes_on_into_the_archive() {
    let bench = Bench::new().await;
    let document = bench.ask("window=5m&series=depth&fn=last").await;
    assert_eq!(document["step_ms"], STEP, "not shorter than the archive's");
    assert_eq!(document["archive_until"], time(bench.memory - 1));
    let all = points(&document, 0);
    assert_eq!(all[0].0, bench.end - 4 * STEP);
    let wanted = [10.0, 70.0, 130.0, 190.0, 250.0].map(Some);
    assert_eq!(values(&document, 0), wanted);
    for (fold, wanted) in [
        // Twelve of 95 on average, and seven ticks from 100 to 130.
        ("avg", (12.0 * 95.0 + 7.0 * 115.0) / 19.0),
        ("min", 90.0),
        ("max", 130.0),
        ("count", 19.0),
    ] {
        let query = format!("window=5m&series=depth&fn={fold}");
        let found = values(&bench.ask(&query).await, 0);
        let value = found[2].unwrap();
        assert!(
            (value - wanted).abs() < 1e-9,
            "{fold} of the step with the seam in it: {value}"
        );
    }
}

#[tokio::test]
async fn rates_go_on_across_the_seam() {
    let bench = Bench::new().await;
    let document = bench.ask("window=6m&series=jobs_total&step=1m").await;
    assert_eq!(document["series"][0]["as"], "rate");
    let rates = values(&document, 0);
    assert_eq!(rates.len(), 6);
    assert_eq!(
        rates,
        [Some(1.0); 6],
        "one a second on both sides, and between"
    );
}

#[tokio::test]
async fn the_rate_of_the_step_with_the_seam_is_what_was_gained_in_its_time() {
    // Ten a second in memory, which has of its first half minute only the ends.
    let total = |tick: i64| 145.0 + (tick * 50) as f64;
    let bench = Bench::with(|tick| (!(1..6).contains(&tick)).then(|| total(tick))).await;
    let query = "window=5m&series=jobs_total&step=1m&fn=";
    let rates = values(&bench.ask(&format!("{query}avg")).await, 0);
    // One a second for the 25 s that the archive has of the minute, and ten for the 35 s after that.
    let seam = (25.0 + 350.0) / 60.0;
    let wanted = [1.0, 1.0, seam, 10.0, 10.0].map(Some);
    for (rate, wanted) in std::iter::zip(&rates, wanted) {
        assert!((rate.unwrap() - wanted.unwrap()).abs() < 1e-9, "{rates:?}");
    }
    let counts = values(&bench.ask(&format!("{query}count")).await, 0);
    assert_eq!(counts[2], Some(3.0), "rates, and not their milliseconds");
}

#[tokio::test]
async fn percentiles_are_those_of_each_step_and_refused_where_there_are_only_rows() {
    let bench = Bench::new().await;
    // Twelve ticks a minute: from 135 to 190, and on to 250.
    let document = bench.ask("window=2m&series=depth&step=1m&fn=p50").await;
    assert_eq!(values(&document, 0), [Some(162.5), Some(222.5)]);
    let document = bench.ask("window=2m&series=depth&step=1m&fn=p95").await;
    let found: Vec<f64> = values(&document, 0).into_iter().flatten().collect();
    assert!((found[0] - 187.25).abs() < 1e-9, "{found:?}");
    let document = bench
        .ask("window=2m&series=jobs_total&step=1m&fn=p99")
        .await;
    assert_eq!(values(&document, 0), [Some(1.0), Some(1.0)]);
    let path = format!(
        "/api/v1/history?end={}&window=5m&series=depth&fn=p99",
        bench.end / 1_000
    );
    let (status, document) = ask(&bench.server, &path).await;
    assert_eq!((status, &document["parameter"]), (400, &json!("fn")));
    let detail = document["detail"].as_str().unwrap();
    let until = time(bench.memory - 1);
    for word in ["`fn=p99`", "rows of the archive", until.as_str().unwrap()] {
        assert!(detail.contains(word), "{detail}");
    }
}

#[tokio::test]
async fn aggregates_go_on_into_the_archive() {
    let bench = Bench::new().await;
    let end = bench.end / 1_000;
    let path = format!("/api/v1/aggregates?end={end}&window=5m&series=depth&series=jobs_total");
    let (status, document) = ask(&bench.server, &path).await;
    assert_eq!(status, 200, "{document}");
    assert_eq!(document["archive_until"], time(bench.memory - 1));
    let depth = &document["series"][0];
    // Three rows of twelve, 10, 70 and 95 on average, and 31 ticks from 100 to 250.
    let rows = 12.0 * (10.0 + 70.0 + 95.0);
    let average = (rows + 31.0 * 175.0) / 67.0;
    assert!((depth["average"].as_f64().unwrap() - average).abs() < 1e-9);
    for (key, wanted) in [
        ("count", json!(67)),
        ("minimum", json!(5.0)),
        ("maximum", json!(250.0)),
        ("p50", Value::Null),
        ("first", time(bench.end - 5 * STEP)),
        ("last", time(bench.end)),
        ("covered_ms", json!(5 * STEP)),
    ] {
        assert_eq!(depth[key], wanted, "{key}");
    }
    let jobs = &document["series"][1];
    assert_eq!(jobs["covered_ms"], 5 * STEP, "the first gain's time, too");
    assert_eq!(
        (&jobs["as"], &jobs["average"]),
        (&json!("rate"), &json!(1.0))
    );
    let path = format!("/api/v1/aggregates?end={end}&window=2m&series=depth");
    let (_, document) = ask(&bench.server, &path).await;
    assert_eq!(document["archive_until"], Value::Null);
    assert_eq!(document["series"][0]["p50"], 192.5);
    let path = format!("/api/v1/aggregates?end={end}&window=10m&series=gone");
    let (_, document) = ask(&bench.server, &path).await;
    let gone = &document["series"][0];
    assert_eq!(gone["count"], 96, "the archive alone has it");
    // Until the last sample of the half step.
    assert_eq!(gone["covered_ms"], 10 * STEP - 155_000);
    let path = format!(
        "/api/v1/aggregates?end={}&window=50s&series=gone",
        end - 180
    );
    let (_, document) = ask(&bench.server, &path).await;
    assert_eq!(document["series"][0]["covered_ms"], 50_000, "one row");
}

#[tokio::test]
async fn aggregates_and_points_of_one_window_agree() {
    // A burst of 300 where the window begins, at which there is no tick, and another at its end.
    let total = |tick: i64| (tick * 5 + 300 * (tick / 12)) as f64;
    let bench = Bench::with(|tick| (tick != 12).then(|| total(tick))).await;
    let window = format!("window=1m&end={}&series=", (bench.end - 30_000) / 1_000);
    for (series, way) in [
        ("jobs_total", "rate"),
        ("jobs_total", "value"),
        ("depth", "value"),
    ] {
        let query = format!("{window}{series}&as={way}");
        let (_, all) = ask(&bench.server, &format!("/api/v1/aggregates?{query}")).await;
        let all = &all["series"][0];
        for (fold, key) in [
            ("avg", "average"),
            ("min", "minimum"),
            ("max", "maximum"),
            ("count", "count"),
        ] {
            let path = format!("/api/v1/history?{query}&step=30s&fn={fold}");
            let (_, document) = ask(&bench.server, &path).await;
            let halves: Vec<f64> = values(&document, 0).into_iter().flatten().collect();
            assert_eq!(halves.len(), 2, "{query}");
            let both = match fold {
                "avg" => (halves[0] + halves[1]) / 2.0,
                "min" => halves[0].min(halves[1]),
                "max" => halves[0].max(halves[1]),
                _ => halves[0] + halves[1],
            };
            let found = all[key].as_f64().unwrap();
            assert!(
                (found - both).abs() < 1e-9,
                "{query} {key}: {found} and {both}"
            );
        }
    }
}

#[tokio::test]
async fn series_that_memory_has_no_more_are_found_in_the_archive() {
    let bench = Bench::new().await;
    let selector = encoded("{__name__=~\"g.*|depth\"}");
    let document = bench
        .ask(&format!("window=10m&series={selector}&fn=max"))
        .await;
    let names: Vec<_> = document["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["depth", "gone"]);
    let gone = &document["series"][1];
    assert_eq!(
        (&gone["type"], &gone["labels"]),
        (&json!("gauge"), &json!({}))
    );
    let found = values(&document, 1);
    assert_eq!(found.iter().flatten().count(), 8, "{found:?}");
    assert_eq!(found[8..], [None, None]);
}

#[tokio::test]
async fn what_is_written_meanwhile_is_told_once() {
    let Bench {
        server,
        archive,
        end,
        _store,
        _folder,
        ..
    } = Bench::new().await;
    let path = format!(
        "/api/v1/history?end={}&window=5m&series=depth&fn=count",
        end / 1_000
    );
    let (_, before) = ask(&server, &path).await;
    let stop = CancellationToken::new();
    stop.cancel();
    archive.run(stop).await;
    let (_, after) = ask(&server, &path).await;
    assert_ne!(before["archive_until"], after["archive_until"]);
    assert_eq!(before["series"], after["series"]);
}

#[tokio::test]
async fn an_archive_that_cannot_be_read_leaves_what_memory_has() {
    let mut writer = history::Writer::new(&history::Config::default(), &mut Tally::default());
    writer.record(&shown(1.0), Instant::now());
    let cell = Arc::new(SnapshotCell::new());
    let past = writer.history();
    let archive =
        archive::Writer::new(&settings(), Some(past.clone()), cell, &mut Tally::default());
    let kept: Archive = archive.unwrap().archive();
    let with = |handles| Handles {
        history: Some(past),
        archive: Some(kept),
        ..handles
    };
    let server = TestServer::start_with(&config(), None, with);
    let (status, document) = ask(&server, "/api/v1/history?window=1h&step=1h&series=depth").await;
    assert_eq!(status, 200);
    assert_eq!(document["archive_until"], Value::Null);
    assert!(
        document["archive_error"]
            .as_str()
            .unwrap()
            .contains("the store is not open")
    );
    assert!(values(&document, 0).contains(&Some(1.0)));
    let (status, document) = ask(&server, "/api/v1/snapshots").await;
    assert_eq!(status, 503);
    assert!(
        document["detail"]
            .as_str()
            .unwrap()
            .contains("the store is not open")
    );
}

/// A server over three kept snapshots, a minute apart.
async fn with_snapshots(folder: &TempDir) -> (TestServer, Store) {
    let store = Store::open(folder.path(), &mut Tally::default()).unwrap();
    let mut config = archive::Config::default();
    config.snapshots.enabled = true;
    // They are older than any retention but the longest.
    config.snapshots.retention = Span::seconds(87_600 * 3_600);
    let (mut kept, cell) = (None, Arc::new(SnapshotCell::new()));
    for sequence in 1..=3 {
        cell.publish(Snapshot {
            timestamp: UNIX_EPOCH + Duration::from_secs(1_700_000_000 + 60 * sequence),
            ..crate::shown(sequence)
        });
        let writer = archive::Writer::new(&config, None, cell.clone(), &mut Tally::default());
        let writer = writer.unwrap();
        writer.archive().open(store.past());
        kept = Some(writer.archive());
        let stop = CancellationToken::new();
        stop.cancel();
        writer.run(stop).await;
    }
    let with = |handles| Handles {
        archive: kept,
        ..handles
    };
    (
        TestServer::start_with(&crate::wire::config(), None, with),
        store,
    )
}

#[tokio::test]
async fn kept_snapshots_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _store) = with_snapshots(&folder).await;
    let (_, list) = ask(&server, "/api/v1/snapshots").await;
    let list = list["snapshots"].as_array().unwrap();
    let told: Vec<_> = list
        .iter()
        .map(|one| (&one["time"], &one["sequence"]))
        .collect();
    assert_eq!(told[0], (&json!("2023-11-14T22:16:20.000Z"), &json!(3)));
    assert_eq!(list.len(), 3);
    assert!(list[0]["size_bytes"].as_u64().unwrap() > 100);
    let count = async |query: &str| {
        let (_, list) = ask(&server, &format!("/api/v1/snapshots?{query}")).await;
        list["snapshots"].as_array().unwrap().len()
    };
    assert_eq!(count("from=1700000061").await, 2);
    assert_eq!(
        count("from=1700000061&until=2023-11-14T22:15:20.001Z").await,
        1
    );
    assert_eq!(
        count("from=1700000061&until=2023-11-14T22:15:20Z").await,
        0,
        "the next page"
    );
    assert_eq!(count("limit=1").await, 1);
}

#[tokio::test]
async fn a_kept_snapshot_is_shown_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _store) = with_snapshots(&folder).await;
    for (time, sequence) in [
        ("1700000060", 1),
        ("1700000179.9", 2),
        ("2023-11-14T22:16:20Z", 3),
    ] {
        let (status, document) = ask(&server, &format!("/api/v1/snapshots/{time}")).await;
        assert_eq!(
            (status, &document["sequence"]),
            (200, &json!(sequence)),
            "{time}"
        );
        assert_eq!(document["metrics"][0]["name"], "machine_value_0");
        assert_eq!(document["probes"][0]["name"], "files");
    }
    for (path, status, word) in [
        (
            "/1700000059",
            404,
            "no snapshot of 2023-11-14T22:14:19.000Z",
        ),
        ("/yesterday", 400, "must be a time"),
        ("?limit=0", 400, "between 1 and 1000"),
        ("?limit=1001", 400, "between 1 and 1000"),
        ("?from=x", 400, "must be a time"),
        ("?colour=red", 400, "unknown query parameter"),
    ] {
        let (got, document) = ask(&server, &format!("/api/v1/snapshots{path}")).await;
        let detail = document["detail"].as_str().unwrap();
        assert_eq!(got, status, "{path}: {detail}");
        assert!(detail.contains(word), "{path}: {detail}");
    }
}

#[tokio::test]
async fn where_no_snapshots_are_kept_the_answer_says_which_key_changes_that() {
    let plain = TestServer::start(&config(), Some(crate::shown(1)));
    let bench = Bench::new().await;
    let mut only_series = settings();
    only_series.snapshots.enabled = false;
    let history =
        history::Writer::new(&history::Config::default(), &mut Tally::default()).history();
    let cell = Arc::new(SnapshotCell::new());
    let kept = archive::Writer::new(&only_series, Some(history), cell, &mut Tally::default());
    let kept = kept.map(|writer| writer.archive());
    let with = |handles| Handles {
        archive: kept,
        ..handles
    };
    let without = TestServer::start_with(&config(), None, with);
    for server in [&plain, &without] {
        for path in ["/api/v1/snapshots", "/api/v1/snapshots/1700000000"] {
            let (status, document) = ask(server, path).await;
            assert_eq!(status, 404, "{path}");
            assert!(
                document["detail"]
                    .as_str()
                    .unwrap()
                    .contains("archive.snapshots.enabled")
            );
        }
    }
    let (status, list) = ask(&bench.server, "/api/v1/snapshots").await;
    assert_eq!((status, list), (200, json!({ "snapshots": [] })));
}
