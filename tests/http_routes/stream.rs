//! The live stream: what is told, in which order, and how a client goes on where it was.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use probity::http::{Config, StreamConfig};
use probity::model::{Cause, Failure, Operation, ProbeState, Span, Status};
use probity::snapshot::{HealthReport, ProbeView, Snapshot};
use serde_json::{Value, json};

use super::events::{Listener, request};
use super::shown;
use super::snapshots::{ageless, check, probe_view};
use super::wire::{TestServer, config};

/// No second snapshot is sent within a test.
fn seldom() -> Config {
    with(StreamConfig {
        interval: Span::seconds(600),
        ..StreamConfig::default()
    })
}

fn with(stream: StreamConfig) -> Config {
    Config { stream, ..config() }
}

fn probe(name: &str, state: ProbeState, generation: u32) -> ProbeView {
    let mut view = probe_view(name);
    view.status.state = state;
    let mut identity = (*view.identity).clone();
    identity.generation = generation;
    view.identity = Arc::new(identity);
    if state == ProbeState::Degraded {
        let failure = Failure::new("unavailable", "no answer");
        view.status.last_error = Some((Arc::new(failure), SystemTime::now()));
    }
    view
}

fn with_probes(sequence: u64, probes: Vec<ProbeView>) -> Snapshot {
    let probes = probes.into_iter().map(Arc::new).collect();
    Snapshot {
        probes,
        ..ageless(shown(sequence))
    }
}

/// Something happens to the probe `files` each time the sequence grows.
fn flipped(sequence: u64) -> Snapshot {
    let state = match sequence % 2 {
        0 => ProbeState::Paused,
        _ => ProbeState::Active,
    };
    with_probes(sequence, vec![probe("files", state, 1)])
}

#[tokio::test]
async fn a_new_client_hears_how_things_stand_and_gets_an_id_to_come_back_with() {
    let server = TestServer::start(&config(), Some(ageless(shown(1))));
    let mut listener = Listener::open_with(&server, "", "Accept-Encoding: gzip\r\n").await;
    let head = &listener.head;
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(head.header("cache-control"), Some("no-store"));
    assert_eq!(head.header("content-encoding"), None);
    let greeting = listener.next().await;
    assert_eq!((greeting.name.as_str(), greeting.retry), ("", Some(2000)));
    assert_eq!(greeting.run_and_number().1, 0);
    let probes = listener.expect("probes").await.json();
    assert_eq!(probes["probes"][0]["name"], "files");
    assert_eq!(probes["probes"][0]["state"], "active");
    let checks = listener.expect("checks").await.json();
    assert_eq!(checks["status"], "warn");
    assert_eq!(checks["checks"][1]["name"], "files/backlog");
    let operations = listener.expect("operations").await.json();
    assert_eq!(operations["operations"], json!([]));
    let snapshot = listener.expect("snapshot").await.json();
    assert_eq!(snapshot, server.get("/snapshot").await.json());
    server.stop().await;
}

#[tokio::test]
async fn what_happens_is_told_in_order_with_rising_ids_before_the_snapshot_that_shows_it() {
    let server = TestServer::start(&config(), Some(shown(1)));
    let mut listener = Listener::open(&server, "").await;
    let run = listener.next().await;
    let (run, _) = run.run_and_number();
    listener.until("snapshot").await;
    let operation = Operation {
        kind: "probe.reload",
        target: "files".into(),
        cause: Cause::Operator,
        started: SystemTime::UNIX_EPOCH,
        duration: Duration::from_millis(3),
        outcome: Ok("done".into()),
    };
    let checks = vec![
        check("collector", Status::Fail, true),
        check("files/backlog", Status::Warn, false),
    ];
    server.cell.publish(Snapshot {
        health: Arc::new(HealthReport::new(checks)),
        operations: vec![Arc::new(operation)].into(),
        ..with_probes(2, vec![probe("files", ProbeState::Degraded, 1)])
    });
    let mut told = Vec::new();
    for number in 1..=4 {
        let event = listener.next().await;
        assert_eq!(event.run_and_number(), (run, number));
        let mut data = event.json();
        data.as_object_mut().unwrap().shift_remove("timestamp");
        told.push((event.name, data));
    }
    let wanted = [
        (
            "probe",
            json!({ "name": "files", "reason": "unavailable: no answer", "generation": 1, "version": "1.0.0",
                    "change": "state", "from": "active", "to": "degraded" }),
        ),
        (
            "health",
            json!({ "name": "collector", "from": "pass", "to": "fail", "message": "collector says fail" }),
        ),
        (
            "health",
            json!({ "name": null, "from": "warn", "to": "fail", "message": "fail: collector", "ready": false }),
        ),
        (
            "operation",
            json!({ "name": "probe.reload", "id": "files@0", "target": "files", "source": "probity", "cause": "operator",
                    "started": "1970-01-01T00:00:00.000Z", "ended": "1970-01-01T00:00:00.003Z", "duration_ms": 3.0,
                    "outcome": "success", "message": "done", "error": null }),
        ),
    ];
    assert_eq!(told, wanted.map(|(name, data)| (name.to_owned(), data)));
    assert_eq!(listener.expect("snapshot").await.json()["sequence"], 2);
    server.stop().await;
}

#[tokio::test]
async fn probes_come_go_and_change_their_version() {
    use ProbeState::{Active, Paused};
    let server = TestServer::start(&config(), Some(shown(1)));
    let mut listener = Listener::open(&server, "?topics=probes").await;
    listener.until("probes").await;
    let mut told = async |sequence, probes| -> Vec<Value> {
        server.cell.publish(with_probes(sequence, probes));
        let event = listener.expect("probe").await.json();
        ["name", "change", "from", "to", "generation"]
            .map(|key| event[key].clone())
            .to_vec()
    };
    let two = told(2, vec![probe("disk", Paused, 1), probe("files", Active, 1)]).await;
    assert_eq!(json!(two), json!(["disk", "appeared", null, "paused", 1]));
    let newer = told(3, vec![probe("disk", Paused, 1), probe("files", Active, 2)]).await;
    assert_eq!(
        json!(newer),
        json!(["files", "version", "active", "active", 2])
    );
    let gone = told(4, vec![probe("files", Active, 2)]).await;
    assert_eq!(json!(gone), json!(["disk", "removed", "paused", null, 1]));
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed_and_nothing_twice() {
    let server = TestServer::start(&seldom(), Some(flipped(1)));
    let mut first = Listener::open(&server, "?topics=probes").await;
    let mut ids = vec![first.next().await.id.unwrap()];
    first.expect("probes").await;
    for sequence in 2..=4 {
        server.cell.publish(flipped(sequence));
        ids.push(first.expect("probe").await.id.unwrap());
    }
    drop(first);
    server.await_listeners(0).await;
    let (known, newest) = (&ids[1], &ids[3]);
    let by_header = (String::new(), format!("Last-Event-ID: {known}\r\n"));
    let by_query = (format!("&last_event_id={known}"), String::new());
    let by_both = (
        format!("&last_event_id={newest}"),
        format!("Last-Event-ID: {known}\r\n"),
    );
    for (query, headers) in [by_header, by_query, by_both] {
        let query = format!("?topics=probes,snapshot{query}");
        let mut again = Listener::open_with(&server, &query, &headers).await;
        assert_eq!(again.next().await.id.as_ref(), Some(known));
        assert_eq!(again.expect("probe").await.id.as_ref(), Some(&ids[2]));
        assert_eq!(again.expect("probe").await.id.as_ref(), Some(newest));
        assert_eq!(again.expect("snapshot").await.json()["sequence"], 4);
    }
    // Who missed nothing is told nothing but the newest snapshot.
    let headers = format!("Last-Event-ID: {newest}\r\n");
    let mut again = Listener::open_with(&server, "", &headers).await;
    assert_eq!(again.next().await.id.as_ref(), Some(newest));
    again.expect("snapshot").await;
    server.stop().await;
}

#[tokio::test]
async fn h26_an_id_that_is_of_no_use_is_answered_with_the_reason_and_the_whole_state() {
    let small = StreamConfig {
        kept_events: 16,
        ..StreamConfig::default()
    };
    let server = TestServer::start(&with(small), Some(flipped(1)));
    let mut listener = Listener::open(&server, "?topics=probes").await;
    let first = listener.next().await;
    let (run, _) = first.run_and_number();
    listener.expect("probes").await;
    for sequence in 2..=21 {
        server.cell.publish(flipped(sequence));
        listener.expect("probe").await;
    }
    let newest = format!("{run}-20");
    let long = "x".repeat(1000);
    for (id, reason) in [
        ("nonsense", "malformed"),
        ("\u{e9}", "malformed"),
        (long.as_str(), "malformed"),
        (&format!("{run}-"), "malformed"),
        (&format!("{run}-+1"), "malformed"),
        (&format!("{run}-1-1"), "malformed"),
        (&format!("{run}-99999999999999999999"), "malformed"),
        (&format!("{}-1", "0".repeat(16)), "other_run"),
        (&format!("{run}-21"), "future"),
        (&format!("{run}-3"), "too_old"),
        (&format!("{run}-0"), "too_old"),
    ] {
        let headers = format!("Last-Event-ID: {id}\r\n");
        let mut again = Listener::open_with(&server, "?topics=probes,snapshot", &headers).await;
        assert_eq!(again.next().await.id.as_ref(), Some(&newest), "{id}");
        let reset = again.expect("reset").await;
        assert_eq!(reset.json()["reason"], reason, "{id}");
        assert!(reset.data.len() < 400, "{id}");
        assert_eq!(reset.id.as_ref(), Some(&newest));
        assert_eq!(
            again.expect("probes").await.json()["probes"][0]["state"],
            "active"
        );
        assert_eq!(again.expect("snapshot").await.json()["sequence"], 21);
    }
    let headers = format!("Last-Event-ID: {run}-4\r\n");
    let mut oldest = Listener::open_with(&server, "?topics=probes", &headers).await;
    oldest.next().await;
    for number in 5..=20 {
        assert_eq!(oldest.expect("probe").await.run_and_number(), (run, number));
    }
    server.stop().await;
}

#[tokio::test]
async fn parts_are_chosen_and_sent_again_only_when_they_differ() {
    let server = TestServer::start(&config(), Some(shown(1)));
    let query = "?topics=snapshot&parts=health.status,operations.recent&parts=probes.name";
    let mut listener = Listener::open(&server, query).await;
    let wanted = |status| json!({ "health": { "status": status }, "operations": { "recent": [] }, "probes": [{ "name": "files" }] });
    assert_eq!(listener.until("snapshot").await.json(), wanted("warn"));
    let failing = || vec![check("collector", Status::Fail, true)];
    for (sequence, checks) in [(2, None), (3, Some(failing())), (4, Some(failing()))] {
        let same = shown(sequence);
        let health = checks.map_or(same.health.clone(), |checks| {
            HealthReport::new(checks).into()
        });
        server.cell.publish(Snapshot { health, ..same });
        if sequence == 3 {
            assert_eq!(listener.expect("snapshot").await.json(), wanted("fail"));
        }
    }
    server.cell.publish(shown(5));
    assert_eq!(listener.expect("snapshot").await.json(), wanted("warn"));
    server.stop().await;
}

#[tokio::test]
async fn a_snapshot_after_a_quiet_time_is_sent_at_once_and_then_none_for_a_while() {
    let server = TestServer::start(&seldom(), Some(flipped(1)));
    let mut listener = Listener::open(&server, "?topics=snapshot,probes").await;
    assert_eq!(listener.until("snapshot").await.json()["sequence"], 1);
    server.cell.publish(flipped(2));
    listener.expect("probe").await;
    assert_eq!(listener.expect("snapshot").await.json()["sequence"], 2);
    for sequence in 3..=6 {
        server.cell.publish(flipped(sequence));
        listener.expect("probe").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn of_many_snapshots_within_the_interval_the_newest_is_sent_when_it_is_over() {
    let often = StreamConfig {
        interval: Span::millis(40),
        ..StreamConfig::default()
    };
    let server = TestServer::start(&with(often), Some(flipped(1)));
    let mut listener = Listener::open(&server, "?topics=snapshot&parts=sequence").await;
    listener.until("snapshot").await;
    for sequence in 2..=200 {
        server.cell.publish(flipped(sequence));
        tokio::task::yield_now().await;
    }
    let mut last = 1;
    while last < 200 {
        let sequence = listener.expect("snapshot").await.json()["sequence"].clone();
        assert!(sequence.as_u64().unwrap() > last, "{sequence} after {last}");
        last = sequence.as_u64().unwrap();
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_change_is_encoded_once_for_a_hundred_clients_and_not_at_all_for_none() {
    let server = TestServer::start(&config(), Some(flipped(1)));
    let encoded = || server.tally.stream.frames_encoded();
    let mut listeners = Vec::new();
    for _ in 0..100 {
        listeners.push(Listener::open(&server, "?topics=probes,snapshot").await);
    }
    for listener in &mut listeners {
        listener.until("snapshot").await;
    }
    // The snapshot, and the state of the probes.
    assert_eq!(encoded(), 2);
    for sequence in 2..=4 {
        server.cell.publish(flipped(sequence));
        let mut frames = Vec::new();
        for listener in &mut listeners {
            let told = listener.expect("probe").await;
            frames.push((told, listener.expect("snapshot").await));
        }
        frames.dedup();
        assert_eq!(frames.len(), 1);
        assert_eq!(encoded(), 2 * sequence);
    }
    drop(listeners);
    server.await_listeners(0).await;
    for sequence in 5..=9 {
        server.cell.publish(flipped(sequence));
    }
    let mut late = Listener::open(&server, "?topics=snapshot").await;
    assert_eq!(late.until("snapshot").await.json()["sequence"], 9);
    assert_eq!(encoded(), 9);
    server.stop().await;
}

#[tokio::test]
async fn silence_is_broken_by_comments() {
    let talkative = StreamConfig {
        keep_alive: Span::millis(100),
        ..StreamConfig::default()
    };
    let server = TestServer::start(&with(talkative), Some(shown(1)));
    let mut listener = Listener::open(&server, "?topics=probes").await;
    listener.until("probes").await;
    for _ in 0..2 {
        let event = listener.next().await;
        assert!(event.comment && event.data.is_empty(), "{event:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn who_hears_nothing_of_its_own_is_given_the_newest_id_all_the_same() {
    let quiet = StreamConfig {
        keep_alive: Span::millis(100),
        kept_events: 16,
        ..StreamConfig::default()
    };
    let server = TestServer::start(&with(quiet), Some(flipped(1)));
    let mut listener = Listener::open(&server, "?topics=operations").await;
    let mut other = Listener::open(&server, "?topics=probes").await;
    listener.until("operations").await;
    other.until("probes").await;
    let mut newest = None;
    for sequence in 2..=40 {
        server.cell.publish(flipped(sequence));
        newest = other.until("probe").await.id;
    }
    while listener.next().await.id != newest {}
    let id = newest.unwrap();
    let mut again =
        Listener::open(&server, &format!("?topics=operations&last_event_id={id}")).await;
    let events = [again.next().await, again.next().await];
    assert!(
        events.iter().all(|event| event.name != "reset"),
        "{events:?}"
    );
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_listened_to_is_refused_with_the_reason() {
    let server = TestServer::start(&config(), Some(shown(1)));
    for (query, named) in [
        (
            "?topics=probes,weather",
            "`weather` (there are: snapshot, probes",
        ),
        ("?topics=", "there is no topic ``"),
        ("?parts=weather", "the snapshot has no `weather`"),
        ("?parts=health.weather", "`health.weather`"),
        ("?parts=health,,", "`a,b.c`"),
        ("?parts=", "`a,b.c`"),
        ("?topics=probes&parts=health", "`parts` chooses from"),
        ("?topic=probes", "unknown query parameter `topic`"),
    ] {
        let answer = server.get(&format!("/api/v1/stream{query}")).await;
        let problem = answer.json();
        assert_eq!(answer.status, 400, "{query} {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(named), "{query}: {detail}");
        assert!(query.contains(problem["parameter"].as_str().unwrap()));
    }
    let json = server
        .get_with("/api/v1/stream", "Accept: application/json\r\n")
        .await;
    assert_eq!(json.status, 406);
    let mut client = server.connect().await;
    client.send(request("", "").replace("GET", "POST")).await;
    let post = client.answer().await;
    assert_eq!((post.status, post.header("allow")), (405, Some("GET,HEAD")));
    client.send(request("", "").replace("GET", "HEAD")).await;
    let head = client.head().await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    // There is no body, so the next answer follows.
    assert_eq!(client.get("/livez").await.text(), "ok");
    server.await_listeners(0).await;
    server.stop().await;
}

#[tokio::test]
async fn without_a_stream_it_is_404_and_before_the_first_snapshot_503() {
    let off = StreamConfig {
        enabled: false,
        ..StreamConfig::default()
    };
    let server = TestServer::start(&with(off), Some(shown(1)));
    assert_eq!(server.get("/api/v1/stream").await.status, 404);
    server.stop().await;
    let server = TestServer::start(&config(), None);
    let early = server.get("/api/v1/stream").await;
    assert_eq!(early.status, 503);
    assert!(early.header("retry-after").is_some());
    server.cell.publish(shown(1));
    let mut listener = Listener::open(&server, "?topics=snapshot").await;
    assert_eq!(listener.until("snapshot").await.json()["sequence"], 1);
    server.stop().await;
}
