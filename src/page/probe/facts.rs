//! A probe's page in pairs of a word and a value: who it is, how it runs, what it costs.

use crate::page::Moment;
use crate::page::activity::Fact;
use crate::page::words::{NOTHING, ago, bytes, count, seconds, span};
use crate::snapshot::ProbeView;

fn facts<const N: usize>(prefix: &str, facts: [(&'static str, String); N]) -> Vec<Fact> {
    let facts = facts.into_iter().enumerate();
    facts
        .map(|(index, (label, value))| Fact {
            key: format!("{prefix}{index}"),
            label,
            value,
        })
        .collect()
}

pub(super) fn identity(at: &Moment<'_>, view: &ProbeView) -> Vec<Fact> {
    let identity = &view.identity;
    let or_none = |text: Option<&str>| match text {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => NOTHING.to_owned(),
    };
    let compile = seconds(identity.compile.as_secs_f64());
    let cached = if identity.cached {
        ", from the cache"
    } else {
        ""
    };
    let on_disk = view.on_disk.as_deref();
    facts(
        "i",
        [
            ("File", identity.file.to_string_lossy().into_owned()),
            ("Size", bytes(identity.size_bytes as f64)),
            ("Version", or_none(identity.version.as_deref())),
            ("Interface", or_none(identity.interface.as_deref())),
            ("Digest", or_none(Some(&identity.digest))),
            ("Generation", identity.generation.to_string()),
            ("Loaded", ago(identity.loaded, at.wall())),
            ("Compiled in", format!("{compile}{cached}")),
            (
                "File in the folder",
                on_disk.map_or_else(
                    || NOTHING.to_owned(),
                    |disk| disk.verdict.as_str().to_owned(),
                ),
            ),
        ],
    )
}

pub(super) fn runs(at: &Moment<'_>, view: &ProbeView) -> Vec<Fact> {
    let (status, runs) = (&view.status, &view.runs);
    let wall = at.wall();
    let time = |time| seconds(std::time::Duration::as_secs_f64(&time));
    let when = |when: Option<_>| when.map_or_else(|| NOTHING.to_owned(), |when| ago(when, wall));
    facts(
        "r",
        [
            (
                "Interval",
                view.interval.map_or_else(|| NOTHING.to_owned(), time),
            ),
            ("Runs", count(status.runs)),
            ("Failed", count(status.failures)),
            ("Crashed", count(status.crashes)),
            ("Missed", count(runs.missed)),
            ("Last good run", when(status.last_success)),
            ("Next run", when(status.next_run)),
            ("Duration, median", time(runs.p50)),
            ("p95", time(runs.p95)),
            ("p99", time(runs.p99)),
            ("longest", time(runs.max)),
            ("Began late by", time(runs.lateness)),
        ],
    )
}

pub(super) fn cost(at: &Moment<'_>, view: &ProbeView) -> Vec<Fact> {
    let (status, costs) = (&view.status, &view.status.costs);
    let uptime = status.instance_since;
    let uptime = uptime.map(|made| at.now.saturating_duration_since(made));
    facts(
        "k",
        [
            ("CPU time", seconds(costs.cpu.as_secs_f64())),
            (
                "in the last run",
                seconds(status.last_costs.cpu.as_secs_f64()),
            ),
            (
                "Memory",
                status
                    .memory_bytes
                    .map_or_else(|| NOTHING.to_owned(), |memory| bytes(memory as f64)),
            ),
            ("peak", bytes(status.peak_memory_bytes as f64)),
            ("Calls to the host", count(costs.host_calls)),
            ("in the last run", count(status.last_costs.host_calls)),
            ("refused", count(costs.rejected_calls)),
            ("Series", count(u64::from(status.series))),
            ("Instances made", count(costs.instances)),
            (
                "Instance up",
                uptime.map_or_else(|| NOTHING.to_owned(), span),
            ),
            ("State on disk", bytes(status.state_bytes as f64)),
            ("Log lines", count(costs.log_lines)),
            ("dropped", count(costs.log_dropped)),
        ],
    )
}
