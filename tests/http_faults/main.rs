//! What clients do wrong, by the ids of the fault list. After each, another client is still served and every
//! connection is gone.
#![allow(clippy::unwrap_used, missing_docs)]

mod content;
#[path = "../support/events.rs"]
mod events;
mod hosts;
mod lifecycle;
mod limits;
#[path = "../support/snapshots.rs"]
mod snapshots;
mod stream;
#[path = "../support/wire.rs"]
mod wire;

use probity::http::Config;
use probity::model::{Metric, MetricKind};
use probity::snapshot::Snapshot;
use snapshots::{ageless, gauge, probe, record, sampler, snapshot};
use wire::{Answer, TestServer};

pub fn small() -> Snapshot {
    let machine = sampler("machine", |recorder| gauge(recorder, "load", 0.5));
    let files = probe("files", |recorder| gauge(recorder, "files", 3.0));
    snapshot(1, vec![machine, files])
}

/// About 2 MB of metrics.
pub fn large() -> Snapshot {
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

/// Runs `fault` on a server that serves others before and afterwards; then no connection is left.
pub async fn survives(config: Config, shown: Snapshot, fault: impl AsyncFnOnce(&TestServer)) {
    let server = TestServer::start(&config, Some(ageless(shown)));
    assert_eq!(server.get("/livez").await.status, 200);
    fault(&server).await;
    let mut bystander = server.connect().await;
    assert_eq!(bystander.get("/readyz").await.status, 200);
    drop(bystander);
    server.await_open(0).await;
    assert_eq!(server.tally.answered(500), 0);
    assert_eq!(server.stop().await.stragglers, Vec::<String>::new());
}

/// Sends one raw request; it must be answered with this status, and by a problem document.
pub async fn refused(server: &TestServer, request: &str, status: u16) -> Answer {
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
