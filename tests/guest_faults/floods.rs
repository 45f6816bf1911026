//! Guests that do too much of what they may do: output, handles, metrics, labels, random bytes.

use probity::model::{Outcome, ProbeState};
use probity::probe::Limits;

use crate::crashes;
use crate::support::bench::{Bench, named_gauge, run};
use crate::support::guest::Guest;

/// Does `body` for `$turn` from 0 to `turns`.
fn repeat(turns: u32, body: &str) -> String {
    format!(
        "(local $turn i32)
         (loop $next {body}
           (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
           (br_if $next (i32.lt_u (local.get $turn) (i32.const {turns}))))
         (call $ok)"
    )
}

/// A gauge of which `%name` ends with six digits, those of `$turn` after `number`.
const NUMBER: &str = "(func $number (param $turn i32) (local $at i32) (local.set $at (i32.const 6))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (i32.add (i32.const 1024) (local.get $at))
        (i32.add (i32.const 0x30) (i32.rem_u (local.get $turn) (i32.const 10))))
      (local.set $turn (i32.div_u (local.get $turn) (i32.const 10)))
      (br_if $digit (local.get $at))))";

#[tokio::test]
async fn g16_a_million_label_keys_are_refused_at_the_crossing() {
    let define = "(call $gauge.define %name %empty %help (i32.const 65536) (i32.const 1000000) (i32.const 16)) (call $ok)";
    let guest = named_gauge("x").memory("200").collect(define);
    crashes(
        guest,
        Limits::default(),
        "limits.crossing",
        "at most 4MiB (limits.crossing)",
    )
    .await;
}

#[tokio::test]
async fn g16_a_million_label_values_end_the_run_with_the_first_limit_broken() {
    let body = format!(
        "(i32.store (i32.const 32) (i32.const 1030)) (i32.store (i32.const 36) (i32.const 1))
         (call $gauge.define %name %empty %help (i32.const 32) (i32.const 1) (i32.const 16))
         (i32.store (i32.const 32) (i32.const 1024)) (i32.store (i32.const 36) (i32.const 6)) {}",
        repeat(
            1_000_000,
            "(call $number (local.get $turn))
             (call $gauge.set (i32.load (i32.const 20)) (i32.const 32) (i32.const 1) (f64.const 1) (i32.const 48))"
        )
    );
    // A local must come before all else.
    let body = format!(
        "(local $turn i32) {}",
        body.replace("(local $turn i32)", "")
    );
    let guest = Guest::new()
        .text("digits", "000000k")
        .text("name", "x")
        .text("help", "Help.")
        .text("empty", "")
        .extra(NUMBER)
        .collect(&body);
    crashes(
        guest,
        Limits::default(),
        "limits.series",
        "series 1001 of at most 1000",
    )
    .await;
}

#[tokio::test]
async fn g25_a_flood_on_standard_output_is_forgotten_but_for_its_end() {
    let flood = format!(
        "(local $out i32) (local.set $out (call $stdout)) {} unreachable",
        repeat(
            9000,
            "(call $write (local.get $out) (i32.const 4096) (i32.const 4096) (i32.const 16))"
        )
    );
    let flood = flood.replace("(call $ok)", "");
    let flood = format!(
        "(local $turn i32) {}",
        flood.replace("(local $turn i32)", "")
    );
    let guest = Guest::new()
        .wasi()
        .bytes("page", &vec![b'x'; 8192])
        .collect(&flood);
    crashes(
        guest,
        Limits::default(),
        "trap.unreachable",
        "it last wrote: xxx",
    )
    .await;
}

#[tokio::test]
async fn g32_a_flood_of_handles_ends_at_the_limit() {
    let words = || Guest::new().text("words", "again");
    let failures = "(drop (call $failure.other %words))";
    let guest = words().collect(&repeat(1000, failures));
    let bench = Bench::new();
    let mut probe = bench.load(&guest, Limits::default());
    assert!(matches!(run(&mut probe).await.outcome, Outcome::Ok));
    // That instance is worn out and makes way; the next one has as many again.
    assert!(matches!(run(&mut probe).await.outcome, Outcome::Ok));

    let guest = words().collect(&repeat(1001, failures));
    let mut probe = bench.load(&guest, Limits::default());
    let Outcome::Failed(failure) = run(&mut probe).await.outcome else {
        panic!("it holds a thousand handles and one")
    };
    assert_eq!(failure.code, "limits.handles", "{failure}");
    assert!(failure.message.contains("at most 1000"), "{failure}");
    assert_eq!(probe.status().state, ProbeState::Backoff);

    // Handles of metrics cost the host nothing and are bounded all the same.
    let define = "(call $gauge.define %name %empty %help %empty (i32.const 16))";
    let guest = named_gauge("x").collect(&repeat(1001, define));
    crashes(guest, Limits::default(), "limits.handles", "limits.handles").await;
}

#[tokio::test]
async fn g33_pollables_that_are_never_dropped_end_at_the_limit() {
    let leak = "(drop (call $timer (i64.const 3600000000000)))";
    let guest = Guest::new().wasi().collect(&repeat(1001, leak));
    crashes(guest, Limits::default(), "limits.handles", "at most 1000").await;
}

#[tokio::test]
async fn g34_random_bytes_come_in_small_portions_that_cost_the_guest_its_time() {
    let portion =
        "(call $random (i64.const 65536) (i32.const 16)) (global.set $heap (i32.const 32768))";
    let guest = |turns| {
        Guest::new()
            .wasi()
            .memory("2")
            .collect(&repeat(turns, portion))
    };
    let bench = Bench::new();
    let mut probe = bench.load(&guest(10), Limits::default());
    let observation = run(&mut probe).await;
    assert!(
        matches!(observation.outcome, Outcome::Ok),
        "{:?}",
        observation.outcome
    );
    assert_eq!(probe.status().memory_bytes, Some(2 << 16));
    assert!(probe.status().last_costs.cpu > std::time::Duration::ZERO);

    // Without an end: which limit is the first depends on how fast the machine makes them.
    let mut probe = bench.load(&guest(u32::MAX), Limits::default());
    let Outcome::Failed(failure) = run(&mut probe).await.outcome else {
        panic!("it never ends")
    };
    let ends = ["limits.cpu", "limits.host_calls", "limits.deadline"];
    assert!(ends.contains(&failure.code.as_str()), "{failure}");

    let at_once = "(call $random (i64.const 60000000) (i32.const 16)) (call $ok)";
    let guest = Guest::new().wasi().collect(at_once);
    crashes(
        guest,
        Limits::default(),
        "limits.random",
        "60000000B random bytes",
    )
    .await;
}

#[tokio::test]
async fn g48_a_loop_of_definitions_ends_the_run_with_the_first_limit_broken() {
    let define = "(call $number (local.get $turn))
        (i32.store8 (i32.const 1023) (i32.const 0x78))
        (call $gauge.define (i32.const 1023) (i32.const 7) %empty %help %empty (i32.const 16))";
    let guest = Guest::new()
        .text("digits", "000000")
        .text("help", "Help.")
        .text("empty", "")
        .extra(NUMBER)
        .collect(&repeat(1_000_000, define));
    let limits = Limits {
        handles: 2000,
        ..Limits::default()
    };
    crashes(
        guest,
        limits,
        "limits.metrics",
        "number 1001 of at most 1000 (limits.metrics)",
    )
    .await;
}
