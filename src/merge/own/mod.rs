//! The host's metrics about itself: every source, every probe, every check, and the tallies of other rooms.

mod probes;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::source::Source;
use crate::model::{
    Metric, MetricError, MetricId, MetricKind, Observation, Outcome, Recorder, SeriesError,
    SeriesId, SourceInfo, SourceKind, Status, Tally, TallyCounter,
};
use crate::snapshot::{HealthReport, ProbeView, SourceView};
use probes::ProbeMetrics;

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

    /// Notes how long a probe's run took, to be shown with the next write.
    pub(super) fn note_run(&mut self, probe: &str, duration: Duration) {
        let noted = self
            .probe_metrics
            .note_run(&mut self.recorder, probe, duration);
        if let Err(error) = noted {
            tracing::error!("the host's own metrics: {error}");
        }
    }

    /// Takes away what was said of a source, a probe and its checks that are gone.
    pub(super) fn forget(&mut self, name: &str) {
        for key in ["source", "probe"] {
            self.recorder.retire_labelled(key, name);
        }
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
        total(recorder, self.runs, &labels, runs.runs as f64)?;
        total(recorder, self.failures, &labels, runs.failures as f64)?;
        total(recorder, self.missed, &labels, runs.missed as f64)?;
        gauge(
            recorder,
            self.lateness,
            &labels,
            runs.lateness.as_secs_f64(),
        )?;
        gauge(recorder, self.duration, &labels, runs.last.as_secs_f64())
    }
}

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
    value: f64,
) -> Result<(), SeriesError> {
    let series = recorder.series(metric, labels)?;
    recorder.mirror(series, value)
}
