//! The event loop's lag as it is seen while the loop is blocked, and that nothing stays behind.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use probity::model::{Facts, LoopFacts};
use probity::sampler::{EventLoopSampler, Machine, Sampler};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// More than any of the conditions takes, even on a machine that is busy.
const DEADLINE: Duration = Duration::from_secs(30);

fn facts(sampler: &mut EventLoopSampler) -> LoopFacts {
    sampler.sample(Instant::now()).unwrap();
    match sampler.take().0 {
        Facts::Loop(facts) => *facts,
        other => panic!("the event loop's facts are wanted, not {other:?}"),
    }
}

/// Samples until the facts are as wanted.
fn wait_for(
    sampler: &mut EventLoopSampler,
    what: &str,
    wanted: impl Fn(&LoopFacts) -> bool,
) -> LoopFacts {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let facts = facts(sampler);
        if wanted(&facts) {
            return facts;
        }
        assert!(Instant::now() < deadline, "{what} did not come: {facts:?}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// A loop of one thread that runs until the sender is dropped.
fn one_thread() -> (Handle, oneshot::Sender<()>, std::thread::JoinHandle<()>) {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        runtime.block_on(async { stopped.await.unwrap_err() });
    });
    (handle, stop, thread)
}

#[test]
fn a_blocked_loop_shows_now_and_counts_afterwards() {
    let (handle, stop, thread) = one_thread();
    let mut sampler = EventLoopSampler::new(&Machine::local(handle.clone())).unwrap();
    wait_for(&mut sampler, "a first ping", |facts| {
        facts.lag.current_seconds > 0.0 && facts.lag.current_seconds < 0.1
    });

    let (release, released) = mpsc::sync_channel::<()>(1);
    let (block, blocked) = mpsc::sync_channel(1);
    handle.spawn(async move {
        block.send(()).unwrap();
        released.recv().unwrap_err();
    });
    blocked.recv().unwrap();
    let during = wait_for(
        &mut sampler,
        "the age of the ping and of the timer",
        |facts| facts.lag.current_seconds > 0.4 && facts.timer_drift.current_seconds > 0.2,
    );
    assert!(
        during.lag.max_seconds > 0.4 && during.lag.p99_seconds > 0.4,
        "{during:?}"
    );
    let later = facts(&mut sampler);
    assert!(
        later.lag.current_seconds >= during.lag.current_seconds,
        "it grows: {later:?}"
    );

    drop(release);
    wait_for(&mut sampler, "an idle loop", |facts| {
        facts.lag.max_seconds < 0.1
    });
    drop(sampler);
    drop(stop);
    thread.join().unwrap();
}

#[test]
fn thread_and_tasks_end_with_the_sampler() {
    let (handle, stop, thread) = one_thread();
    let before = handle.metrics().num_alive_tasks();
    let mut sampler = EventLoopSampler::new(&Machine::local(handle.clone())).unwrap();
    let facts = wait_for(&mut sampler, "both tasks", |facts| {
        facts.tasks_alive == before as u64 + 2
    });
    assert_eq!(facts.workers, 1);
    // This waits for the ping thread.
    drop(sampler);
    let deadline = Instant::now() + DEADLINE;
    while handle.metrics().num_alive_tasks() > before {
        assert!(Instant::now() < deadline, "the tasks live on");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    drop(stop);
    thread.join().unwrap();
}

#[test]
fn a_loop_that_ended_neither_hangs_nor_fails_the_sampler() {
    let (handle, stop, thread) = one_thread();
    let mut sampler = EventLoopSampler::new(&Machine::local(handle)).unwrap();
    drop(stop);
    thread.join().unwrap();
    facts(&mut sampler);
    drop(sampler);
}
