//! Short words for a sampler's definitions and writes.

use crate::model::{Metric, MetricId, MetricKind, Recorder, SeriesId};

use super::SamplerError;

/// More than any machine's devices, processors and mounts make, and an end to what a runaway one could.
const SERIES_LIMIT: usize = 100_000;

/// An empty recorder for a sampler.
pub(super) fn recorder() -> Recorder {
    Recorder::new(SERIES_LIMIT)
}

/// A metric before its labels: name, unit and help.
pub(super) type Description = (&'static str, &'static str, &'static str);

/// Defines a gauge with these label keys.
pub(super) fn gauge(
    recorder: &mut Recorder,
    description: Description,
    keys: &[&str],
) -> Result<MetricId, SamplerError> {
    define(recorder, MetricKind::Gauge, description, keys)
}

/// Defines a counter with these label keys.
pub(super) fn counter(
    recorder: &mut Recorder,
    description: Description,
    keys: &[&str],
) -> Result<MetricId, SamplerError> {
    define(recorder, MetricKind::Counter, description, keys)
}

fn define(
    recorder: &mut Recorder,
    kind: MetricKind,
    (name, unit, help): Description,
    keys: &[&str],
) -> Result<MetricId, SamplerError> {
    Ok(recorder.define(Metric::new(kind, name, unit, help, keys)?)?)
}

/// The one series of a gauge without labels.
pub(super) fn lone_gauge(
    recorder: &mut Recorder,
    description: Description,
) -> Result<SeriesId, SamplerError> {
    let metric = gauge(recorder, description, &[])?;
    Ok(recorder.series::<&str>(metric, &[])?)
}

/// The one series of a counter without labels.
pub(super) fn lone_counter(
    recorder: &mut Recorder,
    description: Description,
) -> Result<SeriesId, SamplerError> {
    let metric = counter(recorder, description, &[])?;
    Ok(recorder.series::<&str>(metric, &[])?)
}

/// The one series of facts in labels.
pub(super) fn lone_info(
    recorder: &mut Recorder,
    description: Description,
    labels: &[(&str, &str)],
) -> Result<SeriesId, SamplerError> {
    let keys: Vec<&str> = labels.iter().map(|(key, _)| *key).collect();
    let values: Vec<&str> = labels.iter().map(|(_, value)| *value).collect();
    let metric = define(recorder, MetricKind::Info, description, &keys)?;
    Ok(recorder.series(metric, &values)?)
}

/// Binds one series of each metric with the same label values.
pub(super) fn bind<const N: usize>(
    recorder: &mut Recorder,
    metrics: &[MetricId; N],
    labels: &[&str],
) -> Result<[SeriesId; N], SamplerError> {
    let mut bound = [SeriesId::from_number(0); N];
    for (series, metric) in bound.iter_mut().zip(metrics) {
        *series = recorder.series(*metric, labels)?;
    }
    Ok(bound)
}

/// Takes those series away again.
pub(super) fn retire<const N: usize>(
    recorder: &mut Recorder,
    metrics: &[MetricId; N],
    labels: &[&str],
) {
    for metric in metrics {
        let name = recorder.metric(*metric).name.clone();
        recorder.retire(&name, labels);
    }
}

/// Throws away what a run staged that nobody took, and keeps quiet when there is nothing.
pub(super) fn begin(recorder: &mut Recorder) {
    if recorder.staged() > 0 {
        recorder.discard();
    }
}

/// Sets a gauge whose value may not be known.
pub(super) fn set_known(
    recorder: &mut Recorder,
    series: SeriesId,
    value: Option<f64>,
) -> Result<(), SamplerError> {
    match value {
        Some(value) => Ok(recorder.set(series, value)?),
        None => Ok(()),
    }
}

/// Repeats a total that may not be known.
pub(super) fn mirror_known(
    recorder: &mut Recorder,
    series: SeriesId,
    total: Option<f64>,
) -> Result<(), SamplerError> {
    match total {
        Some(total) => Ok(recorder.mirror(series, total)?),
        None => Ok(()),
    }
}
