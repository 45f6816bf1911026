//! What the routes give: documents, parts, negotiation, conditional requests, readiness.
#![allow(clippy::unwrap_used)]

#[path = "support/exposition.rs"]
mod exposition;
#[path = "support/snapshots.rs"]
mod snapshots;
#[path = "support/wire.rs"]
mod wire;

use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use probity::model::Status;
use probity::snapshot::{HealthReport, Snapshot};
use serde_json::json;
use snapshots::{ageless, check, gauge, probe, sampler, snapshot};
use wire::{TestServer, config};

fn shown(sequence: u64) -> Snapshot {
    let machine = sampler("machine", |recorder| {
        // Enough to be worth compressing.
        for index in 0..50 {
            gauge(
                recorder,
                &format!("machine_value_{index}"),
                f64::from(index),
            );
        }
    });
    let files = probe("files", |recorder| gauge(recorder, "files_found", 3.0));
    snapshot(sequence, vec![machine, files])
}

fn with_checks(checks: Vec<probity::snapshot::Check>) -> Snapshot {
    Snapshot {
        health: Arc::new(HealthReport::new(checks)),
        ..shown(1)
    }
}

fn server(snapshot: Snapshot) -> TestServer {
    TestServer::start(&config(), Some(snapshot))
}

#[tokio::test]
async fn the_snapshot_is_served_whole_in_parts_and_by_fields() {
    let server = server(shown(7));
    let whole = server.get("/snapshot").await;
    assert_eq!(whole.status, 200);
    assert_eq!(whole.header("content-type"), Some("application/json"));
    let whole = whole.json();
    let parts: Vec<&str> = whole
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(parts, probity::snapshot::PARTS);
    for (path, wanted) in [
        ("/snapshot/sequence", json!(7)),
        ("/snapshot/scheduler/sources_total", json!(2)),
        ("/snapshot/scheduler/sources/files/kind", json!("probe")),
        ("/snapshot/metrics/files_found/value", json!(3.0)),
        ("/snapshot/metrics/1/name", json!("machine_value_1")),
        (
            "/snapshot/health/checks/files~1backlog/status",
            json!("warn"),
        ),
        (
            "/snapshot/health/checks/files%7E1backlog/status/",
            json!("warn"),
        ),
        (
            "/snapshot?fields=sequence,health.status",
            json!({ "sequence": 7, "health": { "status": "warn" } }),
        ),
        (
            "/snapshot?fields=probes.name&fields=process.pid",
            json!({ "probes": [{ "name": "files" }], "process": null }),
        ),
        (
            "/snapshot/health?fields=status,ready",
            json!({ "status": "warn", "ready": true }),
        ),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.json()), (200, wanted), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn metrics_come_in_the_format_the_scraper_likes_best() {
    let server = server(shown(1));
    let prometheus = "Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n";
    for (accept, content_type) in [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "Accept: */*\r\n",
            "text/plain; version=0.0.4; charset=utf-8",
        ),
        (
            prometheus,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ] {
        let answer = server.get_with("/metrics", accept).await;
        assert_eq!(answer.header("content-type"), Some(content_type));
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
        let open = content_type.starts_with("application/openmetrics");
        let read = exposition::parse(answer.text(), open).unwrap();
        assert_eq!(read.value("files_found", &[("probe", "files")]), Some(3.0));
    }
    server.stop().await;
}

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

#[tokio::test]
async fn a_snapshot_that_is_no_longer_replaced_looks_as_old_as_it_is() {
    let mut old = shown(1);
    old.published = Instant::now() - Duration::from_secs(60);
    let server = server(old);
    let age = server
        .get("/snapshot/age_ms")
        .await
        .json()
        .as_f64()
        .unwrap();
    assert!((60_000.0..90_000.0).contains(&age), "{age}");
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(
        ready
            .text()
            .contains("[-]collector failed: the newest snapshot is 6"),
        "{}",
        ready.text()
    );
    assert_eq!(server.get("/livez").await.status, 200);
    let detailed = server.get("/health/detailed").await.json();
    let collector: Vec<_> = detailed["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["name"] == "collector")
        .collect();
    assert_eq!(collector.len(), 1);
    assert_eq!(
        (&collector[0]["status"], &detailed["status"]),
        (&json!("fail"), &json!("fail"))
    );
    server.stop().await;
}

#[tokio::test]
async fn before_the_first_snapshot_everything_says_so() {
    let server = TestServer::start(&config(), None);
    for path in [
        "/snapshot",
        "/snapshot/health",
        "/metrics",
        "/api/v1/probes",
        "/health/detailed",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(answer.header("retry-after"), Some("1"));
        let problem = answer.json();
        assert_eq!(problem["components"][0]["name"], "snapshot");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("no snapshot yet")
        );
    }
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(
        ready
            .text()
            .starts_with("[-]startup failed: no snapshot yet"),
        "{}",
        ready.text()
    );
    for path in ["/livez", "/healthz", "/health/live", "/"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    server.cell.publish(shown(1));
    assert_eq!(server.get("/readyz").await.status, 200);
    assert_eq!(server.get("/snapshot/sequence").await.text(), "1");
    server.stop().await;
}

#[tokio::test]
async fn readiness_asks_the_gates_and_speaks_like_kubernetes() {
    let server = server(with_checks(vec![
        check("collector", Status::Pass, true),
        check("disk", Status::Fail, true),
        check("memory", Status::Warn, true),
        check("files/backlog", Status::Fail, false),
    ]));
    let all = "[+]collector ok\n[-]disk failed: disk says fail\n[+]memory ok: warning: memory says warn\nreadyz check failed\n";
    for (path, status, text) in [
        ("/readyz", 503, all),
        ("/readyz?verbose", 503, all),
        ("/health/ready", 503, all),
        ("/readyz?exclude=disk", 200, "ok"),
        (
            "/readyz?verbose&exclude=disk",
            200,
            "[+]disk excluded: ok\n[+]collector ok\n[+]memory ok: warning: memory says warn\nreadyz check passed\n",
        ),
        ("/readyz?exclude=unheard-of", 503, all),
        ("/readyz/collector", 200, "ok"),
        (
            "/readyz/collector?verbose=1",
            200,
            "[+]collector ok\nreadyz check passed\n",
        ),
        (
            "/readyz/disk",
            503,
            "[-]disk failed: disk says fail\nreadyz check failed\n",
        ),
        (
            "/readyz/files/backlog",
            503,
            "[-]files/backlog failed: files/backlog says fail\nreadyz check failed\n",
        ),
        ("/livez", 200, "ok"),
        ("/livez?verbose", 200, "[+]ping ok\nlivez check passed\n"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.text()), (status, text), "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn health_is_json_by_either_name() {
    let server = server(with_checks(vec![
        check("collector", Status::Pass, true),
        check("files/backlog", Status::Warn, false),
    ]));
    for media in ["application/json", "application/health+json"] {
        for path in ["/health", "/readyz", "/livez"] {
            let answer = server.get_with(path, &format!("Accept: {media}\r\n")).await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.header("content-type"), Some(media), "{path}");
        }
    }
    let health = server.get("/health").await.json();
    assert_eq!(
        (&health["status"], &health["ready"]),
        (&json!("warn"), &json!(true))
    );
    assert_eq!(health["checks"]["collector"], json!([{ "status": "pass" }]));
    assert_eq!(
        health["checks"]["files/backlog"][0]["output"],
        "files/backlog says warn"
    );
    let detailed = server.get("/health/detailed").await.json();
    assert_eq!(detailed["checks"][1]["source"], "test");
    assert_eq!(detailed["sources"][1]["name"], "files");
    assert_eq!(detailed["probes"][0]["name"], "files");
    server.cell.publish(Snapshot {
        sequence: 2,
        ..with_checks(vec![check("disk", Status::Fail, false)])
    });
    let failing = server.get("/health").await;
    assert_eq!(
        (failing.status, &failing.json()["ready"]),
        (503, &json!(true))
    );
    assert_eq!(server.get("/readyz").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn probes_are_listed_and_found_by_name() {
    let server = server(shown(1));
    let all = server.get("/api/v1/probes").await.json();
    assert_eq!(all["probes"][0]["name"], "files");
    let one = server.get("/api/v1/probes/files").await.json();
    assert_eq!(one["state"], "active");
    assert_eq!(one["version"], "1.0.0");
    server.stop().await;
}

#[tokio::test]
async fn the_index_lists_addresses_that_all_answer_and_needs_nothing_from_outside() {
    let server = server(shown(1));
    let html = server
        .get_with("/", "Accept: text/html,*/*;q=0.8\r\n")
        .await;
    assert_eq!(
        html.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(
        html.header("content-security-policy")
            .unwrap()
            .starts_with("default-src 'none'")
    );
    let links: Vec<&str> = html
        .text()
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(links.len(), 9);
    for link in links {
        assert!(link.starts_with('/'), "{link}");
        assert_eq!(server.get(link).await.status, 200, "{link}");
    }
    let text = server.get("/").await;
    assert!(text.text().contains("/readyz"));
    server.stop().await;
}

#[tokio::test]
async fn every_answer_has_an_id_and_is_kept_from_other_sites() {
    let server = server(shown(1));
    let mut ids = Vec::new();
    for path in ["/snapshot", "/nowhere", "/livez"] {
        let answer = server.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(
            answer.header("cross-origin-resource-policy"),
            Some("same-origin")
        );
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        ids.push(answer.header("x-request-id").unwrap().to_owned());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
    let given = server.get_with("/livez", "X-Request-Id: my-id.1\r\n").await;
    assert_eq!(given.header("x-request-id"), Some("my-id.1"));
    for bad in ["two words".to_owned(), "x".repeat(129)] {
        let answer = server
            .get_with("/livez", &format!("X-Request-Id: {bad}\r\n"))
            .await;
        assert_ne!(answer.header("x-request-id"), Some(bad.as_str()));
    }
    server.stop().await;
}
