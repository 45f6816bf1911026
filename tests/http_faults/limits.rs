//! Clients that are slow, silent, too many or too talkative.

use probity::http::Config;
use probity::model::ByteSize;

use super::wire::{TestServer, config, hasty};
use super::{large, refused, small, survives};

#[tokio::test]
async fn h01_half_a_header_is_cut_off() {
    survives(hasty(), small(), async |server| {
        let mut client = server.connect().await;
        client.send("GET /livez HTTP/1.1\r\nHost: local").await;
        client.closed().await;
    })
    .await;
}

#[tokio::test]
async fn h02_a_client_that_says_nothing_is_cut_off() {
    survives(hasty(), small(), async |server| {
        server.connect().await.closed().await;
    })
    .await;
}

#[tokio::test]
async fn h03_a_slow_body_that_nobody_reads_delays_nothing() {
    survives(hasty(), small(), async |server| {
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
    survives(hasty(), small(), async |server| {
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
            "GET /snapshot HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n";
        let answer = refused(server, request, 413).await;
        assert_eq!(answer.json()["limit_bytes"], ByteSize::mib(8).0);
        assert_eq!(answer.header("connection"), Some("close"));
    })
    .await;
}

#[tokio::test]
async fn h07_endless_chunks_come_to_an_end() {
    survives(hasty(), small(), async |server| {
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
async fn h24_a_client_that_never_reads_is_cut_off() {
    survives(hasty(), large(), async |server| {
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
