//! The checks of watched processes, within the watch over all of health.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::health::{Config, Inputs, Watch};
use crate::model::Status::{Fail, Pass, Warn};
use crate::model::{Status, WatchFacts, WatchState, WatchedFacts};
use crate::snapshot::{Check, Dated, FactSheet, HealthReport};

fn facts(state: WatchState, error: Option<&str>) -> WatchFacts {
    WatchFacts {
        name: "web".into(),
        selector: "process",
        target: "nginx".into(),
        state,
        error: error.map(Arc::from),
        pid: state.is_up().then_some(77),
        start_time_seconds: None,
        uptime_seconds: None,
        processes: u64::from(state.is_up()),
        cpu_percent: None,
        cpu_seconds_total: None,
        resident_bytes: None,
        threads: None,
        open_fds: None,
        restarts: 1,
        crashes: 2,
        version: None,
        supervisor: None,
        events: Vec::new(),
    }
}

fn evaluate(watch: &mut Watch, one: WatchFacts, read: Instant, now: Instant) -> HealthReport {
    let watched = WatchedFacts { watches: vec![one] };
    let facts = FactSheet {
        watched: Some(Dated {
            facts: Arc::new(watched),
            read,
            interval: Duration::from_secs(1),
            failure: None,
        }),
        ..FactSheet::default()
    };
    let inputs = Inputs {
        facts: &facts,
        sources: &[],
        probes: &[],
        whole: true,
        reported: &[],
    };
    watch.evaluate(&inputs, now, SystemTime::UNIX_EPOCH)
}

fn check(report: &HealthReport) -> &Check {
    let mut checks = report.checks.iter();
    let found = checks.find(|check| &*check.name == "watched/web");
    found.expect("every watch has a check")
}

#[test]
fn each_state_has_its_verdict_and_its_reason() {
    let now = Instant::now();
    let why = Some("there is no process `nginx`");
    for (state, error, status, message) in [
        (WatchState::Running, None, Pass, "process 77 is running"),
        (WatchState::Blocked, None, Pass, "process 77 is blocked"),
        (WatchState::Idle, None, Pass, "idle"),
        (WatchState::Stopped, None, Warn, "process 77 is stopped"),
        (
            WatchState::Unknown,
            why,
            Warn,
            "unknown: there is no process `nginx`",
        ),
        (WatchState::Zombie, None, Fail, "zombie"),
        (
            WatchState::Gone,
            why,
            Fail,
            "gone: there is no process `nginx`",
        ),
    ] {
        let mut watch = Watch::new(&Config::default());
        let one = WatchFacts {
            pid: (state == WatchState::Idle)
                .then_some(())
                .map_or(facts(state, error).pid, |()| None),
            ..facts(state, error)
        };
        let report = evaluate(&mut watch, one, now, now);
        let check = check(&report);
        assert_eq!((check.status, check.message.as_str()), (status, message));
    }
}

#[test]
fn a_process_that_goes_fails_after_its_streak_and_what_is_not_renewed_warns() {
    let (mut watch, now) = (Watch::new(&Config::default()), Instant::now());
    let mut shown = |state, age: u64| -> (Status, bool) {
        let read = now - Duration::from_secs(age);
        let report = evaluate(&mut watch, facts(state, None), read, now);
        let check = check(&report);
        (check.status, check.stale)
    };
    assert_eq!(shown(WatchState::Sleeping, 0), (Pass, false));
    for status in [Pass, Pass, Fail] {
        assert_eq!(shown(WatchState::Gone, 0), (status, false));
    }
    for status in [Fail, Fail, Pass] {
        assert_eq!(shown(WatchState::Sleeping, 0), (status, false));
    }
    for status in [Pass, Pass, Warn] {
        assert_eq!(shown(WatchState::Sleeping, 60), (status, true));
    }
}

#[test]
fn readiness_may_ask_for_a_watch() {
    let config = Config {
        ready: vec!["watched/web".into()],
        ..Config::default()
    };
    let (mut watch, now) = (Watch::new(&config), Instant::now());
    let report = evaluate(&mut watch, facts(WatchState::Running, None), now, now);
    assert!(check(&report).gates_readiness && report.ready);
    let of_name = report
        .checks
        .iter()
        .filter(|check| &*check.name == "watched/web");
    assert_eq!(of_name.count(), 1, "no probe is missed");
    let gone = evaluate(
        &mut Watch::new(&config),
        facts(WatchState::Gone, None),
        now,
        now,
    );
    assert!(!gone.ready);
}
