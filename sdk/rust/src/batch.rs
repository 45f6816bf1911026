//! Many values in one call.

use crate::Result;
use crate::host::metrics;

/// One series of a gauge or a counter, from `bind`. It is good while this instance lives and the series is not retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series(pub(crate) u32);

/// Series that are written together: built once, in [`Probe::start`](crate::Probe::start), and sent with new values in each run.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    series: Vec<u32>,
}

impl Batch {
    /// One without any series.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a series; its value stands at this place in [`Batch::set`].
    pub fn push(&mut self, series: Series) {
        self.series.push(series.0);
    }

    /// Sets every series: a gauge's value, a counter's total.
    ///
    /// # Errors
    /// `metrics.length-mismatch` when there are not as many values as series, `metrics.unknown-series` for one that was retired, and those of
    /// `set` and `mirror`; what stands before the refused one is then written, so let the run fail.
    pub fn set(&self, values: &[f64]) -> Result<()> {
        Ok(metrics::set_bound(&self.series, values)?)
    }
}

impl FromIterator<Series> for Batch {
    fn from_iter<I: IntoIterator<Item = Series>>(series: I) -> Self {
        Self {
            series: series.into_iter().map(|series| series.0).collect(),
        }
    }
}
