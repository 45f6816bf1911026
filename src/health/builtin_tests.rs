//! Each built-in check from both sides of its thresholds.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::model::{
    CgroupFacts, Failure, LagFacts, MemoryFacts, ProbeIdentity, ProbeStatus, SourceInfo,
};
use crate::snapshot::{Dated, FactSheet, RunStats};
use Status::{Fail, Pass, Warn};

const SECOND: Duration = Duration::from_secs(1);

fn dated<T>(facts: T, read: Instant) -> Option<Dated<T>> {
    Some(Dated {
        facts: Arc::new(facts),
        read,
        interval: SECOND,
        failure: None,
    })
}

fn inputs(facts: &FactSheet) -> Inputs<'_> {
    Inputs {
        facts,
        sources: &[],
        probes: &[],
        whole: true,
        reported: &[],
    }
}

fn source(name: &str, kind: SourceKind, runs: RunStats, failure: Option<&str>) -> Arc<SourceView> {
    Arc::new(SourceView {
        info: SourceInfo {
            name: name.into(),
            kind,
            interval: SECOND,
        },
        generation: 0,
        schema: Arc::default(),
        points: Arc::from([]),
        failure: failure.map(|why| Arc::new(Failure::new("io", why))),
        runs,
    })
}

fn ran(last_success: Option<Instant>) -> RunStats {
    RunStats {
        runs: 9,
        last_success,
        ..RunStats::default()
    }
}

#[test]
fn startup_names_who_has_not_answered() {
    let facts = FactSheet::default();
    let sources = [
        source("cpu", SourceKind::Sampler, ran(None), None),
        source("files", SourceKind::Probe, RunStats::default(), None),
    ];
    let mut inputs = inputs(&facts);
    inputs.sources = &sources;
    assert_eq!(startup(&inputs).status, Pass);
    inputs.whole = false;
    let verdict = startup(&inputs);
    assert_eq!(verdict.status, Fail);
    assert_eq!(verdict.message, "waiting for the first answer of files");
}

#[test]
fn collector_names_the_late_and_the_failing_sampler() {
    let now = Instant::now() + Duration::from_secs(100);
    let ago = |millis| ran(Some(now - Duration::from_millis(millis)));
    for (runs, failure, status, words) in [
        (ago(100), None, Pass, "2 samplers are on time"),
        (ago(3000), None, Pass, "2 samplers are on time"),
        (
            ago(3001),
            None,
            Fail,
            "1 of 2 samplers: disk (last answer 3s ago: late)",
        ),
        (ago(2000), Some("denied"), Warn, "disk (io: denied)"),
        (
            ago(9000),
            Some("denied"),
            Fail,
            "disk (last answer 9s ago: io: denied)",
        ),
        (
            ran(None),
            Some("denied"),
            Fail,
            "disk (never answered: io: denied)",
        ),
        // It ran, did not fail and gave nothing: there is nothing to sample here.
        (ran(None), None, Pass, "2 samplers are on time"),
        (RunStats::default(), None, Warn, "disk (no answer yet)"),
    ] {
        let facts = FactSheet::default();
        let sources = [
            source("cpu", SourceKind::Sampler, ago(10), None),
            source("disk", SourceKind::Sampler, runs, failure),
            source(
                "files",
                SourceKind::Probe,
                ago(99_000),
                Some("not a sampler's"),
            ),
        ];
        let mut inputs = inputs(&facts);
        inputs.sources = &sources;
        let verdict = collector(&inputs, now);
        assert_eq!(verdict.status, status, "{}", verdict.message);
        assert!(verdict.message.contains(words), "{}", verdict.message);
        assert!(!verdict.message.contains("files"));
    }
}

#[test]
fn event_loop_lag_from_both_sides() {
    let now = Instant::now();
    for (p99_seconds, status) in [
        (0.0, Pass),
        (0.0499, Pass),
        (0.05, Warn),
        (0.499, Warn),
        (0.5, Fail),
        (60.0, Fail),
    ] {
        let lag = LagFacts {
            p99_seconds,
            ..LagFacts::default()
        };
        let loop_facts = LoopFacts {
            lag,
            ..LoopFacts::default()
        };
        let facts = FactSheet {
            event_loop: dated(loop_facts, now),
            ..FactSheet::default()
        };
        let verdict = event_loop(&inputs(&facts), &Config::default(), now);
        assert_eq!(verdict.status, status, "{}", verdict.message);
        assert!(
            verdict.message.contains("warns at 50ms"),
            "{}",
            verdict.message
        );
    }
}

fn mount(point: &str, used_percent: Option<f64>, read_only: bool) -> MountFacts {
    MountFacts {
        mountpoint: point.into(),
        used_percent,
        available_bytes: Some(3 << 30),
        read_only,
        ..MountFacts::default()
    }
}

#[test]
fn disk_names_the_fullest_writable_file_system() {
    let now = Instant::now();
    for (mounts, status, words) in [
        (
            vec![mount("/", Some(89.9), false)],
            Pass,
            "/ is the fullest: 89.9 % used, 3GiB left",
        ),
        (vec![mount("/", Some(90.0), false)], Warn, "90.0 %"),
        (vec![mount("/", Some(96.9), false)], Warn, "96.9 %"),
        (vec![mount("/", Some(97.0), false)], Fail, "97.0 %"),
        (
            vec![
                mount("/a", Some(10.0), false),
                mount("/b", Some(95.0), false),
                mount("/snap", Some(100.0), true),
                mount("/hung", None, false),
            ],
            Warn,
            "/b is the fullest",
        ),
        (
            vec![mount("/snap", Some(100.0), true)],
            Pass,
            "not available",
        ),
        (vec![], Pass, "not available"),
    ] {
        let disks = DiskFacts {
            mounts,
            ..DiskFacts::default()
        };
        let facts = FactSheet {
            disk: dated(disks, now),
            ..FactSheet::default()
        };
        let verdict = disk(&inputs(&facts), &Config::default(), now);
        assert_eq!(verdict.status, status, "{}", verdict.message);
        assert!(verdict.message.contains(words), "{}", verdict.message);
    }
}

#[test]
fn memory_is_judged_against_the_tighter_limit() {
    const GIB: u64 = 1 << 30;
    let now = Instant::now();
    // The machine's used share, the group's limit and its working set in percent of a GiB.
    for (machine, limit, working_set, status, words) in [
        (
            Some(89.9),
            None,
            None,
            Pass,
            "89.9 % of the machine's memory (8GiB)",
        ),
        (Some(90.0), None, None, Warn, "90.0 %"),
        (Some(97.0), None, None, Fail, "97.0 %"),
        (
            Some(10.0),
            Some(GIB),
            Some(96),
            Warn,
            "of the control group's limit (1GiB)",
        ),
        (Some(10.0), Some(GIB), Some(89), Pass, "89.0 %"),
        (Some(10.0), Some(GIB), Some(90), Warn, "90.0 %"),
        (Some(10.0), Some(GIB), Some(96), Warn, "96.0 %"),
        (Some(10.0), Some(GIB), Some(97), Fail, "97.0 %"),
        (Some(99.0), Some(GIB), Some(50), Pass, "50.0 %"),
        // A limit above the machine's memory limits nothing.
        (
            Some(95.0),
            Some(99 * GIB),
            Some(1),
            Warn,
            "the machine's memory",
        ),
        (Some(10.0), Some(GIB), None, Pass, "not available"),
        (None, None, None, Pass, "not available"),
    ] {
        let machine = MemoryFacts {
            total_bytes: 8 * GIB,
            used_percent: machine,
            ..MemoryFacts::default()
        };
        let group = CgroupFacts {
            memory_max_bytes: limit,
            // Full of page cache, which is no trouble.
            memory_current_bytes: limit,
            memory_working_set_bytes: working_set.map(|percent: u64| GIB / 100 * percent + 100),
            ..CgroupFacts::default()
        };
        let facts = FactSheet {
            memory: dated(machine, now),
            cgroup: dated(group, now),
            ..FactSheet::default()
        };
        let verdict = memory(&inputs(&facts), &Config::default(), now);
        assert_eq!(verdict.status, status, "{}", verdict.message);
        assert!(verdict.message.contains(words), "{}", verdict.message);
    }
}

pub(in crate::health) fn probe(
    name: &str,
    state: ProbeState,
    error: Option<&str>,
) -> Arc<ProbeView> {
    let mut status = ProbeStatus::new(state);
    status.last_error = error.map(|why| (Arc::new(Failure::new("trap", why)), SystemTime::now()));
    let identity = ProbeIdentity {
        name: name.into(),
        file: format!("{name}.wasm").into(),
        size_bytes: 0,
        digest: String::new(),
        version: None,
        interface: None,
        generation: 1,
        asks: Vec::new(),
        granted: Vec::new(),
        compile: Duration::ZERO,
        cached: false,
        loaded: SystemTime::UNIX_EPOCH,
    };
    Arc::new(ProbeView {
        identity: Arc::new(identity),
        status,
        on_disk: None,
        interval: Some(SECOND),
        runs: RunStats::default(),
    })
}

#[test]
fn probes_in_trouble_are_named_with_their_reason_and_never_fail() {
    for (state, troubled) in [
        (ProbeState::Loading, false),
        (ProbeState::Rejected, true),
        (ProbeState::Active, false),
        (ProbeState::Degraded, true),
        (ProbeState::Backoff, true),
        (ProbeState::Dormant, false),
    ] {
        let facts = FactSheet::default();
        let views = [
            probe("good", ProbeState::Active, None),
            probe("files", state, Some("boom")),
        ];
        let mut inputs = inputs(&facts);
        inputs.probes = &views;
        let verdict = probes(&inputs);
        assert_eq!(
            verdict.status,
            if troubled { Warn } else { Pass },
            "{state:?}"
        );
        let words = format!("1 of 2 probes: files ({}: trap: boom)", state.as_str());
        assert_eq!(verdict.message == words, troubled, "{}", verdict.message);
    }
}

#[test]
fn g43_what_a_guest_says_stays_one_short_printable_line() {
    let hostile = format!("\u{1b}[31m\n</script>{}", "x".repeat(100_000));
    let views: Vec<_> = (0..100)
        .map(|index| probe(&format!("p{index}"), ProbeState::Backoff, Some(&hostile)))
        .collect();
    let facts = FactSheet::default();
    let mut inputs = inputs(&facts);
    inputs.probes = &views;
    let message = probes(&inputs).message;
    assert!(message.len() < 2048, "{} bytes", message.len());
    assert!(!message.contains(['\u{1b}', '\n']), "{message}");
    assert!(message.ends_with("and 95 more"), "{message}");
}

#[test]
fn what_is_not_known_passes_and_says_so() {
    let facts = FactSheet::default();
    let (inputs, config, now) = (inputs(&facts), Config::default(), Instant::now());
    for verdict in [
        event_loop(&inputs, &config, now),
        disk(&inputs, &config, now),
        memory(&inputs, &config, now),
        collector(&inputs, now),
    ] {
        assert_eq!(verdict.status, Pass);
        assert!(
            verdict.message.contains("not available"),
            "{}",
            verdict.message
        );
    }
}

#[test]
fn the_store_is_judged_by_its_own_word() {
    assert_eq!(store(None).status, Pass);
    let condition = Condition::new(Pass, "open");
    assert_eq!(store(Some(&condition)), Verdict::new(Pass, "open"));
    condition.set(Fail, "the disk is full");
    assert_eq!(
        store(Some(&condition)),
        Verdict::new(Fail, "the disk is full")
    );
}
