//! The host's metrics of each probe: its state, how its runs go, and what they cost.

use std::time::{Duration, SystemTime};

use super::{defined, gauge, total};
use crate::model::{
    Metric, MetricError, MetricId, MetricKind, ProbeState, ProbeStatus, Recorder, SeriesError,
};
use crate::snapshot::ProbeView;

/// Upper bounds of a run's duration in seconds. Decades: a good run takes 50 us, a bad one its deadline of seconds, and
/// each bound costs a line for each probe in every scrape.
const DURATIONS: [f64; 6] = [0.0001, 0.001, 0.01, 0.1, 1.0, 10.0];

/// The definitions.
pub(super) struct ProbeMetrics {
    state: MetricId,
    info: MetricId,
    failures: MetricId,
    durations: MetricId,
    gauges: Vec<(MetricId, Read)>,
    totals: Vec<(MetricId, Read)>,
}

/// What a metric shows of a probe; nothing when there is nothing to show.
type Read = fn(&ProbeView) -> Option<f64>;

/// A metric of each probe: name, unit, help and value.
type Description = (&'static str, &'static str, &'static str, Read);

const GAUGES: [Description; 8] = [
    (
        "probity_probe_up",
        "",
        "1 when the probe's last run went well.",
        |probe| {
            Some(f64::from(u8::from(
                probe.status.state == ProbeState::Active,
            )))
        },
    ),
    (
        "probity_probe_last_success_timestamp_seconds",
        "seconds",
        "Unix time of the probe's last good run.",
        |probe| unix(probe.status.last_success?),
    ),
    (
        "probity_probe_start_time_seconds",
        "seconds",
        "Unix time at which this version of the probe was loaded.",
        |probe| unix(probe.identity.loaded),
    ),
    (
        "probity_probe_series",
        "",
        "Series the probe has defined.",
        |probe| Some(f64::from(probe.status.series)),
    ),
    (
        "probity_probe_memory_bytes",
        "bytes",
        "Linear memory of the probe's instance.",
        |probe| Some(probe.status.memory_bytes? as f64),
    ),
    (
        "probity_probe_memory_peak_bytes",
        "bytes",
        "The most linear memory that one of the probe's instances had after a run.",
        |probe| Some(probe.status.peak_memory_bytes as f64),
    ),
    (
        "probity_probe_last_run_cpu_seconds",
        "seconds",
        "CPU time of the probe's last run.",
        |probe| Some(probe.status.last_costs.cpu.as_secs_f64()),
    ),
    (
        "probity_probe_last_run_host_calls",
        "",
        "Calls to the host in the probe's last run.",
        |probe| Some(probe.status.last_costs.host_calls as f64),
    ),
];

const TOTALS: [Description; 8] = [
    (
        "probity_probe_cpu_seconds_total",
        "seconds",
        "CPU time of the probe's runs.",
        |probe| Some(probe.status.costs.cpu.as_secs_f64()),
    ),
    (
        "probity_probe_host_calls_total",
        "",
        "Calls of the probe to the host.",
        |probe| Some(probe.status.costs.host_calls as f64),
    ),
    (
        "probity_probe_instances_total",
        "",
        "Instances made of the probe.",
        |probe| Some(probe.status.costs.instances as f64),
    ),
    (
        "probity_probe_crashes_total",
        "",
        "Instances thrown away after a trap or a limit.",
        |probe| Some(probe.status.crashes as f64),
    ),
    (
        "probity_probe_rejected_calls_total",
        "",
        "Calls of the probe that the host refused.",
        |probe| Some(probe.status.costs.rejected_calls as f64),
    ),
    (
        "probity_probe_denied_total",
        "",
        "Attempts of the probe at what is not granted.",
        |probe| Some(probe.status.denied as f64),
    ),
    (
        "probity_probe_log_lines_total",
        "",
        "Log lines of the probe passed on.",
        |probe| Some(probe.status.costs.log_lines as f64),
    ),
    (
        "probity_probe_log_dropped_total",
        "",
        "Log lines dropped over the probe's quota.",
        |probe| Some(probe.status.costs.log_dropped as f64),
    ),
];

impl ProbeMetrics {
    pub(super) fn define(recorder: &mut Recorder) -> Result<Self, MetricError> {
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
        let failures = Metric::own(
            MetricKind::Counter,
            "probity_probe_failures_total",
            "",
            "Failed runs of the probe, by the code of the failure.",
            &["probe", "reason"],
        )?;
        let durations = Metric::own_histogram(
            "probity_probe_run_duration_seconds",
            "seconds",
            "How long the probe's runs took.",
            &["probe"],
            &DURATIONS,
        )?;
        Ok(Self {
            state: defined(recorder, state),
            info: defined(recorder, info),
            failures: defined(recorder, failures),
            durations: defined(recorder, durations),
            gauges: define_all(recorder, MetricKind::Gauge, &GAUGES)?,
            totals: define_all(recorder, MetricKind::Counter, &TOTALS)?,
        })
    }

    /// Counts a run's duration.
    pub(super) fn note_run(
        &self,
        recorder: &mut Recorder,
        probe: &str,
        duration: Duration,
    ) -> Result<(), SeriesError> {
        let series = recorder.series(self.durations, &[probe])?;
        recorder.observe(series, duration.as_secs_f64())
    }

    pub(super) fn write(
        &self,
        recorder: &mut Recorder,
        probe: &ProbeView,
    ) -> Result<(), SeriesError> {
        let (identity, status) = (&probe.identity, &probe.status);
        let labels = [&*identity.name];
        let state = recorder.series(self.state, &labels)?;
        recorder.activate(state, status.state.as_str())?;
        let generation = identity.generation.to_string();
        let version = identity.version.as_deref().unwrap_or_default();
        let known = [labels[0], version, &identity.digest, &generation];
        gauge(recorder, self.info, &known, 1.0)?;
        for (metric, read) in &self.gauges {
            if let Some(value) = read(probe) {
                gauge(recorder, *metric, &labels, value)?;
            }
        }
        for (metric, read) in &self.totals {
            if let Some(value) = read(probe) {
                total(recorder, *metric, &labels, value)?;
            }
        }
        self.write_failures(recorder, labels[0], status)
    }

    fn write_failures(
        &self,
        recorder: &mut Recorder,
        probe: &str,
        status: &ProbeStatus,
    ) -> Result<(), SeriesError> {
        for (reason, count) in status.failure_reasons.iter() {
            total(recorder, self.failures, &[probe, reason], count as f64)?;
        }
        Ok(())
    }
}

fn define_all(
    recorder: &mut Recorder,
    kind: MetricKind,
    descriptions: &[Description],
) -> Result<Vec<(MetricId, Read)>, MetricError> {
    let define = |(name, unit, help, read): &Description| {
        let metric = Metric::own(kind, name, unit, help, &["probe"])?;
        Ok((defined(recorder, metric), *read))
    };
    descriptions.iter().map(define).collect()
}

/// Unix time in seconds; nothing before 1970.
fn unix(time: SystemTime) -> Option<f64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_secs_f64())
}
