//! Each limit from both sides: a guest that needs just as much as it may use runs, and with one less it does not, and
//! its error says what it used, what it may, and which key raises it.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use probity::model::{ByteSize, Event, Failure, Outcome, Span};
use probity::probe::{Config, EventSink, LimitOverrides, Limits, Surroundings};
use support::bench::{Bench, GAUGE, SET_ONE, named_gauge, run};
use support::guest::{EMIT, Guest};
use support::parts::with_instances;

/// How long a test waits for a run that the machine does not hold up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Defines the check `%id` with itself as the title.
const CHECK: &str = "(call $check.define %id %id (i32.const 16))";

/// Limits that differ from the defaults in what is given.
macro_rules! limits {
    ($($key:ident: $value:expr),+) => {
        Limits { $($key: $value,)+ ..Limits::default() }
    };
}

/// Runs the component once within these limits; the failure's code and message if it fails.
async fn outcome(bench: &Bench, component: &[u8], limits: Limits) -> Result<(), String> {
    let mut probe = support::bench::loaded(bench.load_bytes(component, limits));
    match run(&mut probe).await.outcome {
        Outcome::Ok => Ok(()),
        Outcome::Failed(failure) => {
            assert_eq!(probe.status().failures, 1);
            let reasons: Vec<_> = probe.status().failure_reasons.iter().collect();
            assert_eq!(reasons, [(failure.code.as_str(), 1)]);
            Err(failure.to_string())
        }
        Outcome::NotApplicable(failure) => panic!("{failure}"),
    }
}

/// The component runs within `enough` and fails within `less`, with this code and words.
async fn component_pair(component: &[u8], enough: Limits, less: Limits, words: &str) {
    let bench = Bench::new();
    assert_eq!(outcome(&bench, component, enough).await, Ok(()));
    let failure = outcome(&bench, component, less).await.unwrap_err();
    assert!(failure.contains(words), "{failure}");
    bench.assert_alive().await;
}

async fn pair(guest: Guest, enough: Limits, less: Limits, words: &str) {
    component_pair(&guest.build(), enough, less, words).await;
}

#[tokio::test]
async fn the_deadline() {
    let guest = Guest::new()
        .wasi()
        .collect("(call $block (call $timer (i64.const 60000000))) (call $ok)");
    let component = guest.build();
    let enough = limits! { deadline: Some(Span::seconds(20)) };
    let less = limits! { deadline: Some(Span::millis(10)) };
    let (bench, began) = (Bench::new(), Instant::now());
    assert_eq!(outcome(&bench, &component, enough).await, Ok(()));
    loop {
        let ended = outcome(&bench, &component, less.clone()).await;
        let failure = ended.unwrap_err();
        if failure.contains("at most 10ms (limits.deadline)") {
            break;
        }
        // The machine itself held the call up for long, and it was given up with other words.
        assert!(failure.starts_with("limits.deadline: "), "{failure}");
        assert!(began.elapsed() < PATIENCE, "{failure}");
    }
    bench.assert_alive().await;
}

#[tokio::test]
async fn cpu_time() {
    let turns = |count: u64| {
        format!(
            "(local $turn i64)
             (loop $next
               (local.set $turn (i64.add (local.get $turn) (i64.const 1)))
               (br_if $next (i64.lt_u (local.get $turn) (i64.const {count}))))
             (call $ok)"
        )
    };
    let (enough, less) = (
        limits! { cpu: Span::seconds(20), deadline: Some(Span::seconds(60)) },
        limits! { cpu: Span::millis(200), deadline: Some(Span::seconds(60)) },
    );
    // Half a second and more at a turn a cycle.
    let guest = Guest::new().collect(&turns(2_000_000_000));
    pair(
        guest,
        enough,
        less.clone(),
        "of CPU time: at most 200ms (limits.cpu)",
    )
    .await;
    let bench = Bench::new();
    let short = Guest::new().collect(&turns(1000)).build();
    assert_eq!(outcome(&bench, &short, less.clone()).await, Ok(()));
    // Waiting costs no CPU time.
    let waits = Guest::new()
        .wasi()
        .collect("(call $block (call $timer (i64.const 600000000))) (call $ok)");
    assert_eq!(outcome(&bench, &waits.build(), less).await, Ok(()));
}

#[tokio::test]
async fn host_calls() {
    let guest = Guest::new().text("line", "x").collect(&format!(
        "{} (call $ok)",
        "(call $log (i32.const 2) %line)".repeat(5)
    ));
    pair(
        guest,
        limits! { host_calls: 5 },
        limits! { host_calls: 4 },
        "limits.host_calls: the call made its 5th call to the host: at most 4 (limits.host_calls)",
    )
    .await;
}

#[tokio::test]
async fn host_calls_of_wasi() {
    let body = format!(
        "{} (call $ok)",
        "(drop (call $timer (i64.const 1)))".repeat(3)
    );
    pair(
        Guest::new().wasi().collect(&body),
        limits! { host_calls: 3 },
        limits! { host_calls: 2 },
        "(limits.host_calls)",
    )
    .await;
}

#[tokio::test]
async fn memory() {
    let grow =
        "(if (i32.eq (memory.grow (i32.const 9)) (i32.const -1)) (then unreachable)) (call $ok)";
    pair(
        Guest::new().collect(grow),
        limits! { memory: ByteSize::kib(640) },
        limits! { memory: ByteSize(640 * 1024 - 1) },
        "limits.memory: a linear memory of 640KiB was asked for: at most 655359B (limits.memory)",
    )
    .await;
}

#[tokio::test]
async fn memories() {
    let component = with_instances(&Guest::new().build(), "(module (memory 1))", 2);
    component_pair(
        &component,
        limits! { memories: 3 },
        limits! { memories: 2 },
        "limits.memories: the component makes 3 memories: at most 2 (limits.memories)",
    )
    .await;
}

#[tokio::test]
async fn instances() {
    let component = with_instances(&Guest::new().build(), "(module)", 2);
    component_pair(
        &component,
        limits! { instances: 5 },
        limits! { instances: 4 },
        "limits.instances: the component makes 5 instances: at most 4 (limits.instances)",
    )
    .await;
}

#[tokio::test]
async fn tables() {
    // The instance that ties the guest's imports has one.
    let component = with_instances(&Guest::new().build(), "(module (table 1 funcref))", 2);
    component_pair(
        &component,
        limits! { tables: 3 },
        limits! { tables: 2 },
        "limits.tables: the component makes 3 tables: at most 2 (limits.tables)",
    )
    .await;
}

#[tokio::test]
async fn table_elements() {
    let grow = "(if (i32.eq (table.grow $grown (ref.null func) (i32.const 400)) (i32.const -1)) (then unreachable)) (call $ok)";
    let guest = Guest::new()
        .extra("(table $grown 100 funcref)")
        .collect(grow);
    pair(
        guest,
        limits! { table_elements: 500 },
        limits! { table_elements: 499 },
        "limits.table_elements: a table of 500 elements was asked for: at most 499 (limits.table_elements)",
    )
    .await;
}

#[tokio::test]
async fn handles() {
    let body = format!(
        "{} (call $ok)",
        "(drop (call $failure.other %words))".repeat(5)
    );
    pair(
        Guest::new().text("words", "x").collect(&body),
        limits! { handles: 5 },
        limits! { handles: 4 },
        "limits.handles: one more handle was asked for: at most 4 at once (limits.handles)",
    )
    .await;
}

#[tokio::test]
async fn crossing() {
    let guest = Guest::new()
        .text("line", &"x".repeat(5000))
        .collect("(call $log (i32.const 2) %line) (call $ok)");
    pair(
        guest,
        limits! { crossing: ByteSize(5000) },
        limits! { crossing: ByteSize(4999) },
        "limits.crossing: one call carried more to the host than it may: at most 4999B (limits.crossing)",
    )
    .await;
}

#[tokio::test]
async fn random() {
    let body = "(call $random (i64.const 2048) (i32.const 16)) (call $ok)";
    pair(
        Guest::new().wasi().collect(body),
        limits! { random: ByteSize(2048) },
        limits! { random: ByteSize(2047) },
        "limits.random: 2KiB random bytes were asked for in one call: at most 2047B (limits.random)",
    )
    .await;
}

#[tokio::test]
async fn metrics() {
    let guest = named_gauge("x").text("other", "y").collect(&format!(
        "{GAUGE} {} {GAUGE} {SET_ONE}",
        GAUGE.replace("%name", "%other")
    ));
    pair(
        guest,
        limits! { metrics: 2 },
        limits! { metrics: 1 },
        "limits.metrics: metric `y` would be number 2 of at most 1 (limits.metrics)",
    )
    .await;
}

#[tokio::test]
async fn series() {
    let guest = named_gauge("x").text("other", "y").collect(&format!(
        "{GAUGE} (call $gauge.set (call $handle) %empty (f64.const 1) (i32.const 48))
         {} {SET_ONE}",
        GAUGE.replace("%name", "%other")
    ));
    pair(
        guest,
        limits! { series: 2 },
        limits! { series: 1 },
        "limits.series: series limit: metric `y` would be series 2 of at most 1 (limits.series)",
    )
    .await;
}

/// Defines a gauge with the label keys `%one` and `%two` and sets it with the same words as values.
fn labelled(name: &str) -> Guest {
    // The keys are behind the name: `one`, then `other`, at multiples of eight.
    let list = "(func $pair (param i32 i32 i32 i32)
        (i32.store (i32.const 64) (local.get 0)) (i32.store (i32.const 68) (local.get 1))
        (i32.store (i32.const 72) (local.get 2)) (i32.store (i32.const 76) (local.get 3)))";
    named_gauge(name)
        .text("one", "one")
        .text("two", "another")
        .extra(list)
        .collect(
            "(call $pair %one %two)
             (call $gauge.define %name %empty %help (i32.const 64) (i32.const 2) (i32.const 16))
             (if (i32.load8_u (i32.const 16)) (then (return (call $pass-on))))
             (call $gauge.set (call $handle) (i32.const 64) (i32.const 2) (f64.const 1) (i32.const 16))
             (call $pass-on)",
        )
}

#[tokio::test]
async fn labels() {
    pair(
        labelled("x"),
        limits! { labels: 2 },
        limits! { labels: 1 },
        "metrics.label: 2 labels: at most 1 (limits.labels)",
    )
    .await;
}

#[tokio::test]
async fn name_bytes() {
    pair(
        labelled("x_in_nine"),
        limits! { name_bytes: ByteSize(9) },
        limits! { name_bytes: ByteSize(8) },
        "metrics.name: `x_in_nine` has 9 bytes: at most 8 (limits.name_bytes)",
    )
    .await;
    pair(
        labelled("x"),
        limits! { name_bytes: ByteSize(7) },
        limits! { name_bytes: ByteSize(6) },
        "metrics.label: `another` has 7 bytes: at most 6 (limits.name_bytes)",
    )
    .await;
}

#[tokio::test]
async fn value_bytes() {
    pair(
        labelled("x"),
        limits! { value_bytes: ByteSize(7) },
        limits! { value_bytes: ByteSize(6) },
        "metrics.label-too-long: a label value of metric `x` has 7 bytes: at most 6 (limits.value_bytes)",
    )
    .await;
}

#[tokio::test]
async fn checks() {
    let other = CHECK.replace("%id", "%other");
    let guest = Guest::new()
        .text("id", "one")
        .text("other", "two")
        .collect(&format!("{CHECK} {other} {CHECK} (call $pass-on)"));
    pair(
        guest,
        limits! { checks: 2 },
        limits! { checks: 1 },
        "limits.checks: check `two` is one too many: at most 1 (limits.checks)",
    )
    .await;
}

/// Takes every event and keeps none.
struct Taker;

impl EventSink for Taker {
    fn check(&self, _: &str, _: &str, _: &str) -> Result<Option<Event>, Failure> {
        Ok(None)
    }

    fn take(&self, _: &str, _: Vec<Event>) {}
}

#[tokio::test]
async fn events_and_their_bytes() {
    let around = Surroundings {
        events: Some(Arc::new(Taker)),
        ..Surroundings::default()
    };
    let bench = Bench::within(&Config::default(), around);
    let guest = Guest::new()
        .imports(EMIT)
        .text("kind", "a.b")
        .text("body", "{\"a\":1}")
        .collect("(call $emit %kind %body (i32.const 16)) (call $emit %kind %body (i32.const 16)) (call $ok)")
        .build();
    for (enough, less, words) in [
        (
            limits! { events: 2 },
            limits! { events: 1 },
            "limits.events: an event is one too many: at most 1 (limits.events)",
        ),
        (
            limits! { event_bytes: ByteSize(14) },
            limits! { event_bytes: ByteSize(13) },
            "limits.event_bytes: events of 14 bytes: at most 13B (limits.event_bytes)",
        ),
    ] {
        assert_eq!(outcome(&bench, &guest, enough).await, Ok(()));
        let failure = outcome(&bench, &guest, less).await.unwrap_err();
        assert!(failure.contains(words), "{failure}");
    }
}

#[tokio::test]
async fn log_lines_and_bytes() {
    let guest = Guest::new().text("line", "ten  bytes").collect(&format!(
        "{} (call $ok)",
        "(call $log (i32.const 2) %line)".repeat(3)
    ));
    for (limits, wanted) in [
        (limits! { log_lines: 3, log_bytes: ByteSize(30) }, (3, 0)),
        (limits! { log_lines: 2 }, (2, 1)),
        (limits! { log_bytes: ByteSize(29) }, (2, 1)),
    ] {
        let bench = Bench::new();
        let mut probe = bench.load(&guest, limits);
        assert!(matches!(run(&mut probe).await.outcome, Outcome::Ok));
        let costs = probe.status().costs;
        assert_eq!((costs.log_lines, costs.log_dropped), wanted);
    }
}

#[tokio::test]
async fn state() {
    // A key of three bytes and a value of seven.
    let guest = Guest::new()
        .text("key", "key")
        .text("value", "seven b")
        .collect("(call $state.put %key %value (i32.const 16)) (call $pass-on)");
    pair(
        guest,
        limits! { state: ByteSize(10) },
        limits! { state: ByteSize(9) },
        "10 bytes of state: at most 9",
    )
    .await;
}

#[tokio::test]
async fn the_stack() {
    let guest = Guest::new()
        .extra(
            "(func $deep (param $more i32) (result i32)
               (if (i32.eqz (local.get $more)) (then (return (i32.const 0))))
               (i32.add (i32.const 1) (call $deep (i32.sub (local.get $more) (i32.const 1)))))",
        )
        .collect("(drop (call $deep (i32.const 5000))) (call $ok)")
        .build();
    for (stack, wanted) in [
        (ByteSize::mib(1), Ok(())),
        (ByteSize::kib(64), Err("probes.stack")),
    ] {
        let bench = Bench::with(&Config {
            stack,
            ..Config::default()
        });
        let outcome = outcome(&bench, &guest, Limits::default()).await;
        match wanted {
            Ok(()) => assert_eq!(outcome, Ok(())),
            Err(key) => {
                let failure = outcome.unwrap_err();
                assert!(
                    failure.starts_with("limits.stack") && failure.contains(key),
                    "{failure}"
                );
            }
        }
        bench.assert_alive().await;
    }
}

#[test]
fn a_probe_may_have_each_limit_of_its_own() {
    // Every key with another value than its default, a number of the same type.
    let mut table = toml::Table::try_from(Limits::default()).unwrap();
    table.insert("deadline".into(), "123ms".into());
    for (key, value) in &mut table {
        *value = match value {
            toml::Value::Integer(number) => toml::Value::Integer(*number - 1),
            toml::Value::String(_) if key == "cpu" => "124ms".into(),
            toml::Value::String(_) if key == "deadline" => continue,
            toml::Value::String(_) => "77B".into(),
            other => panic!("{key} = {other}"),
        };
    }
    let all: Limits = table.clone().try_into().unwrap();
    let own: LimitOverrides = table.try_into().unwrap();
    assert_eq!(Limits::default().with(&own), all);
    assert_eq!(
        Limits::default().with(&LimitOverrides::default()),
        Limits::default()
    );
}
