//! Metrics, defined once and written in each run.
//!
//! Names follow Prometheus: base units, with the unit as suffix and `_total` after it on counters. The unit is read off the name when it is
//! one of the usual base units; `define_with_unit` is for all others. `L` is the number of label keys, so a series with the wrong number
//! of label values does not compile.

mod once;

use once::owned;

use crate::host::metrics as host;
use crate::{Result, Series};

/// The units that are read off a name.
const UNITS: [&str; 12] = [
    "seconds", "bytes", "ratio", "celsius", "meters", "volts", "amperes", "joules", "grams",
    "hertz", "watts", "kelvins",
];

/// The base unit in a metric's name; empty when there is none.
#[inline(never)]
pub(crate) fn unit_in(name: &str) -> &str {
    let name = name.strip_suffix("_total").unwrap_or(name);
    let last = name.rsplit('_').next().unwrap_or_default();
    if UNITS.contains(&last) && last.len() < name.len() {
        last
    } else {
        ""
    }
}

/// A number that goes up and down. `L`: how many label keys it has.
pub struct Gauge<const L: usize = 0>(host::Gauge);

impl<const L: usize> Gauge<L> {
    /// Defines a gauge: its name, one line of help for people, and its label keys in the order in which values will be given.
    ///
    /// # Errors
    /// `metrics.*` when the name, its ending or a label key breaks a rule, or means something else already.
    pub fn define(name: &str, help: &str, labels: [&str; L]) -> Result<Self> {
        Self::define_with_unit(name, unit_in(name), help, labels)
    }

    /// As [`Gauge::define`], with a unit that `name` ends with.
    ///
    /// # Errors
    /// As [`Gauge::define`].
    pub fn define_with_unit(name: &str, unit: &str, help: &str, labels: [&str; L]) -> Result<Self> {
        once::define_gauge(name, unit, help, &labels).map(Self)
    }

    /// Sets one series, once a run.
    ///
    /// # Errors
    /// `metrics.duplicate` the second time, `metrics.label-too-long`, `metrics.too-many-series`.
    pub fn set(&self, labels: [&str; L], value: f64) -> Result<()> {
        once::set(&self.0, &labels, value)
    }

    /// One series, for [`Batch`](crate::Batch).
    ///
    /// # Errors
    /// As [`Gauge::set`].
    pub fn bind(&self, labels: [&str; L]) -> Result<Series> {
        Ok(Series(self.0.bind(&owned(&labels))?))
    }
}

/// A total that only grows. The host owns it: a panic or a reload is no counter reset. Use `add` or `mirror` on a series, not both.
pub struct Counter<const L: usize = 0>(host::Counter);

impl<const L: usize> Counter<L> {
    /// Defines a counter, whose name ends with `_total`.
    ///
    /// # Errors
    /// As [`Gauge::define`].
    pub fn define(name: &str, help: &str, labels: [&str; L]) -> Result<Self> {
        Self::define_with_unit(name, unit_in(name), help, labels)
    }

    /// As [`Counter::define`], with a unit that stands in `name` before `_total`.
    ///
    /// # Errors
    /// As [`Gauge::define`].
    pub fn define_with_unit(name: &str, unit: &str, help: &str, labels: [&str; L]) -> Result<Self> {
        once::define_counter(name, unit, help, &labels).map(Self)
    }

    /// Adds to the total, as often as needed in one run.
    ///
    /// # Errors
    /// `metrics.decrease` below zero, `metrics.not-finite` for NaN and infinities, and those of [`Gauge::set`].
    pub fn add(&self, labels: [&str; L], delta: f64) -> Result<()> {
        once::add(&self.0, &labels, delta)
    }

    /// Repeats a total that someone else counts, once a run. A smaller one than before is a reset of theirs, and shown as such.
    ///
    /// # Errors
    /// As [`Counter::add`], and `metrics.duplicate`.
    pub fn mirror(&self, labels: [&str; L], total: f64) -> Result<()> {
        once::mirror(&self.0, &labels, total)
    }

    /// As [`Counter::mirror`], with the time at which their total began, in Unix seconds.
    ///
    /// # Errors
    /// As [`Counter::mirror`].
    pub fn mirror_since(&self, labels: [&str; L], total: f64, created: f64) -> Result<()> {
        Ok(self.0.mirror_since(&owned(&labels), total, created)?)
    }

    /// One series, for [`Batch`](crate::Batch), whose values are totals as in [`Counter::mirror`].
    ///
    /// # Errors
    /// As [`Gauge::set`].
    pub fn bind(&self, labels: [&str; L]) -> Result<Series> {
        Ok(Series(self.0.bind(&owned(&labels))?))
    }
}

/// Observations counted in buckets, with their sum. The host owns the counts.
pub struct Histogram<const L: usize = 0>(host::Histogram);

impl<const L: usize> Histogram<L> {
    /// Defines a histogram. `bounds`: the buckets' upper bounds in the metric's unit, rising; +Inf is added by the host.
    ///
    /// # Errors
    /// As [`Gauge::define`], and `metrics.bounds`.
    pub fn define(name: &str, help: &str, labels: [&str; L], bounds: &[f64]) -> Result<Self> {
        Self::define_with_unit(name, unit_in(name), help, labels, bounds)
    }

    /// As [`Histogram::define`], with a unit that `name` ends with.
    ///
    /// # Errors
    /// As [`Histogram::define`].
    pub fn define_with_unit(
        name: &str,
        unit: &str,
        help: &str,
        labels: [&str; L],
        bounds: &[f64],
    ) -> Result<Self> {
        once::define_histogram(name, unit, help, &labels, bounds).map(Self)
    }

    /// Counts one observation.
    ///
    /// # Errors
    /// `metrics.not-finite` for NaN and infinities, and those of [`Gauge::set`].
    pub fn observe(&self, labels: [&str; L], value: f64) -> Result<()> {
        once::observe(&self.0, &labels, value)
    }

    /// Counts many observations of one series in one call.
    ///
    /// # Errors
    /// As [`Histogram::observe`]; those before the refused one are counted then, so let the run fail.
    pub fn observe_many(&self, labels: [&str; L], values: &[f64]) -> Result<()> {
        Ok(self.0.observe_many(&owned(&labels), values)?)
    }
}

/// One of a closed list of states is active.
pub struct StateSet<const L: usize = 0>(host::StateSet);

impl<const L: usize> StateSet<L> {
    /// Defines a state set over 1 to 200 different states.
    ///
    /// # Errors
    /// As [`Gauge::define`], and `metrics.states`.
    pub fn define(name: &str, help: &str, labels: [&str; L], states: &[&str]) -> Result<Self> {
        let states: Vec<String> = states.iter().map(|&state| state.to_owned()).collect();
        Ok(Self(host::StateSet::define(
            name,
            help,
            &owned(&labels),
            &states,
        )?))
    }

    /// Makes `active` the active state, once a run.
    ///
    /// # Errors
    /// `metrics.unknown-state`, and those of [`Gauge::set`].
    pub fn set(&self, labels: [&str; L], active: &str) -> Result<()> {
        Ok(self.0.set(&owned(&labels), active)?)
    }
}

/// Facts in labels, such as a version; the value is always 1.
pub struct Info<const L: usize = 0>(host::Info);

impl<const L: usize> Info<L> {
    /// Defines an info metric, whose name ends with `_info`.
    ///
    /// # Errors
    /// As [`Gauge::define`].
    pub fn define(name: &str, help: &str, labels: [&str; L]) -> Result<Self> {
        Ok(Self(host::Info::define(name, help, &owned(&labels))?))
    }

    /// States the facts, once a run.
    ///
    /// # Errors
    /// As [`Gauge::set`].
    pub fn set(&self, facts: [&str; L]) -> Result<()> {
        once::set_info(&self.0, &facts)
    }
}

/// Takes one series away, even when the run fails later. Series of gauges, state sets and infos that are no longer written go absent on their
/// own; totals stay until they are retired. False when there is no such series.
pub fn retire<const L: usize>(name: &str, labels: [&str; L]) -> bool {
    host::retire(name, &owned(&labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_read_off_the_name() {
        for (name, unit) in [
            ("queue_wait_seconds", "seconds"),
            ("sent_bytes_total", "bytes"),
            ("polls_total", ""),
            ("seconds", ""),
            ("queue_depth", ""),
        ] {
            assert_eq!(unit_in(name), unit, "{name}");
        }
    }
}
