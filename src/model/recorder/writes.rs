//! The writes of one run: each is checked against its series and staged.

use super::pending::Clash;
use super::{MetricId, Pending, Recorder, SeriesId};
use crate::model::{MetricKind, SeriesError, printable};

/// A value for one series, as a source gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Input<'a> {
    /// Sets a gauge, or states an info; NaN and infinities are shown as such in text and as null in JSON.
    Set(f64),
    /// Adds to a counter.
    Add(f64),
    /// Repeats a total that someone else counts; a smaller one than before is a reset.
    Mirror(f64),
    /// The same with the time at which that total began.
    MirrorSince {
        /// The total.
        total: f64,
        /// In Unix seconds.
        created: f64,
    },
    /// Counts observations in their buckets.
    Observe(&'a [f64]),
    /// Makes a state the active one.
    Activate(&'a str),
}

/// What a checked value does to what is staged.
enum Step<'a> {
    Replace(Pending),
    Add(f64),
    Observe(&'a [f64]),
    Count(&'a [u64], f64),
}

impl Recorder {
    /// Sets a gauge; NaN and infinities are allowed and shown as such in text, as null in JSON.
    ///
    /// # Errors
    /// A duplicate in this run, an unknown series, or the wrong kind.
    pub fn set(&mut self, series: SeriesId, value: f64) -> Result<(), SeriesError> {
        self.put(series, Input::Set(value))
    }

    /// What `set-bound` does: sets a gauge, or repeats a counter's total.
    ///
    /// # Errors
    /// As [`Recorder::set`] and [`Recorder::mirror`].
    pub fn set_bound(&mut self, series: SeriesId, value: f64) -> Result<(), SeriesError> {
        let index = self.place_of(series)?;
        match self.rows.at(index).kind {
            MetricKind::Counter => self.put_at(index, Input::Mirror(value)),
            _ => self.put_at(index, Input::Set(value)),
        }
    }

    /// Adds to a counter, as often as needed.
    ///
    /// # Errors
    /// A negative or non-finite step, an unknown series, or the wrong kind.
    pub fn add(&mut self, series: SeriesId, delta: f64) -> Result<(), SeriesError> {
        self.put(series, Input::Add(delta))
    }

    /// Repeats a total that someone else counts; a smaller one than before is a reset.
    ///
    /// # Errors
    /// As [`Recorder::add`], and a duplicate in this run.
    pub fn mirror(&mut self, series: SeriesId, total: f64) -> Result<(), SeriesError> {
        self.put(series, Input::Mirror(total))
    }

    /// [`Recorder::mirror`], with the Unix time at which the total began.
    ///
    /// # Errors
    /// As [`Recorder::mirror`].
    pub fn mirror_since(
        &mut self,
        series: SeriesId,
        total: f64,
        created: f64,
    ) -> Result<(), SeriesError> {
        self.put(series, Input::MirrorSince { total, created })
    }

    /// Counts an observation in its bucket.
    ///
    /// # Errors
    /// A non-finite value, an unknown series, or the wrong kind.
    pub fn observe(&mut self, series: SeriesId, value: f64) -> Result<(), SeriesError> {
        self.put(series, Input::Observe(&[value]))
    }

    /// Makes `state` the active one.
    ///
    /// # Errors
    /// An unknown state, a duplicate in this run, an unknown series, or the wrong kind.
    pub fn activate(&mut self, series: SeriesId, state: &str) -> Result<(), SeriesError> {
        self.put(series, Input::Activate(state))
    }

    /// Checks a value and stages it.
    ///
    /// # Errors
    /// As each of the functions above. Of several observations those before the refused one are staged.
    pub fn put(&mut self, series: SeriesId, input: Input<'_>) -> Result<(), SeriesError> {
        let index = self.place_of(series)?;
        self.put_at(index, input)
    }

    /// Checks a value, finds or makes the series with these label values, and stages it. A series that this makes lasts
    /// no longer than the run, unless that goes well. No observations at all make none.
    ///
    /// # Errors
    /// As [`Recorder::series`] and [`Recorder::put`]; then no series is made.
    pub fn write<L: AsRef<str>>(
        &mut self,
        metric: MetricId,
        labels: &[L],
        input: Input<'_>,
    ) -> Result<(), SeriesError> {
        self.check_labels(metric, labels)?;
        let step = self.check(metric, self.metric(metric).kind, input)?;
        if matches!(step, Step::Observe([])) {
            return Ok(());
        }
        let index = self.find_or_make(metric, labels)?;
        self.stage(index, step)
            .map_err(|clash| self.refuse(metric, clash))
    }

    /// Counts observations that somebody has put into buckets already: for each bucket how many, +Inf last, and their sum.
    /// Of none at all the histogram is there, and as new as this run.
    ///
    /// # Errors
    /// As [`Recorder::write`]; [`SeriesError::WrongKind`] also when there are more or fewer counts than buckets.
    pub fn count<L: AsRef<str>>(
        &mut self,
        metric: MetricId,
        labels: &[L],
        counts: &[u64],
        sum: f64,
    ) -> Result<(), SeriesError> {
        self.check_labels(metric, labels)?;
        let definition = self.metric(metric);
        let buckets = definition.bounds.len() + 1;
        if definition.kind != MetricKind::Histogram || counts.len() != buckets {
            return Err(SeriesError::WrongKind {
                name: self.name_of(metric),
                kind: self.metric(metric).kind.as_str(),
            });
        }
        if !sum.is_finite() {
            return Err(self.refuse(metric, Clash::NotFinite));
        }
        let index = self.find_or_make(metric, labels)?;
        self.stage(index, Step::Count(counts, sum))
            .map_err(|clash| self.refuse(metric, clash))
    }

    fn place_of(&self, series: SeriesId) -> Result<usize, SeriesError> {
        let unknown = SeriesError::UnknownSeries(series.0);
        self.rows.find(series).ok_or(unknown)
    }

    #[inline]
    fn put_at(&mut self, index: usize, input: Input<'_>) -> Result<(), SeriesError> {
        let row = self.rows.at(index);
        let (metric, kind) = (row.metric, row.kind);
        let step = self.check(metric, kind, input)?;
        self.stage(index, step)
            .map_err(|clash| self.refuse(metric, clash))
    }

    /// What a value does to a series of this metric, whatever that has been given in this run.
    #[inline]
    fn check<'a>(
        &self,
        metric: MetricId,
        kind: MetricKind,
        input: Input<'a>,
    ) -> Result<Step<'a>, SeriesError> {
        Ok(match (input, kind) {
            (Input::Set(value), MetricKind::Gauge | MetricKind::Info) => {
                Step::Replace(Pending::Set(value))
            }
            (Input::Add(delta), MetricKind::Counter) => Step::Add(self.total(metric, delta)?),
            (Input::Mirror(total), MetricKind::Counter) => Step::Replace(Pending::Mirror {
                total: self.total(metric, total)?,
                created: None,
            }),
            (Input::MirrorSince { total, created }, MetricKind::Counter) => {
                Step::Replace(Pending::Mirror {
                    created: Some(self.total(metric, created)?),
                    total: self.total(metric, total)?,
                })
            }
            (Input::Observe([first, ..]), MetricKind::Histogram) if !first.is_finite() => {
                return Err(self.refuse(metric, Clash::NotFinite));
            }
            (Input::Observe(values), MetricKind::Histogram) => Step::Observe(values),
            (Input::Activate(state), MetricKind::StateSet) => {
                Step::Replace(Pending::Set(self.state_of(metric, state)? as f64))
            }
            _ => {
                return Err(SeriesError::WrongKind {
                    name: self.name_of(metric),
                    kind: kind.as_str(),
                });
            }
        })
    }

    #[inline]
    fn stage(&mut self, index: usize, step: Step<'_>) -> Result<(), Clash> {
        let row = self.rows.at(index);
        if !row.touched {
            row.touched = true;
            self.touched.push(index);
        }
        match step {
            Step::Replace(value) => row.pending.replace(value),
            Step::Add(delta) => row.pending.add(delta),
            Step::Observe(values) => {
                let metric = &self.metrics[row.metric.0 as usize].metric;
                row.pending.observe(&metric.bounds, values)
            }
            Step::Count(counts, sum) => row.pending.count(counts, sum),
        }
    }

    fn state_of(&self, metric: MetricId, state: &str) -> Result<usize, SeriesError> {
        let metric = self.metric(metric);
        let active = metric.states.iter().position(|known| **known == *state);
        active.ok_or_else(|| SeriesError::UnknownState {
            name: metric.name.to_string(),
            state: printable(state, 128),
        })
    }

    /// A number that a total can be, or grow by.
    fn total(&self, metric: MetricId, number: f64) -> Result<f64, SeriesError> {
        if !number.is_finite() {
            Err(self.refuse(metric, Clash::NotFinite))
        } else if number < 0.0 {
            Err(SeriesError::Decrease {
                name: self.name_of(metric),
                delta: number,
            })
        } else {
            Ok(number)
        }
    }

    fn refuse(&self, metric: MetricId, clash: Clash) -> SeriesError {
        match clash {
            Clash::Duplicate => SeriesError::Duplicate(self.name_of(metric)),
            Clash::NotFinite => SeriesError::NotFinite(self.name_of(metric)),
        }
    }

    fn name_of(&self, metric: MetricId) -> String {
        self.metric(metric).name.to_string()
    }
}
