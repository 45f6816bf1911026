//! Probes' checks: believed, stale, missing.

use std::time::Duration;

use super::super::builtin::tests::probe;
use super::*;
use crate::model::{CheckReport, Details, Failure};
use crate::snapshot::FactSheet;
use Status::{Fail, Pass, Warn};

fn report(status: Status) -> CheckReport {
    CheckReport {
        id: "ping".into(),
        title: "Ping".into(),
        status,
        message: "12 ms".into(),
        details: Some(Details::new(&serde_json::json!({ "rtt": 12 }))),
    }
}

/// The check of a probe that runs every 5 s, `age` seconds after its last word.
fn checked(status: Status, age: u64, failure: Option<&Failure>, state: ProbeState) -> Check {
    let (source, report) = (Arc::from("db"), report(status));
    let now = Instant::now() + Duration::from_secs(1000);
    let reported = [Reported {
        source: &source,
        report: &report,
        given: now - Duration::from_secs(age),
        timestamp: SystemTime::UNIX_EPOCH,
        interval: Duration::from_secs(5),
        failure,
    }];
    let inputs = Inputs {
        facts: &FactSheet::default(),
        sources: &[],
        probes: &[probe("db", state, None)],
        whole: true,
        reported: &reported,
    };
    let mut checks = checks(&inputs, &Config::default(), now, SystemTime::now());
    assert_eq!(checks.len(), 1);
    checks.remove(0)
}

#[test]
fn a_check_is_believed_for_two_intervals_of_a_probe_that_answers() {
    for (status, age) in [(Pass, 0), (Warn, 10), (Fail, 10)] {
        let check = checked(status, age, None, ProbeState::Active);
        assert_eq!((&*check.name, check.status), ("db/ping", status));
        assert_eq!((check.message.as_str(), check.stale), ("12 ms", false));
        assert_eq!((&*check.source, &*check.title), ("db", "Ping"));
        assert!(check.details.is_some() && !check.gates_readiness);
    }
}

#[expect(clippy::too_many_lines, reason = "a table, a row a case")]
#[test]
fn a_check_never_stays_at_pass_when_its_probe_fails_or_is_silent() {
    let failure = Failure::new("deadline", "took longer than 4s");
    for (status, age, failure, state, shown, words) in [
        (
            Pass,
            1,
            Some(&failure),
            ProbeState::Backoff,
            Warn,
            "the probe is broken (deadline: took longer than 4s): ",
        ),
        (
            Fail,
            1,
            Some(&failure),
            ProbeState::Backoff,
            Fail,
            "the probe is broken",
        ),
        (
            Pass,
            1,
            Some(&failure),
            ProbeState::Degraded,
            Warn,
            "the target does not answer its probe (deadline",
        ),
        (
            Pass,
            11,
            None,
            ProbeState::Active,
            Warn,
            "the probe does not answer: ",
        ),
        (
            Warn,
            11,
            None,
            ProbeState::Active,
            Warn,
            "the probe does not answer: ",
        ),
        (
            Pass,
            11,
            None,
            ProbeState::Dormant,
            Warn,
            "nothing to observe any more",
        ),
        (
            Pass,
            11,
            None,
            ProbeState::Paused,
            Warn,
            "the probe is paused: ",
        ),
        (
            Pass,
            1,
            Some(&failure),
            ProbeState::Paused,
            Warn,
            "the probe is paused: ",
        ),
    ] {
        let check = checked(status, age, failure, state);
        assert_eq!(
            (check.status, check.stale),
            (shown, true),
            "{}",
            check.message
        );
        assert!(
            check.message.starts_with(words) || check.message.contains(words),
            "{}",
            check.message
        );
        let last = format!(
            "no verdict since 1970-01-01T00:00:00Z, {age}s ago, which was {}: 12 ms",
            status.as_str()
        );
        assert!(check.message.ends_with(&last), "{}", check.message);
    }
}

#[test]
fn readiness_fails_for_a_check_that_nobody_gives() {
    let config = Config {
        ready: vec!["startup".into(), "db/ping".into(), "gone/x".into()],
        ..Config::default()
    };
    let inputs = Inputs {
        facts: &FactSheet::default(),
        sources: &[],
        probes: &[probe("db", ProbeState::Rejected, None)],
        whole: true,
        reported: &[],
    };
    let checks = checks(&inputs, &config, Instant::now(), SystemTime::now());
    let told: Vec<_> = checks
        .iter()
        .map(|check| (&*check.name, check.status, check.gates_readiness))
        .collect();
    assert_eq!(told, [("db/ping", Fail, true), ("gone/x", Fail, true)]);
    assert!(checks[0].message.contains("its probe is rejected"));
    assert!(checks[1].message.contains("no such probe"));
}
