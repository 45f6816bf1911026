//! Where a source defines its series and stages the writes of one run.
//!
//! Definitions stay from run to run; writes are taken together by [`Recorder::commit`] or thrown away
//! together by [`Recorder::discard`]. In the steady state nothing is looked up twice: a series is an index.
//!
//! What is staged is kept with its series, one value for each: it goes where the series goes, and a run that writes
//! without end stages no more than there are series. Slots are given out with each schema, so a list of writes and the
//! schema beside it always speak of the same series.

mod pending;
mod rows;
mod writes;

use std::collections::HashMap;
use std::sync::Arc;

use super::{Metric, MetricKind, Schema, Series, SeriesError, Write};
use pending::Pending;
use rows::{Row, Rows};

pub use writes::Input;

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

/// A series of this recorder, as a number that a guest may keep: kept after the series was retired it is refused, and
/// never means another series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesId(u32);

impl SeriesId {
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
    /// No more than the schema has slots, and once more as many in the run after a [`Recorder::hold`].
    pub writes: Vec<Write>,
}

struct Entry {
    metric: Arc<Metric>,
    /// Label values to series.
    series: HashMap<Box<str>, SeriesId>,
}

/// A source's series and the writes of its present run.
pub struct Recorder {
    metrics: Vec<Entry>,
    by_name: HashMap<Arc<str>, MetricId>,
    rows: Rows,
    limit: usize,
    longest_value: usize,
    run: u64,
    /// The rows written in this run, in the order of their first write.
    touched: Vec<usize>,
    /// What waits for the next commit, whatever becomes of the runs before it.
    held: Vec<(SeriesId, Pending)>,
    schema: Option<Arc<Schema>>,
    key: String,
}

impl Recorder {
    /// A recorder for at most `limit` series (never more than a million).
    pub fn new(limit: usize) -> Self {
        let limit = limit.min(rows::MOST);
        Self {
            metrics: Vec::new(),
            by_name: HashMap::new(),
            rows: Rows::default(),
            limit,
            longest_value: LONGEST_VALUE,
            run: 1,
            touched: Vec::new(),
            held: Vec::new(),
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
        self.rows.live()
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
        let kind = self.metric(metric).kind;
        let labels = labels.iter().map(|label| Arc::from(label.as_ref()));
        let id = self.rows.insert(metric, kind, labels.collect());
        self.metrics[metric.0 as usize]
            .series
            .insert(self.key.as_str().into(), id);
        self.schema = None;
        Ok(id)
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
        if self.rows.live() < self.limit {
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
                wanted: self.rows.live() + 1,
                limit: self.limit,
            });
        }
        Ok(())
    }

    fn is_absent(&self, row: &Row) -> bool {
        let kind = self.metric(row.metric).kind;
        let keeps_total = matches!(kind, MetricKind::Counter | MetricKind::Histogram);
        let waits = row.held || !row.pending.is_none();
        !keeps_total && !waits && row.written + ABSENT_AFTER_RUNS < self.run
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

    /// Takes the series away with what is staged for it.
    fn remove(&mut self, id: SeriesId) {
        let Some(metric) = self.rows.remove(id) else {
            return;
        };
        self.metrics[metric.0 as usize]
            .series
            .retain(|_, series| *series != id);
        self.schema = None;
    }

    /// How many series were written in this run.
    pub fn staged(&self) -> usize {
        self.touched.len()
    }

    /// Takes the staged writes and begins the next run.
    pub fn commit(&mut self) -> Staged {
        let schema = self.schema();
        let mut writes = Vec::with_capacity(self.held.len() + self.touched.len());
        for (id, pending) in self.held.drain(..) {
            // One that was retired since takes what it was given along.
            if let Some(row) = self.rows.get_mut(id) {
                (row.held, row.written) = (false, self.run);
                pending.write(row.slot, &mut writes);
            }
        }
        for index in self.touched.drain(..) {
            let row = self.rows.at(index);
            if let Some(pending) = row.take_pending() {
                row.written = self.run;
                pending.write(row.slot, &mut writes);
            }
        }
        self.run += 1;
        Staged { schema, writes }
    }

    /// Lets the staged writes wait for the next commit, and begins the next run. They are dropped with their series, or
    /// by [`Recorder::forget_instance`].
    pub fn hold(&mut self) {
        for index in self.touched.drain(..) {
            let row = self.rows.at(index);
            if let Some(pending) = row.take_pending() {
                (row.held, row.written) = (true, self.run);
                self.held.push((row.id, pending));
            }
        }
        self.run += 1;
    }

    /// Throws the staged writes away and begins the next run. Definitions stay, their series without values.
    pub fn discard(&mut self) {
        for index in self.touched.drain(..) {
            self.rows.at(index).take_pending();
        }
        self.run += 1;
    }

    /// The instance that wrote until now is gone: so are the writes that it left waiting.
    pub fn forget_instance(&mut self) {
        self.discard();
        for (id, _) in self.held.drain(..) {
            if let Some(row) = self.rows.get_mut(id) {
                row.held = false;
            }
        }
    }

    /// Lays the live series out anew if they are not the same any more.
    fn schema(&mut self) -> Arc<Schema> {
        if let Some(schema) = &self.schema {
            return schema.clone();
        }
        let mut slots = 0;
        let mut series = Vec::with_capacity(self.rows.live());
        for row in self.rows.iter_mut() {
            let metric = &self.metrics[row.metric.0 as usize].metric;
            // No more than a million series of 203 slots.
            row.slot = slots as u32;
            slots += metric.slots();
            series.push(Series {
                metric: metric.clone(),
                labels: row.labels.clone(),
                slot: row.slot,
            });
        }
        let schema = Arc::new(Schema { series, slots });
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
