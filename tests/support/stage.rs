//! A snapshot with everything that a page shows, a history of it, and a reader of HTML that refuses what no page may have.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use probity::event::{Kind, derived};
use probity::history::{Config, History, Writer};
use probity::model::{
    ActivityFacts, Cause, CgroupFacts, CpuFacts, DeniedAttempt, DiskVerdict, Event, Failure,
    LagFacts, LoopFacts, MemoryFacts, Metric, MetricKind, OnDisk, Operation, ProbeState,
    ProcessFacts, Status, Tally, WatchFacts, WatchState, WatchedFacts,
};
use probity::snapshot::{Check, Dated, HealthReport, ProbeView, Snapshot};
use serde_json::json;

use super::snapshots::{check, gauge, probe, probe_view, record, sampler, snapshot};

/// What a guest would write to break out of a page.
pub const HOSTILE: &str =
    "</script><script>alert(1)</script>\"' onload=x style=y &lt; <!-- ]]> \u{202e}";

/// A snapshot of a busy place.
pub fn busy(sequence: u64) -> Snapshot {
    let machine = sampler("machine", |recorder| gauge(recorder, "machine_value", 4.5));
    let files = probe("files", |recorder| gauge(recorder, "files_found", 3.0));
    let own = sampler("probity", |recorder| {
        let code = Metric::new(
            MetricKind::Counter,
            "probity_http_requests_total",
            "",
            "Requests.",
            &["code"],
        );
        let code = code.unwrap();
        for (label, value) in [("200", 12.0), ("404", 3.0), ("500", 1.0)] {
            record(recorder, &code, &[label], value);
        }
        let states = ProbeState::ALL.map(ProbeState::as_str);
        let state = Metric::own_state_set("probity_probe_state", "State.", &["probe"], &states);
        // The third of all states is `active`.
        record(recorder, &state.unwrap(), &["files"], 2.0);
    });
    let mut shown = snapshot(sequence, vec![machine, files, own]);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    shown.probes.push(Arc::new(rejected(now)));
    shown.probes.push(Arc::new(crashing(now)));
    shown.probes.push(Arc::new(dormant(now)));
    let checks = vec![
        check("collector", Status::Pass, true),
        Check {
            message: "98 % used".into(),
            ..check("disk", Status::Fail, false)
        },
        check("files/backlog", Status::Warn, false),
    ];
    shown.health = Arc::new(HealthReport::new(checks));
    shown.operations = vec![Arc::new(operation(now))].into();
    facts(&mut shown);
    shown
}

fn rejected(now: SystemTime) -> ProbeView {
    let mut view = probe_view("broken");
    view.status.state = ProbeState::Rejected;
    let failure = Failure::new("file.text", "a text file, not a component");
    view.status.note_error(Arc::new(failure), now);
    view.interval = None;
    view
}

fn crashing(now: SystemTime) -> ProbeView {
    let mut view = probe_view("crashing");
    view.status.state = ProbeState::Backoff;
    let failure = Failure::new("trap.unreachable", "it reached what cannot be reached");
    let failure = failure.with_backtrace(Some("0: crashing!collect\n1: crashing!run".into()));
    view.status.count_failure(Arc::new(failure), now);
    view.status.denied = 2;
    view.status.denied_attempts = vec![DeniedAttempt {
        attempt: "TCP to 127.0.0.1:25".into(),
        grant: Some("grant = { tcp = [\"127.0.0.1:25\"] }".into()),
        count: 2,
        last: now,
    }]
    .into();
    view.on_disk = Some(Arc::new(OnDisk {
        digest: "blake3:1".into(),
        size_bytes: 10,
        verdict: DiskVerdict::Held,
        failure: Some(Arc::new(Failure::new("grants.more", "it asks for more"))),
        since: now,
    }));
    view
}

fn dormant(now: SystemTime) -> ProbeView {
    let mut view = probe_view("sleeping");
    view.status.state = ProbeState::Dormant;
    let failure = Failure::new("not-applicable", "no server to look at");
    view.status.last_error = Some((Arc::new(failure), now));
    view
}

fn operation(now: SystemTime) -> Operation {
    Operation {
        kind: "probe.reload",
        target: "files".into(),
        cause: Cause::Operator,
        started: now,
        duration: Duration::from_millis(40),
        outcome: Ok("generation 2 runs".into()),
    }
}

/// What follows from events of things called so.
fn activity(name: &str) -> ActivityFacts {
    let begun = Instant::now();
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let config = derived::Config::default();
    let mut derived = derived::Derived::new(&config, begun, wall);
    let error = json!({ "kind": name, "message": name });
    for (kind, data) in [
        (
            "operation.started",
            json!({ "operation": name, "name": name, "worker": name, "expected_ms": 1,
                    "queue": { "name": name, "wait_ms": 7, "depth": 4 } }),
        ),
        (
            "operation.completed",
            json!({ "name": name, "outcome": "timeout", "duration_ms": 80, "error": error }),
        ),
        (
            "request.completed",
            json!({ "route": name, "outcome": "success", "duration_ms": 30 }),
        ),
        ("worker.started", json!({ "worker": "w", "pool": name })),
        (
            "pool.saturated",
            json!({ "pool": name, "size": 5, "in_use": 5, "waiting": 2 }),
        ),
        ("session.created", json!({ "session": name })),
    ] {
        let kind = Kind::of(kind).unwrap();
        let (data, outcome) = kind.read(&data.to_string()).unwrap();
        let event = Event {
            id: "e".into(),
            kind: kind.as_str().into(),
            version: 1,
            time: 1_700_000_000_000_000,
            source: Some(name.into()),
            run: None,
            correlation: None,
            trace: None,
            outcome,
            data: "{}".into(),
        };
        derived.apply(&event, &data, begun);
    }
    derived.facts(begun + Duration::from_secs(42))
}

fn dated<T>(facts: T) -> Option<Dated<T>> {
    Some(Dated {
        facts: Arc::new(facts),
        read: Instant::now(),
        interval: Duration::from_secs(1),
        failure: None,
    })
}

/// What is known of the processes of a watch of this name.
pub fn watch(name: &str, state: WatchState) -> WatchFacts {
    WatchFacts {
        name: name.into(),
        selector: "unit",
        target: format!("{name}.service").into(),
        state,
        error: (state == WatchState::Gone).then(|| "the main process was killed".into()),
        pid: None,
        start_time_seconds: None,
        uptime_seconds: None,
        processes: 0,
        cpu_percent: None,
        cpu_seconds_total: None,
        resident_bytes: Some(3 << 29),
        threads: None,
        open_fds: None,
        restarts: 2,
        crashes: 1,
        version: None,
        supervisor: None,
        events: Vec::new(),
    }
}

/// Puts these watches into a snapshot.
pub fn put_watches(shown: &mut Snapshot, watches: Vec<WatchFacts>) {
    shown.facts.watched = dated(WatchedFacts { watches });
}

/// Puts a control group with this memory limit into a snapshot, and a gibibyte in use of it.
pub fn put_memory_limit(shown: &mut Snapshot, bytes: u64) {
    shown.facts.cgroup = dated(CgroupFacts {
        memory_max_bytes: Some(bytes),
        memory_working_set_bytes: Some(1 << 30),
        ..CgroupFacts::default()
    });
}

fn facts(shown: &mut Snapshot) {
    shown.facts.activity = dated(activity("mail.send"));
    shown.facts.cpu = dated(CpuFacts {
        used_percent: Some(12.5),
        cores: 2,
        load_1m: Some(0.5),
        ..CpuFacts::default()
    });
    shown.facts.memory = dated(MemoryFacts {
        total_bytes: 8 << 30,
        used_bytes: 2 << 30,
        ..MemoryFacts::default()
    });
    shown.facts.event_loop = dated(LoopFacts {
        lag: LagFacts {
            p99_seconds: 0.000_25,
            ..LagFacts::default()
        },
        run_queue_delay_ratio: Some(0.015),
        ..LoopFacts::default()
    });
    put_watches(shown, vec![watch("shop", WatchState::Gone)]);
    shown.facts.process = dated(ProcessFacts {
        hostname: Some("secret-host".into()),
        uptime_seconds: 125.0,
        resident_bytes: Some(30 << 20),
        ..ProcessFacts::default()
    });
}

/// The same with hostile text wherever a guest or a file's name reaches.
pub fn hostile() -> Snapshot {
    let mut shown = busy(1);
    shown.facts.activity = dated(activity(HOSTILE));
    let metric = Metric::new(MetricKind::Gauge, "evil_value", "", HOSTILE, &["label"]).unwrap();
    let source = probe("crashing", |recorder| {
        record(recorder, &metric, &[HOSTILE], 1.0)
    });
    shown.sources.push(Arc::new(source));
    let mut evil = (*shown.probes[2]).clone();
    let mut identity = (*evil.identity).clone();
    identity.version = Some(HOSTILE.into());
    identity.file = format!("probes/{HOSTILE}.wasm").into();
    identity.asks = vec![HOSTILE.into()];
    identity.granted = vec![HOSTILE.into()];
    evil.identity = Arc::new(identity.clone());
    let failure = Failure::new(HOSTILE, HOSTILE).with_backtrace(Some(HOSTILE.into()));
    evil.status
        .note_error(Arc::new(failure), SystemTime::UNIX_EPOCH);
    evil.status.denied_attempts = vec![DeniedAttempt {
        attempt: HOSTILE.into(),
        grant: Some(HOSTILE.into()),
        count: 1,
        last: SystemTime::UNIX_EPOCH,
    }]
    .into();
    shown.probes[2] = Arc::new(evil.clone());
    // No file can have this name, and the page does not rely on it.
    identity.name = HOSTILE.into();
    evil.identity = Arc::new(identity);
    shown.probes.push(Arc::new(evil));
    let mut bad = check("crashing/evil", Status::Fail, false);
    bad.title = HOSTILE.into();
    bad.message = HOSTILE.into();
    bad.source = "crashing".into();
    let mut checks = shown.health.checks.clone();
    checks.push(bad);
    shown.health = Arc::new(HealthReport::new(checks));
    shown
}

/// A history of two ticks of a snapshot.
pub fn history(of: &Snapshot) -> History {
    let mut writer = Writer::new(&Config::default(), &mut Tally::default());
    for _ in 0..2 {
        writer.record(of, Instant::now());
    }
    writer.history()
}

/// One tag of a page: its name and its attributes, as they are written.
#[derive(Debug, Clone)]
pub struct Tag {
    pub name: String,
    pub attributes: Vec<(String, String)>,
}

impl Tag {
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.attributes.iter();
        Some(&found.find(|(own, _)| own == name)?.1)
    }
}

/// The opening tags of a page. A small strict reader: every attribute has its value in double quotes or none at all.
pub fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('!') {
            assert!(after.starts_with("doctype html>"), "{after:.40}");
        } else if !rest.starts_with('/') {
            let (tag, after) = tag(rest);
            tags.push(tag);
            rest = after;
        }
    }
    tags
}

fn tag(text: &str) -> (Tag, &str) {
    let end = text.find([' ', '>', '/', '\n']).unwrap();
    let (name, mut rest) = text.split_at(end);
    assert!(
        name.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        "<{name}"
    );
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>").or(rest.strip_prefix('>')) {
            let name = name.to_owned();
            return (Tag { name, attributes }, after);
        }
        let end = rest.find(['=', ' ', '>', '/']).unwrap();
        let (key, after) = rest.split_at(end);
        let plain = key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        assert!(plain && !key.is_empty(), "attribute {key:?} in <{name}");
        let (value, after) = match after.strip_prefix("=\"") {
            Some(quoted) => quoted.split_once('"').unwrap(),
            None => ("", after),
        };
        assert!(!after.starts_with('='), "{key} of <{name} is not quoted");
        attributes.push((key.to_owned(), value.to_owned()));
        rest = after;
    }
}

/// Fails when a page has script, style or a handler inline, or asks for something from elsewhere.
pub fn assert_harmless(html: &str) {
    for tag in tags(html) {
        let allowed = ["script", "style", "iframe", "object", "embed", "base"];
        if allowed.contains(&&*tag.name) {
            assert!(tag.name == "script" && tag.get("src").is_some(), "{tag:?}");
        }
        for (key, value) in &tag.attributes {
            assert!(!key.starts_with("on") && key != "style", "{tag:?}");
            if ["href", "src", "action"].contains(&&**key) {
                let own = value.starts_with('/') && !value.starts_with("//");
                let inside = value.starts_with('#') || value.starts_with("data:");
                assert!(own || inside, "{tag:?}");
            }
        }
    }
}

/// The text of an attribute as a browser would read it.
pub fn unescaped(text: &str) -> String {
    text.replace("&#38;", "&").replace("&amp;", "&")
}
