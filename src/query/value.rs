//! What expressions come to: values over the steps of a query.

use std::collections::HashMap;

use super::{Labels, QueryError};

/// A value at one step, or none: eight bytes, as there may be millions of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample(f64);

/// The bits that stand for none; no value has them, since every NaN is made the usual one.
const ABSENT: u64 = 0x7ff0_0000_0000_0002;

impl Sample {
    /// None.
    pub(super) const ABSENT: Self = Self(f64::from_bits(ABSENT));

    pub(super) fn of(value: f64) -> Self {
        Self(if value.is_nan() { f64::NAN } else { value })
    }

    pub(super) fn get(self) -> Option<f64> {
        (self.0.to_bits() != ABSENT).then_some(self.0)
    }

    pub(super) fn is_present(self) -> bool {
        self.get().is_some()
    }
}

impl From<Option<f64>> for Sample {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::ABSENT, Self::of)
    }
}

/// One series of a vector, with a sample for each step.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) labels: Labels,
    pub(super) samples: Vec<Sample>,
}

impl Series {
    /// Whether it has a value at any step.
    pub(super) fn is_anywhere(&self) -> bool {
        self.samples.iter().any(|sample| sample.is_present())
    }

    /// With another value at each step that has one.
    pub(super) fn map(mut self, labels: Labels, of: impl Fn(usize, f64) -> Option<f64>) -> Self {
        for (step, sample) in self.samples.iter_mut().enumerate() {
            *sample = sample.get().and_then(|value| of(step, value)).into();
        }
        Self {
            labels,
            samples: self.samples,
        }
    }
}

/// Puts series together that have the same labels after a calculation took some away; those without any value go.
///
/// # Errors
/// Two of them have a value at the same step.
pub(super) fn join(series: Vec<Series>) -> Result<Vec<Series>, QueryError> {
    let mut places: HashMap<Labels, usize> = HashMap::with_capacity(series.len());
    let mut joined: Vec<Series> = Vec::with_capacity(series.len());
    for one in series {
        if !one.is_anywhere() {
            continue;
        }
        let place = *places.entry(one.labels.clone()).or_insert(joined.len());
        match joined.get_mut(place) {
            None => joined.push(one),
            Some(first) => overlay(first, &one)?,
        }
    }
    Ok(joined)
}

fn overlay(first: &mut Series, other: &Series) -> Result<(), QueryError> {
    for (sample, further) in std::iter::zip(&mut first.samples, &other.samples) {
        match (sample.is_present(), further.is_present()) {
            (_, false) => {}
            (false, true) => *sample = *further,
            (true, true) => {
                let labels = &other.labels;
                return Err(QueryError::failed(format!(
                    "two series of the result have the same labels, {labels}"
                )));
            }
        }
    }
    Ok(())
}

/// The steps at which an expression is evaluated: from `start` until `end`, both in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first step.
    pub start: i64,
    /// No step is later.
    pub end: i64,
    /// From one step to the next, in milliseconds.
    pub step: i64,
}

impl Window {
    /// The one step of an instant query.
    pub fn instant(time: i64) -> Self {
        Self {
            start: time,
            end: time,
            step: 1,
        }
    }

    /// How many steps it has.
    pub(super) fn steps(&self) -> u64 {
        match self.end.checked_sub(self.start) {
            Some(span) if span >= 0 => (span / self.step.max(1)) as u64 + 1,
            Some(_) => 0,
            None => u64::MAX,
        }
    }

    /// When the steps are. A window that is evaluated is known to be short.
    pub(super) fn times(self) -> impl Iterator<Item = i64> {
        (0..self.steps()).map(move |step| self.start + self.step * step as i64)
    }
}

/// A series with its values over time, in milliseconds since the Unix epoch.
pub type Line = (Labels, Vec<(i64, f64)>);

/// What a query comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A number.
    Scalar(f64),
    /// A text.
    Text(String),
    /// A value for each series, at the time of the query.
    Vector(Vec<(Labels, f64)>),
    /// Series with values over time.
    Matrix(Vec<Line>),
}
