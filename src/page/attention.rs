//! What needs somebody: each thing with its reason, and the next step.

use std::time::SystemTime;

use super::Moment;
use super::words::{ago, counted, moment, shell_word, tone};
use crate::model::{DiskVerdict, ProbeState, SourceKind, Status};
use crate::snapshot::{Check, Freshness, ProbeView, SourceView};

/// Things listed at most: whoever has more begins with these.
pub(super) const MOST: usize = 40;
/// The check that sums up what is listed here one by one.
const PROBES_CHECK: &str = "probes";

/// One thing.
#[derive(Debug)]
pub(super) struct Item {
    /// `fail` or `warn`.
    pub(super) tone: &'static str,
    /// The state in a word.
    pub(super) word: &'static str,
    /// What it is about.
    pub(super) subject: String,
    /// Where more of it is.
    pub(super) link: Option<String>,
    /// Why.
    pub(super) reason: String,
    /// Since when, or when last.
    pub(super) when: String,
    /// The same for machines.
    pub(super) moment: String,
    /// What to do next.
    pub(super) next: Next,
}

/// A next step.
#[derive(Debug)]
pub(super) enum Next {
    /// A command for a terminal.
    Command(String),
    /// An address to look at.
    Address(String),
    /// Something to know.
    Words(&'static str),
}

/// Everything, the worst first.
pub(super) fn items(at: &Moment<'_>) -> Vec<Item> {
    let snapshot = at.snapshot;
    let mut items: Vec<Item> = at.live_failures.iter().map(live_failure).collect();
    let probes: Vec<Item> = snapshot
        .probes
        .iter()
        .flat_map(|probe| of_probe(at, probe))
        .collect();
    let is_listed = |name: &str| probes.iter().any(|item| item.subject == name);
    let checks = snapshot.health.checks.iter().filter(|check| {
        let doubled = match check.stale {
            true => is_listed(&check.source),
            false => &*check.name == PROBES_CHECK && !probes.is_empty(),
        };
        let told = at
            .live_failures
            .iter()
            .any(|(name, _)| **name == *check.name);
        check.status > Status::Pass && !doubled && !told
    });
    items.extend(checks.map(|check| of_check(at, check)));
    let sources = snapshot.sources.iter();
    items.extend(sources.filter_map(|source| {
        let listed = is_listed(&source.info.name);
        (!listed).then(|| of_source(at, source)).flatten()
    }));
    items.extend(probes);
    items.sort_by_key(|item| item.tone != "fail");
    items
}

fn live_failure((name, reason): &(String, String)) -> Item {
    Item {
        tone: "fail",
        word: "fail",
        subject: name.clone(),
        link: None,
        reason: reason.clone(),
        when: "now".to_owned(),
        moment: String::new(),
        next: Next::Address("/readyz?verbose".to_owned()),
    }
}

fn of_check(at: &Moment<'_>, check: &Check) -> Item {
    let probe = check.name.split_once('/').map(|(probe, _)| probe);
    let mut probes = at.snapshot.probes.iter();
    let known = probe.and_then(|name| probes.find(|one| *one.identity.name == *name));
    Item {
        tone: check.status.as_str(),
        word: check.status.as_str(),
        subject: check.title.to_string(),
        link: known.map(|probe| format!("/probes/{}", path_segment(&probe.identity.name))),
        reason: check.message.clone(),
        when: ago(check.timestamp, at.wall()),
        moment: moment(check.timestamp),
        next: match (&*check.name, known) {
            ("disk", _) => Next::Command("df -h".to_owned()),
            ("memory", _) => Next::Command("ps -eo pid,rss,comm --sort=-rss | head".to_owned()),
            ("events", _) => Next::Address("/#activity".to_owned()),
            ("event-loop", _) => Next::Address("/snapshot/scheduler/event_loop".to_owned()),
            (name, None) if name.starts_with("watched/") => Next::Address("/#watched".to_owned()),
            (_, Some(probe)) => Next::Command(format!("probity test {}", file(probe))),
            _ => Next::Address("/health/detailed".to_owned()),
        },
    }
}

/// Its component's file, for a command.
fn file(probe: &ProbeView) -> String {
    shell_word(&probe.identity.file.to_string_lossy())
}

/// A probe that does not do what it should, and a file that does not run in its place.
fn of_probe(at: &Moment<'_>, probe: &ProbeView) -> Vec<Item> {
    let state = probe.status.state;
    let file = file(probe);
    let next = match state {
        ProbeState::Rejected => Next::Command(format!("probity inspect {file}")),
        ProbeState::Backoff | ProbeState::Quarantined => {
            Next::Command(format!("probity test {file}"))
        }
        _ => Next::Words("The probe runs; look at what it watches."),
    };
    let item = |word, tone, reason: String, when: Option<SystemTime>, next| Item {
        tone,
        word,
        subject: probe.identity.name.to_string(),
        link: Some(format!("/probes/{}", path_segment(&probe.identity.name))),
        reason,
        when: when.map_or(String::new(), |when| ago(when, at.wall())),
        moment: when.map_or(String::new(), moment),
        next,
    };
    let mut items = Vec::new();
    if matches!(tone(state), "warn" | "fail") {
        let (reason, when) = match &probe.status.last_error {
            Some((failure, when)) => (failure.to_string(), Some(*when)),
            None => ("its last run did not go well".to_owned(), None),
        };
        items.push(item(state.as_str(), tone(state), reason, when, next));
    }
    let refused = probe.on_disk.as_deref().filter(|disk| {
        let refused = matches!(disk.verdict, DiskVerdict::Rejected | DiskVerdict::Held);
        refused && state != ProbeState::Rejected
    });
    if let Some(disk) = refused {
        let why = disk
            .failure
            .as_ref()
            .map_or(String::new(), |failure| failure.to_string());
        let reason = format!("the new file does not run, the one before does: {why}");
        let next = Next::Command(format!("probity inspect {file}"));
        items.push(item(
            disk.verdict.as_str(),
            "warn",
            reason,
            Some(disk.since),
            next,
        ));
    }
    if let Some(failure) = &probe.status.state_error {
        let next = Next::Words("Its state is not on disk yet; look at the state folder.");
        items.push(item("state", "warn", failure.to_string(), None, next));
    }
    items
}

/// A source that fails or has not answered for long.
fn of_source(at: &Moment<'_>, source: &SourceView) -> Option<Item> {
    let sampler = source.info.kind == SourceKind::Sampler;
    let idle = |state| {
        matches!(
            state,
            ProbeState::Paused | ProbeState::Dormant | ProbeState::Loading
        )
    };
    let mut probes = at.snapshot.probes.iter();
    let waits =
        probes.any(|probe| probe.identity.name == source.info.name && idle(probe.status.state));
    let since = source.runs.last_success?;
    let kind = crate::model::MetricKind::Gauge;
    let stale = Freshness::of(kind, since, source.info.interval, at.now).stale;
    let reason = match &source.failure {
        Some(failure) if sampler => failure.to_string(),
        _ if stale && !waits && source.runs.runs > 0 => {
            let missed = usize::try_from(source.runs.missed).unwrap_or(usize::MAX);
            format!(
                "no good run for longer than two intervals; {} missed",
                counted(missed, "run")
            )
        }
        _ => return None,
    };
    let when = at.wall() - at.now.saturating_duration_since(since);
    Some(Item {
        tone: "warn",
        word: if stale { "stale" } else { "failing" },
        subject: format!("source {}", source.info.name),
        link: None,
        reason,
        when: ago(when, at.wall()),
        moment: moment(when),
        next: Next::Address(format!(
            "/snapshot/scheduler/sources/{}",
            path_segment(&source.info.name)
        )),
    })
}

/// A name as one segment of an address.
pub(super) fn path_segment(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
