//! Where a source defines its series and stages the writes of one run.
//!
//! Definitions stay from run to run; writes are taken together by [`Recorder::commit`] or thrown away
//! together by [`Recorder::discard`]. In the steady state nothing is looked up twice: a series is an index.
//!
//! What is staged is kept with its series, one value for each: it goes where the series goes, and a run that writes
//! without end stages no more than there are series. Slots are given out with each schema, so a list of writes and the
//! schema beside it always speak of the same series.

mod pending;
mod retire;
mod rows;
mod runs;
mod writes;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Metric, MetricKind, Schema, SeriesError, Write};
use pending::Pending;
use rows::{Row, Rows};

pub use writes::Input;

/// The longest label value, in bytes, unless the recorder is given another length.
const LONGEST_VALUE: usize = 1024;
/// A gauge that has not been written for this many runs is absent everywhere and may make room for a new series.
const ABSENT_AFTER_RUNS: u64 = 4;

/// A metric that this recorder has defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// Text of all series, and how much there may be.
    text: usize,
    text_limit: usize,
    run: u64,
    /// The last run that looked for what is absent.
    looked: u64,
    /// The rows written in this run, in the order of their first write.
    touched: Vec<usize>,
    /// What waits for the next commit, whatever becomes of the runs before it.
    held: Vec<(SeriesId, Pending)>,
    /// Whether a series was made in this run.
    made: bool,
    /// What readers still have, though it was taken away since the last schema went out.
    gone: HashSet<(MetricId, Box<str>)>,
    /// Whether one of those was made again.
    renewed: bool,
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
            rows: Rows::new(limit),
            limit,
            longest_value: LONGEST_VALUE,
            text: 0,
            text_limit: usize::MAX,
            run: 1,
            looked: 0,
            touched: Vec::new(),
            held: Vec::new(),
            made: false,
            gone: HashSet::new(),
            renewed: false,
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

    /// With series that make at most `bytes` of text, as [`Metric::text_bytes`] counts it.
    #[must_use]
    pub fn with_text_limit(self, bytes: usize) -> Self {
        Self {
            text_limit: bytes,
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

    /// Finds or makes the series with these label values, and gives its id out: until [`Recorder::forget_instance`] it
    /// does not depend on a run that goes well.
    ///
    /// # Errors
    /// A mismatch of the labels, or the series limit.
    pub fn series<L: AsRef<str>>(
        &mut self,
        metric: MetricId,
        labels: &[L],
    ) -> Result<SeriesId, SeriesError> {
        self.check_labels(metric, labels)?;
        let index = self.find_or_make(metric, labels)?;
        let row = self.rows.at(index);
        row.bound = true;
        Ok(row.id)
    }

    /// The place of the series with these label values, which are as many as the metric's keys.
    fn find_or_make<L: AsRef<str>>(
        &mut self,
        metric: MetricId,
        labels: &[L],
    ) -> Result<usize, SeriesError> {
        join_labels(&mut self.key, labels);
        let known = &self.metrics[metric.0 as usize].series;
        let known = known.get(self.key.as_str());
        if let Some(index) = known.and_then(|id| self.rows.find(*id)) {
            return Ok(index);
        }
        let text = self.metric(metric).text_bytes(labels);
        self.make_room(metric, text)?;
        // Making room has used the buffer.
        join_labels(&mut self.key, labels);
        let kind = self.metric(metric).kind;
        let values = labels.iter().map(|label| Arc::from(label.as_ref()));
        let inserted = self.rows.insert(metric, kind, values.collect(), self.run);
        let index = inserted.ok_or_else(|| SeriesError::NoIds {
            name: self.metric(metric).name.to_string(),
        })?;
        if self.gone.remove(&(metric, self.key.as_str().into())) {
            (self.rows.at(index).fresh, self.renewed) = (true, true);
        }
        self.text += text;
        self.rows.at(index).text = text;
        self.metrics[metric.0 as usize]
            .series
            .insert(self.key.as_str().into(), self.rows.at(index).id);
        (self.made, self.schema) = (true, None);
        Ok(index)
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

    /// At the limit, what is absent by now gives way: gauges, and totals that no run has begun. A run looks for it once:
    /// while it goes on nothing else comes to be absent.
    fn make_room(&mut self, metric: MetricId, text: usize) -> Result<(), SeriesError> {
        if self.has_room(text) {
            return Ok(());
        }
        if self.looked != self.run {
            let run = self.run;
            self.looked = run;
            self.remove_all(|row| is_absent(row, run));
        }
        if self.has_room(text) {
            return Ok(());
        }
        let name = self.metric(metric).name.to_string();
        Err(if self.rows.live() < self.limit {
            SeriesError::TooMuchText {
                name,
                wanted: self.text + text,
                limit: self.text_limit,
            }
        } else {
            SeriesError::TooManySeries {
                name,
                wanted: self.rows.live() + 1,
                limit: self.limit,
            }
        })
    }

    fn has_room(&self, text: usize) -> bool {
        self.rows.live() < self.limit && self.text + text <= self.text_limit
    }
}

/// Whether readers do not see the series any more, or never did. A total that was begun stays.
fn is_absent(row: &Row, run: u64) -> bool {
    let keeps_total = matches!(row.kind, MetricKind::Counter | MetricKind::Histogram);
    let waits = row.held || !row.pending.is_none();
    let stays = (keeps_total && row.committed) || waits;
    !stays && row.used + ABSENT_AFTER_RUNS < run
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
