//! What guests do to their series, from the call to the served text: a number that is shown was written, and by whom it
//! says.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use probity::export::{Encoder, Format};
use probity::health;
use probity::merge::Merge;
use probity::model::{ByteSize, Observation, Outcome, SourceInfo, SourceKind, Update};
use probity::probe::Limits;
use probity::snapshot::SnapshotCell;
use support::bench::{Bench, GAUGE, SET_ONE, named_gauge, run};
use support::guest::Guest;
use tokio::sync::mpsc;

/// Defines the counter `%name` without labels, likewise.
const COUNTER: &str = "(call $counter.define %name %empty %help %empty (i32.const 16))";
/// Adds 5 to it.
const ADD_FIVE: &str = "(call $counter.add (call $handle) %empty (f64.const 5) (i32.const 24))";
const RETIRE: &str = r#"(import "probity:metrics/metrics@0.1.0" "retire" (func $retire (param i32 i32 i32 i32) (result i32)))"#;
const FAIL: &str = "(call $fail (call $failure.other %help))";
/// Counts the calls of `collect` from 1.
const COUNTING: &str = "(global $runs (mut i32) (i32.const 0))
    (func $count (result i32) (global.set $runs (i32.add (global.get $runs) (i32.const 1))) (global.get $runs))";

/// Runs a guest `times` times and gives what each run gave.
async fn runs(guest: &Guest, limits: Limits, times: usize) -> Vec<Observation> {
    let bench = Bench::new();
    let mut probe = bench.load(guest, limits);
    let mut observations = Vec::new();
    for _ in 0..times {
        observations.push(run(&mut probe).await);
    }
    observations
}

/// The samples of the guest's own series, once the merge has taken all observations.
async fn samples(observations: Vec<Observation>) -> Vec<String> {
    let cell = Arc::new(SnapshotCell::new());
    let (updates, received) = mpsc::channel(observations.len() + 1);
    let watch = health::Watch::new(&health::Config::default());
    let merge = Merge::new(received, cell.clone(), watch, Vec::new()).unwrap();
    let source = SourceInfo {
        name: "guest".into(),
        kind: SourceKind::Probe,
        interval: Duration::from_secs(60),
    };
    updates.send(Update::Source(source)).await.unwrap();
    for observation in observations {
        let update = Update::Observation(Box::new(observation));
        updates.send(update).await.unwrap();
    }
    drop(updates);
    merge.run().await;
    let snapshot = cell.load().unwrap();
    let text = Encoder::new(Format::Prometheus).encode(&snapshot, Instant::now());
    let text = String::from_utf8(text.bytes).unwrap();
    text.lines()
        .filter(|line| line.contains("probe=\"guest\""))
        .map(str::to_owned)
        .collect()
}

fn failed(observation: &Observation) -> bool {
    matches!(observation.outcome, Outcome::Failed(_))
}

#[tokio::test]
async fn g40_what_start_set_and_collect_retires_is_gone() {
    let guest = named_gauge("boom")
        .imports(RETIRE)
        .start(&format!("{GAUGE} {SET_ONE}"))
        .collect("(drop (call $retire %name %empty)) (call $ok)");
    let observations = runs(&guest, Limits::default(), 1).await;
    assert!(!failed(&observations[0]));
    assert_eq!(samples(observations).await, [""; 0]);
}

#[tokio::test]
async fn g40_a_series_in_the_place_of_a_retired_one_has_no_number_before_it_is_written() {
    let bind = "(call $gauge.define %other %empty %help %empty (i32.const 16))
        (call $gauge.bind (call $handle) %empty (i32.const 24))";
    let guest = named_gauge("aaa")
        .text("other", "bbb")
        .imports(RETIRE)
        .start(&format!("{GAUGE} {SET_ONE}"))
        .collect(&format!(
            "(drop (call $retire %name %empty)) {bind} (call $ok)"
        ));
    let observations = runs(&guest, Limits::default(), 2).await;
    assert_eq!(samples(observations).await, [""; 0]);
}

#[tokio::test]
async fn g40_a_total_retired_and_made_again_in_one_run_begins_anew() {
    let guest = named_gauge("x_total")
        .imports(RETIRE)
        .extra(COUNTING)
        .collect(&format!(
            "(if (i32.eq (call $count) (i32.const 2)) (then (drop (call $retire %name %empty))))
             {COUNTER} {ADD_FIVE} (call $ok)"
        ));
    for (times, total) in [(1, 5), (2, 5), (3, 10)] {
        let observations = runs(&guest, Limits::default(), times).await;
        let wanted = format!("x_total{{probe=\"guest\"}} {total}");
        assert_eq!(samples(observations).await, [wanted]);
    }
}

#[tokio::test]
async fn g40_what_a_failing_run_retires_is_gone_all_the_same() {
    let guest = named_gauge("gone_total")
        .imports(RETIRE)
        .extra(COUNTING)
        .collect(&format!(
            "(if (i32.eq (call $count) (i32.const 2))
               (then (drop (call $retire %name %empty)) (return {FAIL})))
             (if (i32.eq (global.get $runs) (i32.const 3)) (then (return {FAIL})))
             {COUNTER} {ADD_FIVE} (call $ok)"
        ));
    for (times, shown) in [(1, 1), (2, 0), (3, 0)] {
        let observations = runs(&guest, Limits::default(), times).await;
        assert_eq!(samples(observations).await.len(), shown, "{times} runs");
    }
}

#[tokio::test]
async fn g48_a_flood_of_additions_is_one_write() {
    let guest = named_gauge("x_total")
        .extra("(global $counter (mut i32) (i32.const 0))")
        .collect(&format!(
            "(local $turn i32) {COUNTER} (global.set $counter (call $handle))
             (loop $next
               (call $counter.add (global.get $counter) %empty (f64.const 2) (i32.const 24))
               (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
               (br_if $next (i32.lt_u (local.get $turn) (i32.const 3000))))
             (call $ok)"
        ));
    let observations = runs(&guest, Limits::default(), 1).await;
    assert_eq!(observations[0].staged.writes.len(), 1);
    let wanted = "x_total{probe=\"guest\"} 6000".to_owned();
    assert_eq!(samples(observations).await, [wanted]);
}

#[tokio::test]
async fn g48_a_flood_of_observations_is_as_many_writes_as_the_histogram_has_numbers() {
    // 50 times 10,000 observations of 0 in buckets up to 1 and above.
    let imports = r#"
        (import "probity:metrics/metrics@0.1.0" "[static]histogram.define"
          (func $histogram.define (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
        (import "probity:metrics/metrics@0.1.0" "[method]histogram.observe-many"
          (func $observe-many (param i32 i32 i32 i32 i32 i32)))"#;
    let guest = named_gauge("x")
        .memory("4")
        .imports(imports)
        .extra("(global $histogram (mut i32) (i32.const 0))")
        .collect(
            "(local $turn i32) (f64.store (i32.const 512) (f64.const 1))
             (call $histogram.define %name %empty %help %empty (i32.const 512) (i32.const 1) (i32.const 16))
             (global.set $histogram (call $handle))
             (loop $next
               (call $observe-many (global.get $histogram) %empty (i32.const 65536) (i32.const 10000) (i32.const 24))
               (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
               (br_if $next (i32.lt_u (local.get $turn) (i32.const 50))))
             (call $ok)",
        );
    let observations = runs(&guest, Limits::default(), 1).await;
    assert!(!failed(&observations[0]));
    assert_eq!(observations[0].staged.writes.len(), 2);
    let text = samples(observations).await;
    let counts: Vec<&str> = text
        .iter()
        .filter_map(|line| line.rsplit(' ').next())
        .collect();
    assert_eq!(counts, ["500000", "500000", "0", "500000"]);
}

/// Adds to as many counters as turns, in the first run only, which fails; later runs add to one other.
fn many_counters_then_one() -> Guest {
    let body = format!(
        "(local $turn i32)
         (i32.store (i32.const 32) (call $first %key)) (i32.store (i32.const 36) (i32.const 1))
         (call $counter.define %name %empty %help (i32.const 32) (i32.const 1) (i32.const 16))
         (global.set $counter (call $handle))
         (i32.store (i32.const 36) (i32.const 2)) (i32.store (i32.const 32) (i32.const 48))
         (if (i32.eq (call $count) (i32.const 1)) (then
           (loop $next
             (i32.store16 (i32.const 48) (i32.add (i32.const 0x3030) (local.get $turn)))
             (call $counter.add (global.get $counter) (i32.const 32) (i32.const 1) (f64.const 1) (i32.const 24))
             (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
             (br_if $next (i32.lt_u (local.get $turn) (i32.const 50))))
           (return {FAIL})))
         (i32.store16 (i32.const 48) (i32.const 0x4141))
         (call $counter.add (global.get $counter) (i32.const 32) (i32.const 1) (f64.const 1) (i32.const 24))
         (call $ok)"
    );
    let helpers = "(global $counter (mut i32) (i32.const 0)) (func $first (param i32 i32) (result i32) (local.get 0))";
    named_gauge("x_total")
        .text("key", "k")
        .extra(&format!("{COUNTING} {helpers}"))
        .collect(&body)
}

#[tokio::test]
async fn g40_counters_of_a_failed_run_take_no_room() {
    let limits = Limits {
        series: 50,
        ..Limits::default()
    };
    let observations = runs(&many_counters_then_one(), limits, 2).await;
    assert!(failed(&observations[0]));
    assert!(
        matches!(observations[1].outcome, Outcome::Ok),
        "{:?}",
        observations[1].outcome
    );
    let wanted = "x_total{probe=\"guest\",k=\"AA\"} 1".to_owned();
    assert_eq!(samples(observations).await, [wanted]);
}

#[tokio::test]
async fn g21_a_refused_write_leaves_no_series_behind() {
    for value in ["nan", "-1"] {
        let add = format!(
            "(call $counter.add (call $handle) %empty (f64.const {value}) (i32.const 16)) (call $ok)"
        );
        let guest = named_gauge("x_total").collect(&format!("{COUNTER} {add}"));
        let bench = Bench::new();
        let mut probe = bench.load(&guest, Limits::default());
        run(&mut probe).await;
        assert_eq!(probe.status().series, 0, "{value}");
    }
}

/// A histogram of 200 buckets in which the one series has a label of 1 KiB.
fn wide_histogram() -> Guest {
    let imports = r#"
        (import "probity:metrics/metrics@0.1.0" "[static]histogram.define"
          (func $histogram.define (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
        (import "probity:metrics/metrics@0.1.0" "[method]histogram.observe" (func $observe (param i32 i32 i32 f64 i32)))"#;
    let bounds: Vec<u8> = (0..200)
        .flat_map(|bound| f64::from(bound).to_le_bytes())
        .collect();
    named_gauge("wide")
        .text("key", "k")
        .text("value", &"v".repeat(1024))
        .bytes("bounds", &bounds)
        .imports(imports)
        .extra("(func $first (param i32 i32) (result i32) (local.get 0))")
        .collect(
            "(i32.store (i32.const 32) (call $first %key)) (i32.store (i32.const 36) (i32.const 1))
             (call $histogram.define %name %empty %help (i32.const 32) (i32.const 1)
               (call $first %bounds) (i32.const 200) (i32.const 16))
             (i32.store (i32.const 32) (call $first %value)) (i32.store (i32.const 36) (i32.const 1024))
             (call $observe (call $handle) (i32.const 32) (i32.const 1) (f64.const 1) (i32.const 16))
             (call $pass-on)",
        )
}

#[tokio::test]
async fn g16_series_are_charged_for_the_text_that_they_make() {
    let limits = |kib| Limits {
        series_text: ByteSize::kib(kib),
        ..Limits::default()
    };
    let observations = runs(&wide_histogram(), limits(512), 1).await;
    assert!(!failed(&observations[0]), "{:?}", observations[0].outcome);
    let text: usize = samples(observations).await.iter().map(String::len).sum();
    assert!(text > 200 << 10, "only {text} bytes");

    let observations = runs(&wide_histogram(), limits(200), 1).await;
    let Outcome::Failed(failure) = &observations[0].outcome else {
        panic!("{text} bytes were served")
    };
    assert_eq!(failure.code, "limits.series_text");
    for word in ["`wide`", "at most 204800", "(limits.series_text)"] {
        assert!(failure.message.contains(word), "{failure}");
    }
}
