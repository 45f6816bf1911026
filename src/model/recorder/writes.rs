//! The writes of one run: each is checked against its series and staged.

use super::{Recorder, SeriesId};
use crate::model::{Change, MetricKind, SeriesError, Write, printable};

impl Recorder {
    /// Sets a gauge; NaN and infinities are allowed and shown as such in text, as null in JSON.
    ///
    /// # Errors
    /// A duplicate in this run, an unknown series, or the wrong kind.
    pub fn set(&mut self, series: SeriesId, value: f64) -> Result<(), SeriesError> {
        self.write_once(
            series,
            &[MetricKind::Gauge, MetricKind::Info],
            Change::Set,
            value,
        )
    }

    /// What `set-bound` does: sets a gauge, or repeats a counter's total.
    ///
    /// # Errors
    /// As [`Recorder::set`] and [`Recorder::mirror`].
    pub fn set_bound(&mut self, series: SeriesId, value: f64) -> Result<(), SeriesError> {
        match self.kind_of(series)? {
            MetricKind::Counter => self.mirror(series, value),
            _ => self.set(series, value),
        }
    }

    /// Adds to a counter.
    ///
    /// # Errors
    /// A negative or non-finite step, an unknown series, or the wrong kind.
    pub fn add(&mut self, series: SeriesId, delta: f64) -> Result<(), SeriesError> {
        let slot = self.slot_of(series, &[MetricKind::Counter])?;
        self.check_total(series, delta)?;
        self.rows[series.row()].written = self.run;
        self.writes.push(Write {
            slot,
            change: Change::Add,
            value: delta,
        });
        Ok(())
    }

    /// Repeats a total that someone else counts; a smaller one than before is a reset.
    ///
    /// # Errors
    /// As [`Recorder::add`], and a duplicate in this run.
    pub fn mirror(&mut self, series: SeriesId, total: f64) -> Result<(), SeriesError> {
        self.slot_of(series, &[MetricKind::Counter])?;
        self.check_total(series, total)?;
        self.write_once(series, &[MetricKind::Counter], Change::Mirror, total)
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
        let slot = self.slot_of(series, &[MetricKind::Counter])?;
        self.check_total(series, created)?;
        self.mirror(series, total)?;
        self.writes.push(Write {
            slot,
            change: Change::Created,
            value: created,
        });
        Ok(())
    }

    /// Counts an observation in its bucket.
    ///
    /// # Errors
    /// A non-finite value, an unknown series, or the wrong kind.
    pub fn observe(&mut self, series: SeriesId, value: f64) -> Result<(), SeriesError> {
        let slot = self.slot_of(series, &[MetricKind::Histogram])?;
        if !value.is_finite() {
            return Err(SeriesError::NotFinite(self.name_of(series)));
        }
        self.rows[series.row()].written = self.run;
        self.writes.push(Write {
            slot,
            change: Change::Observe,
            value,
        });
        Ok(())
    }

    /// Makes `state` the active one.
    ///
    /// # Errors
    /// An unknown state, a duplicate in this run, an unknown series, or the wrong kind.
    pub fn activate(&mut self, series: SeriesId, state: &str) -> Result<(), SeriesError> {
        self.slot_of(series, &[MetricKind::StateSet])?;
        let metric = self.metric(self.rows[series.row()].metric);
        let Some(index) = metric.states.iter().position(|known| &**known == state) else {
            return Err(SeriesError::UnknownState {
                name: metric.name.to_string(),
                state: printable(state, 128),
            });
        };
        self.write_once(series, &[MetricKind::StateSet], Change::Set, index as f64)
    }

    fn write_once(
        &mut self,
        series: SeriesId,
        kinds: &[MetricKind],
        change: Change,
        value: f64,
    ) -> Result<(), SeriesError> {
        let slot = self.slot_of(series, kinds)?;
        let row = &mut self.rows[series.row()];
        if row.written == self.run {
            return Err(SeriesError::Duplicate(self.name_of(series)));
        }
        row.written = self.run;
        self.writes.push(Write {
            slot,
            change,
            value,
        });
        Ok(())
    }

    fn kind_of(&self, series: SeriesId) -> Result<MetricKind, SeriesError> {
        match self.rows.get(series.row()) {
            Some(row) if row.live && row.id == series => Ok(row.kind),
            _ => Err(SeriesError::UnknownSeries(series.0)),
        }
    }

    fn slot_of(&self, series: SeriesId, kinds: &[MetricKind]) -> Result<u32, SeriesError> {
        let kind = self.kind_of(series)?;
        if kinds.contains(&kind) {
            Ok(self.rows[series.row()].slot)
        } else {
            Err(SeriesError::WrongKind {
                name: self.name_of(series),
                kind: kind.as_str(),
            })
        }
    }

    fn name_of(&self, series: SeriesId) -> String {
        self.metric(self.rows[series.row()].metric).name.to_string()
    }

    fn check_total(&self, series: SeriesId, number: f64) -> Result<(), SeriesError> {
        if !number.is_finite() {
            Err(SeriesError::NotFinite(self.name_of(series)))
        } else if number < 0.0 {
            Err(SeriesError::Decrease {
                name: self.name_of(series),
                delta: number,
            })
        } else {
            Ok(())
        }
    }
}
