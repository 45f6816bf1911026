//! What a run has written to one series so far: always one value, however often it writes.

use crate::model::{Change, Write};

/// The staged value of one series.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Pending {
    /// Nothing yet.
    #[default]
    None,
    /// Replaces a gauge's value, or a state set's state.
    Set(f64),
    /// Adds to a counter's total.
    Add(f64),
    /// Replaces a counter's total.
    Mirror {
        /// The total.
        total: f64,
        /// When it began, in Unix seconds, if that was said.
        created: Option<f64>,
    },
    /// Adds to a histogram.
    Observed(Box<Observed>),
}

/// Observations of one histogram.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Observed {
    /// How many fell into each bucket, +Inf last.
    counts: Box<[f64]>,
    sum: f64,
}

/// Why a value cannot be staged on top of what is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clash {
    /// It may be written once a run.
    Duplicate,
    /// It is not finite, or would make the sum of the run so.
    NotFinite,
}

impl Pending {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Stages a value that replaces what the series has.
    #[inline]
    pub(super) fn replace(&mut self, value: Self) -> Result<(), Clash> {
        if !matches!(self, Self::None) {
            return Err(Clash::Duplicate);
        }
        *self = value;
        Ok(())
    }

    /// Stages an addition to a total, also to one that was mirrored.
    pub(super) fn add(&mut self, delta: f64) -> Result<(), Clash> {
        match self {
            Self::Add(total) | Self::Mirror { total, .. } => *total = finite(*total + delta)?,
            _ => *self = Self::Add(delta),
        }
        Ok(())
    }

    /// Stages observations, each in the first bucket whose bound is not below it. When one cannot be taken, those
    /// before it are staged.
    pub(super) fn observe(&mut self, bounds: &[f64], values: &[f64]) -> Result<(), Clash> {
        if !matches!(self, Self::Observed(_)) {
            *self = Self::Observed(Box::new(Observed {
                counts: vec![0.0; bounds.len() + 1].into(),
                sum: 0.0,
            }));
        }
        let Self::Observed(observed) = self else {
            return Ok(());
        };
        values.iter().try_for_each(|value| {
            let sum = finite(observed.sum + finite(*value)?)?;
            observed.counts[bounds.partition_point(|bound| bound < value)] += 1.0;
            observed.sum = sum;
            Ok(())
        })
    }

    /// Stages observations that somebody has counted, as many counts as there are buckets; of none the histogram stays as
    /// it is, and is as new as this run.
    pub(super) fn count(&mut self, counts: &[u64], added: f64) -> Result<(), Clash> {
        if !matches!(self, Self::Observed(_)) {
            *self = Self::Observed(Box::new(Observed {
                counts: vec![0.0; counts.len()].into(),
                sum: 0.0,
            }));
        }
        if let Self::Observed(observed) = self {
            observed.sum = finite(observed.sum + added)?;
            for (total, count) in observed.counts.iter_mut().zip(counts) {
                *total += *count as f64;
            }
        }
        Ok(())
    }

    /// Writes it as changes to the series that begins at `slot`.
    #[inline]
    pub(super) fn write(self, slot: u32, out: &mut Vec<Write>) {
        let write = |change, value| Write {
            slot,
            change,
            value,
        };
        match self {
            Self::None => {}
            Self::Set(value) => out.push(write(Change::Set, value)),
            Self::Add(delta) => out.push(write(Change::Add, delta)),
            Self::Mirror { total, created } => {
                out.push(write(Change::Mirror, total));
                out.extend(created.map(|created| write(Change::Created, created)));
            }
            Self::Observed(observed) => {
                let counts = (0..).zip(observed.counts.iter().copied());
                let filled = counts.filter(|(_, count)| *count > 0.0);
                out.extend(filled.map(|(bucket, count)| write(Change::Count { bucket }, count)));
                out.push(write(Change::Sum, observed.sum));
            }
        }
    }
}

fn finite(number: f64) -> Result<f64, Clash> {
    if number.is_finite() {
        Ok(number)
    } else {
        Err(Clash::NotFinite)
    }
}
