//! The watch as a whole: order, hysteresis, readiness.

use super::*;
use crate::model::MemoryFacts;
use crate::snapshot::Dated;
use Status::{Fail, Pass, Warn};

fn sheet(used_percent: f64, read: Instant) -> FactSheet {
    let facts = MemoryFacts {
        total_bytes: 1 << 30,
        used_percent: Some(used_percent),
        ..MemoryFacts::default()
    };
    FactSheet {
        memory: Some(Dated {
            facts: Arc::new(facts),
            read,
            interval: Duration::from_secs(1),
            failure: None,
        }),
        ..FactSheet::default()
    }
}

fn evaluate(watch: &mut Watch, facts: &FactSheet, whole: bool, now: Instant) -> HealthReport {
    let inputs = Inputs {
        facts,
        sources: &[],
        probes: &[],
        whole,
        reported: &[],
    };
    watch.evaluate(&inputs, now, SystemTime::UNIX_EPOCH)
}

fn memory(report: &HealthReport) -> &Check {
    let mut checks = report.checks.iter();
    checks
        .find(|check| &*check.name == "memory")
        .expect("it is built in")
}

#[test]
fn built_in_checks_come_in_order_and_readiness_waits_for_the_start() {
    let (mut watch, now) = (Watch::new(&Config::default()), Instant::now());
    let before = evaluate(&mut watch, &FactSheet::default(), false, now);
    let names: Vec<&str> = before.checks.iter().map(|check| &*check.name).collect();
    assert_eq!(names, NAMES);
    assert_eq!((before.status, before.ready), (Fail, false));
    let gates = before.checks.iter().filter(|check| check.gates_readiness);
    assert_eq!(gates.count(), 2);
    // No hysteresis holds the first whole snapshot back.
    let after = evaluate(&mut watch, &FactSheet::default(), true, now);
    assert_eq!((after.status, after.ready), (Pass, true));
}

#[test]
fn a_threshold_crossed_is_shown_after_its_streak_and_the_message_says_what_is_held_back() {
    let (mut watch, now) = (Watch::new(&Config::default()), Instant::now());
    let mut at = |used: f64| {
        let report = evaluate(&mut watch, &sheet(used, now), true, now);
        let check = memory(&report);
        (check.status, check.message.clone())
    };
    assert_eq!(at(50.0).0, Pass);
    let (status, message) = at(95.0);
    assert_eq!(status, Pass);
    assert!(
        message.starts_with("95.0 % of the machine's memory"),
        "{message}"
    );
    assert!(
        message.ends_with("that is warn, not yet for long enough, so it stays at pass"),
        "{message}"
    );
    assert_eq!(at(95.0).0, Pass);
    let (status, message) = at(99.0);
    assert_eq!(status, Warn, "three at warn or worse");
    assert!(message.ends_with("so it stays at warn"), "{message}");
    assert_eq!([at(99.0).0, at(99.0).0], [Warn, Fail]);
    assert_eq!([at(10.0).0, at(10.0).0, at(10.0).0], [Fail, Fail, Pass]);
}

#[test]
fn a_warning_does_not_gate_readiness_and_a_failure_does() {
    let config = Config {
        ready: vec!["memory".into()],
        ..Config::default()
    };
    let now = Instant::now();
    for (used, status, ready) in [(50.0, Pass, true), (95.0, Warn, true), (99.0, Fail, false)] {
        let report = evaluate(&mut Watch::new(&config), &sheet(used, now), true, now);
        assert_eq!((memory(&report).status, report.ready), (status, ready));
    }
}

#[test]
fn stale_facts_are_marked_at_once_and_warn_after_their_streak() {
    let (mut watch, read) = (Watch::new(&Config::default()), Instant::now());
    let facts = sheet(50.0, read);
    let mut after = |seconds| {
        let report = evaluate(
            &mut watch,
            &facts,
            true,
            read + Duration::from_secs(seconds),
        );
        let check = memory(&report);
        (check.status, check.stale)
    };
    assert_eq!(after(0), (Pass, false));
    assert_eq!(
        [after(3), after(4), after(5)],
        [(Pass, true), (Pass, true), (Warn, true)]
    );
}
