//! A client that does not take what it is sent, without a connection: the body is asked by hand.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::body::Body;
use axum::http::HeaderMap;
use http_body_util::BodyExt as _;

use super::{StreamConfig, Subscription, open};
use crate::http::site::Shared;
use crate::http::stream::Link;
use crate::http::{Config, Handles, HttpTally};
use crate::model::{Details, Status, Tally};
use crate::snapshot::{Check, FactSheet, HealthReport, Snapshot, SnapshotCell};

/// A snapshot in which the only check fails if the number is odd.
fn flipped(sequence: u64) -> Snapshot {
    let check = Check {
        name: "door".into(),
        title: "Door".into(),
        status: [Status::Pass, Status::Fail][sequence as usize % 2],
        message: "it swings".into(),
        details: None,
        source: "test".into(),
        timestamp: SystemTime::UNIX_EPOCH,
        given: Instant::now(),
        stale: false,
        gates_readiness: false,
    };
    Snapshot {
        sequence,
        timestamp: SystemTime::UNIX_EPOCH,
        published: Instant::now(),
        whole: true,
        facts: FactSheet::default(),
        sources: Vec::new(),
        probes: Vec::new(),
        health: Arc::new(HealthReport::new(vec![check])),
        operations: Arc::default(),
    }
}

fn shared() -> Arc<Shared> {
    let tally = Arc::new(HttpTally::new(&mut Tally::default()));
    let cell = Arc::new(SnapshotCell::new());
    let config = Config {
        stream: StreamConfig {
            kept_events: 16,
            ..StreamConfig::default()
        },
        ..Config::default()
    };
    Arc::new(Shared::new(&config, Handles::new(cell, tally)))
}

/// What the hub does with a snapshot, at once.
async fn publish(shared: &Shared, snapshot: Snapshot) {
    shared.handles.cell.publish(snapshot);
    shared.live.past.note(&shared.handles.cell.load().unwrap());
    let edition = shared.edition().unwrap();
    for view in shared.live.views.all() {
        view.encode(&edition, &shared.live.tally).await;
    }
    shared.live.tell();
}

async fn listen(shared: &Arc<Shared>, link: &Arc<Link>, query: &[(&str, &str)]) -> Body {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let query: Vec<_> = query.iter().map(owned).collect();
    let wanted = Subscription::read(&query, &HeaderMap::new()).unwrap();
    open(shared.clone(), link.clone(), wanted).await.unwrap()
}

/// The next frame; nothing at the end.
async fn next(body: &mut Body) -> Option<String> {
    let frame = body.frame().await?.unwrap();
    Some(String::from_utf8(frame.into_data().unwrap().into()).unwrap())
}

#[tokio::test]
async fn a_client_that_was_stuck_gets_the_newest_snapshot_and_every_transition() {
    let (shared, link) = (shared(), Arc::new(Link::default()));
    publish(&shared, flipped(0)).await;
    let parts = [("topics", "snapshot,health"), ("parts", "sequence")];
    let mut body = listen(&shared, &link, &parts).await;
    for _ in 0..2 {
        next(&mut body).await.unwrap();
    }
    link.note_stuck(true);
    for sequence in 1..=5 {
        publish(&shared, flipped(sequence)).await;
    }
    // With nothing else to do, the body would be ready now if it were to queue anything.
    let waiting = without_waiting(body.frame()).await;
    assert!(waiting.is_none());
    link.note_stuck(false);
    // The check's verdict and the one as a whole.
    for number in 1..=10 {
        let told = next(&mut body).await.unwrap();
        assert!(told.contains(&format!("-{number}\n")), "{told}");
    }
    let shown = next(&mut body).await.unwrap();
    assert_eq!(shown, "event: snapshot\ndata: {\"sequence\":5}\n\n");
}

#[tokio::test]
async fn a_client_that_more_passes_than_is_kept_is_dropped_and_counted() {
    let (shared, link) = (shared(), Arc::new(Link::default()));
    publish(&shared, flipped(0)).await;
    let mut body = listen(&shared, &link, &[("topics", "health")]).await;
    for _ in 0..2 {
        next(&mut body).await.unwrap();
    }
    link.note_stuck(true);
    for sequence in 1..=9 {
        publish(&shared, flipped(sequence)).await;
    }
    link.note_stuck(false);
    let end = next(&mut body).await.unwrap();
    assert!(
        end.starts_with("event: end\n") && end.contains("too slow"),
        "{end}"
    );
    assert_eq!(next(&mut body).await, None);
    assert_eq!(shared.handles.tally.stream.dropped(), 1);
    drop(body);
    assert_eq!(shared.handles.tally.stream.clients(), 0);
}

#[tokio::test]
async fn a_document_that_can_no_longer_be_made_ends_the_stream_with_the_reason() {
    let (shared, link) = (shared(), Arc::new(Link::default()));
    let with_details = |sequence, details| {
        let mut snapshot = flipped(sequence);
        let mut checks = snapshot.health.checks.clone();
        checks[0].details = Some(Details::read(details).unwrap());
        snapshot.health = Arc::new(HealthReport::new(checks));
        snapshot
    };
    publish(&shared, with_details(0, "{\"hinge\":1}")).await;
    let parts = [
        ("topics", "snapshot"),
        ("parts", "health.checks.details.hinge"),
    ];
    let mut body = listen(&shared, &link, &parts).await;
    next(&mut body).await.unwrap();
    publish(&shared, with_details(1, "{\"hinge\":2}")).await;
    let shown = next(&mut body).await.unwrap();
    assert!(shown.contains("{\"hinge\":2}"), "{shown}");
    publish(&shared, with_details(2, "{\"lock\":2}")).await;
    let end = next(&mut body).await.unwrap();
    assert!(
        end.starts_with("event: end\n") && end.contains("no longer there"),
        "{end}"
    );
    assert_eq!(next(&mut body).await, None);
    drop(body);
    assert!(shared.live.views.all().is_empty());
}

/// The future's result if it has one without waiting.
async fn without_waiting<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match future.as_mut().poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
