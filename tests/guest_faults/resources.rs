//! Guests that want more than they may have: memory, room at the crossing, series, log.

use probity::model::{ByteSize, Outcome};
use probity::probe::Limits;

use crate::crashes;
use crate::support::bench::{Bench, GAUGE, SET_ONE, named_gauge, run};
use crate::support::guest::Guest;

#[tokio::test]
async fn g06_growing_memory_ends_at_the_limit_and_the_guest_may_go_on() {
    let grow = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (call $ok)";
    let bench = Bench::new();
    let mut probe = bench.load(&Guest::new().collect(grow), Limits::default());
    let observation = run(&mut probe).await;
    assert!(
        matches!(observation.outcome, Outcome::Ok),
        "{:?}",
        observation.outcome
    );
    let bytes = probe.status().memory_bytes.unwrap();
    assert!((63 << 20..=64 << 20).contains(&bytes), "{bytes}");
    bench.assert_alive().await;
}

#[tokio::test]
async fn g07_a_huge_minimum_memory_is_refused() {
    let guest = Guest::new().memory("65536");
    crashes(
        guest,
        Limits::default(),
        "limits.memory",
        "asked for: at most 64MiB",
    )
    .await;
}

#[tokio::test]
async fn g14_a_list_of_256_mib_is_refused_at_the_crossing() {
    let list = "(call $set-bound (i32.const 0) (i32.const 4194304) (i32.const 0) (i32.const 0) (i32.const 16)) (call $ok)";
    let guest = Guest::new().memory("1024").collect(list);
    crashes(
        guest,
        Limits::default(),
        "limits.crossing",
        "limits.crossing",
    )
    .await;
}

#[tokio::test]
async fn g15_a_list_of_strings_that_are_all_the_same_memory_is_refused() {
    // 8,000 strings of 1 MB each, all of them the same bytes: 8 GB if they were copied.
    let fill = "(local $at i32) (local.set $at (i32.const 65536))
        (loop $next
          (i32.store (local.get $at) (i32.const 131072)) (i32.store offset=4 (local.get $at) (i32.const 1000000))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br_if $next (i32.lt_u (local.get $at) (i32.const 129536))))
        (call $gauge.define %name %empty %help (i32.const 65536) (i32.const 8000) (i32.const 16)) (call $ok)";
    crashes(
        named_gauge("x").memory("64").collect(fill),
        Limits::default(),
        "limits.crossing",
        "limits.crossing",
    )
    .await;
}

#[tokio::test]
async fn g24_a_flood_of_log_lines_is_cut_and_counted() {
    let flood = "(local $count i32)
        (loop $next (call $log (i32.const 2) %line)
          (local.set $count (i32.add (local.get $count) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $count) (i32.const 5000)))) (call $ok)";
    let bench = Bench::new();
    let mut probe = bench.load(
        &Guest::new().text("line", "again").collect(flood),
        Limits::default(),
    );
    assert!(matches!(run(&mut probe).await.outcome, Outcome::Ok));
    assert_eq!(
        {
            let costs = probe.status().costs;
            (costs.log_lines, costs.log_dropped)
        },
        (1000, 4000)
    );
    bench.assert_alive().await;
}

#[tokio::test]
async fn g24_lines_that_nobody_asked_for_use_up_no_quota() {
    let flood = "(local $count i32)
        (loop $next (call $log (i32.const 0) %line) (call $log (i32.const 1) %line)
          (local.set $count (i32.add (local.get $count) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $count) (i32.const 1000))))
        (call $log (i32.const 4) %line) (call $ok)";
    let bench = Bench::new();
    let guest = Guest::new().text("line", "again").collect(flood);
    let mut probe = bench.load(&guest, Limits::default());
    run(&mut probe).await;
    let costs = probe.status().costs;
    assert_eq!((costs.log_lines, costs.log_dropped), (1, 0));
}

#[tokio::test]
async fn g31_running_out_of_memory_names_the_limit() {
    let guest = Guest::new().collect(
        "(if (i32.eq (memory.grow (i32.const 2000)) (i32.const -1)) (then unreachable)) (call $ok)",
    );
    crashes(guest, Limits::default(), "limits.memory", "(limits.memory)").await;
}

#[tokio::test]
async fn g31_memory_within_the_limit_is_given() {
    let guest = Guest::new().collect(
        "(if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable)) (call $ok)",
    );
    let bench = Bench::new();
    let mut probe = bench.load(&guest, Limits::default());
    assert!(matches!(run(&mut probe).await.outcome, Outcome::Ok));
}

#[tokio::test]
async fn more_series_than_the_limit_reject_the_run_whole_and_the_limit_itself_is_allowed() {
    // One label, its value the address of the loop: as many series as turns.
    let body = |turns: u32| {
        format!(
            "(local $turn i32)
             (i32.store (i32.const 32) (call $first %key)) (i32.store (i32.const 36) (i32.const 1))
             (call $gauge.define %name %empty %help (i32.const 32) (i32.const 1) (i32.const 16))
             (global.set $gauge (call $handle))
             (i32.store (i32.const 36) (i32.const 4)) (i32.store (i32.const 32) (i32.const 48))
             (loop $next
               (i32.store (i32.const 48) (i32.add (i32.const 0x30303030) (i32.and (local.get $turn) (i32.const 0x0f))))
               (i32.store8 (i32.const 49) (i32.add (i32.const 0x30) (i32.shr_u (local.get $turn) (i32.const 4))))
               (call $gauge.set (global.get $gauge) (i32.const 32) (i32.const 1) (f64.const 1) (i32.const 24))
               (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
               (br_if $next (i32.lt_u (local.get $turn) (i32.const {turns}))))
             (call $ok)"
        )
    };
    let helpers = "(global $gauge (mut i32) (i32.const 0)) (func $first (param i32 i32) (result i32) (local.get 0))";
    let guest = |turns| {
        named_gauge("x")
            .text("key", "k")
            .extra(helpers)
            .collect(&body(turns))
    };
    let limits = Limits {
        series: 50,
        ..Limits::default()
    };

    let bench = Bench::new();
    let mut probe = bench.load(&guest(50), limits.clone());
    let observation = run(&mut probe).await;
    assert!(
        matches!(observation.outcome, Outcome::Ok),
        "{:?}",
        observation.outcome
    );
    assert_eq!(observation.staged.writes.len(), 50);

    crashes(
        guest(51),
        limits,
        "limits.series",
        "series 51 of at most 50 (limits.series)",
    )
    .await;
}

#[tokio::test]
async fn an_instance_that_wears_out_is_replaced_before_it_breaks_a_limit() {
    // One defines its gauge in every run and drops no handle, the other takes a page of memory in every run.
    let leaking = named_gauge("x").collect(&format!("{GAUGE} {SET_ONE}"));
    let growing = Guest::new().collect("(drop (memory.grow (i32.const 1))) (call $ok)");
    let limits = Limits {
        handles: 16,
        memory: ByteSize::mib(1),
        ..Limits::default()
    };
    for guest in [leaking, growing] {
        let bench = Bench::new();
        let mut probe = bench.load(&guest, limits.clone());
        for number in 0..60 {
            let observation = run(&mut probe).await;
            assert!(
                matches!(observation.outcome, Outcome::Ok),
                "run {number}: {:?}",
                observation.outcome
            );
        }
        let status = probe.status();
        assert_eq!((status.crashes, status.failures), (0, 0));
        assert!((2..=10).contains(&status.costs.instances), "{status:?}");
    }
}
