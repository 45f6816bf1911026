//! Faults of requests with bodies and of handlers, on routes made for the purpose, over a real connection.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::request_body::Json;
use super::site::Shared;
use super::{Config, Drained, Handles, HttpTally, Server};
use crate::model::{ByteSize, Span, Tally};
use crate::snapshot::SnapshotCell;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    items: Vec<Item>,
    #[serde(default)]
    anything: Value,
}

#[derive(Deserialize)]
struct Item {
    count: u32,
}

async fn take(Json(order): Json<Order>) -> String {
    let count: u32 = order.items.iter().map(|item| item.count).sum();
    format!("{count} {}", order.anything)
}

async fn explode() -> String {
    panic!("a handler's mistake")
}

struct Running {
    address: std::net::SocketAddr,
    tally: Arc<HttpTally>,
    shutdown: CancellationToken,
    task: JoinHandle<Drained>,
}

fn start() -> Running {
    start_with(Config::default().body_timeout)
}

fn start_with(body_timeout: Span) -> Running {
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        body_timeout,
        max_body: ByteSize::kib(64),
        ..Config::default()
    };
    let tally = Arc::new(HttpTally::new(&mut Tally::default()));
    let handles = Handles::new(Arc::new(SnapshotCell::new()), tally.clone());
    let shared = Arc::new(Shared::new(&config, handles));
    let router = Router::new()
        .route("/take", post(take))
        .route("/explode", get(explode))
        .route("/well", get(async || "well"))
        .with_state(shared.clone());
    let server = Server::bind_routes(&config, &shared, router).unwrap();
    let shutdown = CancellationToken::new();
    Running {
        address: server.local_addr(),
        tally,
        shutdown: shutdown.clone(),
        task: tokio::spawn(async move { server.run(shutdown).await.unwrap() }),
    }
}

impl Running {
    /// Sends bytes and reads to the end of the connection; afterwards another client must be served.
    async fn exchange(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut answer = Vec::new();
        let sent = stream.write_all(bytes.as_bytes()).await;
        let read = stream.read_to_end(&mut answer).await;
        for error in [sent.err(), read.err()].into_iter().flatten() {
            // The server may have had enough before all is sent.
            use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
            assert!([BrokenPipe, ConnectionReset].contains(&error.kind()));
        }
        let mut other = TcpStream::connect(self.address).await.unwrap();
        let well = "GET /well HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        other.write_all(well.as_bytes()).await.unwrap();
        let mut served = String::new();
        other.read_to_string(&mut served).await.unwrap();
        assert!(served.starts_with("HTTP/1.1 200"), "{served}");
        String::from_utf8(answer).unwrap()
    }

    /// A POST of JSON with these further header lines, and its status and body.
    async fn post(&self, headers: &str, body: &str) -> (u16, String) {
        let length = body.len();
        self.raw(&format!("Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}"), body)
            .await
    }

    async fn raw(&self, headers: &str, body: &str) -> (u16, String) {
        let request = format!("POST /take HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{body}");
        let answer = self.exchange(&request).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    /// Waits for every connection's end, and for the server's.
    async fn stop(self) {
        self.shutdown.cancel();
        assert_eq!(self.task.await.unwrap(), Drained::default());
        assert_eq!(self.tally.open_connections(), 0);
    }
}

const CHUNKED: &str = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";

#[tokio::test]
async fn a_good_body_is_taken_in_one_piece_or_in_chunks() {
    let server = start();
    let body = "{\"items\":[{\"count\":2},{\"count\":3}]}";
    assert_eq!(server.post("", body).await, (200, "5 null".into()));
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let headers = format!("{CHUNKED}Connection: close\r\n");
    assert_eq!(server.raw(&headers, &chunks).await, (200, "5 null".into()));
    server.stop().await;
}

#[tokio::test]
async fn h03_a_slow_body_is_cut_off() {
    let server = start_with(Span::millis(300));
    let headers = "Content-Type: application/json\r\nContent-Length: 100\r\n";
    let (status, body) = server.raw(headers, "{\"items\":").await;
    assert_eq!(status, 408, "{body}");
    assert_eq!(server.tally.body_timeouts.get(), 1);
    server.stop().await;
}

#[tokio::test]
async fn h06_h07_a_body_without_end_is_refused_at_the_limit() {
    let server = start();
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let (status, body) = server.raw(CHUNKED, &chunk.repeat(1000)).await;
    assert_eq!(status, 413);
    assert!(body.contains("\"limit_bytes\":65536"), "{body}");
    let announced = "Content-Type: application/json\r\nContent-Length: 65537\r\n";
    assert_eq!(server.raw(announced, "").await.0, 413);
    server.stop().await;
}

#[tokio::test]
async fn h08_bad_json_is_400_with_a_pointer() {
    let server = start();
    for (body, pointer) in [
        ("", ""),
        ("{", ""),
        (
            "{\"items\":[{\"count\":1},{\"count\":\"two\"}]}",
            "/items/1/count",
        ),
        ("{\"items\":[{\"count\":-1}]}", "/items/0/count"),
        ("{\"items\":{}}", "/items"),
        ("{\"items\":[],\"a/b\":1}", "/a~1b"),
        ("{\"items\":[]} and more", ""),
        ("{\"items\":[{\"count\":NaN}]}", "/items/0/count"),
    ] {
        let (status, answer) = server.post("", body).await;
        assert_eq!(status, 400, "{body}");
        let problem: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body} {problem}");
        assert!(
            problem["errors"][0]["detail"]
                .as_str()
                .unwrap()
                .contains("line 1")
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn h09_h18_h33_other_media_types_and_compressed_bodies_are_415() {
    let server = start();
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonp",
        "",
    ] {
        let headers = format!("Content-Type: {media}\r\nContent-Length: 2\r\n");
        assert_eq!(server.raw(&headers, "{}").await.0, 415, "{media}");
    }
    assert_eq!(server.raw("Content-Length: 2\r\n", "{}").await.0, 415);
    assert_eq!(server.post("Content-Encoding: gzip\r\n", "{}").await.0, 415);
    let charset = "Content-Type: application/json; charset=utf-8\r\nContent-Length: 12\r\nConnection: close\r\n";
    assert_eq!(server.raw(charset, "{\"items\":[]}").await.0, 200);
    server.stop().await;
}

#[tokio::test]
async fn h10_deep_nesting_is_400() {
    let server = start();
    let nested = |depth| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!("{{\"items\":[],\"anything\":{open}{close}}}")
    };
    assert_eq!(server.post("", &nested(100)).await.0, 200);
    let (status, body) = server.post("", &nested(20_000)).await;
    assert_eq!(status, 400);
    assert!(body.contains("recursion limit"), "{body}");
    server.stop().await;
}

#[tokio::test]
async fn h29_a_panic_in_a_handler_is_a_500_that_tells_nothing() {
    let server = start();
    let request = "GET /explode HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = server.exchange(request).await;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert!(!answer.contains("mistake"), "{answer}");
    assert_eq!(server.tally.panics.get(), 1);
    server.stop().await;
}
