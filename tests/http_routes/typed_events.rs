//! Typed events over HTTP: what is taken and what is not, what is answered, and what readers and followers get.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use probity::event::{self, Committed, Events};
use probity::http::Handles;
use probity::model::{ByteSize, Tally};
use probity::redact;
use probity::store::{EventStore, Store};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::wire::{Answer, TestServer, config};

/// The way of events into a store, if there is one.
pub(super) fn way(
    settings: &event::Config,
    store: Option<EventStore>,
    tally: &mut Tally,
) -> (Events, Committed) {
    Events::new(settings, &redact::Config::default(), store, tally).unwrap()
}

/// A server that takes events, without anything else.
pub(super) struct Bench {
    pub(super) server: TestServer,
    pub(super) store: Store,
    _committed: event::Committed,
    _folder: TempDir,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(&event::Config::default())
    }

    fn with(settings: &event::Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut tally = Tally::default();
        let store = Store::open(folder.path(), &mut tally).unwrap();
        let (events, committed) = way(settings, Some(store.events()), &mut tally);
        let with = |handles| Handles {
            events: Some(events),
            ..handles
        };
        Self {
            server: TestServer::start_with(&config(), None, with),
            store,
            _committed: committed,
            _folder: folder,
        }
    }

    async fn post(&self, query: &str, media: &str, headers: &str, body: &[u8]) -> Answer {
        post(&self.server, query, media, headers, body).await
    }

    /// Sends JSON, and gives the status and the answer.
    pub(super) async fn send(&self, query: &str, body: Value) -> (u16, Value) {
        let body = body.to_string();
        let answer = self
            .post(query, "application/json", "", body.as_bytes())
            .await;
        (answer.status, answer.json())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.server.get(path).await;
        (answer.status, answer.json())
    }

    /// The ids of what is listed at a path.
    async fn ids(&self, path: &str) -> Vec<String> {
        let (status, page) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {page}");
        let events = page["events"].as_array().unwrap().iter();
        events
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

pub(super) async fn post(
    server: &TestServer,
    query: &str,
    media: &str,
    headers: &str,
    body: &[u8],
) -> Answer {
    let mut client = server.connect().await;
    let length = body.len();
    let head = format!(
        "POST /api/v1/events{query} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media}\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    client.send(head).await;
    client.send(body).await;
    client.answer().await
}

pub(super) fn run_started(id: &str) -> Value {
    json!({ "id": id, "kind": "run.started", "run": "r", "data": { "name": "n" } })
}

/// An operation that has ended, some seconds after 2026 began.
pub(super) fn completed(id: &str, seconds: u32, name: &str, outcome: &str) -> Value {
    json!({
        "id": id, "kind": "operation.completed", "time": format!("2026-01-01T00:00:{seconds:02}Z"),
        "source": "worker", "correlation": name,
        "data": { "name": name, "outcome": outcome, "duration_ms": 5 },
    })
}

#[tokio::test]
async fn h32_the_same_event_twice_is_one_row_and_gets_the_same_answer() {
    let bench = Bench::new();
    let first = bench.send("", run_started("a")).await;
    assert_eq!(
        (first.0, &first.1["accepted"]),
        (200, &json!(1)),
        "{first:?}"
    );
    assert_eq!(bench.send("", run_started("a")).await, first);
    assert_eq!(bench.ids("/api/v1/events").await, ["a"]);
    // Another event with the same id is told from it, and nothing beside it is taken.
    let mut other = run_started("a");
    other["data"]["name"] = "another".into();
    let (status, problem) = bench.send("", json!([run_started("b"), other])).await;
    assert_eq!(status, 409, "{problem}");
    assert_eq!(problem["errors"][0]["index"], 1, "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "/id", "{problem}");
    assert_eq!(bench.ids("/api/v1/events").await, ["a"]);
}

#[tokio::test]
async fn one_a_list_lines_and_gzip_are_taken() {
    let bench = Bench::new();
    let lines = format!("{}\n\n{}\r\n", run_started("a"), run_started("b"));
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed
        .write_all(format!("[{},{}]", run_started("c"), run_started("d")).as_bytes())
        .unwrap();
    let packed = packed.finish().unwrap();
    for (media, headers, body, accepted) in [
        ("application/x-ndjson", "", lines.as_bytes(), 2),
        (
            "application/json; charset=utf-8",
            "Content-Encoding: gzip\r\n",
            &packed[..],
            2,
        ),
        ("application/jsonl", "", b"", 0),
        ("application/json", "", b"[]", 0),
    ] {
        let answer = bench.post("", media, headers, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["accepted"], accepted, "{}", answer.text());
    }
    let mut ids = bench.ids("/api/v1/events").await;
    ids.sort();
    assert_eq!(ids, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn an_event_without_id_and_time_is_given_them_and_told_its_id() {
    let bench = Bench::new();
    let (status, receipt) = bench
        .send(
            "",
            json!([{ "kind": "run.started", "run": "r", "data": { "name": "n" } }]),
        )
        .await;
    assert_eq!(status, 200);
    let id = receipt["given"][0]["id"].as_str().unwrap();
    let (status, event) = bench.get(&format!("/api/v1/events/{id}")).await;
    assert_eq!(status, 200, "{event}");
    assert_eq!(event["kind"], "run.started");
    assert!(event["time"].as_str().unwrap().starts_with("20"), "{event}");
}

#[tokio::test]
async fn h08_h09_h10_what_is_wrong_is_told_with_its_place_and_nothing_is_taken() {
    let bench = Bench::new();
    let deep = format!("[{}]", "[".repeat(200));
    for (media, body, status, place, pointer) in [
        ("application/json", "{\"id\": \"a\",}", 400, None, ""),
        ("application/json", &*deep, 400, None, ""),
        (
            "application/json",
            "[{\"kind\": \"run.started\", \"run\": \"r\", \"data\": {\"nam\": 1}}]",
            422,
            Some(("index", 0)),
            "/data",
        ),
        (
            "application/x-ndjson",
            "{\"kind\": \"no.such\", \"data\": {}}",
            422,
            Some(("line", 1)),
            "/kind",
        ),
        (
            "application/x-ndjson",
            "\n{\"kind\": \"run.started\", \"data\": {\"name\": \"n\"}}",
            422,
            Some(("line", 2)),
            "/run",
        ),
        ("text/plain", "{}", 415, None, ""),
    ] {
        let answer = bench.post("", media, "", body.as_bytes()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{body}"
        );
        if let Some((key, number)) = place {
            let fault = &answer.json()["errors"][0];
            assert_eq!(fault[key], number, "{body}: {fault}");
            let told = fault["pointer"].as_str().unwrap();
            assert!(told.starts_with(pointer), "{body}: {fault}");
        }
    }
    assert!(bench.ids("/api/v1/events").await.is_empty());
}

#[tokio::test]
async fn a_batch_is_all_or_nothing_unless_the_sender_wants_the_good_ones_taken() {
    let bench = Bench::new();
    let batch = json!([run_started("a"), { "kind": "run.started", "data": 7 }, run_started("b")]);
    assert_eq!(bench.send("", batch.clone()).await.0, 422);
    assert!(bench.ids("/api/v1/events").await.is_empty());
    let (status, receipt) = bench.send("?partial=true", batch).await;
    assert_eq!(
        (status, &receipt["accepted"]),
        (200, &json!(2)),
        "{receipt}"
    );
    assert_eq!(receipt["refused"]["list"][0]["index"], 1, "{receipt}");
    let mut ids = bench.ids("/api/v1/events").await;
    ids.sort();
    assert_eq!(ids, ["a", "b"]);
}

#[tokio::test]
async fn a_full_queue_is_told_with_the_time_to_wait_and_what_never_fits_with_its_bound() {
    let mut settings = event::Config::default();
    settings.queue.max_events = 2;
    let bench = Bench::with(&settings);
    // Handed over, and with nobody to write it.
    let (status, receipt) = bench
        .send("?ack=queued", json!([run_started("a"), run_started("b")]))
        .await;
    assert_eq!(
        (status, &receipt["accepted"], &receipt["last"]),
        (202, &json!(2), &Value::Null)
    );
    let full = bench
        .post(
            "",
            "application/json",
            "",
            run_started("c").to_string().as_bytes(),
        )
        .await;
    assert_eq!(
        (full.status, full.header("retry-after")),
        (429, Some("1")),
        "{}",
        full.text()
    );
    let three = json!([run_started("a"), run_started("b"), run_started("c")]);
    let (status, problem) = bench.send("", three).await;
    assert_eq!(status, 413, "{problem}");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("events.queue.max_events"),
        "{problem}"
    );
}

#[tokio::test]
async fn without_events_404_and_without_a_store_503() {
    let without = TestServer::start(&config(), None);
    let (taken, _committed) = way(&event::Config::default(), None, &mut Tally::default());
    let with = |handles| Handles {
        events: Some(taken),
        ..handles
    };
    let homeless = TestServer::start_with(&config(), None, with);
    for path in [
        "/api/v1/events",
        "/api/v1/events/x",
        "/api/v1/runs",
        "/api/v1/runs/x",
    ] {
        assert_eq!(without.get(path).await.status, 404, "{path}");
        let answer = homeless.get(path).await;
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.header("retry-after"), Some("10"), "{path}");
    }
    let body = run_started("a").to_string();
    assert_eq!(
        post(&without, "", "application/json", "", body.as_bytes())
            .await
            .status,
        404
    );
    assert_eq!(
        post(&homeless, "", "application/json", "", body.as_bytes())
            .await
            .status,
        503
    );
    assert_eq!(
        homeless.get("/api/v1/kinds").await.status,
        200,
        "schemas need no store"
    );
}

#[tokio::test]
async fn events_are_found_by_what_they_are_about_a_page_at_a_time() {
    let bench = Bench::new();
    let mut traced = run_started("run");
    traced["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into();
    let batch: Vec<Value> = (0..5)
        .map(|n| completed(&format!("ok{n}"), n, "mail", "success"))
        .chain((5..8).map(|n| completed(&format!("bad{n}"), n, "print", "failure")))
        .chain([traced])
        .collect();
    assert_eq!(bench.send("", json!(batch)).await.0, 200);
    for (query, wanted) in [
        ("?trace=0AF7651916CD43DD8448EB211C80319C", &["run"][..]),
        ("?trace=0af7651916cd43dd8448eb211c80319d", &[]),
        ("?limit=2", &["run", "bad7"]),
        ("?limit=2&order=oldest", &["ok0", "ok1"]),
        ("?kind=run.started", &["run"]),
        ("?run=r", &["run"]),
        ("?correlation=print", &["bad7", "bad6", "bad5"]),
        ("?outcome=failure,timeout&limit=1", &["bad7"]),
        (
            "?kind=operation.completed&kind=run.started&outcome=success&limit=1",
            &["ok4"],
        ),
        (
            "?from=2026-01-01T00:00:02Z&until=2026-01-01T00:00:04Z",
            &["ok3", "ok2"],
        ),
        ("?source=worker&until=2026-01-01T00:00:01Z", &["ok0"]),
        ("?kind=no.such", &[]),
    ] {
        let path = format!("/api/v1/events{query}");
        assert_eq!(bench.ids(&path).await, wanted, "{query}");
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/events?limit=4".to_owned();
    loop {
        seen.extend(bench.ids(&path).await);
        let (_, page) = bench.get(&path).await;
        match page["next"].as_str() {
            Some(next) => path = format!("/api/v1/events?limit=4&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, bench.ids("/api/v1/events").await);
}

#[tokio::test]
async fn h23_wrong_parameters_are_named() {
    let bench = Bench::new();
    for (path, parameter) in [
        ("events?limit=0", "limit"),
        ("events?limit=1001", "limit"),
        ("events?order=up", "order"),
        ("events?cursor=7", "cursor"),
        ("events?outcome=good", "outcome"),
        ("events?from=yesterday", "from"),
        ("events?run=a&run=b", "run"),
        ("events?trace=00-0af7", "trace"),
        ("events?colour=red", "colour"),
        ("runs?limit=x", "limit"),
        ("kinds/run.started?version=x", "version"),
    ] {
        let (status, problem) = bench.get(&format!("/api/v1/{path}")).await;
        assert_eq!(
            (status, problem["parameter"].as_str()),
            (400, Some(parameter)),
            "{path}: {problem}"
        );
    }
    let (status, problem) = bench.send("?ack=never", run_started("a")).await;
    assert_eq!(
        (status, problem["parameter"].as_str()),
        (400, Some("ack")),
        "{problem}"
    );
}

#[tokio::test]
async fn a_run_is_listed_and_shown_as_a_tree() {
    let bench = Bench::new();
    let of_run = |id: &str, kind: &str, data: Value| json!({ "id": id, "kind": kind, "run": "a/b", "data": data });
    let batch = json!([
        of_run("1", "run.started", json!({ "name": "triage" })),
        of_run("2", "step.thought", json!({ "step": "s1", "text": "hm" })),
        of_run(
            "3",
            "step.tool_call",
            json!({ "step": "s2", "parent": "s1", "tool": "grep", "outcome": "success" })
        ),
        of_run(
            "4",
            "artifact.created",
            json!({ "artifact": "x", "step": "s2", "name": "x.txt" })
        ),
        of_run(
            "5",
            "run.finished",
            json!({ "outcome": "success", "duration_ms": 12.5 })
        ),
    ]);
    assert_eq!(bench.send("", batch).await.0, 200);
    let (status, tree) = bench.get("/api/v1/runs/a%2Fb").await;
    assert_eq!(status, 200, "{tree}");
    assert_eq!(
        (&tree["name"], &tree["status"], &tree["duration_ms"]),
        (&json!("triage"), &json!("success"), &json!(12.5))
    );
    let call = &tree["steps"][0]["steps"][0];
    assert_eq!(
        (&call["tool"], &call["artifacts"][0]["name"]),
        (&json!("grep"), &json!("x.txt"))
    );
    let (_, list) = bench.get("/api/v1/runs").await;
    assert_eq!(
        (&list["runs"][0]["run"], &list["runs"][0]["status"]),
        (&json!("a/b"), &json!("success"))
    );
    for part in ["started", "finished", "duration_ms"] {
        assert_eq!(list["runs"][0][part], tree[part], "{part}");
    }
    assert_eq!(bench.get("/api/v1/runs/none").await.0, 404);
}

#[tokio::test]
async fn a_run_with_more_events_than_are_shown_has_ended_all_the_same() {
    let bench = Bench::new();
    let of_run = |kind: &str, data: Value| json!({ "kind": kind, "run": "r", "data": data });
    let mut batch = vec![of_run("run.started", json!({ "name": "long" }))];
    batch.extend((0..10_000).map(|n| {
        let thought = json!({ "step": n.to_string(), "text": "t" });
        of_run("step.thought", thought)
    }));
    batch.push(of_run("run.finished", json!({ "outcome": "failure" })));
    assert_eq!(bench.send("", Value::from(batch)).await.0, 200);
    let (_, tree) = bench.get("/api/v1/runs/r").await;
    assert_eq!(
        (&tree["cut"], &tree["status"]),
        (&json!(true), &json!("failure"))
    );
    let (_, list) = bench.get("/api/v1/runs").await;
    for part in ["status", "started", "finished", "duration_ms"] {
        assert_eq!(list["runs"][0][part], tree[part], "{part}");
    }
}

#[tokio::test]
async fn every_kind_has_its_schema() {
    let bench = Bench::new();
    let (_, list) = bench.get("/api/v1/kinds").await;
    let kinds = list["kinds"].as_array().unwrap();
    assert_eq!(kinds.len(), event::Kind::ALL.len());
    for kind in kinds {
        let answer = bench.server.get(kind["schema"].as_str().unwrap()).await;
        assert_eq!(
            answer.header("content-type"),
            Some("application/schema+json")
        );
        assert_eq!(answer.json()["type"], "object", "{kind}");
    }
    let (status, envelope) = bench.get(list["event"].as_str().unwrap()).await;
    assert_eq!(
        (status, &envelope["additionalProperties"]),
        (200, &json!(false))
    );
    assert_eq!(
        bench.get("/api/v1/kinds/run.started?version=9").await.0,
        404
    );
}

#[tokio::test]
async fn h06_a_body_beyond_its_bound_is_refused() {
    let bench = Bench::new();
    let mut narrow = config();
    narrow.max_body = ByteSize::kib(1);
    let (taken, _committed) = way(
        &event::Config::default(),
        Some(bench.store.events()),
        &mut Tally::default(),
    );
    let with = |handles| Handles {
        events: Some(taken),
        ..handles
    };
    let server = TestServer::start_with(&narrow, None, with);
    let body = vec![b' '; 1025];
    assert_eq!(
        post(&server, "", "application/json", "", &body)
            .await
            .status,
        413
    );
}
