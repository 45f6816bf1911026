//! Liveness, readiness and health, and what they say of a snapshot that is missing or old.

use std::time::{Duration, Instant};

use probity::model::Status;
use probity::snapshot::Snapshot;
use serde_json::json;

use super::snapshots::check;
use super::wire::{TestServer, config};
use super::{server, shown, with_checks};

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
