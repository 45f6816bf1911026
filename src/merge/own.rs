//! The host's metrics about itself: every source, every probe, every check, and the tallies of other rooms.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::source::Source;
use crate::model::{
    Metric, MetricError, MetricId, MetricKind, Observation, Outcome, ProbeState, Recorder,
    SeriesError, SeriesId, SourceInfo, SourceKind, Status, Tally, TallyCounter,
};
use crate::snapshot::{HealthReport, ProbeView, SourceView};

/// The name under which the host's own series appear as a source.
pub const NAME: &str = "probity";
/// More than a thousand probes with every metric of theirs.
const MAX_SERIES: usize = 50_000;

/// The own series and their definitions.
pub(super) struct OwnMetrics {
    recorder: Recorder,
    source: Source,
    source_metrics: SourceMetrics,
    probe_metrics: ProbeMetrics,
    check_status: MetricId,
    tallies: Vec<(SeriesId, TallyCounter)>,
}

struct SourceMetrics {
    runs: MetricId,
    failures: MetricId,
    missed: MetricId,
    lateness: MetricId,
    duration: MetricId,
}

struct ProbeMetrics {
    up: MetricId,
    state: MetricId,
    last_success: MetricId,
    info: MetricId,
    crashes: MetricId,
    rejected_calls: MetricId,
    log_dropped: MetricId,
    series: MetricId,
    memory: MetricId,
}

impl OwnMetrics {
    pub(super) fn new(tallies: Vec<Arc<Tally>>) -> Result<Self, MetricError> {
        let mut recorder = Recorder::new(MAX_SERIES);
        let states = [Status::Pass, Status::Warn, Status::Fail].map(Status::as_str);
        let check_status = Metric::state_set(
            "probity_check_status",
            "Verdict of each health check.",
            &["check", "source"],
            &states,
        )?;
        Ok(Self {
            source_metrics: SourceMetrics::define(&mut recorder)?,
            probe_metrics: ProbeMetrics::define(&mut recorder)?,
            check_status: defined(&mut recorder, check_status),
            tallies: define_tallies(&mut recorder, &tallies)?,
            recorder,
            source: Source::new(SourceInfo {
                name: NAME.into(),
                kind: SourceKind::Sampler,
                interval: super::BEAT,
            }),
        })
    }

    /// Writes all own metrics as one run of the source `probity`.
    pub(super) fn write(
        &mut self,
        sources: &[Arc<SourceView>],
        probes: &[Arc<ProbeView>],
        health: &HealthReport,
        now: Instant,
        wall: SystemTime,
    ) {
        let written = self.write_all(sources, probes, health);
        if let Err(error) = written {
            tracing::error!("the host's own metrics: {error}");
        }
        let observation = Observation {
            source: NAME.into(),
            started: now,
            duration: Duration::ZERO,
            lateness: Duration::ZERO,
            missed: 0,
            outcome: Outcome::Ok,
            staged: self.recorder.commit(),
            checks: Vec::new(),
            facts: None,
            probe: None,
        };
        self.source.observe(observation, wall);
    }

    fn write_all(
        &mut self,
        sources: &[Arc<SourceView>],
        probes: &[Arc<ProbeView>],
        health: &HealthReport,
    ) -> Result<(), SeriesError> {
        for source in sources {
            self.source_metrics.write(&mut self.recorder, source)?;
        }
        for probe in probes {
            self.probe_metrics.write(&mut self.recorder, probe)?;
        }
        for check in &health.checks {
            let series = self
                .recorder
                .series(self.check_status, &[&*check.name, &*check.source])?;
            self.recorder.activate(series, check.status.as_str())?;
        }
        for (series, counter) in &self.tallies {
            self.recorder.mirror(*series, counter.get() as f64)?;
        }
        Ok(())
    }

    pub(super) fn view(&mut self) -> Arc<SourceView> {
        self.source.view()
    }
}

impl SourceMetrics {
    fn define(recorder: &mut Recorder) -> Result<Self, MetricError> {
        let mut define =
            |kind, name: &str, unit: &str, help: &str| -> Result<MetricId, MetricError> {
                Ok(defined(
                    recorder,
                    Metric::own(kind, name, unit, help, &["source"])?,
                ))
            };
        Ok(Self {
            runs: define(
                MetricKind::Counter,
                "probity_source_runs_total",
                "",
                "Runs ended, by source.",
            )?,
            failures: define(
                MetricKind::Counter,
                "probity_source_failures_total",
                "",
                "Runs that failed, by source.",
            )?,
            missed: define(
                MetricKind::Counter,
                "probity_source_missed_runs_total",
                "",
                "Due times passed over, by source.",
            )?,
            lateness: define(
                MetricKind::Gauge,
                "probity_source_lateness_seconds",
                "seconds",
                "How late the last run began.",
            )?,
            duration: define(
                MetricKind::Gauge,
                "probity_source_duration_seconds",
                "seconds",
                "How long the last run took.",
            )?,
        })
    }

    fn write(&self, recorder: &mut Recorder, source: &SourceView) -> Result<(), SeriesError> {
        let labels = [&*source.info.name];
        let runs = &source.runs;
        total(recorder, self.runs, &labels, runs.runs)?;
        total(recorder, self.failures, &labels, runs.failures)?;
        total(recorder, self.missed, &labels, runs.missed)?;
        gauge(
            recorder,
            self.lateness,
            &labels,
            runs.lateness.as_secs_f64(),
        )?;
        gauge(recorder, self.duration, &labels, runs.last.as_secs_f64())
    }
}

impl ProbeMetrics {
    fn define(recorder: &mut Recorder) -> Result<Self, MetricError> {
        let states = ProbeState::ALL.map(ProbeState::as_str);
        let state = Metric::own_state_set(
            "probity_probe_state",
            "Where the probe is in its life.",
            &["probe"],
            &states,
        )?;
        let info = Metric::own(
            MetricKind::Info,
            "probity_probe_info",
            "",
            "What runs under a probe's name.",
            &["probe", "version", "digest", "generation"],
        )?;
        let mut define = |(kind, name, unit, help): Description| -> Result<MetricId, MetricError> {
            let metric = Metric::own(kind, name, unit, help, &["probe"])?;
            Ok(defined(recorder, metric))
        };
        Ok(Self {
            up: define(UP)?,
            last_success: define(LAST_SUCCESS)?,
            crashes: define(CRASHES)?,
            rejected_calls: define(REJECTED_CALLS)?,
            log_dropped: define(LOG_DROPPED)?,
            series: define(SERIES)?,
            memory: define(MEMORY)?,
            state: defined(recorder, state),
            info: defined(recorder, info),
        })
    }

    fn write(&self, recorder: &mut Recorder, probe: &ProbeView) -> Result<(), SeriesError> {
        let (identity, status) = (&probe.identity, &probe.status);
        let labels = [&*identity.name];
        let up = status.state == ProbeState::Active;
        gauge(recorder, self.up, &labels, f64::from(u8::from(up)))?;
        let state = recorder.series(self.state, &labels)?;
        recorder.activate(state, status.state.as_str())?;
        let generation = identity.generation.to_string();
        let version = identity.version.as_deref().unwrap_or_default();
        gauge(
            recorder,
            self.info,
            &[labels[0], version, &identity.digest, &generation],
            1.0,
        )?;
        total(recorder, self.crashes, &labels, status.crashes)?;
        total(
            recorder,
            self.rejected_calls,
            &labels,
            status.rejected_calls,
        )?;
        total(recorder, self.log_dropped, &labels, status.log_dropped)?;
        gauge(recorder, self.series, &labels, f64::from(status.series))?;
        if let Some(bytes) = status.memory_bytes {
            gauge(recorder, self.memory, &labels, bytes as f64)?;
        }
        match status
            .last_success
            .and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok())
        {
            Some(since) => gauge(recorder, self.last_success, &labels, since.as_secs_f64()),
            None => Ok(()),
        }
    }
}

/// A metric of each probe: kind, name, unit and help.
type Description = (MetricKind, &'static str, &'static str, &'static str);

const UP: Description = (
    MetricKind::Gauge,
    "probity_probe_up",
    "",
    "1 when the probe's last run went well.",
);
const LAST_SUCCESS: Description = (
    MetricKind::Gauge,
    "probity_probe_last_success_timestamp_seconds",
    "seconds",
    "Unix time of the probe's last good run.",
);
const CRASHES: Description = (
    MetricKind::Counter,
    "probity_probe_crashes_total",
    "",
    "Instances thrown away after a trap or a limit.",
);
const REJECTED_CALLS: Description = (
    MetricKind::Counter,
    "probity_probe_rejected_calls_total",
    "",
    "Calls of the probe that the host refused.",
);
const LOG_DROPPED: Description = (
    MetricKind::Counter,
    "probity_probe_log_dropped_total",
    "",
    "Log lines dropped over the probe's quota.",
);
const SERIES: Description = (
    MetricKind::Gauge,
    "probity_probe_series",
    "",
    "Series the probe has defined.",
);
const MEMORY: Description = (
    MetricKind::Gauge,
    "probity_probe_memory_bytes",
    "bytes",
    "Linear memory of the probe's instance.",
);

fn define_tallies(
    recorder: &mut Recorder,
    tallies: &[Arc<Tally>],
) -> Result<Vec<(SeriesId, TallyCounter)>, MetricError> {
    let mut series = Vec::new();
    for entry in tallies.iter().flat_map(|tally| tally.entries()) {
        let keys: Vec<&str> = entry.label.iter().map(|(key, _)| *key).collect();
        let values: Vec<&str> = entry.label.iter().map(|(_, value)| *value).collect();
        let id = defined(
            recorder,
            Metric::own(MetricKind::Counter, entry.name, "", entry.help, &keys)?,
        );
        let one = recorder
            .series(id, &values)
            .expect("a tally's values match its keys, and there are few of them");
        series.push((one, entry.counter.clone()));
    }
    Ok(series)
}

/// Defines one of the own metrics, whose names this file keeps apart.
fn defined(recorder: &mut Recorder, metric: Metric) -> MetricId {
    recorder
        .define(metric)
        .expect("the own metrics' names are all different, or the same metric")
}

fn gauge(
    recorder: &mut Recorder,
    metric: MetricId,
    labels: &[&str],
    value: f64,
) -> Result<(), SeriesError> {
    let series = recorder.series(metric, labels)?;
    recorder.set(series, value)
}

fn total(
    recorder: &mut Recorder,
    metric: MetricId,
    labels: &[&str],
    value: u64,
) -> Result<(), SeriesError> {
    let series = recorder.series(metric, labels)?;
    recorder.mirror(series, value as f64)
}
