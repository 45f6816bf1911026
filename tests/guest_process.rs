//! What guests cost this process: nothing while they do not run, and no more after ten thousand runs than before.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use std::time::{Duration, Instant};

use probity::model::{Outcome, Span};
use probity::probe::Limits;
use support::bench::{Bench, GAUGE, SET_ONE, named_gauge, run};
use support::guest::Guest;

/// One at a time: they measure the process.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What one can see of a process from outside.
#[derive(Debug)]
struct Footprint {
    resident_kib: u64,
    descriptors: usize,
    threads: usize,
}

fn footprint() -> Footprint {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    Footprint {
        resident_kib: number(&status, "VmRSS:"),
        descriptors: std::fs::read_dir("/proc/self/fd").unwrap().count(),
        threads: std::fs::read_dir("/proc/self/task").unwrap().count(),
    }
}

fn number(status: &str, key: &str) -> u64 {
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// How often the thread that ticks has waited: once a tick.
fn ticks() -> u64 {
    let mut tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let ticker = tasks.find_map(|task| {
        let path = task.unwrap().path();
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        (name.trim() == "probe-ticker").then_some(path)
    });
    let status = std::fs::read_to_string(ticker.unwrap().join("status")).unwrap();
    number(&status, "voluntary_ctxt_switches:")
}

/// Waits until the ticking thread of an earlier test is gone.
async fn only_this_ticker() {
    let began = Instant::now();
    loop {
        let tickers = std::fs::read_dir("/proc/self/task")
            .unwrap()
            .filter(|task| {
                let comm = task.as_ref().unwrap().path().join("comm");
                std::fs::read_to_string(comm).is_ok_and(|name| name.trim() == "probe-ticker")
            });
        if tickers.count() == 1 {
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "an old ticker stays"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn good() -> Guest {
    let set = SET_ONE.replace("(call $handle)", "(global.get $gauge)");
    named_gauge("x")
        .extra("(global $gauge (mut i32) (i32.const 0))")
        .start(&format!(
            "{GAUGE} (global.set $gauge (call $handle)) (call $pass-on)"
        ))
        .collect(&set)
}

#[tokio::test]
async fn no_ticker_runs_while_no_guest_does() {
    let _alone = ALONE.lock().await;
    let bench = Bench::new();
    only_this_ticker().await;
    let mut probe = bench.load(&good(), Limits::default());
    // The first run makes the instance and may take longer than a tick.
    run(&mut probe).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let before = ticks();
    for _ in 0..200 {
        assert!(matches!(run(&mut probe).await.outcome, Outcome::Ok));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let idle = ticks() - before;
    // A run that the machine itself held up for a tick may have woken it.
    assert!(
        idle <= 10,
        "{idle} ticks in 200 short runs and 200 ms without any"
    );

    let spin = Guest::new().collect("(loop $forever (br $forever)) (call $ok)");
    let limits = Limits {
        deadline: Some(Span::millis(200)),
        ..Limits::default()
    };
    let mut spinner = bench.load(&spin, limits);
    let before = ticks();
    run(&mut spinner).await;
    let running = ticks() - before;
    assert!(running >= 5, "{running} ticks in 200 ms of spinning");
    let before = ticks();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let after = ticks() - before;
    assert!(
        after <= 2,
        "{after} ticks in 200 ms after the spinner was ended"
    );
}

#[tokio::test]
async fn g44_ten_thousand_runs_leave_the_process_as_it_was() {
    let _alone = ALONE.lock().await;
    let bench = Bench::new();
    let mut good = bench.load(&good(), Limits::default());
    // Every second run traps, with handles, output and half a megabyte of memory in hand.
    let trouble = "(drop (memory.grow (i32.const 8))) (drop (call $failure.other %words))
        (call $write (call $stdout) %words (i32.const 16))
        (global.set $runs (i32.add (global.get $runs) (i32.const 1)))
        (if (i32.eq (global.get $runs) (i32.const 2)) (then unreachable)) (call $ok)";
    let troubled = Guest::new()
        .wasi()
        .text("words", "some words")
        .extra("(global $runs (mut i32) (i32.const 0))")
        .collect(trouble);
    let mut troubled = bench.load(&troubled, Limits::default());
    let mut rounds = async |count: u32| {
        for round in 0..count {
            assert!(matches!(run(&mut good).await.outcome, Outcome::Ok));
            if round % 10 == 0 {
                run(&mut troubled).await;
            }
        }
    };
    // Whatever is made once is made by then.
    rounds(1000).await;
    let before = footprint();
    rounds(10_000).await;
    let after = footprint();
    assert_eq!(after.descriptors, before.descriptors);
    assert_eq!(after.threads, before.threads);
    let grown = after.resident_kib.saturating_sub(before.resident_kib);
    assert!(grown < 2048, "{grown} KiB more: {before:?}, then {after:?}");
    assert_eq!(
        (good.status().failures, troubled.status().crashes),
        (0, 550)
    );
    bench.assert_alive().await;
}
