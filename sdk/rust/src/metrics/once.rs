//! The calls behind the typed metrics, out of line: a component holds each of them once, not once for each metric.

use crate::Result;
use crate::host::metrics as host;

/// Labels as the interface takes them.
#[inline(never)]
pub(super) fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[inline(never)]
pub(super) fn define_gauge(
    name: &str,
    unit: &str,
    help: &str,
    labels: &[&str],
) -> Result<host::Gauge> {
    Ok(host::Gauge::define(name, unit, help, &owned(labels))?)
}

#[inline(never)]
pub(super) fn set(gauge: &host::Gauge, labels: &[&str], value: f64) -> Result<()> {
    Ok(gauge.set(&owned(labels), value)?)
}

#[inline(never)]
pub(super) fn define_counter(
    name: &str,
    unit: &str,
    help: &str,
    labels: &[&str],
) -> Result<host::Counter> {
    Ok(host::Counter::define(name, unit, help, &owned(labels))?)
}

#[inline(never)]
pub(super) fn add(counter: &host::Counter, labels: &[&str], delta: f64) -> Result<()> {
    Ok(counter.add(&owned(labels), delta)?)
}

#[inline(never)]
pub(super) fn mirror(counter: &host::Counter, labels: &[&str], total: f64) -> Result<()> {
    Ok(counter.mirror(&owned(labels), total)?)
}

#[inline(never)]
pub(super) fn define_histogram(
    name: &str,
    unit: &str,
    help: &str,
    labels: &[&str],
    bounds: &[f64],
) -> Result<host::Histogram> {
    let labels = owned(labels);
    Ok(host::Histogram::define(name, unit, help, &labels, bounds)?)
}

#[inline(never)]
pub(super) fn observe(histogram: &host::Histogram, labels: &[&str], value: f64) -> Result<()> {
    Ok(histogram.observe(&owned(labels), value)?)
}

#[inline(never)]
pub(super) fn set_info(info: &host::Info, facts: &[&str]) -> Result<()> {
    Ok(info.set(&owned(facts))?)
}
