//! One source's numbers, laid out by its newest schema.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::model::{Change, Metric, MetricKind, Point, Schema, Series, Staged, Write};

/// No series begins at this slot.
const NO_SERIES: u32 = u32::MAX;

/// What a source's series are now.
#[derive(Default)]
pub(super) struct Numbers {
    schema: Arc<Schema>,
    points: Vec<Point>,
    /// For each slot that begins a series, its place in the schema; [`NO_SERIES`] for all others.
    starts: Vec<u32>,
}

impl Numbers {
    /// Which series there are.
    pub(super) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Their numbers by slot.
    pub(super) fn points(&self) -> &[Point] {
        &self.points
    }

    /// Applies the writes of one run. Gives the number of those that the schema beside them has no place for.
    pub(super) fn commit(&mut self, staged: &Staged, now: Instant, wall: SystemTime) -> usize {
        self.adopt(&staged.schema);
        let unix = wall
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64());
        let writes = staged.writes.iter();
        let lost = writes.filter(|write| self.apply(**write, now, unix).is_none());
        lost.count()
    }

    /// Applies one write to the slots of its series; nothing when it has none.
    fn apply(&mut self, write: Write, now: Instant, unix: f64) -> Option<()> {
        let index = *self.starts.get(write.slot as usize)?;
        let metric = &*self.schema.series.get(index as usize)?.metric;
        let first = write.slot as usize;
        let slots = self.points.get_mut(first..first + metric.slots())?;
        change(slots, metric, write, now, unix)
    }

    /// Takes a new schema: totals and values go on under the same name, type and labels, wherever they are now, unless
    /// it says that they begin anew. A schema that nobody recorded changes nothing.
    pub(super) fn adopt(&mut self, schema: &Arc<Schema>) {
        if !schema.recorded || Arc::ptr_eq(&self.schema, schema) {
            return;
        }
        let old = std::mem::replace(&mut self.schema, schema.clone());
        let known: HashMap<Key<'_>, &Series> = old
            .series
            .iter()
            .map(|series| (key(series), series))
            .collect();
        let mut points = vec![Point::default(); self.schema.slots];
        self.starts = vec![NO_SERIES; self.schema.slots];
        for (index, series) in self.schema.series.iter().enumerate() {
            let slot = series.slot as usize;
            self.starts[slot] = index as u32;
            let before = known
                .get(&key(series))
                .filter(|before| !series.fresh && is_alike(&before.metric, &series.metric));
            if let Some(before) = before {
                let (from, count) = (before.slot as usize, series.metric.slots());
                points[slot..slot + count].copy_from_slice(&self.points[from..from + count]);
            }
        }
        self.points = points;
    }
}

/// What a series is known by in two schemas.
type Key<'a> = (&'a str, MetricKind, &'a [Arc<str>]);

fn key(series: &Series) -> Key<'_> {
    (&series.metric.name, series.metric.kind, &series.labels)
}

/// Whether the numbers of a series mean the same under two definitions of one name and kind.
fn is_alike(one: &Metric, other: &Metric) -> bool {
    one.label_keys == other.label_keys && one.bounds == other.bounds && one.states == other.states
}

/// Changes the slots of one series; nothing when its kind has no such change.
fn change(
    slots: &mut [Point],
    metric: &Metric,
    write: Write,
    now: Instant,
    unix: f64,
) -> Option<()> {
    use MetricKind::{Counter, Gauge, Histogram, Info, StateSet};
    match (metric.kind, write.change) {
        (Gauge | Info | StateSet, Change::Set) => set(&mut slots[0], write.value, now),
        (Counter, Change::Add) => {
            if slots[0].updated.is_none() {
                set(&mut slots[1], unix, now);
            }
            let total = slots[0].value + write.value;
            set(&mut slots[0], total, now);
        }
        (Counter, Change::Mirror) => {
            if slots[0].updated.is_some() && write.value < slots[0].value {
                set(&mut slots[1], unix, now);
            }
            set(&mut slots[0], write.value, now);
        }
        (Counter, Change::Created) => set(&mut slots[1], write.value, now),
        (Histogram, Change::Count { bucket }) => {
            let mut buckets = slots.iter_mut().take(metric.bounds.len() + 1);
            buckets.nth(usize::from(bucket))?.value += write.value;
        }
        (Histogram, Change::Sum) => sum(slots, metric.bounds.len() + 1, write.value, now, unix),
        _ => return None,
    }
    Some(())
}

/// Adds to the sum behind the buckets, all of which are as new as it.
fn sum(slots: &mut [Point], buckets: usize, value: f64, now: Instant, unix: f64) {
    let (buckets, rest) = slots.split_at_mut(buckets);
    if buckets[0].updated.is_none() {
        set(&mut rest[1], unix, now);
    }
    for point in buckets {
        point.updated = Some(now);
    }
    let sum = rest[0].value + value;
    set(&mut rest[0], sum, now);
}

fn set(point: &mut Point, value: f64, now: Instant) {
    *point = Point {
        value,
        updated: Some(now),
    };
}
