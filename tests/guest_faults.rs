//! Hostile and broken guests, by the ids of the fault catalogue. Each is a component made in the test; after each the
//! same host still runs a good probe.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use std::time::Instant;

use probity::model::{Outcome, ProbeState, Span};
use probity::probe::Limits;
use support::bench::{Bench, GAUGE, SET_ONE, named_gauge, run};
use support::guest::Guest;

/// Defines the counter `%name`, likewise.
const COUNTER: &str = "(call $counter.define %name %empty %help %empty (i32.const 16))";
fn short() -> Limits {
    Limits {
        deadline: Some(Span::millis(100)),
        ..Limits::default()
    }
}

/// Runs the guest once and expects one failure with this code; the crash throws the instance away.
async fn crashes(guest: Guest, limits: Limits, code: &str, message: &str) {
    let bench = Bench::new();
    let mut probe = bench.load(&guest, limits);
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
    assert!(
        probe
            .not_before()
            .is_some_and(|moment| moment > Instant::now())
    );
    bench.assert_alive().await;
}

/// Runs the guest once and expects that it answered with this failure, and lives.
async fn answers(guest: Guest, code: &str, message: &str) {
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
        (status.state, status.crashes, status.rejected_calls),
        (ProbeState::Degraded, 0, 1)
    );
    bench.assert_alive().await;
}

#[tokio::test]
async fn g01_a_loop_in_collect_ends_at_the_deadline() {
    let guest = Guest::new().collect("(loop $forever (br $forever)) (call $ok)");
    crashes(guest, short(), "deadline", "limits.deadline").await;
}

#[tokio::test]
async fn g02_a_loop_in_the_core_start_function_ends_at_the_deadline() {
    let guest = Guest::new().extra("(func $spin (loop $forever (br $forever))) (start $spin)");
    crashes(guest, short(), "deadline", "limits.deadline").await;
}

#[tokio::test]
async fn g03_a_loop_in_start_ends_at_the_deadline() {
    let guest = Guest::new().start("(loop $forever (br $forever)) (call $ok)");
    crashes(guest, short(), "deadline", "limits.deadline").await;
}

#[tokio::test]
async fn g05_endless_recursion_is_a_trap() {
    let guest = Guest::new()
        .extra("(func $deep (call $deep) (call $deep))")
        .collect("(call $deep) (call $ok)");
    crashes(
        guest,
        Limits::default(),
        "trap.stack-overflow",
        "call stack exhausted",
    )
    .await;
}

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
async fn g17_invalid_utf8_is_a_trap() {
    let guest = Guest::new()
        .bytes("bad", b"\xff\xfe")
        .collect("(call $log (i32.const 2) %bad) (call $ok)");
    crashes(guest, Limits::default(), "trap", "utf-8").await;
}

#[tokio::test]
async fn g18_a_pointer_out_of_bounds_is_a_trap() {
    let guest =
        Guest::new().collect("(call $log (i32.const 2) (i32.const -16) (i32.const 64)) (call $ok)");
    crashes(guest, Limits::default(), "trap", "out of bounds").await;
}

#[tokio::test]
async fn g19_a_bad_discriminant_is_a_trap() {
    let answer = "(i32.store8 (i32.const 0) (i32.const 7)) (i32.const 0)";
    crashes(
        Guest::new().collect(answer),
        Limits::default(),
        "trap",
        "discriminant",
    )
    .await;
    let level = Guest::new()
        .text("word", "x")
        .collect("(call $log (i32.const 99) %word) (call $ok)");
    crashes(level, Limits::default(), "trap", "discriminant").await;
}

#[tokio::test]
async fn g20_numbers_that_json_cannot_hold_are_gauges_all_the_same() {
    for value in ["nan", "inf", "-inf", "-0"] {
        let set = format!(
            "(call $gauge.set (call $handle) %empty (f64.const {value}) (i32.const 16)) (call $pass-on)"
        );
        let bench = Bench::new();
        let mut probe = bench.load(
            &named_gauge("x").collect(&format!("{GAUGE} {set}")),
            Limits::default(),
        );
        let observation = run(&mut probe).await;
        assert!(
            matches!(observation.outcome, Outcome::Ok),
            "{value}: {:?}",
            observation.outcome
        );
        assert_eq!(
            observation.staged.writes[0]
                .value
                .to_string()
                .to_lowercase(),
            value
        );
    }
}

#[tokio::test]
async fn g20_numbers_that_a_counter_cannot_hold_are_refused() {
    for value in ["nan", "inf", "-inf"] {
        let add = format!(
            "(call $counter.add (call $handle) %empty (f64.const {value}) (i32.const 16)) (call $pass-on)"
        );
        answers(
            named_gauge("x_total").collect(&format!("{COUNTER} {add}")),
            "metrics.not-finite",
            "x_total",
        )
        .await;
    }
}

#[tokio::test]
async fn g21_bad_names_are_refused_with_the_rule() {
    let define = format!("{GAUGE} (call $pass-on)");
    for (name, code, rule) in [
        ("", "metrics.name", "must match"),
        ("9lives", "metrics.name", "must match"),
        ("with-dash", "metrics.name", "must match"),
        ("with\nnewline", "metrics.name", "with\\nnewline"),
        ("ends_total", "metrics.suffix", "_total"),
        ("probity_mine", "metrics.reserved", "the host's own"),
    ] {
        answers(named_gauge(name).collect(&define), code, rule).await;
    }
    let long = "x".repeat(129);
    answers(
        named_gauge(&long).collect(&define),
        "metrics.name",
        "128 bytes",
    )
    .await;
    let counter = format!("{COUNTER} (call $pass-on)");
    answers(
        named_gauge("plain").collect(&counter),
        "metrics.suffix",
        "_total",
    )
    .await;
    let milliseconds =
        "(call $gauge.define %name %unit %help %empty (i32.const 16)) (call $pass-on)";
    answers(
        named_gauge("x_ms").text("unit", "ms").collect(milliseconds),
        "metrics.unit",
        "use `seconds`",
    )
    .await;
}

#[tokio::test]
async fn g21_bad_label_keys_are_refused_with_the_rule() {
    for key in ["", "a-b", "__name__", "le", "quantile", "probe"] {
        let define = "(i32.store (i32.const 32) (call $first %key)) (i32.store (i32.const 36) (call $second %key))
            (call $gauge.define %name %empty %help (i32.const 32) (i32.const 1) (i32.const 16)) (call $pass-on)";
        let helpers = "(func $first (param i32 i32) (result i32) (local.get 0)) (func $second (param i32 i32) (result i32) (local.get 1))";
        answers(
            named_gauge("x")
                .text("key", key)
                .extra(helpers)
                .collect(define),
            "metrics.label",
            "label",
        )
        .await;
    }
}

#[tokio::test]
async fn g22_one_series_set_twice_in_a_run_is_refused_and_a_new_run_may_set_it_again() {
    let once =
        format!("{GAUGE} (call $gauge.set (call $handle) %empty (f64.const 1) (i32.const 24))");
    let twice = format!(
        "{once} (call $gauge.set (call $handle) %empty (f64.const 2) (i32.const 16)) (call $pass-on)"
    );
    answers(named_gauge("x").collect(&twice), "metrics.duplicate", "`x`").await;

    let bench = Bench::new();
    let mut probe = bench.load(
        &named_gauge("x").collect(&format!("{GAUGE} {SET_ONE}")),
        Limits::default(),
    );
    for _ in 0..3 {
        assert!(matches!(run(&mut probe).await.outcome, Outcome::Ok));
    }
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
        (probe.status().log_lines, probe.status().log_dropped),
        (1000, 4000)
    );
    bench.assert_alive().await;
}

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
async fn g41_a_counter_does_not_go_back() {
    let add =
        "(call $counter.add (call $handle) %empty (f64.const -1) (i32.const 16)) (call $pass-on)";
    answers(
        named_gauge("x_total").collect(&format!("{COUNTER} {add}")),
        "metrics.decrease",
        "-1",
    )
    .await;
}

#[tokio::test]
async fn g43_control_characters_in_a_message_are_escaped() {
    let fail = "(call $fail (call $failure.other %words))";
    let guest = Guest::new()
        .text("words", "\x1b[31mred\nnext</script>\u{202e}")
        .collect(fail);
    let bench = Bench::new();
    let mut probe = bench.load(&guest, Limits::default());
    let Outcome::Failed(failure) = run(&mut probe).await.outcome else {
        panic!("it failed")
    };
    assert_eq!(failure.message, "\\u{1b}[31mred\\nnext</script>\\u{202e}");
    assert_eq!(probe.status().state, ProbeState::Degraded);
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
        run(&mut probe).await;
        assert_eq!(probe.status().state, state);
        let seconds = probe
            .not_before()
            .map(|moment| moment.duration_since(Instant::now()).as_secs_f64().round() as u64);
        assert_eq!(seconds, wait, "{answer}");
    }
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
        "metrics.too-many-series",
        "series 51 of at most 50",
    )
    .await;
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
