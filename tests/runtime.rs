//! The whole runtime in this process: sources, merge, snapshot and server together, on a free port.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "support/exposition.rs"]
mod exposition;
#[path = "support/place.rs"]
mod place;
mod support;
#[path = "support/wire.rs"]
mod wire;

use std::time::Duration;

use place::{Place, good, runs, state};
use probity::app::App;
use probity::config::{Loaded, Origin};
use probity::event::Context;
use probity::event::kinds::{Millis, OperationCompleted, OperationStarted};
use probity::model::{ActivityFacts, EventOutcome, ProbeState, Span, Status};
use probity::probe::ProbeConfig;
use probity::snapshot::Snapshot;
use support::bench::{GAUGE, SET_ONE, named_gauge};
use support::guest::Guest;

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_file_is_a_rejected_probe_and_everything_else_is_served() {
    let whole = good("good_value").build();
    let place = Place::new()
        .add("good", &good("good_value"))
        .add_bytes("cut", &whole[..whole.len() / 2])
        .add_bytes("text", b"hello");
    let running = place.start().await;
    let snapshot = running
        .until("a whole snapshot", |snapshot| snapshot.whole)
        .await;
    for (probe, wanted) in [
        ("good", ProbeState::Active),
        ("cut", ProbeState::Rejected),
        ("text", ProbeState::Rejected),
    ] {
        assert_eq!(state(&snapshot, probe), Some(wanted), "{probe}");
    }
    let answer = running.get("/snapshot").await;
    let document: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
    assert!(
        document["resources"]["memory"]["total_bytes"]
            .as_u64()
            .unwrap()
            > 0
    );
    assert_eq!(document["probes"][0]["name"], "cut");
    assert_eq!(
        document["probes"][0]["last_error"]["code"],
        "component.invalid"
    );
    let metric = document["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .find(|metric| metric["name"] == "good_value")
        .unwrap();
    assert_eq!(
        (&metric["value"], &metric["source"], &metric["stale"]),
        (&1.0.into(), &"good".into(), &false.into())
    );
    let answer = running.get("/metrics").await;
    let metrics = answer.text();
    for line in [
        "good_value{probe=\"good\"} 1\n",
        "probity_probe_up{probe=\"cut\"} 0\n",
        "node_memory_total_bytes ",
    ] {
        assert!(metrics.contains(line), "{line:?} is not in\n{metrics}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_probe_costs_its_neighbours_no_run() {
    let mut place = Place::new()
        .add("good", &good("good_value"))
        .add(
            "spin",
            &Guest::new().collect("(loop $forever (br $forever)) (call $ok)"),
        )
        .add("trap", &Guest::new().collect("unreachable"));
    place.config.probes.interval = Span::millis(200);
    let running = place.start().await;
    let snapshot = running
        .until(
            "ten good runs and a crash of each hostile probe",
            |snapshot| {
                runs(snapshot, "good") >= 10
                    && ["spin", "trap"]
                        .iter()
                        .all(|probe| state(snapshot, probe) == Some(ProbeState::Backoff))
            },
        )
        .await;
    let good = snapshot
        .sources
        .iter()
        .find(|source| &*source.info.name == "good")
        .unwrap();
    assert_eq!(
        (good.runs.failures, state(&snapshot, "good")),
        (0, Some(ProbeState::Active))
    );
    assert_eq!(running.get("/livez").await.status, 200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_stops_answering_leaves_stale_values_and_a_check_that_says_so() {
    // The check passes and the gauge is set in the first run; every later run fails.
    let body = format!(
        "(if (global.get $failing) (then (return (call $fail (call $failure.other %gone)))))
         (global.set $failing (i32.const 1))
         (call $check.define %id %id (i32.const 16))
         (call $check.report (i32.load (i32.const 20)) (i32.const 0) %help) {GAUGE} {SET_ONE}"
    );
    let guest = named_gauge("flaky_value")
        .text("gone", "the target is gone")
        .text("id", "target")
        .extra("(global $failing (mut i32) (i32.const 0))")
        .collect(&body);
    let mut place = Place::new().add("flaky", &guest);
    place.config.probes.interval = Span::seconds(1);
    let running = place.start().await;
    let check = |snapshot: &Snapshot| {
        snapshot
            .health
            .checks
            .iter()
            .find(|check| &*check.name == "flaky/target")
            .cloned()
    };
    let snapshot = running
        .until("a stale check", |snapshot| {
            check(snapshot).is_some_and(|check| check.stale)
        })
        .await;
    let check = check(&snapshot).unwrap();
    assert_eq!(check.status, Status::Warn);
    assert!(
        check.message.contains("the target is gone"),
        "{}",
        check.message
    );
    assert_eq!(state(&snapshot, "flaky"), Some(ProbeState::Degraded));

    // Until three intervals on the last good value is there, then the gauge is absent: asked of the reader's clock, not waited for.
    let mut sources = snapshot.sources.iter();
    let source = sources.find(|source| &*source.info.name == "flaky");
    let source = source.unwrap();
    let written = source.points[0].updated.unwrap();
    let present = |later| source.present(written + later).count();
    assert_eq!(present(Duration::from_millis(2_900)), 1);
    assert_eq!(present(Duration::from_millis(3_100)), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_probe_without_a_file_and_a_disabled_one() {
    let section = |name: &str, enabled| ProbeConfig {
        enabled,
        ..ProbeConfig::unmentioned(name)
    };
    let mut place = Place::new()
        .add("off", &good("off_value"))
        .add("on", &good("on_value"));
    place.config.probe = vec![
        section("off", false),
        section("nowhere", true),
        section("also-off", false),
    ];
    let running = place.start().await;
    let snapshot = running
        .until("a whole snapshot", |snapshot| snapshot.whole)
        .await;
    let names: Vec<&str> = snapshot
        .probes
        .iter()
        .map(|view| &*view.identity.name)
        .collect();
    assert_eq!(names, ["nowhere", "on"]);
    assert_eq!(state(&snapshot, "nowhere"), Some(ProbeState::Rejected));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_code_is_kept_sealed_and_used_again() {
    let place = Place::new().add("good", &good("good_value"));
    let cached = |snapshot: &Snapshot| snapshot.probes[0].identity.cached;
    for (start, wanted) in [("first", false), ("second", true)] {
        let running = place.start().await;
        let snapshot = running
            .until("a whole snapshot", |snapshot| snapshot.whole)
            .await;
        assert_eq!(cached(&snapshot), wanted, "{start} start");
        running.stop().await;
    }
    // One flipped bit in the artifact, or in its seal, and it is compiled anew.
    let folder = place.folder.path().join("state/compiled");
    let entry = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let entry = entry
        .into_iter()
        .find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "cwasm")
        })
        .unwrap();
    let genuine = std::fs::read(&entry).unwrap();
    for at in [0, 40, genuine.len() - 1] {
        let mut forged = genuine.clone();
        forged[at] ^= 1;
        std::fs::write(&entry, forged).unwrap();
        let running = place.start().await;
        let snapshot = running
            .until("a whole snapshot", |snapshot| snapshot.whole)
            .await;
        assert_eq!(
            (cached(&snapshot), state(&snapshot, "good")),
            (false, Some(ProbeState::Active)),
            "byte {at}"
        );
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_cannot_take_the_name_of_a_built_in_source() {
    let place = Place::new()
        .add("cpu", &good("cpu_value"))
        .add("probity", &good("own_value"))
        .add("good", &good("good_value"));
    let running = place.start().await;
    let snapshot = running
        .until("a whole snapshot", |snapshot| snapshot.whole)
        .await;
    for (probe, wanted) in [
        ("cpu", ProbeState::Rejected),
        ("probity", ProbeState::Rejected),
        ("good", ProbeState::Active),
    ] {
        assert_eq!(state(&snapshot, probe), Some(wanted), "{probe}");
    }
    assert!(snapshot.facts.cpu.is_some());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_in_one_process_do_not_meet() {
    let one = Place::new().add("good", &good("one_value"));
    let other = Place::new().add("good", &good("other_value"));
    let (one, other) = (one.start().await, other.start().await);
    one.until("a whole snapshot", |snapshot| snapshot.whole)
        .await;
    other
        .until("a whole snapshot", |snapshot| snapshot.whole)
        .await;
    assert!(one.get("/metrics").await.text().contains("one_value"));
    assert!(!one.get("/metrics").await.text().contains("other_value"));
    one.stop().await;
    assert_eq!(other.get("/livez").await.status, 200);
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c06_a_port_in_use_is_named_and_nothing_is_left_running() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut place = Place::new();
    place.config.server.listen = taken.local_addr().unwrap();
    let loaded = Loaded {
        config: place.config.clone(),
        origin: Origin {
            file: None,
            overrides: Vec::new(),
        },
        state_directory: place.folder.path().join("state"),
        ..Loaded::default()
    };
    let Err(error) = App::start(&loaded).await else {
        panic!("the port is taken")
    };
    assert!(
        error
            .to_string()
            .contains(&taken.local_addr().unwrap().to_string()),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_survive_a_trap() {
    // Adds one a run and traps in every third; a trap throws its own run away and nothing else.
    let define = "(call $counter.define %name %empty %help %empty (i32.const 16))";
    let body = format!(
        "(global.set $runs (i32.add (global.get $runs) (i32.const 1)))
         {define} (call $counter.add (call $handle) %empty (f64.const 1) (i32.const 16))
         (if (i32.eq (global.get $runs) (i32.const 3)) (then unreachable)) (call $ok)"
    );
    let guest = named_gauge("turns_total")
        .extra("(global $runs (mut i32) (i32.const 0))")
        .collect(&body);
    let mut place = Place::new().add("turns", &guest);
    place.config.probe = vec![ProbeConfig {
        interval: Some(Span::millis(100)),
        ..ProbeConfig::unmentioned("turns")
    }];
    let running = place.start().await;
    let total = |snapshot: &Snapshot| {
        let source = snapshot
            .sources
            .iter()
            .find(|source| &*source.info.name == "turns")?;
        let series = source.schema.series.first()?;
        Some(source.numbers(series)[0].value)
    };
    // Two good runs, a trap, a second of backoff, and the count goes on at three.
    let snapshot = running
        .until("a total of three", |snapshot| {
            total(snapshot) >= Some(3.0) && snapshot.probes[0].status.crashes > 0
        })
        .await;
    let status = &snapshot.probes[0].status;
    let good = status.runs - status.failures;
    assert_eq!(total(&snapshot), Some(good as f64), "{status:?}");
    running.stop().await;
}

#[tokio::test]
async fn what_a_probe_is_denied_is_served_with_the_line_that_grants_it() {
    let guest = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests/reach.wasm");
    let mut place = Place::new().add_bytes("reach", &std::fs::read(guest).unwrap());
    let asks = [("do", "tcp"), ("to", "10.1.2.3:5432")];
    let asks = asks.map(|(key, value)| (key.to_owned(), toml::Value::from(value)));
    place.config.probe.push(ProbeConfig {
        config: asks.into_iter().collect(),
        ..ProbeConfig::unmentioned("reach")
    });
    let running = place.start().await;
    running
        .until("a denied attempt", |snapshot| {
            let status = snapshot.probes.first().map(|view| &view.status);
            status.is_some_and(|status| status.denied > 1)
        })
        .await;
    let document = running.get("/snapshot/probes").await.json();
    let probe = &document[0];
    assert!(probe["denied_total"].as_u64().unwrap() > 1, "{probe:#}");
    let denied = &probe["denied"][0];
    assert_eq!(denied["attempt"], "TCP to 10.1.2.3:5432");
    let line = "grant = { tcp = [\"10.1.2.3:5432\"] }";
    assert_eq!(denied["grant"], line, "it can be copied into the section");
    assert!(denied["count"].as_u64().unwrap() > 1);
    assert!(denied["timestamp"].as_str().unwrap().ends_with('Z'));
    let answer = running.get("/metrics").await;
    let counted = answer
        .text()
        .lines()
        .any(|line| line.starts_with("probity_probe_denied_total{probe=\"reach\"}"));
    assert!(counted, "{}", answer.text());
    running.stop().await;
}

fn started(id: &str) -> OperationStarted {
    OperationStarted {
        operation: id.into(),
        name: "mail.send".into(),
        worker: Some("w1".into()),
        queue: None,
        expected_ms: Millis::new(1.0),
    }
}

/// The activity as it was told last.
fn activity(snapshot: &Snapshot) -> Option<&ActivityFacts> {
    Some(&snapshot.facts.activity.as_ref()?.facts)
}

/// Tells of two operations that began and one that ended.
async fn tell(running: &place::Running) {
    let recorder = running.0.recorder("shop");
    let context = Context::default();
    for id in ["o1", "o2"] {
        recorder.commit(&context, || started(id)).await.unwrap();
    }
    let completed = || OperationCompleted {
        operation: Some("o2".into()),
        name: "mail.send".into(),
        worker: None,
        queue: None,
        outcome: EventOutcome::Success,
        duration_ms: Millis::new(30.0).unwrap(),
        error: None,
    };
    recorder.commit(&context, completed).await.unwrap();
}

/// Whether the check of events warns.
fn warns(snapshot: &Snapshot) -> bool {
    let mut checks = snapshot.health.checks.iter();
    let check = checks.find(|check| &*check.name == "events");
    check.is_some_and(|check| check.status == Status::Warn)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_become_metrics_and_a_check() {
    let mut place = Place::new().add("good", &good("good_value"));
    place.config.health.failures = 1;
    let running = place.start().await;
    tell(&running).await;
    running
        .until("all events, a run, and a warning", |snapshot| {
            let names = activity(snapshot).map_or(0, |facts| facts.operations.names.len());
            let counted = activity(snapshot).is_some_and(|facts| facts.events == 3);
            counted && names == 2 && warns(snapshot)
        })
        .await;
    let text = running.get("/metrics").await;
    let metrics = exposition::parse(text.text(), false).unwrap();
    let name = ("name", "mail.send");
    for (metric, labels, wanted) in [
        (
            "probity_events_total",
            &[("kind", "operation.started")][..],
            2.0,
        ),
        ("probity_operations_in_flight", &[name], 1.0),
        ("probity_operations_overdue", &[name], 1.0),
        ("probity_workers", &[("pool", ""), ("state", "busy")], 1.0),
        (
            "probity_operation_duration_seconds_bucket",
            &[name, ("le", "0.05")],
            1.0,
        ),
        (
            "probity_operations_total",
            &[name, ("outcome", "success")],
            1.0,
        ),
    ] {
        let found = metrics.value(metric, labels);
        assert_eq!(found, Some(wanted), "{metric}{labels:?}\n{}", text.text());
    }
    let of_runs = [("name", "probe.run"), ("outcome", "success")];
    let runs = metrics.value("probity_operations_total", &of_runs);
    assert!(runs.is_some_and(|runs| runs >= 1.0), "{runs:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_outlives_a_restart() {
    let place = Place::new();
    let running = place.start().await;
    tell(&running).await;
    running.stop().await;

    let running = place.start().await;
    let known = |snapshot: &Snapshot| {
        let operations = &activity(snapshot)?.operations;
        operations.active.first().map(|one| one.id.to_string())
    };
    let snapshot = running
        .until("what was under way", |snapshot| known(snapshot).is_some())
        .await;
    assert_eq!(known(&snapshot).as_deref(), Some("o1"));
    assert_eq!(activity(&snapshot).map(|facts| facts.events), Some(0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_events_are_off_nothing_follows_them() {
    let mut place = Place::new();
    place.config.events.enabled = false;
    let running = place.start().await;
    let snapshot = running
        .until("it is whole", |snapshot| snapshot.whole)
        .await;
    let mut sources = snapshot.sources.iter();
    assert!(sources.all(|source| &*source.info.name != "events"));
    assert_eq!(running.get("/snapshot/requests").await.text(), "null");
    running.stop().await;
}
