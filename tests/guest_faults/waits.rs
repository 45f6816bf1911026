//! Guests that wait in the host.

use probity::probe::Limits;

use crate::support::bench::{Bench, loaded, named_gauge, run};
use crate::support::guest::Guest;
use crate::{DEADLINE, crashes, ends_in_time, short};

/// Sleeps for so many nanoseconds.
fn sleeps(nanoseconds: u64) -> Guest {
    Guest::new().wasi().collect(&format!(
        "(call $block (call $timer (i64.const {nanoseconds}))) (call $ok)"
    ))
}

#[tokio::test]
async fn g26_a_wait_in_a_host_call_ends_at_the_deadline() {
    crashes(
        sleeps(2_000_000_000),
        short(),
        "limits.deadline",
        "at most 100ms",
    )
    .await;
}

#[tokio::test]
async fn g26_a_wait_within_the_deadline_is_granted() {
    let bench = Bench::new();
    let mut probe = bench.load(&sleeps(20_000_000), Limits::default());
    let observation = run(&mut probe).await;
    assert!(
        matches!(observation.outcome, probity::model::Outcome::Ok),
        "{:?}",
        observation.outcome
    );
    assert!(observation.duration.as_millis() >= 20);
}

#[tokio::test]
async fn g27_an_hour_of_sleep_ends_at_the_deadline() {
    ends_in_time(sleeps(3_600_000_000_000)).await;
}

#[tokio::test]
async fn g27_many_sleepers_cost_no_thread_and_hold_nobody_up() {
    let bench = Bench::new();
    let sleeper = sleeps(3_600_000_000_000).build();
    let sleepers: Vec<_> = (0..20)
        .map(|number| {
            let name = format!("sleeper-{number}");
            let mut sleeper = loaded(bench.load_named(&name, &sleeper, short()));
            tokio::spawn(async move { run(&mut sleeper).await.duration })
        })
        .collect();
    let mut good = bench.load(&named_gauge("good"), Limits::default());
    let mut served = 0;
    while !sleepers.iter().all(tokio::task::JoinHandle::is_finished) {
        let observation = run(&mut good).await;
        assert!(matches!(observation.outcome, probity::model::Outcome::Ok));
        served += 1;
    }
    // One after the other they would have taken twenty deadlines.
    let mut longest = DEADLINE;
    for sleeper in sleepers {
        longest = longest.max(sleeper.await.unwrap());
    }
    assert!(
        served > 1 && longest < 10 * DEADLINE,
        "{served}, {longest:?}"
    );
}
