//! Where a source defines its series and stages the writes of one run.
//!
//! Definitions stay from run to run; writes are taken together by [`Recorder::commit`] or thrown away
//! together by [`Recorder::discard`]. In the steady state nothing is looked up twice: a series is an index.

mod writes;

use std::collections::HashMap;
use std::sync::Arc;

use super::{Metric, MetricKind, Schema, Series, SeriesError, Write};

/// The longest label value, in bytes, unless the recorder is given another length.
const LONGEST_VALUE: usize = 1024;
/// A gauge that has not been written for this many runs is absent everywhere and may make room for a new series.
const ABSENT_AFTER_RUNS: u64 = 4;

/// A metric that this recorder has defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricId(u32);

impl MetricId {
    /// The id as a plain number.
    pub fn to_number(self) -> u32 {
        self.0
    }

    /// An id from the number of [`MetricId::to_number`] of the same recorder; any other is a programming error.
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// A series of this recorder: its row and the row's generation, so that an id kept after the series was
/// retired is refused and never means another series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesId(u32);

/// Bits of an id that name the row; the rest is the row's generation.
const ROW_BITS: u32 = 20;

impl SeriesId {
    fn new(row: usize, generation: u32) -> Self {
        Self(generation << ROW_BITS | row as u32)
    }

    fn row(self) -> usize {
        (self.0 & ((1 << ROW_BITS) - 1)) as usize
    }

    /// The id as a plain number, for a guest to keep.
    pub fn to_number(self) -> u32 {
        self.0
    }

    /// An id from the number of [`SeriesId::to_number`]; a wrong number is refused when it is used.
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// The writes of one run and the schema they refer to.
#[derive(Debug, Clone, Default)]
pub struct Staged {
    /// Which slot is what.
    pub schema: Arc<Schema>,
    /// In the order in which they were made.
    pub writes: Vec<Write>,
}

struct Entry {
    metric: Arc<Metric>,
    /// Label values to series.
    series: HashMap<Box<str>, SeriesId>,
}

struct Row {
    metric: MetricId,
    /// The metric's, kept here because every write asks for it, and the metric itself is two cold cache lines away.
    kind: MetricKind,
    labels: Box<[Arc<str>]>,
    slot: u32,
    /// The last run that wrote it, for duplicates and for making room.
    written: u64,
    /// The id that is valid now.
    id: SeriesId,
    live: bool,
}

/// A source's series and the writes of its present run.
pub struct Recorder {
    metrics: Vec<Entry>,
    by_name: HashMap<Arc<str>, MetricId>,
    rows: Vec<Row>,
    /// Retired rows by how many slots they have, to be used again.
    free: HashMap<usize, Vec<usize>>,
    live: usize,
    slots: usize,
    limit: usize,
    longest_value: usize,
    run: u64,
    writes: Vec<Write>,
    schema: Option<Arc<Schema>>,
    key: String,
}

impl Recorder {
    /// A recorder for at most `limit` series (never more than a million).
    pub fn new(limit: usize) -> Self {
        let limit = limit.min((1 << ROW_BITS) - 1);
        Self {
            metrics: Vec::new(),
            by_name: HashMap::new(),
            rows: Vec::new(),
            free: HashMap::new(),
            live: 0,
            slots: 0,
            limit,
            longest_value: LONGEST_VALUE,
            run: 1,
            writes: Vec::new(),
            schema: None,
            key: String::new(),
        }
    }

    /// With label values of at most `bytes`.
    #[must_use]
    pub fn with_longest_value(self, bytes: usize) -> Self {
        Self {
            longest_value: bytes,
            ..self
        }
    }

    /// Defines a metric; the same definition again gives the same id.
    ///
    /// # Errors
    /// [`SeriesError::Redefined`] when the name stands for something else.
    pub fn define(&mut self, metric: Metric) -> Result<MetricId, SeriesError> {
        if let Some(&id) = self.by_name.get(&metric.name) {
            let known = &self.metrics[id.0 as usize].metric;
            let same = Metric {
                help: known.help.clone(),
                ..metric
            } == **known;
            return if same {
                Ok(id)
            } else {
                Err(SeriesError::Redefined {
                    name: known.name.to_string(),
                    kind: known.kind.as_str(),
                })
            };
        }
        let id = MetricId(self.metrics.len() as u32);
        self.by_name.insert(metric.name.clone(), id);
        self.metrics.push(Entry {
            metric: Arc::new(metric),
            series: HashMap::new(),
        });
        Ok(id)
    }

    /// The definition behind an id of this recorder.
    pub fn metric(&self, id: MetricId) -> &Arc<Metric> {
        &self.metrics[id.0 as usize].metric
    }

    /// Whether a metric of this name is defined.
    pub fn defines(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// How many metrics are defined.
    pub fn metric_count(&self) -> usize {
        self.metrics.len()
    }

    /// How many series there are.
    pub fn series_count(&self) -> usize {
        self.live
    }

    /// Finds or makes the series with these label values.
    ///
    /// # Errors
    /// A mismatch of the labels, or the series limit.
    pub fn series<L: AsRef<str>>(
        &mut self,
        metric: MetricId,
        labels: &[L],
    ) -> Result<SeriesId, SeriesError> {
        join_labels(&mut self.key, labels);
        if let Some(&id) = self.metrics[metric.0 as usize]
            .series
            .get(self.key.as_str())
        {
            return Ok(id);
        }
        self.check_labels(metric, labels)?;
        self.make_room(metric)?;
        let labels = labels
            .iter()
            .map(|label| Arc::from(label.as_ref()))
            .collect();
        let id = self.place(metric, labels);
        self.metrics[metric.0 as usize]
            .series
            .insert(self.key.as_str().into(), id);
        self.live += 1;
        self.schema = None;
        Ok(id)
    }

    /// Puts a series into a retired row of the same size, or into a new one.
    fn place(&mut self, metric: MetricId, labels: Box<[Arc<str>]>) -> SeriesId {
        let (size, kind) = (self.metric(metric).slots(), self.metric(metric).kind);
        if let Some(index) = self.free.get_mut(&size).and_then(Vec::pop) {
            let row = &mut self.rows[index];
            let id = SeriesId::new(index, (row.id.0 >> ROW_BITS).wrapping_add(1));
            *row = Row {
                metric,
                kind,
                labels,
                slot: row.slot,
                written: 0,
                id,
                live: true,
            };
            return id;
        }
        let id = SeriesId::new(self.rows.len(), 0);
        self.rows.push(Row {
            metric,
            kind,
            labels,
            slot: self.slots as u32,
            written: 0,
            id,
            live: true,
        });
        self.slots += size;
        id
    }

    fn check_labels<L: AsRef<str>>(
        &self,
        metric: MetricId,
        labels: &[L],
    ) -> Result<(), SeriesError> {
        let definition = self.metric(metric);
        let name = || definition.name.to_string();
        if labels.len() != definition.label_keys.len() {
            return Err(SeriesError::LabelMismatch {
                name: name(),
                keys: definition.label_keys.len(),
                values: labels.len(),
            });
        }
        match labels
            .iter()
            .map(|label| label.as_ref().len())
            .find(|bytes| *bytes > self.longest_value)
        {
            Some(bytes) => Err(SeriesError::LabelTooLong {
                name: name(),
                bytes,
                limit: self.longest_value,
            }),
            None => Ok(()),
        }
    }

    /// At the limit, gauges that are absent by now give way; counters keep their totals and do not.
    fn make_room(&mut self, metric: MetricId) -> Result<(), SeriesError> {
        if self.live < self.limit {
            return Ok(());
        }
        let absent: Vec<SeriesId> = self
            .rows
            .iter()
            .filter(|row| self.is_absent(row))
            .map(|row| row.id)
            .collect();
        for id in &absent {
            self.remove(*id);
        }
        if absent.is_empty() {
            let name = self.metric(metric).name.to_string();
            return Err(SeriesError::TooManySeries {
                name,
                wanted: self.live + 1,
                limit: self.limit,
            });
        }
        Ok(())
    }

    fn is_absent(&self, row: &Row) -> bool {
        let kind = self.metric(row.metric).kind;
        let keeps_total = matches!(kind, MetricKind::Counter | MetricKind::Histogram);
        row.live && !keeps_total && row.written + ABSENT_AFTER_RUNS < self.run
    }

    /// Takes the series away, now and from the next snapshot. False when there is none.
    pub fn retire<L: AsRef<str>>(&mut self, name: &str, labels: &[L]) -> bool {
        let Some(&metric) = self.by_name.get(name) else {
            return false;
        };
        join_labels(&mut self.key, labels);
        let Some(&id) = self.metrics[metric.0 as usize]
            .series
            .get(self.key.as_str())
        else {
            return false;
        };
        self.remove(id);
        true
    }

    fn remove(&mut self, id: SeriesId) {
        let row = &mut self.rows[id.row()];
        row.live = false;
        let (metric, slot) = (row.metric, row.slot);
        let size = self.metric(metric).slots();
        self.free.entry(size).or_default().push(id.row());
        self.metrics[metric.0 as usize]
            .series
            .retain(|_, series| *series != id);
        self.writes.retain(|write| write.slot != slot);
        self.live -= 1;
        self.schema = None;
    }

    /// How many writes are staged.
    pub fn staged(&self) -> usize {
        self.writes.len()
    }

    /// Takes the staged writes and begins the next run.
    pub fn commit(&mut self) -> Staged {
        self.run += 1;
        let next = Vec::with_capacity(self.writes.len());
        Staged {
            schema: self.schema(),
            writes: std::mem::replace(&mut self.writes, next),
        }
    }

    /// Throws the staged writes away and begins the next run. Definitions stay, their series without values.
    pub fn discard(&mut self) -> Arc<Schema> {
        self.run += 1;
        self.writes.clear();
        self.schema()
    }

    fn schema(&mut self) -> Arc<Schema> {
        if let Some(schema) = &self.schema {
            return schema.clone();
        }
        let live = self.rows.iter().filter(|row| row.live);
        let series = live
            .map(|row| Series {
                metric: self.metric(row.metric).clone(),
                labels: row.labels.clone(),
                slot: row.slot,
            })
            .collect();
        let schema = Arc::new(Schema {
            series,
            slots: self.slots,
        });
        self.schema = Some(schema.clone());
        schema
    }
}

/// Joins label values into one key, with a separator that UTF-8 text cannot imitate across a boundary.
fn join_labels<L: AsRef<str>>(key: &mut String, labels: &[L]) {
    use std::fmt::Write as _;
    key.clear();
    for label in labels {
        let label = label.as_ref();
        write!(key, "{}:", label.len()).expect("writing to a String cannot fail");
        key.push_str(label);
    }
}

#[cfg(test)]
mod tests;
