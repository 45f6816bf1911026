//! Overall values, and the current values of one source.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::Snapshot;
use super::document::{metrics, milliseconds, source_value};
use crate::model::{ProbeState, SourceKind};

/// A few numbers that say how everything is: uptime, sources, probes, runs, memory.
pub fn overall(snapshot: &Snapshot, now: Instant) -> Value {
    let sources = &snapshot.sources;
    let failed = sources.iter().filter(|one| one.failure.is_some()).count();
    let of_kind = |kind| sources.iter().filter(|one| one.info.kind == kind).count();
    let process = snapshot.facts.process.as_ref().map(|dated| &dated.facts);
    let memory = snapshot.facts.memory.as_ref().map(|dated| &dated.facts);
    let sum =
        |of: fn(&super::RunStats) -> u64| sources.iter().map(|one| of(&one.runs)).sum::<u64>();
    let probe_memory: u64 = snapshot
        .probes
        .iter()
        .filter_map(|probe| probe.status.memory_bytes)
        .sum();
    json!({
        "status": snapshot.health.status,
        "ready": snapshot.health.ready,
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": process.map(|facts| facts.uptime_seconds),
        "age_ms": milliseconds(now.saturating_duration_since(snapshot.published)),
        "sources_total": sources.len(),
        "sources_running": sources.len() - failed,
        "sources_failed": failed,
        "samplers_total": of_kind(SourceKind::Sampler),
        "probes_total": snapshot.probes.len(),
        "probes_by_state": probes_by_state(snapshot),
        "runs_total": sum(|runs| runs.runs),
        "failures_total": sum(|runs| runs.failures),
        "missed_total": sum(|runs| runs.missed),
        "series_total": sources.iter().map(|one| one.schema.series.len()).sum::<usize>(),
        "events_total": snapshot.facts.activity.as_ref().map(|dated| dated.facts.events),
        "resident_bytes": process.and_then(|facts| facts.resident_bytes),
        "probe_memory_bytes": probe_memory,
        "memory_total_bytes": memory.map(|facts| facts.total_bytes),
    })
}

fn probes_by_state(snapshot: &Snapshot) -> Map<String, Value> {
    let mut counts: Vec<(ProbeState, usize)> = Vec::new();
    for state in snapshot.probes.iter().map(|probe| probe.status.state) {
        match counts.iter_mut().find(|(known, _)| *known == state) {
            Some((_, count)) => *count += 1,
            None => counts.push((state, 1)),
        }
    }
    let named = |(state, count): (ProbeState, usize)| (state.as_str().to_owned(), count.into());
    counts.into_iter().map(named).collect()
}

/// Every source with how its runs went.
pub fn sources(snapshot: &Snapshot, now: Instant) -> Value {
    let all = snapshot.sources.iter();
    all.map(|source| source_value(source, now)).collect()
}

/// One source, with the current values of all its series; nothing when there is none of that name.
pub fn source(snapshot: &Snapshot, name: &str, now: Instant) -> Option<Value> {
    let source = snapshot
        .sources
        .iter()
        .find(|one| *one.info.name == *name)?;
    let mut value = source_value(source, now);
    value["metrics"] = metrics(source, now).collect();
    Some(value)
}
