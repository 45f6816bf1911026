//! Guests that pass what no interface allows: bytes, pointers, numbers, names.

use probity::model::{Outcome, ProbeState};
use probity::probe::Limits;

use crate::support::bench::{Bench, GAUGE, SET_ONE, named_gauge, run};
use crate::support::guest::Guest;
use crate::{COUNTER, answers, crashes};

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
        "129 bytes: at most 128 (limits.name_bytes)",
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
