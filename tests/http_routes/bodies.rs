//! Encoded once, sent only to those who do not have it, compressed for those who ask.

use std::io::Read as _;

use probity::snapshot::Snapshot;
use serde_json::json;

use super::snapshots::{ageless, gauge, sampler, snapshot};
use super::{server, shown};

#[tokio::test]
async fn what_a_client_has_already_is_not_sent_again() {
    let server = server(ageless(shown(1)));
    for path in [
        "/snapshot",
        "/snapshot/health",
        "/metrics",
        "/api/v1/probes",
        "/health/detailed",
    ] {
        let first = server.get(path).await;
        let tag = first.header("etag").unwrap();
        let list = format!("If-None-Match: \"other\", W/{tag}\r\n");
        let answer = server.get_with(path, &list).await;
        assert_eq!(answer.header("etag"), Some(tag), "{path}");
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{path} {tag}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        assert_eq!(answer.header("content-type"), None);
        let any = server.get_with(path, "If-None-Match: *\r\n").await;
        assert_eq!(any.status, 304, "{path}");
        let other = server.get_with(path, "If-None-Match: \"other\"\r\n").await;
        assert_eq!(other.status, 200, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_new_snapshot_has_a_new_tag() {
    let server = server(shown(1));
    let old = server.get("/snapshot").await;
    server.cell.publish(shown(2));
    let tag = old.header("etag").unwrap();
    let answer = server
        .get_with("/snapshot", &format!("If-None-Match: {tag}\r\n"))
        .await;
    assert_eq!(
        (answer.status, answer.json()["sequence"].clone()),
        (200, json!(2))
    );
    server.stop().await;
}

#[tokio::test]
async fn gzip_is_given_to_those_who_ask_and_has_its_own_tag() {
    let server = server(ageless(shown(1)));
    for path in ["/snapshot", "/metrics"] {
        let plain = server.get(path).await;
        let packed = server
            .get_with(path, "Accept-Encoding: br, gzip;q=0.8\r\n")
            .await;
        let tag = plain.header("etag").unwrap().trim_end_matches('"');
        assert_eq!(packed.header("etag"), Some(&*format!("{tag}-gzip\"")));
        assert_eq!(plain.header("content-encoding"), None);
        assert_eq!(packed.header("content-encoding"), Some("gzip"));
        assert!(packed.body.len() < plain.body.len() / 2, "{path}");
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&*packed.body)
            .read_to_end(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, plain.body, "{path}");
        let refused = server
            .get_with(path, "Accept-Encoding: gzip;q=0, *\r\n")
            .await;
        assert_eq!(refused.header("content-encoding"), None);
    }
    let small = server
        .get_with("/snapshot/sequence", "Accept-Encoding: gzip\r\n")
        .await;
    assert_eq!(
        (small.header("content-encoding"), small.text()),
        (None, "1")
    );
    server.stop().await;
}

/// Asks for two documents over 20 connections at once, five times each.
async fn encodings_for_200_requests(snapshot: Snapshot) -> u64 {
    let server = server(ageless(snapshot));
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(server.connect().await);
    }
    let snapshot = "GET /snapshot HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let metrics = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n";
    for client in &mut clients {
        client.send(format!("{snapshot}{metrics}").repeat(5)).await;
    }
    let mut bodies = Vec::new();
    for client in &mut clients {
        for _ in 0..10 {
            bodies.push(client.answer().await.body);
        }
    }
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 2);
    let encoded = server.tally.bodies_encoded();
    server.stop().await;
    encoded
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_body_is_encoded_once_for_all_who_ask() {
    assert_eq!(encodings_for_200_requests(shown(1)).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_heavy_body_is_encoded_once_for_all_who_ask() {
    let heavy = sampler("heavy", |recorder| {
        for index in 0..2_000 {
            gauge(recorder, &format!("heavy_{index}"), 1.0);
        }
    });
    assert_eq!(
        encodings_for_200_requests(snapshot(1, vec![heavy])).await,
        2
    );
}

#[tokio::test]
async fn an_unkept_part_is_still_served_and_a_missing_one_takes_no_place() {
    let server = server(ageless(shown(1)));
    let mut client = server.connect().await;
    for index in 0..100 {
        let missing = client.get(&format!("/snapshot/nothing{index}")).await;
        assert_eq!(missing.status, 404);
    }
    let before = server.tally.bodies_encoded();
    for _ in 0..2 {
        for index in 0..50 {
            let part = client.get(&format!("/snapshot/metrics/{index}")).await;
            assert_eq!(part.json()["value"], f64::from(index));
        }
    }
    assert_eq!(server.tally.bodies_encoded() - before, 50);
    for index in 0..200 {
        let fields = client
            .get(&format!("/snapshot/sequence?fields=&n={index}"))
            .await;
        assert_eq!(fields.status, 400);
        let part = client
            .get(&format!(
                "/snapshot/metrics/{}?fields=value,name{}",
                index % 50,
                ",value".repeat(index)
            ))
            .await;
        assert_eq!(part.json()["value"], f64::from(index as u32 % 50));
    }
    server.stop().await;
}
