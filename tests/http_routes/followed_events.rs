//! Events as they are committed, for whoever follows: from where they were, and from nowhere.

use probity::event;
use probity::http::Handles;
use probity::model::Tally;
use serde_json::{Value, json};

use super::events::Listener;
use super::typed_events::{Bench, completed, post, run_started, way};
use super::wire::{TestServer, config};

/// Follows events from a place.
async fn follow(bench: &Bench, query: &str, last: Option<&str>) -> Listener {
    let last = last
        .map(|last| format!("Last-Event-ID: {last}\r\n"))
        .unwrap_or_default();
    let request = format!(
        "GET /api/v1/events{query} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{last}\r\n"
    );
    Listener::ask(&bench.server, &request).await
}

#[tokio::test]
async fn who_follows_hears_what_is_committed_and_goes_on_where_it_was() {
    let bench = Bench::new();
    bench.send("", run_started("before")).await;
    let mut listener = follow(&bench, "?kind=operation.completed", None).await;
    let place = |n: i64| Some(format!("{}-{n}", bench.store.events().epoch().unwrap()));
    assert_eq!(
        listener.next().await.id,
        place(1),
        "the place to come back with"
    );
    let batch: Vec<Value> = (0..3)
        .map(|n| completed(&format!("o{n}"), n, "mail", "success"))
        .collect();
    bench.send("", json!([run_started("not meant")])).await;
    bench.send("", json!(batch)).await;
    for n in 0..3 {
        let event = listener.expect("message").await;
        assert_eq!(event.json()["id"], format!("o{n}"));
        assert_eq!(event.id, place(3 + i64::from(n)));
    }
    drop(listener);
    // From memory, and, after a restart, from the disk.
    let mut back = follow(&bench, "", place(2).as_deref()).await;
    assert_eq!(back.next().await.id, place(2));
    for n in 0..3 {
        assert_eq!(back.expect("message").await.json()["id"], format!("o{n}"));
    }
    let (again, _committed) = way(
        &event::Config::default(),
        Some(bench.store.events()),
        &mut Tally::default(),
    );
    let with = |handles| Handles {
        events: Some(again),
        ..handles
    };
    let server = TestServer::start_with(&config(), None, with);
    let request = "GET /api/v1/events?last_event_id=0&correlation=mail HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
    let mut old = Listener::ask(&server, request).await;
    old.next().await;
    for n in 0..3 {
        assert_eq!(old.expect("message").await.json()["id"], format!("o{n}"));
    }
    // What is committed then is new in memory, and follows at once.
    let new = completed("new", 9, "mail", "success").to_string();
    assert_eq!(
        post(&server, "", "application/json", "", new.as_bytes())
            .await
            .status,
        200
    );
    assert_eq!(old.expect("message").await.json()["id"], "new");
}

#[tokio::test]
async fn large_events_from_memory_are_sent_some_at_a_time() {
    const LARGE: usize = 60_000;
    let bench = Bench::new();
    for batch in 0..4 {
        let events: Vec<Value> = (0..10)
            .map(|n| {
                let data = json!({ "step": "s", "text": "x".repeat(LARGE) });
                json!({ "id": format!("{batch}-{n}"), "kind": "step.thought", "run": "r", "data": data })
            })
            .collect();
        assert_eq!(bench.send("", json!(events)).await.0, 200);
    }
    let mut client = bench.server.connect().await;
    let epoch = bench.store.events().epoch().unwrap().to_owned();
    client
        .send(format!(
            "GET /api/v1/events?last_event_id={epoch}-0 HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
        ))
        .await;
    assert_eq!(client.head().await.status, 200);
    let mut told = 0;
    while told < 40 {
        let part = client.chunk().await.unwrap();
        assert!(part.len() < (1 << 20) + 2 * LARGE, "{}", part.len());
        let lines = part.split(|byte| *byte == b'\n');
        told += lines.filter(|line| line.starts_with(b"data: ")).count();
    }
    assert_eq!(told, 40);
}

#[tokio::test]
async fn h26_who_comes_from_nowhere_is_told_so() {
    let bench = Bench::new();
    bench.send("", run_started("a")).await;
    let epoch = bench.store.events().epoch().unwrap().to_owned();
    for (last, reason) in [
        (&*format!("{epoch}-99"), "future"),
        ("abcdef01-1", "other_database"),
        ("-1", "malformed"),
        ("1", "malformed"),
        ("x%0ay", "malformed"),
    ] {
        let mut listener = follow(&bench, "", Some(last)).await;
        listener.next().await;
        let reset = listener.expect("reset").await;
        assert_eq!(
            (reset.json()["reason"].as_str(), reset.id),
            (Some(reason), Some(format!("{epoch}-1"))),
            "{last}"
        );
    }
    let answer = bench
        .server
        .get_with("/api/v1/events?limit=1", "Accept: text/event-stream\r\n")
        .await;
    assert_eq!(answer.status, 400, "a stream has no pages");
}
