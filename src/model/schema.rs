//! Series and their numbers, laid out flat: a schema says which slot holds what, points hold the numbers.
//!
//! A run then only ships `(slot, change, value)` triples, and a snapshot of a thousand series is one
//! copy of one array.

use std::sync::Arc;
use std::time::Instant;

use super::Metric;

/// One series: a metric with its label values and the first of its slots.
///
/// | kind | slots |
/// |---|---|
/// | gauge, info | value |
/// | counter | total, created (Unix seconds, 0 when unknown) |
/// | histogram | one count a bucket (not cumulative) with +Inf last, sum, created (Unix seconds, 0 when unknown) |
/// | state set | index of the active state |
#[derive(Debug, Clone)]
pub struct Series {
    /// Its definition.
    pub metric: Arc<Metric>,
    /// Label values in the order of the metric's label keys.
    pub labels: Box<[Arc<str>]>,
    /// The first slot in the source's points.
    pub slot: u32,
    /// What was known under its name and labels was taken away: it begins anew.
    pub fresh: bool,
}

/// Which series a source has and where their numbers are. Immutable; a source that changes its series makes a new one.
#[derive(Debug, Default)]
pub struct Schema {
    /// Live series, in order of definition.
    pub series: Vec<Series>,
    /// How many points there are, unused slots included.
    pub slots: usize,
    /// How much text the series make at most, in bytes; see [`Metric::text_bytes`].
    pub text: usize,
    /// Whether a recorder made it. The default one says nothing of a source's series.
    pub recorded: bool,
}

/// One number and when it was last written; never written means absent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Point {
    /// The number.
    pub value: f64,
    /// When a committed run last wrote it.
    pub updated: Option<Instant>,
}

/// What a write does to its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Replace the value (gauge, info, state set).
    Set,
    /// Add to the total (counter).
    Add,
    /// Replace the total (counter); a smaller one is a reset and begins anew.
    Mirror,
    /// Replace the time the total began, in Unix seconds (counter).
    Created,
    /// Count so many observations in a bucket (histogram).
    Count {
        /// Its place among the bounds; behind the last one is +Inf.
        bucket: u16,
    },
    /// Add to the sum of the observations; stands behind their counts (histogram).
    Sum,
}

/// One staged write to the series that begins at `slot`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Write {
    /// The series' first slot.
    pub slot: u32,
    /// What to do.
    pub change: Change,
    /// With which number.
    pub value: f64,
}
