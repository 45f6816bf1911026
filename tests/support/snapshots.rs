//! Hand-made snapshots: sources filled through a recorder, as the merge would fill them.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use probity::model::{
    Change, Metric, MetricKind, Point, ProbeIdentity, ProbeState, ProbeStatus, Recorder, Schema,
    Series, SourceInfo, SourceKind, Staged, Status,
};
use probity::snapshot::{
    Check, FactSheet, HealthReport, ProbeView, RunStats, Snapshot, SourceView,
};

/// How often every hand-made source runs.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// A sampler whose series are what `fill` records, written now.
pub fn sampler(name: &str, fill: impl FnOnce(&mut Recorder)) -> SourceView {
    source(name, SourceKind::Sampler, fill)
}

/// A probe whose series are what `fill` records, written now.
pub fn probe(name: &str, fill: impl FnOnce(&mut Recorder)) -> SourceView {
    source(name, SourceKind::Probe, fill)
}

fn source(name: &str, kind: SourceKind, fill: impl FnOnce(&mut Recorder)) -> SourceView {
    let mut recorder = Recorder::new(1_000_000);
    fill(&mut recorder);
    let staged = recorder.commit();
    SourceView {
        info: SourceInfo {
            name: name.into(),
            kind,
            interval: INTERVAL,
        },
        generation: u32::from(kind == SourceKind::Probe),
        points: points(&staged).into(),
        schema: staged.schema,
        failure: None,
        runs: RunStats::default(),
    }
}

/// Records a series of `metric` with these label values.
pub fn record(recorder: &mut Recorder, metric: &Metric, labels: &[&str], value: f64) {
    let id = recorder.define(metric.clone()).unwrap();
    let series = recorder.series(id, labels).unwrap();
    match metric.kind {
        MetricKind::Gauge | MetricKind::Info => recorder.set(series, value).unwrap(),
        MetricKind::Counter => recorder
            .mirror_since(series, value.abs(), 1_700_000_000.5)
            .unwrap(),
        MetricKind::Histogram => recorder.observe(series, value).unwrap(),
        MetricKind::StateSet => {
            let state = metric.states[value as usize % metric.states.len()].clone();
            recorder.activate(series, &state).unwrap();
        }
    }
}

/// A gauge without labels.
pub fn gauge(recorder: &mut Recorder, name: &str, value: f64) {
    let metric = Metric::new(MetricKind::Gauge, name, "", "A test value.", &[]).unwrap();
    record(recorder, &metric, &[], value);
}

fn points(staged: &Staged) -> Vec<Point> {
    let mut points = vec![Point::default(); staged.schema.slots];
    for write in &staged.writes {
        let series = of_slot(&staged.schema, write.slot);
        let first = write.slot as usize;
        match write.change {
            Change::Set | Change::Mirror => points[first].value = write.value,
            Change::Add => points[first].value += write.value,
            Change::Created => points[first + 1].value = write.value,
            Change::Count { bucket } => points[first + usize::from(bucket)].value += write.value,
            Change::Sum => {
                let bounds = &series.metric.bounds;
                points[first + bounds.len() + 1].value += write.value;
                points[first + bounds.len() + 2].value = 1_700_000_000.5;
            }
        }
        points[first].updated = Some(Instant::now());
    }
    points
}

fn of_slot(schema: &Schema, slot: u32) -> &Series {
    schema
        .series
        .iter()
        .find(|series| series.slot == slot)
        .unwrap()
}

/// A whole, ready snapshot published now, with one passing built-in check and one warning of a probe.
pub fn snapshot(sequence: u64, sources: Vec<SourceView>) -> Snapshot {
    let probes = sources
        .iter()
        .filter(|source| source.info.kind == SourceKind::Probe)
        .map(|source| Arc::new(probe_view(&source.info.name)))
        .collect();
    let checks = vec![
        check("collector", Status::Pass, true),
        check("files/backlog", Status::Warn, false),
    ];
    Snapshot {
        sequence,
        timestamp: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        published: Instant::now(),
        whole: true,
        facts: FactSheet::default(),
        sources: sources.into_iter().map(Arc::new).collect(),
        probes,
        health: Arc::new(HealthReport::new(checks)),
        operations: Arc::default(),
    }
}

/// The snapshot as if it were never to grow older: two requests for it are answered with the same bytes, and no value of it goes.
pub fn ageless(mut snapshot: Snapshot) -> Snapshot {
    let later = Instant::now() + Duration::from_secs(3600);
    snapshot.published = later;
    for source in &mut snapshot.sources {
        let source = Arc::make_mut(source);
        for point in Arc::make_mut(&mut source.points) {
            point.updated = point.updated.map(|_| later);
        }
    }
    snapshot
}

/// A check that speaks for itself.
pub fn check(name: &str, status: Status, gates_readiness: bool) -> Check {
    Check {
        name: name.into(),
        title: name.into(),
        status,
        message: format!("{name} says {}", status.as_str()),
        details: None,
        source: "test".into(),
        timestamp: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        given: Instant::now(),
        stale: false,
        gates_readiness,
    }
}

/// A probe that runs well.
pub fn probe_view(name: &str) -> ProbeView {
    ProbeView {
        identity: Arc::new(ProbeIdentity {
            name: name.into(),
            file: format!("{name}.wasm").into(),
            size_bytes: 20_000,
            digest: format!("blake3:{}", "0".repeat(64)),
            version: Some("1.0.0".into()),
            interface: Some("0.1.0".into()),
            generation: 1,
            asks: Vec::new(),
            granted: Vec::new(),
            compile: Duration::from_millis(20),
            cached: false,
            loaded: SystemTime::UNIX_EPOCH,
        }),
        status: ProbeStatus::new(ProbeState::Active),
        on_disk: None,
        interval: Some(INTERVAL),
        runs: RunStats::default(),
    }
}
