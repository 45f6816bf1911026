//! The requests that Grafana's Prometheus data source makes, with what it reads of the answers.
//!
//! Taken from its source (grafana/grafana): `pkg/promlib` for queries, the health check and what it forwards, and
//! `packages/grafana-prometheus/src` for variables, the metrics browser and the editor.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use probity::history::{self, History, Moment, Writer};
use probity::http::{Config, Handles};
use probity::model::{ByteSize, Metric, MetricKind, Recorder, Tally};
use serde_json::{Value, json};

use crate::snapshots::{record, sampler, snapshot};
use crate::wire::{Answer, TestServer, config};

/// Ticks, and the milliseconds from one to the next.
const TICKS: i32 = 10;
const STEP: i64 = 5_000;

/// One tick of a counter, two gauges and a histogram, which has one value more in each of two buckets than the tick before.
fn tick(writer: &mut Writer, total: i32, moment: Moment) {
    let fill = |recorder: &mut Recorder| {
        let counter = Metric::new(MetricKind::Counter, "jobs_total", "", "Jobs.", &[]).unwrap();
        record(recorder, &counter, &[], f64::from(total));
        let kind = MetricKind::Gauge;
        let gauge = Metric::new(kind, "depth_bytes", "bytes", "Depth.", &["queue"]).unwrap();
        for (queue, value) in [("a", 1.0), ("<b>", 2.5)] {
            record(recorder, &gauge, &[queue], value);
        }
        let bounds = [0.5, 1.0];
        let histogram = Metric::histogram("took_seconds", "seconds", "Took.", &[], &bounds);
        let histogram = histogram.unwrap();
        for _ in 0..=total {
            record(recorder, &histogram, &[], 0.25);
            record(recorder, &histogram, &[], 0.75);
        }
    };
    let shown = snapshot(1, vec![sampler("machine", fill)]);
    writer.record_at(&shown, Instant::now(), moment);
}

/// A past whose last tick is at `end`, in milliseconds.
fn past(end: i64) -> History {
    let mut writer = Writer::new(&history::Config::default(), &mut Tally::default());
    for total in 0..TICKS {
        let before = i64::from(TICKS - 1 - total) * STEP;
        let moment = Moment {
            boot: 1_000_000 - before,
            wall: end - before,
        };
        tick(&mut writer, total, moment);
    }
    writer.history()
}

fn server_until(config: &Config, end: i64) -> TestServer {
    let with = |handles| Handles {
        history: Some(past(end)),
        ..handles
    };
    TestServer::start_with(config, None, with)
}

fn server_of(config: &Config) -> TestServer {
    server_until(config, (now() * 1e3) as i64)
}

fn server() -> TestServer {
    server_of(&config())
}

/// Now, in seconds as Grafana writes them.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

async fn get(server: &TestServer, path: &str) -> Answer {
    server.get(&format!("/prometheus/api/v1/{path}")).await
}

async fn post(server: &TestServer, path: &str, form: &str) -> Answer {
    post_as(server, path, "application/x-www-form-urlencoded", form).await
}

async fn post_as(server: &TestServer, path: &str, media: &str, body: &str) -> Answer {
    let mut client = server.connect().await;
    let length = body.len();
    let request = format!(
        "POST /prometheus/api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    client.send(request).await;
    client.answer().await
}

/// What a successful answer has under `data`.
fn data(answer: &Answer) -> Value {
    let document = answer.json();
    assert_eq!(answer.status, 200, "{document}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(document["status"], "success");
    document["data"].clone()
}

#[tokio::test]
async fn save_and_test() {
    let server = server();
    let sum = post(&server, "query", "query=1%2B1&time=4").await;
    let wanted = json!({ "resultType": "scalar", "result": [4, "2"] });
    assert_eq!(data(&sum), wanted);
    let build = data(&get(&server, "status/buildinfo").await);
    assert!(build["version"].as_str().unwrap().starts_with("3."));
    assert_eq!(
        build["features"],
        Value::Null,
        "it would be taken for Mimir"
    );
    server.stop().await;
}

/// The last tick of a panel's past, in seconds.
const END: i64 = 1_700_000_000;

/// What a panel draws: each line's labels, and its values by their seconds since the last tick.
type Drawn = Vec<(Value, Vec<(i64, f64)>)>;

/// Asks for the two minutes around the last tick, in nine steps.
async fn drawn(server: &TestServer, query: &str) -> Drawn {
    let (start, end) = (END - 60, END + 60);
    let form = format!("query={query}&start={start}&end={end}&step=15s&timeout=5s");
    let graph = data(&post(server, "query_range", &form).await);
    // The same with the method GET, for a data source that is configured so.
    let by_get = get(server, &format!("query_range?{form}")).await;
    assert_eq!(data(&by_get), graph);
    assert_eq!(graph["resultType"], "matrix");
    let line = |line: &Value| {
        let values = line["values"].as_array().unwrap().iter();
        let value = |value: &Value| {
            let number: f64 = value[1].as_str().unwrap().parse().unwrap();
            (value[0].as_i64().unwrap() - END, number)
        };
        (line["metric"].clone(), values.map(value).collect())
    };
    graph["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(line)
        .collect()
}

#[tokio::test]
async fn a_panel() {
    let server = server_until(&config(), END * 1_000);
    let steps = |from: i64| (from..=60).step_by(15);
    // From the first tick on, and up to a minute behind the last: what no tick ends goes on for five.
    let level = |from, value: f64| steps(from).map(|at| (at, value)).collect::<Vec<_>>();
    let (one, other) = (json!({ "queue": "a" }), json!({ "queue": "<b>" }));
    let named = json!({ "__name__": "depth_bytes", "queue": "<b>" });
    // What a range of a minute has of the nine that were counted in 45 s, goes on to where it begins or half a step beyond the last.
    let gained = [3.0, 6.0, 9.0, 9.5, 6.5, 3.5];
    let rates = std::iter::zip(steps(-30), gained.map(|gained| gained / 60.0));
    let quantile = "histogram_quantile(0.9,sum+by+(le)+(rate(took_seconds_bucket[5m])))";
    for (query, wanted) in [
        (
            "depth_bytes%7Bqueue%3D%22%3Cb%3E%22%7D",
            vec![(named.clone(), level(-45, 2.5))],
        ),
        ("rate(jobs_total[1m])", vec![(json!({}), rates.collect())]),
        (
            "sum+by+(queue)+(depth_bytes)",
            vec![(other, level(-45, 2.5)), (one, level(-45, 1.0))],
        ),
        ("sum(depth_bytes)", vec![(json!({}), level(-45, 3.5))]),
        (quantile, vec![(json!({}), level(-30, 0.9))]),
        ("topk(1,depth_bytes)", vec![(named, level(-45, 2.5))]),
        (
            "time()",
            vec![(
                json!({}),
                steps(-60).map(|at| (at, (END + at) as f64)).collect(),
            )],
        ),
    ] {
        let drawn = drawn(&server, query).await;
        assert_eq!(drawn.len(), wanted.len(), "{query}");
        for ((metric, values), (labels, wanted)) in std::iter::zip(drawn, wanted) {
            assert_eq!(metric, labels, "{query}");
            assert_eq!(values.len(), wanted.len(), "{query}: {values:?}");
            for ((at, value), (moment, number)) in std::iter::zip(&values, wanted) {
                let is_near = (value - number).abs() < 1e-9;
                assert!(*at == moment && is_near, "{query}: {values:?}");
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_table_and_a_stat() {
    let server = server();
    let form = format!("query=depth_bytes&time={}", now() + 1.0);
    let table = data(&post(&server, "query", &form).await);
    assert_eq!(table["resultType"], "vector");
    let rows = table["result"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!(row["metric"]["__name__"], "depth_bytes");
        assert!(row["value"][0].is_number() && row["value"][1].is_string());
    }
    let limited = get(&server, "query?query=depth_bytes&limit=1").await.json();
    assert_eq!(
        limited["warnings"],
        json!(["results truncated due to limit"])
    );
    let text = data(&get(&server, "query?query=%22a%22&time=1").await);
    assert_eq!(text, json!({ "resultType": "string", "result": [1, "a"] }));
    let raw = data(&get(&server, "query?query=jobs_total[1m]").await);
    assert_eq!(raw["resultType"], "matrix");
    assert_eq!(raw["result"][0]["values"].as_array().unwrap().len(), 10);
    server.stop().await;
}

#[tokio::test]
async fn variables_and_the_metrics_browser() {
    let server = server();
    let (start, end) = (now() as u64 - 60, now() as u64 + 60);
    let stretch = format!("start={start}&end={end}");
    let names = data(&get(&server, &format!("label/__name__/values?{stretch}")).await);
    let wanted = [
        "depth_bytes",
        "jobs_total",
        "took_seconds_bucket",
        "took_seconds_count",
        "took_seconds_sum",
    ];
    assert_eq!(names, json!(wanted));
    let queues = get(
        &server,
        &format!("label/queue/values?match[]=depth_bytes&{stretch}"),
    )
    .await;
    assert_eq!(data(&queues), json!(["<b>", "a"]));
    let labels = data(&post(&server, "labels", &stretch).await);
    assert_eq!(labels, json!(["__name__", "le", "queue"]));
    let some = format!("{stretch}&match%5B%5D=jobs_total&match%5B%5D=depth_bytes");
    assert_eq!(
        data(&post(&server, "labels", &some).await),
        json!(["__name__", "queue"])
    );
    let series = post(
        &server,
        "series",
        &format!("match%5B%5D=depth_bytes&{stretch}&limit=1"),
    )
    .await;
    let wanted = json!([{ "__name__": "depth_bytes", "queue": "<b>" }]);
    assert_eq!(data(&series), wanted);
    let before = get(&server, "label/__name__/values?start=1&end=2").await;
    assert_eq!(data(&before), json!([]), "there was nothing in 1970");
    let none = get(&server, "label/none/values").await;
    assert_eq!(data(&none), json!([]));
    server.stop().await;
}

#[tokio::test]
async fn the_editor_and_the_pages_beside_it() {
    let server = server();
    let meanings = data(&get(&server, "metadata").await);
    let wanted = json!([{ "type": "counter", "help": "Jobs.", "unit": "" }]);
    assert_eq!(meanings["jobs_total"], wanted);
    assert_eq!(meanings["took_seconds"][0]["type"], "histogram");
    let one = data(&get(&server, "metadata?metric=depth_bytes&limit=5").await);
    assert_eq!(one.as_object().unwrap().len(), 1);
    let exemplars = post(&server, "query_exemplars", "query=jobs_total&start=1&end=2").await;
    assert_eq!(data(&exemplars), json!([]));
    assert_eq!(data(&get(&server, "rules").await), json!({ "groups": [] }));
    assert_eq!(data(&get(&server, "alerts").await), json!({ "alerts": [] }));
    server.stop().await;
}

/// A request, the status and the kind of its refusal, and a word of it.
const MISTAKES: [(&str, u16, &str, &str); 21] = [
    ("query?query=up{a%3D}", 400, "bad_data", "character 6"),
    ("query", 400, "bad_data", "no expression"),
    ("query?query=1%2Brate(up)", 400, "bad_data", "character 3"),
    (
        "query_exemplars?query=up{a%3D}",
        400,
        "bad_data",
        "character 6",
    ),
    ("query_exemplars", 400, "bad_data", "no expression"),
    (
        "query?query=hour()",
        400,
        "bad_data",
        "the function `hour` is not supported here (at character 1)",
    ),
    ("query?query=up&time=noon", 400, "bad_data", "\"time\""),
    ("query?query=up&timeout=x", 400, "bad_data", "\"timeout\""),
    ("query?query=up&limit=x", 400, "bad_data", "\"limit\""),
    (
        "query_range?query=up&start=1&end=2",
        400,
        "bad_data",
        "\"step\"",
    ),
    (
        "query_range?query=up&start=2&end=1&step=1",
        400,
        "bad_data",
        "\"end\"",
    ),
    (
        "query_range?query=up&start=1&end=2&step=0",
        400,
        "bad_data",
        "\"step\"",
    ),
    (
        "query_range?query=up&start=0&end=11001&step=1",
        400,
        "bad_data",
        "11000 points",
    ),
    (
        "query_range?query=up[1m]&start=1&end=2&step=1",
        400,
        "bad_data",
        "range vector",
    ),
    (
        "query?query=depth_bytes*on()depth_bytes",
        422,
        "execution",
        "several series",
    ),
    ("series", 400, "bad_data", "match[]"),
    ("series?match[]=up[5m]", 400, "bad_data", "selector"),
    ("labels?start=2&end=1", 400, "bad_data", "\"end\""),
    ("label/%ff/values", 400, "bad_data", "UTF-8"),
    ("query?query=1&timeout=0", 503, "timeout", "0 s"),
    (
        "query?query=count_values(%22%22,up)",
        400,
        "bad_data",
        "no name of a label",
    ),
];

#[tokio::test]
async fn mistakes_are_told_as_prometheus_tells_them() {
    let server = server();
    for (path, status, kind, word) in MISTAKES {
        let answer = get(&server, path).await;
        let document = answer.json();
        assert_eq!(
            (answer.status, &document["errorType"]),
            (status, &json!(kind)),
            "{path}: {document}"
        );
        assert_eq!(document["status"], "error", "{path}");
        let error = document["error"].as_str().unwrap();
        assert!(error.contains(word), "{path}: {error}");
    }
    let most = "query_range?query=up&start=0&end=11000&step=1";
    assert_eq!(
        get(&server, most).await.status,
        200,
        "11000 after the first"
    );
    // What is not known is passed over, as Prometheus does.
    assert_eq!(get(&server, "query?query=1&dedup=true").await.status, 200);
    assert_eq!(get(&server, "status/flags").await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn selectors_are_bounded_all_together() {
    let server = server();
    let selectors = |count: usize, text: &str| vec![format!("match%5B%5D={text}"); count].join("&");
    for path in ["series", "labels"] {
        let many = selectors(
            3,
            "%7Ba%3D~%22b%22,c!~%22d%22,e%3D~%22f%22,g%3D~%22h%22,i%3D~%22j%22,k%3D~%22l%22,m%3D~%22n%22%7D",
        );
        let answer = post(&server, path, &many).await;
        let error = answer.json()["error"].to_string();
        assert_eq!(answer.status, 422, "{path}: {error}");
        assert!(error.contains("21 regular expressions"), "{path}: {error}");
        let most = selectors(20, "%7Bqueue%3D~%22.%22%7D");
        assert_eq!(post(&server, path, &most).await.status, 200, "{path}");
        let many = post(&server, path, &selectors(101, "jobs_total")).await;
        assert_eq!(many.status, 400, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn no_lookback_is_the_usual_one() {
    let server = server();
    let table = data(&get(&server, "query?query=depth_bytes&lookback_delta=0").await);
    assert_eq!(table["result"].as_array().unwrap().len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn forms_are_bounded_and_of_their_type() {
    let server = server_of(&Config {
        max_body: ByteSize(1 << 10),
        ..config()
    });
    let json = post_as(&server, "query", "application/json", "{}").await;
    assert_eq!(json.status, 415);
    let long = format!("query={}", "1".repeat(2_000));
    assert_eq!(post(&server, "query", &long).await.status, 413);
    let charset = "application/x-www-form-urlencoded; charset=UTF-8";
    assert_eq!(
        post_as(&server, "query", charset, "query=1").await.status,
        200
    );
    assert_eq!(
        post(&server, "metadata", "").await.status,
        405,
        "Grafana asks with GET then"
    );
    server.stop().await;
}

#[tokio::test]
async fn without_a_history_there_is_nothing_to_ask() {
    let server = TestServer::start(&config(), None);
    for path in ["query?query=1", "labels", "status/buildinfo", "rules"] {
        let answer = get(&server, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.json()["errorType"], "not_found", "{path}");
    }
    server.stop().await;
}
