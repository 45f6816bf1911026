//! Where each number of a snapshot goes: prepared once for a source's schema, and valid until that changes.

use std::sync::Arc;
use std::time::Instant;

use super::chunk::Chunk;
use super::index::SeriesKey;
use super::places::Places;
use crate::model::{Metric, MetricKind, Point, Schema, Series, SourceKind};
use crate::snapshot::{Freshness, Snapshot, SourceView};

/// Stands for a place that a series did not get.
const NOWHERE: u32 = u32::MAX;

/// The layout of all sources. Their schemas are held, so that an address compared is never one used again.
#[derive(Debug, Default)]
pub(super) struct Layout {
    sources: Vec<SourceLayout>,
}

/// The layout of one source.
#[derive(Debug)]
struct SourceLayout {
    name: Arc<str>,
    kind: SourceKind,
    schema: Arc<Schema>,
    rows: Vec<Row>,
    /// The places of all rows' series.
    places: Vec<u32>,
}

/// One series of the snapshot, which is one or more of the history.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// First of its points.
    slot: u32,
    /// First of its places.
    first: u32,
    /// How many points are buckets, or how many states there are.
    parts: u32,
    kind: MetricKind,
}

impl Layout {
    /// Follows the snapshot's sources. Whether anything was different.
    pub(super) fn follow(&mut self, snapshot: &Snapshot, places: &mut Places) -> bool {
        let same = self.sources.len() == snapshot.sources.len()
            && std::iter::zip(&self.sources, &snapshot.sources)
                .all(|(one, source)| one.fits(source));
        if same {
            return false;
        }
        let mut before = std::mem::take(&mut self.sources);
        let kept: Vec<Option<SourceLayout>> = snapshot
            .sources
            .iter()
            .map(|source| {
                let found = before.iter().position(|one| one.fits(source));
                found.map(|index| before.swap_remove(index))
            })
            .collect();
        // What is gone makes room before what is new takes it; what is merely arranged anew gets its places back.
        for gone in &before {
            gone.places.iter().for_each(|place| places.leave(*place));
        }
        for (source, kept) in std::iter::zip(&snapshot.sources, kept) {
            let layout = kept.unwrap_or_else(|| SourceLayout::new(source, places));
            self.sources.push(layout);
        }
        true
    }

    /// Lets go of the layouts of sources that did not get every place they wanted: they are made anew when they are followed
    /// next, for there may be room now.
    pub(super) fn try_again(&mut self, places: &mut Places) {
        let lacks = |one: &SourceLayout| one.places.contains(&NOWHERE);
        for gone in self.sources.extract_if(.., |one| lacks(one)) {
            gone.places.iter().for_each(|place| places.leave(*place));
        }
    }

    /// Puts down every value that a reader of the snapshot would see at `now`. Gives back how many those were.
    pub(super) fn put(&self, snapshot: &Snapshot, now: Instant, chunk: &Chunk, tick: usize) -> u64 {
        let mut values = 0;
        for (layout, source) in std::iter::zip(&self.sources, &snapshot.sources) {
            let interval = source.info.interval;
            let limit = Freshness::absent_before(MetricKind::Gauge, interval, now);
            let mut put = |place: u32, value: f64| {
                if place != NOWHERE {
                    chunk.put(place, tick, value);
                    values += 1;
                }
            };
            for row in &layout.rows {
                layout.put_row(row, &source.points, limit, &mut put);
            }
        }
        values
    }
}

impl SourceLayout {
    fn new(source: &SourceView, places: &mut Places) -> Self {
        let mut layout = Self {
            name: source.info.name.clone(),
            kind: source.info.kind,
            schema: source.schema.clone(),
            rows: Vec::with_capacity(source.schema.series.len()),
            places: Vec::new(),
        };
        for series in &source.schema.series {
            layout.add(source, series, places);
        }
        layout
    }

    fn fits(&self, source: &SourceView) -> bool {
        Arc::ptr_eq(&self.schema, &source.schema)
            && self.kind == source.info.kind
            && self.name == source.info.name
    }

    fn add(&mut self, source: &SourceView, series: &Series, places: &mut Places) {
        let metric = &series.metric;
        let first = self.places.len() as u32;
        let mut take = |name: Arc<str>, last: Option<(Arc<str>, Arc<str>)>| {
            let key = key(source, series, name, last);
            self.places.push(places.take(key).unwrap_or(NOWHERE));
        };
        let parts = match metric.kind {
            MetricKind::StateSet => {
                for state in &*metric.states {
                    take(
                        metric.name.clone(),
                        Some((metric.name.clone(), state.clone())),
                    );
                }
                metric.states.len()
            }
            MetricKind::Histogram => {
                let (le, bucket): (Arc<str>, Arc<str>) = ("le".into(), suffixed(metric, "_bucket"));
                let bounds = metric.bounds.iter().copied().chain([f64::INFINITY]);
                for bound in bounds {
                    take(bucket.clone(), Some((le.clone(), bound_text(bound).into())));
                }
                take(suffixed(metric, "_sum"), None);
                take(suffixed(metric, "_count"), None);
                metric.bounds.len() + 1
            }
            MetricKind::Gauge | MetricKind::Counter | MetricKind::Info => {
                take(metric.name.clone(), None);
                1
            }
        };
        self.rows.push(Row {
            slot: series.slot,
            first,
            parts: parts as u32,
            kind: metric.kind,
        });
    }

    /// Values that fade are absent when they were written before `limit`; totals are kept.
    #[inline]
    fn put_row(
        &self,
        row: &Row,
        points: &[Point],
        limit: Option<Instant>,
        put: &mut impl FnMut(u32, f64),
    ) {
        let (slot, first) = (row.slot as usize, row.first as usize);
        let Some(updated) = points.get(slot).and_then(|point| point.updated) else {
            return;
        };
        let fades = !matches!(row.kind, MetricKind::Counter | MetricKind::Histogram);
        if fades && limit.is_some_and(|limit| updated < limit) {
            return;
        }
        let value = points[slot].value;
        match row.kind {
            MetricKind::StateSet => {
                for state in 0..row.parts {
                    let active = f64::from(state == value as u32);
                    put(self.places[first + state as usize], active);
                }
            }
            MetricKind::Histogram => {
                let buckets = row.parts as usize;
                let mut count = 0.0;
                for bucket in 0..buckets {
                    count += points[slot + bucket].value;
                    put(self.places[first + bucket], count);
                }
                put(self.places[first + buckets], points[slot + buckets].value);
                put(self.places[first + buckets + 1], count);
            }
            MetricKind::Gauge | MetricKind::Counter | MetricKind::Info => {
                put(self.places[first], value);
            }
        }
    }
}

fn suffixed(metric: &Metric, suffix: &str) -> Arc<str> {
    format!("{}{suffix}", metric.name).into()
}

/// A bucket's bound as a label value, as Prometheus text has it.
fn bound_text(bound: f64) -> String {
    if bound == f64::INFINITY {
        "+Inf".into()
    } else if bound.trunc() == bound && bound.abs() < 1e15 {
        format!("{}", bound as i64)
    } else {
        zmij::Buffer::new().format_finite(bound).into()
    }
}

/// The series' name and labels; a probe's carries the probe's name, which it cannot choose itself.
fn key(
    source: &SourceView,
    series: &Series,
    name: Arc<str>,
    last: Option<(Arc<str>, Arc<str>)>,
) -> SeriesKey {
    let metric = &series.metric;
    let probe = (source.info.kind == SourceKind::Probe)
        .then(|| (Arc::from("probe"), source.info.name.clone()));
    let own = std::iter::zip(&*metric.label_keys, &series.labels);
    // An empty label is as good as none, in Prometheus' data model.
    let own = own.filter(|(_, value)| !value.is_empty());
    let mut labels: Vec<_> = own
        .map(|(key, value)| (key.clone(), value.clone()))
        .chain(probe)
        .chain(last)
        .collect();
    labels.sort_unstable();
    SeriesKey {
        name,
        labels: labels.into(),
        metric: metric.clone(),
        source: source.info.name.clone(),
        cumulative: matches!(metric.kind, MetricKind::Counter | MetricKind::Histogram),
    }
}
