//! The host's metrics about itself: every source, every probe, every check, and the tallies of other rooms.

mod probes;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::source::Source;
use crate::model::{
    Input, Metric, MetricError, MetricId, MetricKind, Observation, Outcome, Recorder, SeriesError,
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
    tallies: Vec<(SeriesId, MetricKind, TallyCounter)>,
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
        report(noted);
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
        self.write_all(sources, probes, health);
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

    /// What cannot be written of one costs the others nothing.
    fn write_all(
        &mut self,
        sources: &[Arc<SourceView>],
        probes: &[Arc<ProbeView>],
        health: &HealthReport,
    ) {
        let recorder = &mut self.recorder;
        for source in sources {
            report(self.source_metrics.write(recorder, source));
        }
        for probe in probes {
            report(self.probe_metrics.write(recorder, probe));
        }
        for check in &health.checks {
            let labels = [&*check.name, &*check.source];
            let status = Input::Activate(check.status.as_str());
            report(recorder.write(self.check_status, &labels, status));
        }
        for (series, kind, number) in &self.tallies {
            let value = number.get() as f64;
            report(match kind {
                MetricKind::Counter => recorder.mirror(*series, value),
                _ => recorder.set(*series, value),
            });
        }
    }

    pub(super) fn view(&mut self) -> Arc<SourceView> {
        self.source.view()
    }
}

/// Says what could not be written.
fn report(written: Result<(), SeriesError>) {
    if let Err(error) = written {
        tracing::error!("the host's own metrics: {error}");
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
) -> Result<Vec<(SeriesId, MetricKind, TallyCounter)>, MetricError> {
    let mut series = Vec::new();
    for entry in tallies.iter().flat_map(|tally| tally.entries()) {
        let keys: Vec<&str> = entry.label.iter().map(|(key, _)| *key).collect();
        let values: Vec<&str> = entry.label.iter().map(|(_, value)| &**value).collect();
        let id = defined(
            recorder,
            Metric::own(entry.kind, entry.name, entry.unit, entry.help, &keys)?,
        );
        let one = recorder
            .series(id, &values)
            .expect("a tally's values match its keys, and there are few of them");
        series.push((one, entry.kind, entry.counter.clone()));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MetricKind;
    use crate::snapshot::Check;

    fn check(name: &str) -> Check {
        Check {
            name: name.into(),
            title: name.into(),
            status: Status::Pass,
            message: String::new(),
            details: None,
            source: "db".into(),
            timestamp: SystemTime::UNIX_EPOCH,
            given: Instant::now(),
            stale: false,
            gates_readiness: false,
        }
    }

    #[test]
    fn what_cannot_be_written_costs_no_other_metric() {
        let mut tally = Tally::default();
        tally.counter("probity_test_total", "Help.", None).add(7);
        tally.gauge("probity_test_bytes", "bytes", "Help.").set(8);
        let mut own = OwnMetrics::new(vec![Arc::new(tally)]).expect("the names are good");
        let report = HealthReport::new(["db/a", "db/a", "db/b"].map(check).to_vec());
        own.write(&[], &[], &report, Instant::now(), SystemTime::UNIX_EPOCH);
        let view = own.view();
        let written: Vec<(&str, f64)> = view
            .present(Instant::now())
            .map(|(series, _)| {
                let label = series.labels.first().map_or("", |label| &**label);
                match series.metric.kind {
                    MetricKind::StateSet => (label, -1.0),
                    _ => (&*series.metric.name, view.numbers(series)[0].value),
                }
            })
            .collect();
        for wanted in [
            ("db/a", -1.0),
            ("db/b", -1.0),
            ("probity_test_total", 7.0),
            ("probity_test_bytes", 8.0),
        ] {
            assert!(written.contains(&wanted), "{wanted:?} of {written:?}");
        }
    }
}
