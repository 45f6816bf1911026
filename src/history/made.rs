//! For tests alone: a past made by hand, with values at fixed times.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::chunk::{Chunk, TICKS};
use super::index::{Index, SeriesKey};
use super::view::View;
use crate::model::{Metric, MetricKind};

/// A series' name and labels, and its value at each tick; nothing where it was absent.
pub(crate) type MadeSeries = (String, Vec<(String, String)>, Vec<Option<f64>>);

/// The view of a history with one tick each `step`, the first of them at `start`, both in milliseconds.
pub(crate) fn made(start: i64, step: i64, series: &[MadeSeries]) -> View {
    let keys: Vec<_> = series.iter().map(|one| Some(Arc::new(key(one)))).collect();
    let ticks = series.iter().map(|(_, _, values)| values.len());
    let ticks = ticks.max().unwrap_or(0);
    let mut chunks = Vec::new();
    for first in (0..ticks).step_by(TICKS) {
        let chunk = Chunk::new(first as u64, series.len());
        for tick in 0..TICKS.min(ticks - first) {
            for (place, (_, _, values)) in series.iter().enumerate() {
                if let Some(Some(value)) = values.get(first + tick) {
                    chunk.put(place as u32, tick, *value);
                }
            }
            chunk.seal(tick, step * (first + tick) as i64);
        }
        chunks.push(Arc::new(chunk));
    }
    View {
        chunks: chunks.into(),
        index: Arc::new(Index::of(&keys)),
        offset: start,
        interval: step,
    }
}

fn key((name, labels, _): &MadeSeries) -> SeriesKey {
    let metric = Metric::new(MetricKind::Gauge, "made", "", "A test value.", &[]);
    let labels: BTreeMap<&String, &String> = labels.iter().map(|(k, v)| (k, v)).collect();
    let labels = labels.into_iter();
    SeriesKey {
        name: name.as_str().into(),
        labels: labels
            .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
            .collect(),
        metric: Arc::new(metric.expect("the name is one")),
        source: "test".into(),
        cumulative: false,
    }
}
