//! Requests for what is not there, or not in that way.

use super::wire::config;
use super::{refused, small, survives};

#[tokio::test]
async fn h19_a_path_leads_nowhere_but_into_the_snapshot() {
    survives(config(), small(), async |server| {
        for path in [
            "/../etc/passwd",
            "/snapshot/../../etc/passwd",
            "/snapshot/%2e%2e/%2e%2e/etc/passwd",
            "/snapshot/metrics/99",
            "/snapshot/nothing",
            "/snapshot/snapshot/sequence",
            "/readyz/nothing",
            "/api/v1/probes/nothing",
            "/snapshots",
            "//",
        ] {
            refused(
                server,
                &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
                404,
            )
            .await;
        }
        for malformed in ["%zz", "%+1", "%-1", "% 1", "%1", "%"] {
            let path = format!("/snapshot/{malformed}").replace(' ', "%20");
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            refused(server, &request, 400).await;
        }
    })
    .await;
}

#[tokio::test]
async fn h20_head_is_get_without_the_body() {
    survives(config(), small(), async |server| {
        for path in [
            "/",
            "/livez",
            "/readyz",
            "/health",
            "/snapshot",
            "/metrics",
            "/nowhere",
        ] {
            let get = server.get(path).await;
            let mut client = server.connect().await;
            client
                .send(format!(
                    "HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                ))
                .await;
            let head = client.head().await;
            assert_eq!(head.status, get.status, "{path}");
            for name in ["content-type", "content-length", "etag"] {
                assert_eq!(head.header(name), get.header(name), "{path}");
            }
            client.closed().await;
        }
    })
    .await;
}

#[tokio::test]
async fn h21_a_wrong_method_learns_the_right_ones() {
    survives(config(), small(), async |server| {
        for (method, path) in [
            ("POST", "/snapshot"),
            ("DELETE", "/metrics"),
            ("PUT", "/livez"),
            ("PATCH", "/api/v1/probes"),
            ("OPTIONS", "/health"),
            ("BREW", "/"),
        ] {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let answer = refused(server, &request, 405).await;
            assert_eq!(answer.header("allow"), Some("GET,HEAD"), "{method} {path}");
        }
        refused(server, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 404).await;
        refused(
            server,
            "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
            404,
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn h22_an_accept_that_nobody_can_meet_is_406_with_the_offers() {
    survives(config(), small(), async |server| {
        for (path, offer) in [
            ("/snapshot", "application/json"),
            ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
            ("/health", "application/json"),
            ("/readyz", "text/plain; charset=utf-8"),
            ("/api/v1/probes", "application/json"),
            ("/", "text/plain; charset=utf-8"),
        ] {
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: image/png\r\n\r\n");
            let answer = refused(server, &request, 406).await;
            assert_eq!(answer.json()["offered"][0], offer, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn h23_an_unknown_parameter_is_named() {
    survives(config(), small(), async |server| {
        for path in [
            "/snapshot",
            "/metrics",
            "/readyz",
            "/health",
            "/health/detailed",
            "/",
            "/api/v1/probes",
        ] {
            let request = format!("GET {path}?surprise=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let answer = refused(server, &request, 400).await;
            assert_eq!(answer.json()["parameter"], "surprise", "{path}");
        }
        let request = "GET /snapshot?fields=health.nothing HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let answer = refused(server, request, 400).await;
        assert!(answer.text().contains("health.nothing"));
    })
    .await;
}
