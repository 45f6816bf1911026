//! Metrics whose names and labels are known only at run time: those that somebody else names.
//!
//! As in [`Gauge`](crate::Gauge) and the others, but the label keys are a slice, so a series with the wrong number of values is refused by
//! the host and not by the compiler. Handles need not be kept: [`Series`] does without, and defining again in the same way gives the
//! same metric.

use crate::host::metrics as host;
use crate::metrics::unit_in;
use crate::{Result, Series};

/// A number that goes up and down.
pub struct Gauge(host::Gauge);

impl Gauge {
    /// As [`Gauge::define`](crate::Gauge::define).
    ///
    /// # Errors
    /// As there.
    pub fn define(name: &str, help: &str, labels: &[String]) -> Result<Self> {
        Ok(Self(host::Gauge::define(
            name,
            unit_in(name),
            help,
            labels,
        )?))
    }

    /// As [`Gauge::set`](crate::Gauge::set).
    ///
    /// # Errors
    /// As there, and `metrics.label-mismatch`.
    pub fn set(&self, labels: &[String], value: f64) -> Result<()> {
        Ok(self.0.set(labels, value)?)
    }

    /// As [`Gauge::bind`](crate::Gauge::bind).
    ///
    /// # Errors
    /// As there, and `metrics.label-mismatch`.
    pub fn bind(&self, labels: &[String]) -> Result<Series> {
        Ok(Series(self.0.bind(labels)?))
    }
}

/// A total that somebody else counts.
pub struct Counter(host::Counter);

impl Counter {
    /// As [`Counter::define`](crate::Counter::define).
    ///
    /// # Errors
    /// As there.
    pub fn define(name: &str, help: &str, labels: &[String]) -> Result<Self> {
        Ok(Self(host::Counter::define(
            name,
            unit_in(name),
            help,
            labels,
        )?))
    }

    /// As [`Counter::mirror`](crate::Counter::mirror).
    ///
    /// # Errors
    /// As there, and `metrics.label-mismatch`.
    pub fn mirror(&self, labels: &[String], total: f64) -> Result<()> {
        Ok(self.0.mirror(labels, total)?)
    }

    /// As [`Counter::mirror_since`](crate::Counter::mirror_since).
    ///
    /// # Errors
    /// As there, and `metrics.label-mismatch`.
    pub fn mirror_since(&self, labels: &[String], total: f64, created: f64) -> Result<()> {
        Ok(self.0.mirror_since(labels, total, created)?)
    }

    /// As [`Counter::bind`](crate::Counter::bind).
    ///
    /// # Errors
    /// As there, and `metrics.label-mismatch`.
    pub fn bind(&self, labels: &[String]) -> Result<Series> {
        Ok(Series(self.0.bind(labels)?))
    }
}

/// Facts in labels; the value is always 1.
pub struct Info(host::Info);

impl Info {
    /// As [`Info::define`](crate::Info::define).
    ///
    /// # Errors
    /// As there.
    pub fn define(name: &str, help: &str, labels: &[String]) -> Result<Self> {
        Ok(Self(host::Info::define(name, help, labels)?))
    }

    /// As [`Info::set`](crate::Info::set).
    ///
    /// # Errors
    /// As there, and `metrics.label-mismatch`.
    pub fn set(&self, facts: &[String]) -> Result<()> {
        Ok(self.0.set(facts)?)
    }
}

/// As [`retire`](crate::retire).
pub fn retire(name: &str, labels: &[String]) -> bool {
    host::retire(name, labels)
}
