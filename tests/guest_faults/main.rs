//! Hostile and broken guests, by the ids of the fault catalogue. Each is a component made in the test; after each the
//! same host still runs a good probe.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod endings;
mod floods;
mod loops;
mod names;
mod requests;
mod resources;
mod sizes;
#[path = "../support/mod.rs"]
mod support;
mod values;
mod waits;

use std::time::{Duration, Instant};

use probity::model::{Outcome, ProbeState, Span};
use probity::probe::Limits;
use support::bench::{Bench, run};
use support::guest::Guest;

/// Defines the counter `%name`, likewise.
pub const COUNTER: &str = "(call $counter.define %name %empty %help %empty (i32.const 16))";

/// A deadline that a test can wait for.
pub const DEADLINE: Duration = Duration::from_millis(100);
/// How much longer a run may take, whatever the guest does.
const GRACE: Duration = Duration::from_millis(100);
/// How long a test waits for a run that the machine does not hold up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The limits with that deadline.
pub fn short() -> Limits {
    Limits {
        deadline: Some(Span(DEADLINE)),
        ..Limits::default()
    }
}

/// Runs the guest once and expects one failure with this code; the crash throws the instance away.
pub async fn crashes(guest: Guest, limits: Limits, code: &str, message: &str) {
    let bench = Bench::new();
    let mut probe = bench.load(&guest, limits);
    let began = Instant::now();
    let observation = run(&mut probe).await;
    let Outcome::Failed(failure) = &observation.outcome else {
        panic!("{:?}", observation.outcome)
    };
    assert_eq!(failure.code, code, "{failure}");
    assert!(failure.message.contains(message), "{failure}");
    assert!(observation.staged.writes.is_empty() && observation.checks.is_empty());
    let status = probe.status();
    assert_eq!(
        (status.state, status.failures, status.crashes),
        (ProbeState::Backoff, 1, 1)
    );
    // The first pause, at its shortest.
    let pause = began + observation.duration + Duration::from_millis(800);
    assert!(probe.not_before().is_some_and(|moment| moment >= pause));
    bench.assert_alive().await;
}

/// Runs the guest once and expects that it answered with this failure, and lives.
pub async fn answers(guest: Guest, code: &str, message: &str) {
    let bench = Bench::new();
    let mut probe = bench.load(&guest, Limits::default());
    let observation = run(&mut probe).await;
    let Outcome::Failed(failure) = &observation.outcome else {
        panic!("{:?}", observation.outcome)
    };
    assert_eq!(failure.code, code, "{failure}");
    assert!(failure.message.contains(message), "{failure}");
    let status = probe.status();
    assert_eq!(
        (status.state, status.crashes, status.costs.rejected_calls),
        (ProbeState::Degraded, 0, 1)
    );
    bench.assert_alive().await;
}

/// Runs the guest, which would not end by itself, and expects that its deadline ends it, and nothing before that.
pub async fn ends_at_the_deadline(guest: Guest) {
    ends_within(guest, Duration::MAX).await;
}

/// The same, and that its end does not come late. One run in time is enough, for the machine may be busy with others.
pub async fn ends_in_time(guest: Guest) {
    ends_within(guest, DEADLINE + GRACE).await;
}

async fn ends_within(guest: Guest, most: Duration) {
    let bench = Bench::new();
    let mut probe = bench.load(&guest, short());
    let began = Instant::now();
    loop {
        let observation = run(&mut probe).await;
        let Outcome::Failed(failure) = &observation.outcome else {
            panic!("{:?}", observation.outcome)
        };
        assert_eq!(failure.code, "limits.deadline", "{failure}");
        assert!(observation.staged.writes.is_empty() && observation.checks.is_empty());
        // One that cannot be ended, or that the machine itself held up for long, is given up with other words.
        if failure.message.contains("at most 100ms") {
            assert!(observation.duration >= DEADLINE, "{observation:?}");
            if observation.duration < most {
                break;
            }
        } else {
            // Until it is gone the next run does not even begin.
            tokio::time::sleep(DEADLINE).await;
        }
        assert!(began.elapsed() < PATIENCE, "never ended: {observation:?}");
    }
    let status = probe.status();
    assert!(status.crashes > 0 && probe.not_before() > Some(began));
    bench.assert_alive().await;
}
