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

/// How long something may take that is sure to come.
const PATIENCE: Duration = Duration::from_secs(30);

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
        assert!(began.elapsed() < PATIENCE, "an old ticker stays");
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

/// Every second run traps, with handles, output and half a megabyte of memory in hand.
fn troubled() -> Guest {
    let trouble = "(drop (memory.grow (i32.const 8))) (drop (call $failure.other %words))
        (call $write (call $stdout) %words (i32.const 16))
        (global.set $runs (i32.add (global.get $runs) (i32.const 1)))
        (if (i32.eq (global.get $runs) (i32.const 2)) (then unreachable)) (call $ok)";
    Guest::new()
        .wasi()
        .text("words", "some words")
        .extra("(global $runs (mut i32) (i32.const 0))")
        .collect(trouble)
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
    let mut held_up = 0;
    for _ in 0..200 {
        let observation = run(&mut probe).await;
        assert!(matches!(observation.outcome, Outcome::Ok));
        // A run that the machine itself held up for a tick wakes it, and it goes to sleep again after that.
        let ticks = observation.duration.as_millis() / 10;
        held_up += if ticks > 0 { ticks + 1 } else { 0 };
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let idle = u128::from(ticks() - before);
    assert!(
        idle <= 10 + held_up,
        "{idle} ticks in 200 short runs and 200 ms without any, {held_up} of them in runs that were held up"
    );

    let spin = Guest::new().collect("(loop $forever (br $forever)) (call $ok)");
    let limits = Limits {
        deadline: Some(Span::millis(200)),
        ..Limits::default()
    };
    let mut spinner = bench.load(&spin, limits);
    // The machine may hold the ticker up, or keep from it that the spinner was ended.
    let spin = async || {
        run(&mut spinner).await;
    };
    let running = ticks_in_a(spin, 50, |ticks| ticks >= 5).await;
    assert!(running >= 5, "{running} ticks in 200 ms of spinning");
    let rest = async || tokio::time::sleep(Duration::from_millis(200)).await;
    let after = ticks_in_a(rest, 3, |ticks| ticks <= 2).await;
    assert!(
        after <= 2,
        "{after} ticks in 200 ms after the spinner was ended"
    );
}

/// How many ticks there are in the first of so many rounds that has as many as wanted, or in the last one.
async fn ticks_in_a(
    mut round: impl AsyncFnMut(),
    rounds: u32,
    wanted: impl Fn(u64) -> bool,
) -> u64 {
    let mut counted = 0;
    for _ in 0..rounds {
        let before = ticks();
        round().await;
        counted = ticks() - before;
        if wanted(counted) {
            break;
        }
    }
    counted
}

#[tokio::test]
async fn g44_ten_thousand_runs_leave_the_process_as_it_was() {
    let _alone = ALONE.lock().await;
    let bench = Bench::new();
    let mut good = bench.load(&good(), Limits::default());
    let mut troubled = bench.load(&troubled(), Limits::default());
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
    only_this_ticker().await;
    // What the other test's threads bring or take away meanwhile comes once; what runs leave behind comes again.
    let mut times = 0;
    let (before, after) = loop {
        let before = footprint();
        rounds(10_000).await;
        let after = footprint();
        times += 1;
        let same = (after.descriptors, after.threads) == (before.descriptors, before.threads);
        if same || times == 3 {
            break (before, after);
        }
    };
    assert_eq!(after.descriptors, before.descriptors);
    assert_eq!(after.threads, before.threads);
    let grown = after.resident_kib.saturating_sub(before.resident_kib);
    assert!(grown < 2048, "{grown} KiB more: {before:?}, then {after:?}");
    assert_eq!(
        (good.status().failures, troubled.status().crashes),
        (0, 50 + 500 * times)
    );
    bench.assert_alive().await;
}
