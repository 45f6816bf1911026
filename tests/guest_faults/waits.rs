//! Guests that wait in the host.

use std::time::Instant;

use probity::model::{Observation, Outcome, Span};
use probity::probe::Limits;
use tokio::task::JoinHandle;

use crate::support::bench::{Bench, loaded, named_gauge, run};
use crate::support::guest::Guest;
use crate::{DEADLINE, PATIENCE, ends_at_the_deadline, ends_in_time, short};

/// Sleeps for so many nanoseconds.
fn sleeps(nanoseconds: u64) -> Guest {
    Guest::new().wasi().collect(&format!(
        "(call $block (call $timer (i64.const {nanoseconds}))) (call $ok)"
    ))
}

#[tokio::test]
async fn g26_a_wait_in_a_host_call_ends_at_the_deadline() {
    ends_at_the_deadline(sleeps(60_000_000_000)).await;
}

#[tokio::test]
async fn g26_a_wait_within_the_deadline_is_granted() {
    let bench = Bench::new();
    let mut probe = bench.load(&sleeps(20_000_000), Limits::default());
    let observation = run(&mut probe).await;
    assert!(
        matches!(observation.outcome, Outcome::Ok),
        "{:?}",
        observation.outcome
    );
    assert!(observation.duration.as_millis() >= 20);
}

#[tokio::test]
async fn g27_an_hour_of_sleep_ends_at_the_deadline() {
    ends_in_time(sleeps(3_600_000_000_000)).await;
}

/// Twenty that sleep for an hour, each in its first run.
fn sleepers(bench: &Bench, limits: &Limits) -> Vec<JoinHandle<Observation>> {
    let sleeper = sleeps(3_600_000_000_000).build();
    let sleeper = |number| {
        let name = format!("sleeper-{number}");
        let mut sleeper = loaded(bench.load_named(&name, &sleeper, limits.clone()));
        tokio::spawn(async move { run(&mut sleeper).await })
    };
    (0..20).map(sleeper).collect()
}

#[tokio::test]
async fn g27_many_sleepers_cost_no_thread_and_hold_nobody_up() {
    let bench = Bench::new();
    let mut good = bench.load(&named_gauge("good"), Limits::default());
    let limits = Limits {
        deadline: Some(Span::seconds(3600)),
        ..Limits::default()
    };
    let asleep = sleepers(&bench, &limits);
    let (mut runs, began) = (0, Instant::now());
    while runs < 20 || began.elapsed() < DEADLINE {
        let observation = run(&mut good).await;
        assert!(matches!(observation.outcome, Outcome::Ok));
        runs += 1;
    }
    assert!(!asleep.iter().any(JoinHandle::is_finished));
    asleep.iter().for_each(JoinHandle::abort);

    // Nor do they hold up each other: at some time all of them have slept until their deadline. One after the other they
    // would have taken twenty deadlines, and the last would say that they still wait for their turn.
    let began = Instant::now();
    loop {
        let mut in_time = 0;
        for sleeper in sleepers(&bench, &short()) {
            let observation = sleeper.await.unwrap();
            let Outcome::Failed(failure) = observation.outcome else {
                panic!("{:?}", observation.outcome)
            };
            assert_eq!(failure.code, "limits.deadline", "{failure}");
            let slept = failure.message.contains("at most 100ms");
            in_time += usize::from(slept && observation.duration < 10 * DEADLINE);
        }
        if in_time == 20 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{in_time} of 20 in time");
    }
}
