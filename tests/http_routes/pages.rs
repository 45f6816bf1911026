//! The snapshot in parts, metrics, probes, the index, and what every answer carries.

use serde_json::json;

use super::{exposition, server, shown};

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
async fn the_index_lists_addresses_that_all_answer() {
    let server = server(shown(1));
    let text = server.get("/").await;
    assert_eq!(
        text.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let paths: Vec<&str> = text
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .collect();
    assert_eq!(paths.len(), 13, "{}", text.text());
    for path in paths {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
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
