//! Guests that trap, exit, fail, or have nothing to do here.

use std::time::{Duration, Instant};

use probity::model::{Outcome, ProbeState};
use probity::probe::Limits;

use crate::crashes;
use crate::support::bench::{Bench, GAUGE, SET_ONE, named_gauge, run};
use crate::support::guest::Guest;

#[tokio::test]
async fn g28_a_trap_in_start_is_a_crash_with_a_backtrace() {
    let guest = Guest::new()
        .extra("(func $inner unreachable)")
        .start("(call $inner) (call $ok)");
    let bench = Bench::new();
    let mut probe = bench.load(&guest, Limits::default());
    let Outcome::Failed(failure) = run(&mut probe).await.outcome else {
        panic!("it trapped")
    };
    assert_eq!(failure.code, "trap.unreachable");
    let backtrace = failure.backtrace.as_deref().unwrap_or_default();
    assert!(
        backtrace.contains("!inner") && backtrace.lines().count() > 1,
        "{backtrace}"
    );
    assert_eq!(probe.status().state, ProbeState::Backoff);
    bench.assert_alive().await;
}

#[tokio::test]
async fn g29_a_panic_is_a_crash_and_the_next_run_has_a_fresh_instance() {
    // Panics the second time: an instance that had been kept would count on.
    let body = format!(
        "(global.set $runs (i32.add (global.get $runs) (i32.const 1)))
         (if (i32.eq (global.get $runs) (i32.const 2)) (then unreachable)) {GAUGE} {SET_ONE}"
    );
    let guest = named_gauge("x")
        .extra("(global $runs (mut i32) (i32.const 0))")
        .collect(&body);
    let bench = Bench::new();
    let mut probe = bench.load(&guest, Limits::default());
    let outcomes = [
        run(&mut probe).await,
        run(&mut probe).await,
        run(&mut probe).await,
    ];
    let well: Vec<bool> = outcomes
        .iter()
        .map(|observation| matches!(observation.outcome, Outcome::Ok))
        .collect();
    assert_eq!(well, [true, false, true]);
    assert_eq!(
        (probe.status().crashes, probe.status().state),
        (1, ProbeState::Active)
    );
}

#[tokio::test]
async fn g30_a_guest_that_exits_is_a_crash_with_its_status() {
    let import = "(import \"wasi:cli/exit@0.2.0\" \"exit\" (func $exit (param i32)))";
    let guest = Guest::new()
        .imports(import)
        .foreign("wasi:cli/exit@0.2.0", "exit: func(status: result);");
    crashes(
        guest.collect("(call $exit (i32.const 1)) (call $ok)"),
        Limits::default(),
        "exit",
        "exit status 1",
    )
    .await;
}

#[tokio::test]
async fn a_failed_run_leaves_nothing_behind() {
    let body = format!(
        "{GAUGE} (call $gauge.set (call $handle) %empty (f64.const 1) (i32.const 24)) (call $fail (call $failure.other %help))"
    );
    let bench = Bench::new();
    let mut probe = bench.load(&named_gauge("x").collect(&body), Limits::default());
    for _ in 0..2 {
        let observation = run(&mut probe).await;
        assert!(
            matches!(&observation.outcome, Outcome::Failed(failure) if failure.message == "Help.")
        );
        assert!(observation.staged.writes.is_empty());
    }
    assert_eq!((probe.status().failures, probe.status().crashes), (2, 0));
}

#[tokio::test]
async fn a_probe_without_a_target_here_lies_dormant_and_one_with_a_bad_configuration_is_rejected() {
    for (answer, state, wait) in [
        (
            "$failure.not-applicable %help",
            ProbeState::Dormant,
            Some(600),
        ),
        ("$failure.bad-config %help", ProbeState::Rejected, None),
        (
            "$failure.retry-after (f64.const 30) %help",
            ProbeState::Degraded,
            Some(30),
        ),
        ("$failure.other %help", ProbeState::Degraded, None),
    ] {
        let bench = Bench::new();
        let guest = Guest::new()
            .text("help", "because")
            .start(&format!("(call $fail (call {answer}))"));
        let mut probe = bench.load(&guest, Limits::default());
        let began = Instant::now();
        run(&mut probe).await;
        let ended = Instant::now();
        assert_eq!(probe.status().state, state);
        match (probe.not_before(), wait.map(Duration::from_secs)) {
            (None, None) => {}
            (Some(moment), Some(wait)) => {
                let due = began + wait..=ended + wait;
                assert!(due.contains(&moment), "{answer}: {moment:?}, {due:?}");
            }
            other => panic!("{answer}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_start_staged_waits_for_the_first_good_run() {
    // `start` sets the gauge; the first `collect` fails, the second goes well and sets nothing.
    let fail_once = "(if (i32.eqz (global.get $runs)) (then
        (global.set $runs (i32.const 1)) (return (call $fail (call $failure.other %help))))) (call $ok)";
    let guest = named_gauge("x")
        .extra("(global $runs (mut i32) (i32.const 0))")
        .start(&format!("{GAUGE} {SET_ONE}"))
        .collect(fail_once);
    let bench = Bench::new();
    let mut probe = bench.load(&guest, Limits::default());
    let staged = [
        run(&mut probe).await,
        run(&mut probe).await,
        run(&mut probe).await,
    ];
    assert_eq!(
        staged.map(|observation| observation.staged.writes.len()),
        [0, 1, 0]
    );
}
