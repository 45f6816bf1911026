//! Clients of the live stream that do not read, are too many, ask for too much, or are there when it ends.

use std::sync::Arc;

use probity::http::{Config, StreamConfig};
use probity::model::{Span, Status};
use probity::snapshot::{HealthReport, PARTS, Snapshot};

use super::events::{Listener, request};
use super::snapshots::check;
use super::wire::{Client, TestServer, config, hasty};
use super::{refused, small, survives};

/// A snapshot of 16 MB, more than the system holds of a connection for a client that does not read.
fn huge(sequence: u64) -> Snapshot {
    let mut check = check("talker", Status::Pass, false);
    check.message = "x".repeat(16 << 20);
    Snapshot {
        sequence,
        health: Arc::new(HealthReport::new(vec![check])),
        ..small()
    }
}

/// A client that has heard the beginning of a snapshot and reads no more.
async fn deaf(server: &TestServer) -> Client {
    let mut client = Client::connect_narrowly(server.address).await;
    client.send(request("?topics=snapshot", "")).await;
    client.await_bytes(b"event: snapshot").await;
    client
}

#[tokio::test]
async fn h24_a_stream_client_that_never_reads_is_dropped_and_counted_while_others_go_on() {
    survives(hasty(), huge(1), async |server| {
        let mut listener = Listener::open(server, "?topics=snapshot&parts=sequence").await;
        assert_eq!(listener.until("snapshot").await.json()["sequence"], 1);
        let _deaf = deaf(server).await;
        server.cell.publish(huge(2));
        assert_eq!(listener.until("snapshot").await.json()["sequence"], 2);
        let dropped = || server.tally.stream.dropped() == 1;
        TestServer::eventually(dropped, "the client is dropped").await;
        server.await_listeners(1).await;
        server.cell.publish(huge(3));
        assert_eq!(listener.until("snapshot").await.json()["sequence"], 3);
    })
    .await;
}

#[tokio::test]
async fn h25_of_500_stream_clients_those_over_the_cap_are_told_to_come_later() {
    survives(config(), small(), async |server| {
        let most = StreamConfig::default().max_clients as usize;
        let mut listeners = Vec::new();
        for _ in 0..most {
            listeners.push(Listener::open(server, "?topics=probes").await);
        }
        for _ in most..500 {
            let answer = refused(server, &request("?topics=probes", ""), 503).await;
            assert_eq!(answer.header("retry-after"), Some("5"));
        }
        assert_eq!(server.tally.stream.refused(), 500 - most as u64);
        assert_eq!(server.tally.stream.clients(), most as u64);
        for listener in &mut listeners {
            listener.until("probes").await;
        }
        // A place that is left is free at once.
        listeners.pop();
        server.await_listeners(most as u64 - 1).await;
        listeners.push(Listener::open(server, "?topics=probes").await);
    })
    .await;
}

#[tokio::test]
async fn h25_a_client_is_told_which_bound_it_met() {
    let bounded = |max_connections, max_clients| Config {
        max_connections,
        stream: StreamConfig {
            max_clients,
            ..StreamConfig::default()
        },
        ..config()
    };
    for (config, most, key) in [
        (bounded(8, 2), 2, "`server.stream.max_clients` allows"),
        (
            bounded(4, 128),
            3,
            "three quarters of `server.max_connections`",
        ),
    ] {
        let server = TestServer::start(&config, Some(small()));
        let mut listeners = Vec::new();
        for _ in 0..most {
            listeners.push(Listener::open(&server, "?topics=probes").await);
        }
        let answer = refused(&server, &request("?topics=probes", ""), 503).await;
        let words = format!("{most} clients listen already, as many as {key}");
        assert!(answer.text().contains(&words), "{}", answer.text());
        drop(listeners);
        server.await_open(0).await;
        server.stop().await;
    }
}

#[tokio::test]
async fn h25_choices_of_parts_are_bounded_and_those_that_are_known_stay_open_to_others() {
    survives(config(), small(), async |server| {
        let choices = (1..PARTS.len()).flat_map(|one| {
            let pair = move |two: usize| format!("?parts={},{}", PARTS[one], PARTS[two]);
            (0..one).map(pair)
        });
        let choices: Vec<String> = choices.take(33).collect();
        let mut listeners = Vec::new();
        for query in &choices[..32] {
            listeners.push(Listener::open(server, query).await);
        }
        let answer = refused(server, &request(&choices[32], ""), 503).await;
        assert!(answer.text().contains("32 different"), "{}", answer.text());
        assert_eq!(server.tally.stream.refused(), 1);
        listeners.push(Listener::open(server, &choices[7]).await);
        // Everything, and what the status page listens to, are never crowded out.
        for usual in ["", "?parts=sequence"] {
            drop(Listener::open(server, usual).await);
        }
        server.await_listeners(33).await;
        listeners.swap_remove(0);
        server.await_listeners(32).await;
        listeners.push(Listener::open(server, &choices[32]).await);
    })
    .await;
}

#[tokio::test]
async fn h28_a_stream_client_that_leaves_frees_its_place_at_once() {
    survives(config(), small(), async |server| {
        for _ in 0..20 {
            let listener = Listener::open(server, "").await;
            server.await_listeners(1).await;
            drop(listener);
            server.await_listeners(0).await;
        }
        assert_eq!(server.tally.stream.dropped(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p01_the_drain_says_goodbye_to_streams_and_waits_for_none_of_them() {
    let patient = Config {
        drain_timeout: Span::seconds(60),
        ..config()
    };
    let server = TestServer::start(&patient, Some(huge(1)));
    let mut listeners = Vec::new();
    for _ in 0..100 {
        listeners.push(Listener::open(&server, "?topics=probes").await);
    }
    let _deaf = [deaf(&server).await, deaf(&server).await];
    assert_eq!(server.tally.stream.clients(), 102);
    let tally = server.tally.clone();
    let drained = server.stop().await;
    assert!(drained.stragglers.is_empty(), "{drained:?}");
    for listener in &mut listeners {
        let end = listener.until("end").await;
        assert_eq!(end.json()["reason"], "the program is stopping");
        assert_eq!(listener.next_or_end().await, None);
    }
    assert_eq!((tally.stream.clients(), tally.stream.dropped()), (0, 2));
    assert_eq!(tally.open_connections(), 0);
}
