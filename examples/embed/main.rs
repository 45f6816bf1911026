//! An application with Probity in it: it serves its own health, and tells what it does as typed events.
//!
//! `cargo run --example embed`, and then `curl http://127.0.0.1:7762/api/v1/events`.

use std::time::{Duration, Instant};

use probity::app::App;
use probity::config::{self, Sources};
use probity::event::kinds::{OperationCompleted, OperationStarted};
use probity::event::{Context, Recorder};
use probity::model::EventOutcome;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let sources = Sources {
        environment: std::env::vars_os().collect(),
        ..Sources::default()
    };
    let app = App::start(&config::load(&sources)?).await?;
    let recorder = app.recorder("shop");
    for number in 1..=10 {
        place_order(&recorder, &format!("order-{number}")).await?;
    }
    // What counts is waited for: after this it survives a kill.
    let context = Context {
        correlation: Some("order-11"),
        ..Context::default()
    };
    let completed = || completed("order.place", Instant::now(), EventOutcome::Success);
    let receipt = recorder.commit(&context, completed).await?;
    tracing::info!(sequence = receipt.last, "the last order is on disk");
    tokio::signal::ctrl_c().await?;
    app.stop().await;
    Ok(())
}

/// Tells of a piece of work without waiting for the disk. An event that finds no room is refused, never waited for; what to do
/// then is the application's own affair.
async fn place_order(recorder: &Recorder, order: &str) -> anyhow::Result<()> {
    let context = Context {
        correlation: Some(order),
        ..Context::default()
    };
    // The closures are not called if nobody wants the event.
    recorder.record(&context, || OperationStarted {
        operation: order.into(),
        name: "order.place".into(),
        worker: None,
        queue: None,
        expected_ms: Some(Duration::from_secs(1).into()),
    })?;
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_millis(20)).await;
    recorder.record(&context, || OperationCompleted {
        operation: Some(order.into()),
        ..completed("order.place", begun, EventOutcome::Success)
    })?;
    Ok(())
}

fn completed(name: &str, begun: Instant, outcome: EventOutcome) -> OperationCompleted {
    OperationCompleted {
        operation: None,
        name: name.into(),
        worker: None,
        queue: None,
        outcome,
        duration_ms: begun.elapsed().into(),
        error: None,
    }
}
