//! PromQL about the past from before memory.

use std::sync::Arc;
use std::time::Instant;

use probity::archive;
use probity::history;
use probity::http::Handles;
use probity::model::Tally;
use probity::snapshot::SnapshotCell;
use serde_json::{Value, json};

use crate::archive::Bench;
use crate::history::{ask, encoded};
use crate::wire::{TestServer, config};

async fn result(bench: &Bench, path: &str) -> Value {
    let (status, document) = ask(&bench.server, &format!("/prometheus/api/v1/{path}")).await;
    assert_eq!(status, 200, "{document}");
    assert_eq!(document.get("warnings"), None, "{document}");
    document["data"]["result"].clone()
}

#[tokio::test]
async fn a_graph_begins_in_the_archive_and_ends_in_memory() {
    let bench = Bench::new().await;
    let end = bench.end / 1_000;
    let path = format!(
        "query_range?query=depth&start={}&end={end}&step=60",
        end - 360
    );
    let line = result(&bench, &path).await;
    let values: Vec<&str> = line[0]["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value[1].as_str().unwrap())
        .collect();
    // Rows until two minutes before the end have the last value of each minute, and memory has one each five seconds.
    assert_eq!(values, ["-110", "-50", "10", "70", "130", "190", "250"]);
    let path = format!(
        "query?query={}&time={end}",
        encoded("increase(jobs_total[421s])")
    );
    let gained = result(&bench, &path).await;
    let gained: f64 = gained[0]["value"][1].as_str().unwrap().parse().unwrap();
    assert!((gained - 421.0).abs() < 1e-6, "{gained}");
}

#[tokio::test]
async fn a_series_that_memory_has_no_more_is_told_until_memory_begins() {
    let bench = Bench::new().await;
    let end = bench.end / 1_000;
    for (time, count) in [(end - 180, 1), (end - 151, 1), (end - 150, 0), (end, 0)] {
        let found = result(&bench, &format!("query?query=gone&time={time}")).await;
        assert_eq!(found.as_array().unwrap().len(), count, "{time}");
    }
    let path = format!("query?query=gone&time={}&lookback_delta=10s", end - 151);
    assert_eq!(result(&bench, &path).await.as_array().unwrap().len(), 1);
    let path = format!("query?query=gone&time={}&lookback_delta=3s", end - 151);
    assert_eq!(
        result(&bench, &path).await,
        json!([]),
        "as old as is asked for"
    );
}

#[tokio::test]
async fn an_archive_that_cannot_be_read_is_a_warning() {
    let mut tally = Tally::default();
    let mut writer = history::Writer::new(&history::Config::default(), &mut tally);
    writer.record(&crate::shown(1), Instant::now());
    let past = writer.history();
    let mut settings = archive::Config::default();
    settings.series.enabled = true;
    let cell = Arc::new(SnapshotCell::new());
    let writer = archive::Writer::new(&settings, Some(past.clone()), cell, &mut tally);
    let kept = writer.unwrap().archive();
    let with = |handles| Handles {
        history: Some(past),
        archive: Some(kept),
        ..handles
    };
    let server = TestServer::start_with(&config(), None, with);
    let query = encoded("sum_over_time(machine_value_7[1h])");
    let (status, document) = ask(&server, &format!("/prometheus/api/v1/query?query={query}")).await;
    assert_eq!(status, 200, "{document}");
    assert_eq!(document["data"]["result"][0]["value"][1], "7");
    let warning = document["warnings"][0].as_str().unwrap();
    assert!(warning.contains("the store is not open"), "{warning}");
}
