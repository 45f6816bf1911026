//! Clocks and random numbers.

use std::time::Duration;

use probity::probe::Tape;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::scene::{REACH, built, moment, record, replay, run, section, try_load};
use crate::support::bench::GAUGE;
use crate::support::guest::Guest;

const RUN: &str = r#"
  (import "probity:host/run@0.1.0" "now-unix-seconds" (func $run.now (result f64)))
  (import "probity:host/run@0.1.0" "seconds-left" (func $run.left (result f64)))
  (import "probity:host/run@0.1.0" "ordinal" (func $run.ordinal (result i32)))
"#;

/// A guest that sets the gauge to a number in each run.
fn number(expression: &str) -> Guest {
    let set = format!(
        "(call $gauge.set (call $handle) %empty {expression} (i32.const 16)) (call $pass-on)"
    );
    Guest::new()
        .wasi()
        .imports(RUN)
        .text("name", "value")
        .text("help", "Help.")
        .text("empty", "")
        .collect(&format!("{GAUGE} {set}"))
}

const MONOTONIC: &str = "(f64.convert_i64_u (call $monotonic))";
const RANDOM: &str = "(block (result f64) (call $random (i64.const 4) (i32.const 64)) (f64.convert_i32_u (i32.load (i32.load (i32.const 64)))))";
/// Waits for 50 ms between two readings.
const WAITED: &str = "(block (result f64) (i64.store (i32.const 64) (call $monotonic))
    (call $block (call $timer (i64.const 50000000)))
    (f64.convert_i64_u (i64.sub (call $monotonic) (i64.load (i32.const 64)))))";

#[tokio::test]
async fn readings_and_random_numbers_are_had_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut drawn = Vec::new();
    for expression in [
        MONOTONIC,
        RANDOM,
        WAITED,
        "(call $run.now)",
        "(call $run.left)",
    ] {
        let guest = built(&folder, &number(expression));
        let (recorded, text) = record(&guest, &section("guest", "", &[]), 2).await;
        let replayed = replay(&guest, &text).await;
        assert_eq!(replayed.codes(), ["ok", "ok"], "{expression}");
        assert_eq!(replayed.written(), recorded.written(), "{expression}");
        replayed.assert_same();
        drawn.push(recorded.written());
        // Two runs may have equally much of their time left.
        if expression != "(call $run.left)" {
            assert_ne!(recorded.written()[0], recorded.written()[1], "{expression}");
        }
    }
    let again = built(&folder, &number(RANDOM));
    let (recorded, _) = record(&again, &section("guest", "", &[]), 2).await;
    assert_ne!(recorded.written(), drawn[1], "each recording has its own");
}

#[tokio::test]
async fn a_guest_that_reads_more_often_goes_on_from_the_last_reading() {
    let folder = tempfile::tempdir().unwrap();
    let guest = built(&folder, &number(MONOTONIC));
    let (recorded, text) = record(&guest, &section("guest", "", &[]), 2).await;
    let twice = format!("(block (result f64) (drop (call $monotonic)) {MONOTONIC})");
    let runs = replay(built(&folder, &number(&twice)), &text).await;
    let step = 1e6;
    let first = recorded.written()[0][0];
    assert_eq!(runs.written()[0], [first + step]);
    assert!(
        runs.written()[1][0] >= recorded.written()[1][0] + step,
        "each run has its own readings"
    );
}

#[tokio::test]
async fn with_a_fake_clock_the_rest_of_the_world_answers_itself() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "text").unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut ping = [0; 4];
            stream.read_exact(&mut ping).await.unwrap();
            stream.write_all(b"pong").await.unwrap();
        }
    });
    let granted = format!(
        "read = [\"{}\"]\ntcp = [\"{server}\"]",
        folder.path().display()
    );
    for (verb, to, wanted) in [
        ("read", file.to_str().unwrap(), "ok: text"),
        ("list", "", "ok: file"),
        ("tcp", &server, "ok: pong"),
    ] {
        let tape = Tape::fake_clock(moment());
        let section = section("reach", &granted, &[("do", verb), ("to", to)]);
        let mut probe = try_load(&tape, REACH.as_ref(), &section).unwrap();
        assert_eq!(run(&tape, &mut probe, 1).await.said(), [wanted]);
        assert!(tape.recorded().is_err());
    }
}

#[tokio::test]
async fn a_fake_clock_goes_by_readings_and_by_runs() {
    let folder = tempfile::tempdir().unwrap();
    let seconds = |time: Duration| time.as_secs_f64();
    let begin = moment().duration_since(std::time::UNIX_EPOCH).unwrap();
    let interval = Duration::from_secs(5);
    for (expression, wanted) in [
        (MONOTONIC, [1e6, 5e9 + 1e6]),
        (
            "(call $run.now)",
            [seconds(begin), seconds(begin + interval)],
        ),
        ("(call $run.left)", [10.0, 10.0]),
        (WAITED, [51e6, 51e6]),
        ("(f64.convert_i32_u (call $run.ordinal))", [1.0, 2.0]),
    ] {
        let guest = built(&folder, &number(expression));
        for tape in [Tape::fake_clock(moment()), Tape::recording(Some(moment()))] {
            let mut probe = try_load(&tape, &guest, &section("guest", "", &[])).unwrap();
            let runs = run(&tape, &mut probe, 2).await;
            assert_eq!(runs.written().concat(), wanted, "{expression}");
        }
    }
    let guest = built(&folder, &number(RANDOM));
    let mut drawn = Vec::new();
    for _ in 0..2 {
        let tape = Tape::fake_clock(moment());
        let mut probe = try_load(&tape, &guest, &section("guest", "", &[])).unwrap();
        drawn.push(run(&tape, &mut probe, 2).await.written());
    }
    assert_eq!(drawn[0], drawn[1]);
}
