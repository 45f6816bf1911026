//! An archive that an earlier run wrote at a longer step than this one has.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use probity::archive;
use probity::history;
use probity::http::Handles;
use probity::model::{MetricKind, Span, Summary, Tally};
use probity::snapshot::SnapshotCell;
use probity::store::{KeptSeries, PastSeries, Sample, Store};

use super::history::ask;
use super::wire::{TestServer, config};

/// The earlier run's step, in milliseconds.
const LONG: i64 = 1_200_000;

/// Rows of a series that is gone, whose steps end up to `newest`.
fn rows(newest: i64) -> KeptSeries {
    let row = |back: i64| Sample {
        time: newest - back * LONG,
        last_time: newest - back * LONG,
        summary: Summary::of(7.0),
    };
    KeptSeries {
        series: PastSeries {
            name: "gone".into(),
            labels: Box::default(),
            kind: MetricKind::Gauge,
            unit: "".into(),
            source: "machine".into(),
            cumulative: false,
        },
        samples: (0..10).rev().map(row).collect(),
    }
}

#[tokio::test]
async fn a_shorter_step_than_before_makes_no_gaps_of_the_older_past() {
    let folder = tempfile::tempdir().unwrap();
    let mut tally = Tally::default();
    let store = Store::open(folder.path(), &mut tally).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    let newest = now / LONG * LONG;
    let mut keeping = store.past().keep(Arc::new([rows(newest)]), None).unwrap();
    let written = keeping.within(Duration::from_secs(60)).await;
    written.unwrap().unwrap();

    let mut writer = history::Writer::new(&history::Config::default(), &mut tally);
    writer.record(&crate::shown(1), Instant::now());
    let mut settings = archive::Config::default();
    settings.series.enabled = true;
    settings.series.step = Span::seconds(60);
    let (past, cell) = (writer.history(), Arc::new(SnapshotCell::new()));
    let kept = archive::Writer::new(&settings, Some(past.clone()), cell, &mut tally);
    let kept = kept.unwrap().archive();
    kept.open(store.past());
    let server = TestServer::start_with(&config(), None, |handles| Handles {
        history: Some(past),
        archive: Some(kept),
        ..handles
    });

    let end = newest / 1_000;
    let path = format!("/api/v1/history?series=gone&window=2h&end={end}");
    let (_, document) = ask(&server, &path).await;
    assert_eq!(document["step_ms"], LONG, "{document}");
    let points = document["series"][0]["points"].as_array().unwrap();
    assert_eq!(points.len(), 6);
    assert!(points.iter().all(|point| point[1] == 7.0), "{points:?}");

    // A quarter of an hour after a row, which is the newest until the next one.
    let time = end - 300;
    let path = format!("/prometheus/api/v1/query?query=gone&time={time}");
    let (_, document) = ask(&server, &path).await;
    assert_eq!(document["data"]["result"][0]["value"][1], "7", "{document}");
    server.stop().await;
}
