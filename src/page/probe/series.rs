//! A probe's series with their values now.

use crate::model::{Metric, MetricKind, Point};
use crate::page::Moment;
use crate::page::words::{NOTHING, bytes, count, seconds};

/// Series shown: the rest is in `/metrics`.
const SERIES: usize = 100;

/// One of its series, with its value now.
pub(super) struct SeriesRow {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) labels: String,
    pub(super) value: String,
    pub(super) stale: bool,
}

/// Its series with their values now, and how many are left out.
pub(super) fn series(at: &Moment<'_>, name: &str) -> (Vec<SeriesRow>, usize) {
    let mut sources = at.snapshot.sources.iter();
    let Some(source) = sources.find(|source| *source.info.name == *name) else {
        return (Vec::new(), 0);
    };
    let present: Vec<_> = source.present(at.now).collect();
    let rows = present.iter().take(SERIES).enumerate();
    let rows = rows.map(|(index, (series, freshness))| {
        let metric = &series.metric;
        let pairs = std::iter::zip(&*metric.label_keys, &series.labels);
        let labels: Vec<String> = pairs
            .map(|(key, value)| format!("{key}=\"{value}\""))
            .collect();
        SeriesRow {
            key: format!("v{index}"),
            name: metric.name.to_string(),
            labels: labels.join(" "),
            value: value(source.numbers(series), metric),
            stale: freshness.stale || source.failure.is_some(),
        }
    });
    (rows.collect(), present.len().saturating_sub(SERIES))
}

/// A number in its unit; of a state set the state, of a histogram how many were counted and their mean.
fn value(points: &[Point], metric: &Metric) -> String {
    let number = |value: f64| match &*metric.unit {
        "bytes" => bytes(value),
        "seconds" if !metric.name.contains("timestamp") => seconds(value),
        _ if value.fract() == 0.0 && value.abs() < 1e15 => {
            let sign = if value < 0.0 { "−" } else { "" };
            format!("{sign}{}", count(value.abs() as u64))
        }
        _ => format!("{value:.4}"),
    };
    match metric.kind {
        MetricKind::Histogram => {
            let buckets = metric.bounds.len() + 1;
            let counted: f64 = points[..buckets].iter().map(|point| point.value).sum();
            let mean = points[buckets].value / counted.max(1.0);
            format!("{} × {}", count(counted as u64), number(mean))
        }
        MetricKind::StateSet => {
            let state = metric.states.get(points[0].value as usize);
            state.map_or_else(|| NOTHING.to_owned(), |state| state.to_string())
        }
        _ => number(points[0].value),
    }
}
