//! The past over HTTP: chosen series, their values at steps, what they come to; and what is refused.

use std::time::{Duration, Instant, SystemTime};

use probity::history::{self, History, Writer};
use probity::http::Handles;
use probity::model::{Metric, MetricKind, Recorder, Tally};
use serde_json::{Value, json};

use crate::snapshots::{record, sampler, snapshot};
use crate::wire::{TestServer, config};

/// One tick: a counter at `total`, and three gauges that differ in a label.
fn tick(writer: &mut Writer, total: f64) {
    let fill = |recorder: &mut Recorder| {
        let counter = Metric::new(MetricKind::Counter, "jobs_total", "", "Jobs.", &[]).unwrap();
        record(recorder, &counter, &[], total);
        let kind = MetricKind::Gauge;
        let gauge = Metric::new(kind, "depth_bytes", "bytes", "Depth.", &["queue"]).unwrap();
        for (queue, value) in [("a", 1.0), ("b", 2.0), ("<b>", total)] {
            record(recorder, &gauge, &[queue], value);
        }
    };
    let shown = snapshot(1, vec![sampler("machine", fill)]);
    writer.record(&shown, Instant::now());
}

fn past() -> History {
    let mut writer = Writer::new(&history::Config::default(), &mut Tally::default());
    for total in 0..10 {
        let before = SystemTime::now();
        tick(&mut writer, f64::from(total));
        // Samples have whole milliseconds: no two of these shall have the same.
        while before.elapsed().unwrap_or_default() < Duration::from_millis(2) {}
    }
    writer.history()
}

fn server() -> TestServer {
    let with = |handles| Handles {
        history: Some(past()),
        ..handles
    };
    TestServer::start_with(&config(), None, with)
}

pub async fn ask(server: &TestServer, path: &str) -> (u16, Value) {
    let answer = server.get(path).await;
    let document = serde_json::from_slice(&answer.body).unwrap();
    (answer.status, document)
}

fn names(document: &Value) -> Vec<String> {
    let series = document["series"].as_array().unwrap();
    let name = |one: &Value| format!("{}{}", one["name"].as_str().unwrap(), one["labels"]);
    series.iter().map(name).collect()
}

#[tokio::test]
async fn series_are_chosen_as_prometheus_chooses_them() {
    let server = server();
    let (_, all) = ask(&server, "/api/v1/series").await;
    assert_eq!(names(&all).len(), 4);
    for (selector, wanted) in [
        ("jobs_total", vec!["jobs_total{}"]),
        ("{queue=\"a\"}", vec!["depth_bytes{\"queue\":\"a\"}"]),
        (
            "depth_bytes{queue=~\"a|b\"}",
            vec![
                "depth_bytes{\"queue\":\"a\"}",
                "depth_bytes{\"queue\":\"b\"}",
            ],
        ),
        (
            "depth_bytes{queue!~\"a|b\"}",
            vec!["depth_bytes{\"queue\":\"<b>\"}"],
        ),
        ("{__name__=~\"jobs.*\"}", vec!["jobs_total{}"]),
        ("depth_bytes{queue=\"\"}", vec![]),
        ("jobs_total{queue=\"\"}", vec!["jobs_total{}"]),
    ] {
        let path = format!("/api/v1/series?match={}", encoded(selector));
        let (status, document) = ask(&server, &path).await;
        assert_eq!(
            (status, names(&document)),
            (200, owned(wanted)),
            "{selector}"
        );
    }
    let first = &all["series"][0];
    assert_eq!(
        (&first["type"], &first["help"]),
        (&json!("counter"), &json!("Jobs."))
    );
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

pub fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn a_total_is_told_by_its_rate_and_a_gauge_by_its_value() {
    let server = server();
    for (query, way, least) in [
        ("series=jobs_total", "rate", 1.0),
        ("series=jobs_total&as=value&fn=max", "value", 9.0),
        ("series=jobs_total&as=value&fn=count", "value", 10.0),
        ("series=jobs_total&as=value&fn=p99", "value", 4.0),
        ("series=jobs_total&fn=p50", "rate", 1.0),
        ("series=depth_bytes{queue=%22b%22}&fn=min", "value", 2.0),
    ] {
        let path = format!("/api/v1/history?window=1m&step=1h&{query}");
        let (status, document) = ask(&server, &path.replace('{', "%7B").replace('}', "%7D")).await;
        assert_eq!(status, 200, "{query}: {document}");
        let series = &document["series"][0];
        assert_eq!(series["as"], way, "{query}");
        let points = series["points"].as_array().unwrap();
        let values: Vec<f64> = points
            .iter()
            .filter_map(|point| point[1].as_f64())
            .collect();
        // The minute may lie over the turn of an hour.
        assert!((1..=2).contains(&points.len()), "{query}");
        let most = values.iter().copied().fold(0.0, f64::max);
        assert!(most >= least, "{query}: {values:?}");
    }
    let (_, document) = ask(&server, "/api/v1/history?series=jobs_total&window=10m").await;
    let times: Vec<i64> = document["series"][0]["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point[0].as_i64().unwrap())
        .collect();
    assert_eq!(document["step_ms"], 5_000);
    assert!(times.iter().all(|time| time % 5_000 == 0));
    assert!((120..=121).contains(&times.len()));
}

#[tokio::test]
async fn nothing_is_told_from_after_the_end_though_its_step_goes_on() {
    let server = server();
    let end = SystemTime::now() - Duration::from_secs(10);
    let end = end
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let path = format!("/api/v1/history?series=jobs_total&as=value&window=5s&step=1h&end={end}");
    let (_, document) = ask(&server, &path).await;
    let points = document["series"][0]["points"].as_array().unwrap();
    assert!(points.iter().all(|point| point[1].is_null()), "{points:?}");
}

#[tokio::test]
async fn aggregates_are_those_of_the_window() {
    let server = server();
    let (_, document) = ask(&server, "/api/v1/aggregates?series=jobs_total&as=value").await;
    let jobs = &document["series"][0];
    let numbers = ["count", "average", "minimum", "maximum", "p50"];
    let found: Vec<f64> = numbers
        .iter()
        .map(|key| jobs[key].as_f64().unwrap())
        .collect();
    assert_eq!(found, [10.0, 4.5, 0.0, 9.0, 4.5]);
    assert!(jobs["first"].as_str() <= jobs["last"].as_str());
    let (_, none) = ask(&server, "/api/v1/aggregates?series=jobs_total&end=1000").await;
    assert_eq!(none["series"], json!([]), "nothing is as old as that");
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_place() {
    let server = server();
    for (path, status, parameter, word) in [
        ("series?match=up%7Ba=%7D", 400, "match", "character 6"),
        ("history", 400, "series", "selector"),
        ("history?series=rate(up%5B5m%5D)", 400, "series", "selector"),
        ("history?series=up&window=5", 400, "window", "unit"),
        ("history?series=up&window=0s", 400, "window", "between"),
        ("history?series=up&step=-1s", 400, "step", "unit"),
        ("history?series=up&end=yesterday", 400, "end", "time"),
        ("history?series=up&as=log", 400, "as", "value, rate"),
        (
            "history?series=up&fn=p90",
            400,
            "fn",
            "count, p50, p95, p99",
        ),
        ("history?series=up&colour=red", 400, "colour", "unknown"),
        ("aggregates?series=up&step=1s", 400, "step", "unknown"),
        ("history?series=up&end=1&end=2", 400, "end", "twice"),
        (
            "series?match=%7Bqueue=~%22(%22%7D",
            400,
            "match",
            "character 9",
        ),
    ] {
        let (got, document) = ask(&server, &format!("/api/v1/{path}")).await;
        assert_eq!(got, status, "{path}: {document}");
        assert_eq!(document["parameter"], parameter, "{path}: {document}");
        let detail = document["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{path}: {detail}");
    }
    for (count, text, what) in [
        (51, "series=up", "51 selectors"),
        (21, "series=up%7Ba=~%22b%22%7D", "21 regular expressions"),
    ] {
        for route in ["history", "aggregates"] {
            let path = format!("/api/v1/{route}?{}", vec![text; count].join("&"));
            let (status, document) = ask(&server, &path).await;
            assert_eq!(status, 422, "{document}");
            assert!(
                document["detail"].as_str().unwrap().contains(what),
                "{document}"
            );
        }
    }
    let path = "/api/v1/history?series=jobs_total&window=1d&step=1ms";
    let (status, document) = ask(&server, path).await;
    assert_eq!(status, 422);
    assert!(
        document["detail"]
            .as_str()
            .unwrap()
            .contains("at most 500000")
    );
}

#[tokio::test]
async fn where_no_past_is_kept_there_is_none_to_ask_for() {
    let server = TestServer::start(&config(), Some(crate::shown(1)));
    for path in ["series", "history?series=up", "aggregates?series=up"] {
        let (status, document) = ask(&server, &format!("/api/v1/{path}")).await;
        assert_eq!(status, 404, "{path}");
        assert!(
            document["detail"]
                .as_str()
                .unwrap()
                .contains("history.enabled")
        );
    }
}

#[tokio::test]
async fn overall_values_and_each_sources_own() {
    let server = TestServer::start(&config(), Some(crate::shown(1)));
    let (_, overall) = ask(&server, "/api/v1/overall").await;
    assert_eq!(overall["sources_total"], 2);
    assert_eq!(overall["sources_failed"], 0);
    assert_eq!(overall["series_total"], 51);
    let (_, sources) = ask(&server, "/api/v1/sources").await;
    assert_eq!(sources["sources"][1]["name"], "files");
    let (_, files) = ask(&server, "/api/v1/sources/files").await;
    assert_eq!(files["metrics"][0]["name"], "files_found");
    assert_eq!(files["metrics"][0]["value"], 3.0);
    let (status, document) = ask(&server, "/api/v1/sources/%ff").await;
    assert_eq!(status, 400);
    assert_eq!(document["detail"], "a part of the path is no UTF-8");
    let (status, document) = ask(&server, "/api/v1/sources/nothing").await;
    assert_eq!(status, 404);
    assert!(document["detail"].as_str().unwrap().contains("`nothing`"));
}

#[tokio::test]
async fn a_page_of_another_site_asks_no_dear_questions() {
    let server = server();
    let cross = "sec-fetch-site: cross-site\r\n";
    let embedded = format!("{cross}sec-fetch-mode: no-cors\r\n");
    let followed = format!("{cross}sec-fetch-mode: navigate\r\n");
    let own = "sec-fetch-site: same-origin\r\nsec-fetch-mode: cors\r\n";
    for (path, headers, status) in [
        ("/api/v1/series", &*embedded, 403),
        ("/api/v1/series", cross, 403),
        ("/prometheus/api/v1/query?query=1", &embedded, 403),
        ("/api/v1/series", &followed, 200),
        ("/api/v1/series", own, 200),
        ("/api/v1/series", "", 200),
        ("/livez", &embedded, 200),
    ] {
        let answer = server.get_with(path, headers).await;
        assert_eq!(answer.status, status, "{path} with {headers:?}");
    }
}
