//! What clients do wrong, by the ids of the fault list. After each, another client is still served and every
//! connection is gone.
#![allow(clippy::unwrap_used)]

#[path = "support/snapshots.rs"]
mod snapshots;
#[path = "support/wire.rs"]
mod wire;

use probity::http::{Config, Handles, HttpError, HttpTally, Server};
use probity::model::{ByteSize, Metric, MetricKind, Span, Tally};
use probity::snapshot::Snapshot;
use snapshots::{ageless, gauge, probe, record, sampler, snapshot};
use tokio_util::sync::CancellationToken;
use wire::{Answer, TestServer, config};

fn small() -> Snapshot {
    let machine = sampler("machine", |recorder| gauge(recorder, "load", 0.5));
    let files = probe("files", |recorder| gauge(recorder, "files", 3.0));
    snapshot(1, vec![machine, files])
}

/// About 2 MB of metrics.
fn large() -> Snapshot {
    let metric = Metric::new(
        MetricKind::Gauge,
        "large",
        "",
        "Large.",
        &["index", "filler"],
    );
    let metric = metric.unwrap();
    let filler = "x".repeat(200);
    let machine = sampler("machine", |recorder| {
        for index in 0..10_000 {
            record(recorder, &metric, &[&index.to_string(), &filler], 1.0);
        }
    });
    snapshot(1, vec![machine])
}

/// Runs `fault` beside a client that must be served all along; afterwards that one's connection is the only one.
async fn survives(config: Config, shown: Snapshot, fault: impl AsyncFnOnce(&TestServer)) {
    let server = TestServer::start(&config, Some(shown));
    let mut bystander = server.connect().await;
    assert_eq!(bystander.get("/livez").await.status, 200);
    fault(&server).await;
    // An idle bystander is cut off like anybody else.
    let mut bystander = server.connect().await;
    assert_eq!(bystander.get("/readyz").await.status, 200);
    drop(bystander);
    server.await_open(0).await;
    assert_eq!(server.tally.answered(500), 0);
    assert_eq!(server.stop().await.stragglers, Vec::<String>::new());
}

/// Sends one raw request; it must be answered with this status, and by a problem document.
async fn refused(server: &TestServer, request: &str, status: u16) -> Answer {
    let mut client = server.connect().await;
    client.send(request).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, status, "{request}\n{}", answer.text());
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    assert!(!problem["detail"].as_str().unwrap().is_empty());
    assert!(answer.header("x-request-id").is_some());
    answer
}

#[tokio::test]
async fn h01_half_a_header_is_cut_off() {
    survives(config(), small(), async |server| {
        let mut client = server.connect().await;
        client.send("GET /livez HTTP/1.1\r\nHost: local").await;
        client.closed().await;
    })
    .await;
}

#[tokio::test]
async fn h02_a_client_that_says_nothing_is_cut_off() {
    survives(config(), small(), async |server| {
        server.connect().await.closed().await;
    })
    .await;
}

#[tokio::test]
async fn h03_a_slow_body_that_nobody_reads_delays_nothing() {
    survives(config(), small(), async |server| {
        let mut client = server.connect().await;
        client
            .send("GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
            .await;
        assert_eq!(client.answer().await.status, 200);
        client.closed().await;
    })
    .await;
}

#[tokio::test]
async fn h04_an_idle_kept_alive_connection_is_cut_off() {
    survives(config(), small(), async |server| {
        let mut client = server.connect().await;
        for _ in 0..3 {
            assert_eq!(client.get("/livez").await.status, 200);
        }
        client.closed().await;
    })
    .await;
}

#[tokio::test]
async fn h05_a_connection_over_the_cap_waits_and_is_served_when_one_is_free() {
    let capped = Config {
        max_connections: 2,
        header_timeout: Span::seconds(60),
        ..config()
    };
    let server = TestServer::start(&capped, Some(small()));
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    for client in [&mut first, &mut second] {
        assert_eq!(client.get("/livez").await.status, 200);
    }
    let mut third = server.connect().await;
    third
        .send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    // A round trip of another client shows that the server had its time.
    assert_eq!(second.get("/livez").await.status, 200);
    assert_eq!(server.tally.open_connections(), 2);
    assert!(third.is_silent());
    drop(first);
    assert_eq!(third.answer().await.status, 200);
    drop((second, third));
    server.await_open(0).await;
    server.stop().await;
}

#[tokio::test]
async fn h06_a_big_body_is_refused_before_it_is_sent() {
    survives(config(), small(), async |server| {
        let request =
            "GET /snapshot HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n";
        let answer = refused(server, request, 413).await;
        assert_eq!(answer.json()["limit_bytes"], ByteSize::mib(1).0);
        assert_eq!(answer.header("connection"), Some("close"));
    })
    .await;
}

#[tokio::test]
async fn h07_endless_chunks_come_to_an_end() {
    survives(config(), small(), async |server| {
        let mut client = server.connect().await;
        client
            .send("GET /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
        client.send_until_refused(b"4\r\nmore\r\n").await;
    })
    .await;
}

#[tokio::test]
async fn h12_too_many_or_too_large_headers_are_431() {
    survives(config(), small(), async |server| {
        let many: String = (0..150).map(|n| format!("x-{n}: y\r\n")).collect();
        let large = format!("x-large: {}\r\n", "y".repeat(2_000_000));
        for headers in [many, large] {
            let mut client = server.connect().await;
            client
                .send(format!(
                    "GET /livez HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"
                ))
                .await;
            assert_eq!(client.answer().await.status, 431);
            client.closed().await;
        }
        let allowed: String = (0..90).map(|n| format!("x-{n}: y\r\n")).collect();
        assert_eq!(server.get_with("/livez", &allowed).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn h13_only_known_hosts_are_answered() {
    let with_hosts = Config {
        allowed_hosts: vec!["Probity.example".into(), "exact.example:8080".into()],
        ..config()
    };
    survives(with_hosts, small(), async |server| {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.0.2.1",
            "[2001:db8::1]",
            "exact.example",
            "exact.example:80",
        ] {
            let request = format!("GET /snapshot HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let answer = refused(server, &request, 421).await;
            assert!(answer.json()["detail"].as_str().unwrap().contains(host));
        }
        for host in [
            "localhost".to_owned(),
            "LocalHost.:1234".to_owned(),
            "127.8.9.10".to_owned(),
            "[::1]:7762".to_owned(),
            "[::ffff:127.0.0.1]".to_owned(),
            server.address.to_string(),
            "probity.EXAMPLE:9999".to_owned(),
            "exact.example:8080".to_owned(),
        ] {
            let mut client = server.connect().await;
            client
                .send(format!("GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n"))
                .await;
            assert_eq!(client.answer().await.status, 200, "{host}");
        }
    })
    .await;
}

#[tokio::test]
async fn h14_none_or_two_hosts_or_no_host_at_all_are_400() {
    survives(config(), small(), async |server| {
        for hosts in [
            "",
            "Host: localhost\r\nHost: localhost\r\n",
            "Host: localhost\r\nhost: evil.example\r\n",
            "Host:\r\n",
            "Host: local host\r\n",
            "Host: me@localhost\r\n",
        ] {
            refused(server, &format!("GET /livez HTTP/1.1\r\n{hosts}\r\n"), 400).await;
        }
        refused(server, "GET /livez HTTP/1.0\r\n\r\n", 400).await;
    })
    .await;
}

#[tokio::test]
async fn h15_a_whole_address_must_name_a_known_host_too() {
    survives(config(), small(), async |server| {
        for (target, host, status) in [
            ("http://evil.example/livez", "localhost", 421),
            ("http://localhost/livez", "evil.example", 421),
            ("https://localhost/livez", "localhost", 421),
            ("http://me@localhost/livez", "localhost", 400),
        ] {
            refused(
                server,
                &format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
                status,
            )
            .await;
        }
        let mut client = server.connect().await;
        client
            .send("GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        assert_eq!(client.answer().await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn h16_length_and_chunking_together_are_400_and_the_end() {
    survives(config(), small(), async |server| {
        let (length, chunked) = ("Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n");
        for headers in [format!("{length}{chunked}"), format!("{chunked}{length}")] {
            let mut client = server.connect().await;
            // After an ordinary request on the same connection, with the next one smuggled behind.
            assert_eq!(client.get("/livez").await.status, 200);
            client
                .send(format!(
                    "GET /livez HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n0\r\n\r\nGET /snapshot HTTP/1.1\r\nHost: localhost\r\n\r\n"
                ))
                .await;
            let answer = client.answer().await;
            assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
            client.closed().await;
        }
        for header in ["Content-Length: 5\r\nContent-Length: 6\r\n", "Transfer-Encoding: gzip\r\n", "Content-Length: -1\r\n"] {
            let mut client = server.connect().await;
            client.send(format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{header}\r\n")).await;
            assert_eq!(client.answer().await.status, 400, "{header}");
            client.closed().await;
        }
    })
    .await;
}

#[tokio::test]
async fn h19_a_path_leads_nowhere_but_into_the_snapshot() {
    survives(config(), small(), async |server| {
        for path in [
            "/../etc/passwd",
            "/snapshot/../../etc/passwd",
            "/snapshot/%2e%2e/%2e%2e/etc/passwd",
            "/snapshot/metrics/99",
            "/snapshot/nothing",
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
        refused(
            server,
            "GET /snapshot/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
            400,
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn h20_head_is_get_without_the_body() {
    survives(config(), ageless(small()), async |server| {
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

#[tokio::test]
async fn h24_a_client_that_never_reads_is_cut_off() {
    survives(config(), large(), async |server| {
        let mut client = server.connect().await;
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20);
        client.send(request).await;
        // 40 MB are more than the kernel buffers: the server alone can end this.
        assert_eq!(client.head().await.status, 200);
        server.await_open(0).await;
        drop(client);
    })
    .await;
}

#[tokio::test]
async fn h28_a_client_that_leaves_mid_answer_harms_nobody() {
    survives(config(), large(), async |server| {
        for _ in 0..10 {
            let mut client = server.connect().await;
            client
                .send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .await;
            assert_eq!(client.head().await.status, 200);
        }
    })
    .await;
}

#[tokio::test]
async fn h30_without_the_token_there_is_nothing_but_liveness_and_readiness() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "open sesame\nnot this\n").unwrap();
    let with_token = Config {
        token_file: Some(file),
        ..config()
    };
    survives(with_token, small(), async |server| {
        for path in [
            "/",
            "/snapshot",
            "/metrics",
            "/health",
            "/healthz",
            "/readyz/collector",
            "/nowhere",
        ] {
            for header in [
                "",
                "Authorization: Bearer open\r\n",
                "Authorization: Bearer\r\n",
                "Authorization: Basic open sesame\r\n",
            ] {
                let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n");
                let answer = refused(server, &request, 401).await;
                assert_eq!(
                    answer.header("www-authenticate"),
                    Some("Bearer realm=\"probity\"")
                );
            }
        }
        for path in ["/snapshot", "/metrics", "/readyz/collector"] {
            let answer = server
                .get_with(path, "authorization: bearer open sesame\r\n")
                .await;
            assert_eq!(answer.status, 200, "{path}");
        }
        for path in ["/livez", "/readyz"] {
            assert_eq!(server.get(path).await.status, 200, "{path}");
        }
    })
    .await;
}

fn bind(config: &Config) -> Result<Server, HttpError> {
    let handles = Handles {
        cell: Default::default(),
        tally: HttpTally::new(&mut Tally::default()).into(),
        draining: CancellationToken::new(),
    };
    Server::bind(config, handles)
}

#[test]
fn c05_a_token_file_that_is_missing_or_empty_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, " \nsecond line").unwrap();
    for file in [empty, folder.path().join("missing")] {
        let with_token = Config {
            token_file: Some(file.clone()),
            ..config()
        };
        let message = bind(&with_token).err().unwrap().to_string();
        assert!(message.contains(file.to_str().unwrap()), "{message}");
        assert!(
            message.contains("put the token into its first line"),
            "{message}"
        );
    }
}

#[test]
fn c06_a_port_in_use_says_so_and_what_to_do() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = Config {
        listen: holder.local_addr().unwrap(),
        ..config()
    };
    let error = bind(&taken).err().unwrap();
    let HttpError::AddressInUse { address } = &error else {
        panic!("{error}");
    };
    assert_eq!(*address, taken.listen);
    let message = error.to_string();
    assert!(
        message.contains(&format!("{address} is already in use")),
        "{message}"
    );
    assert!(message.contains("--listen"), "{message}");
}

#[tokio::test]
async fn p01_the_drain_ends_idle_connections_and_names_those_it_cuts_off() {
    let patient = Config {
        header_timeout: Span::seconds(60),
        body_timeout: Span::seconds(60),
        ..config()
    };
    let server = TestServer::start(&patient, Some(large()));
    let (mut idle, mut silent) = (server.connect().await, server.connect().await);
    assert_eq!(idle.get("/livez").await.status, 200);
    let mut stuck = server.connect().await;
    stuck
        .send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20))
        .await;
    assert_eq!(stuck.head().await.status, 200);
    server.await_open(3).await;
    let tally = server.tally.clone();
    let drained = server.stop().await;
    idle.closed().await;
    silent.closed().await;
    assert_eq!(drained.stragglers.len(), 1, "{drained:?}");
    assert!(
        drained.stragglers[0].ends_with(": GET /metrics"),
        "{drained:?}"
    );
    assert_eq!(tally.open_connections(), 0);
}

#[tokio::test]
async fn p01_a_request_under_way_at_shutdown_is_answered_and_learns_that_it_is_no_longer_ready() {
    let patient = Config {
        header_timeout: Span::seconds(60),
        drain_timeout: Span::seconds(60),
        ..config()
    };
    let server = TestServer::start(&patient, Some(small()));
    let mut client = server.connect().await;
    client.send("GET /readyz HTTP/1.1\r\nHost: loc").await;
    // Bytes sent before are read before: a round trip of another client comes after them.
    assert_eq!(server.get("/livez").await.status, 200);
    let stopping = tokio::spawn(server.stop());
    client.send("alhost\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 503);
    assert!(
        answer
            .text()
            .contains("[-]shutdown failed: no longer ready"),
        "{}",
        answer.text()
    );
    client.closed().await;
    assert!(stopping.await.unwrap().stragglers.is_empty());
}
