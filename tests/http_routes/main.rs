//! What the routes give: documents, parts, negotiation, conditional requests, readiness.
#![allow(clippy::unwrap_used, missing_docs)]

mod activity;
mod archive;
mod archive_promql;
mod archive_steps;
mod bodies;
mod client;
#[path = "../support/events.rs"]
mod events;
#[path = "../support/exposition.rs"]
mod exposition;
mod followed_events;
mod grafana;
mod health;
mod history;
mod page;
mod page_kept;
mod page_keys;
mod pages;
#[path = "../support/snapshots.rs"]
mod snapshots;
#[path = "../support/stage.rs"]
mod stage;
mod stream;
mod typed_events;
#[path = "../support/wire.rs"]
mod wire;

use std::sync::Arc;

use probity::snapshot::{Check, HealthReport, Snapshot};
use snapshots::{gauge, probe, sampler, snapshot};
use wire::{TestServer, config};

pub fn shown(sequence: u64) -> Snapshot {
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

pub fn with_checks(checks: Vec<Check>) -> Snapshot {
    Snapshot {
        health: Arc::new(HealthReport::new(checks)),
        ..shown(1)
    }
}

pub fn server(snapshot: Snapshot) -> TestServer {
    TestServer::start(&config(), Some(snapshot))
}
