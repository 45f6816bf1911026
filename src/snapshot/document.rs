//! The snapshot as a JSON document. Names carry their unit; what JSON cannot hold is null.

use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::activity;
use super::{Check, Dated, Freshness, HealthReport, ProbeView, RunStats, Snapshot, SourceView};
use crate::model::{Failure, MetricKind, OnDisk, ProbeStatus, RecentError, Series, SourceKind};

/// The document's top-level parts, in order.
pub const PARTS: [&str; 17] = [
    "sequence",
    "timestamp",
    "age_ms",
    "process",
    "resources",
    "scheduler",
    "probes",
    "metrics",
    "health",
    "operations",
    "requests",
    "runs",
    "workers",
    "pools",
    "sessions",
    "notifier",
    "alerts",
];

/// The whole document as it looks at `now`.
pub fn document(snapshot: &Snapshot, now: Instant) -> Value {
    let parts = PARTS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), part(snapshot, name, now)?)));
    Value::Object(parts.collect())
}

/// One top-level part, or nothing when there is none of that name. Notifier and alerts are empty in this version.
pub fn part(snapshot: &Snapshot, name: &str, now: Instant) -> Option<Value> {
    Some(match name {
        "sequence" => snapshot.sequence.into(),
        "timestamp" => timestamp(snapshot.timestamp),
        "age_ms" => milliseconds(now.saturating_duration_since(snapshot.published)),
        "process" => dated(snapshot.facts.process.as_ref(), now),
        "resources" => resources(snapshot, now),
        "scheduler" => scheduler(snapshot, now),
        "probes" => snapshot
            .probes
            .iter()
            .map(|view| probe(view, snapshot.published, now))
            .collect(),
        "metrics" => snapshot
            .sources
            .iter()
            .flat_map(|source| metrics(source, now))
            .collect(),
        "health" => health(&snapshot.health, now),
        "alerts" => Value::Array(Vec::new()),
        "notifier" => Value::Null,
        _ => return activity::part(snapshot, name, now),
    })
}

/// RFC 3339 in UTC with milliseconds; null for a time no calendar holds.
pub fn timestamp(time: SystemTime) -> Value {
    match jiff::Timestamp::try_from(time) {
        Ok(time) => format!("{time:.3}").into(),
        Err(_) => Value::Null,
    }
}

pub(super) fn milliseconds(duration: Duration) -> Value {
    // Microsecond precision: a probe's run takes a few of them.
    number((duration.as_secs_f64() * 1e6).round() / 1e3)
}

pub(super) fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// Facts as an object with `age_ms` and `stale`; null when they were never read.
fn dated<T: Serialize>(facts: Option<&Dated<T>>, now: Instant) -> Value {
    let Some(dated) = facts else {
        return Value::Null;
    };
    let freshness = Freshness::of(MetricKind::Gauge, dated.read, dated.interval, now);
    let mut value = serde_json::to_value(&*dated.facts).unwrap_or(Value::Null);
    if let Value::Object(object) = &mut value {
        object.insert("age_ms".into(), milliseconds(freshness.age));
        object.insert(
            "stale".into(),
            (freshness.stale || dated.failure.is_some()).into(),
        );
        if let Some(failure) = &dated.failure {
            object.insert("error".into(), failure_value(failure));
        }
    }
    value
}

fn resources(snapshot: &Snapshot, now: Instant) -> Value {
    let facts = &snapshot.facts;
    json!({
        "cpu": dated(facts.cpu.as_ref(), now),
        "memory": dated(facts.memory.as_ref(), now),
        "pressure": dated(facts.pressure.as_ref(), now),
        "disk": dated(facts.disk.as_ref(), now),
        "network": dated(facts.network.as_ref(), now),
        "cgroup": dated(facts.cgroup.as_ref(), now),
        "watched": dated(facts.watched.as_ref(), now),
    })
}

fn scheduler(snapshot: &Snapshot, now: Instant) -> Value {
    let sources = super::sources(snapshot, now);
    let failing = snapshot
        .sources
        .iter()
        .filter(|source| source.failure.is_some())
        .count();
    let since = now.saturating_duration_since(snapshot.published);
    let late = snapshot.late().map(|(source, age)| {
        json!({ "source": &*source.info.name, "age_ms": milliseconds(age + since) })
    });
    json!({
        "whole": snapshot.whole,
        "sources_total": snapshot.sources.len(),
        "sources_failing": failing,
        "late": late,
        "event_loop": dated(snapshot.facts.event_loop.as_ref(), now),
        "sources": sources,
    })
}

pub(super) fn source_value(source: &SourceView, now: Instant) -> Value {
    let kind = match source.info.kind {
        SourceKind::Sampler => "sampler",
        SourceKind::Probe => "probe",
    };
    let mut value = json!({
        "name": &*source.info.name,
        "kind": kind,
        "interval_ms": milliseconds(source.info.interval),
        "error": source.failure.as_deref().map(failure_value),
    });
    if let Value::Object(object) = &mut value {
        object.extend(run_values(&source.runs, now));
    }
    value
}

fn run_values(runs: &RunStats, now: Instant) -> Map<String, Value> {
    let since = runs
        .last_success
        .map(|ended| now.saturating_duration_since(ended));
    [
        ("runs", runs.runs.into()),
        ("failures", runs.failures.into()),
        ("missed", runs.missed.into()),
        ("lateness_ms", milliseconds(runs.lateness)),
        ("duration_ms", milliseconds(runs.last)),
        ("duration_p50_ms", milliseconds(runs.p50)),
        ("duration_p95_ms", milliseconds(runs.p95)),
        ("duration_p99_ms", milliseconds(runs.p99)),
        ("duration_max_ms", milliseconds(runs.max)),
        ("since_success_ms", since.map_or(Value::Null, milliseconds)),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

pub(super) fn failure_value(failure: &Failure) -> Value {
    json!({ "code": failure.code, "message": failure.message, "backtrace": failure.backtrace })
}

/// Without its backtrace: that of the last one is with `last_error`.
fn recent_error(error: &RecentError) -> Value {
    json!({
        "code": error.failure.code,
        "message": error.failure.message,
        "count": error.count,
        "first": timestamp(error.first),
        "timestamp": timestamp(error.last),
    })
}

fn on_disk(on_disk: &OnDisk) -> Value {
    json!({
        "verdict": on_disk.verdict,
        "digest": (!on_disk.digest.is_empty()).then_some(&on_disk.digest),
        "size_bytes": on_disk.size_bytes,
        "error": on_disk.failure.as_deref().map(failure_value),
        "since": timestamp(on_disk.since),
    })
}

fn probe(view: &ProbeView, published: Instant, now: Instant) -> Value {
    let (identity, status) = (&view.identity, &view.status);
    let last_error = status.last_error.as_ref().map(|(failure, time)| {
        let mut value = failure_value(failure);
        value["timestamp"] = timestamp(*time);
        value
    });
    let mut value = json!({
        "name": &*identity.name,
        "state": status.state,
        "file": identity.file,
        "version": identity.version,
        "interface": identity.interface,
        "digest": (!identity.digest.is_empty()).then_some(&identity.digest),
        "generation": identity.generation,
        "size_bytes": identity.size_bytes,
        "compile_ms": milliseconds(identity.compile),
        "cached": identity.cached,
        "asks": identity.asks,
        "granted": identity.granted,
        "on_disk": view.on_disk.as_deref().map(on_disk),
        "interval_ms": view.interval.map_or(Value::Null, milliseconds),
        "loaded": timestamp(identity.loaded),
        "denied_total": status.denied,
        "denied": *status.denied_attempts,
        "state_bytes": status.state_bytes,
        "state_failures": status.state_failures,
        "state_error": status.state_error.as_deref().map(failure_value),
        "last_error": last_error,
        "recent_errors": status.recent_errors.iter().map(recent_error).collect::<Value>(),
        "last_rejection": status.last_rejection.as_deref().map(failure_value),
        "last_success": status.last_success.map(timestamp),
        "next_run": status.next_run.map(timestamp),
        "age_ms": milliseconds(now.saturating_duration_since(published)),
    });
    if let Value::Object(object) = &mut value {
        object.extend(run_values(&view.runs, now));
        object.insert("runs".into(), status.runs.into());
        object.insert("failures".into(), status.failures.into());
        object.extend(cost_values(status, now));
    }
    value
}

/// What a probe's runs cost, from the first one and in the last one.
fn cost_values(status: &ProbeStatus, now: Instant) -> Map<String, Value> {
    let reasons: Map<String, Value> = status
        .failure_reasons
        .iter()
        .map(|(code, count)| (code.to_owned(), count.into()))
        .collect();
    let uptime = status
        .instance_since
        .map(|made| now.saturating_duration_since(made));
    let (costs, last) = (&status.costs, &status.last_costs);
    [
        ("failure_reasons", Value::Object(reasons)),
        ("crashes", status.crashes.into()),
        ("cpu_ms", milliseconds(costs.cpu)),
        ("last_cpu_ms", milliseconds(last.cpu)),
        ("host_calls", costs.host_calls.into()),
        ("last_host_calls", last.host_calls.into()),
        ("rejected_calls", costs.rejected_calls.into()),
        ("log_lines", costs.log_lines.into()),
        ("log_dropped", costs.log_dropped.into()),
        ("series", status.series.into()),
        ("memory_bytes", status.memory_bytes.into()),
        ("peak_memory_bytes", status.peak_memory_bytes.into()),
        ("instances", costs.instances.into()),
        (
            "instance_uptime_ms",
            uptime.map_or(Value::Null, milliseconds),
        ),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

pub(super) fn metrics(source: &SourceView, now: Instant) -> impl Iterator<Item = Value> {
    source.present(now).map(move |(series, freshness)| {
        let metric = &series.metric;
        json!({
            "name": &*metric.name,
            "type": metric.kind.as_str(),
            "unit": &*metric.unit,
            "help": &*metric.help,
            "labels": labels(series),
            "value": value_of(source, series),
            "source": &*source.info.name,
            "age_ms": milliseconds(freshness.age),
            "stale": freshness.stale || source.failure.is_some(),
            "generation": source.generation,
        })
    })
}

fn labels(series: &Series) -> Value {
    let pairs = series.metric.label_keys.iter().zip(&series.labels);
    Value::Object(
        pairs
            .map(|(key, value)| (key.to_string(), Value::from(&**value)))
            .collect(),
    )
}

/// A number; for a histogram `{count, sum, buckets: [{le, count}]}` with cumulative counts; for a state
/// set the active state's name.
fn value_of(source: &SourceView, series: &Series) -> Value {
    let points = source.numbers(series);
    match series.metric.kind {
        MetricKind::Gauge | MetricKind::Counter | MetricKind::Info => number(points[0].value),
        MetricKind::StateSet => series
            .metric
            .states
            .get(points[0].value as usize)
            .map_or(Value::Null, |state| (**state).into()),
        MetricKind::Histogram => {
            let bounds = &series.metric.bounds;
            let mut count = 0.0;
            let buckets: Vec<Value> = points[..=bounds.len()]
                .iter()
                .enumerate()
                .map(|(index, point)| {
                    count += point.value;
                    json!({ "le": bounds.get(index), "count": count as u64 })
                })
                .collect();
            json!({ "count": count as u64, "sum": number(points[bounds.len() + 1].value), "buckets": buckets })
        }
    }
}

fn health(report: &HealthReport, now: Instant) -> Value {
    let checks: Vec<Value> = report.checks.iter().map(|one| check(one, now)).collect();
    json!({ "status": report.status, "ready": report.ready, "checks": checks })
}

fn check(check: &Check, now: Instant) -> Value {
    json!({
        "name": &*check.name,
        "title": &*check.title,
        "status": check.status,
        "message": check.message,
        "timestamp": timestamp(check.timestamp),
        "age_ms": milliseconds(now.saturating_duration_since(check.given)),
        "stale": check.stale,
        "gates_readiness": check.gates_readiness,
        "details": check.details,
        "source": &*check.source,
    })
}
