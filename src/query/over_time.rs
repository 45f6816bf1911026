//! Functions of a range: what the samples of one series over a time come to.

use super::rate::{Gain, gain};
use super::statistics::{deviation, mean, quantile_of, sum, variance};

/// A function of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OverTime {
    Gain(Gain),
    /// The slope between the last two samples, as of a counter.
    InstantRate,
    /// The difference of the last two samples.
    InstantDelta,
    /// The slope of the line that fits best.
    Derivative,
    /// That line's value so many seconds later.
    PredictLinear,
    Resets,
    Changes,
    Average,
    Minimum,
    Maximum,
    Sum,
    Count,
    First,
    Last,
    Deviation,
    Variance,
    Present,
    Quantile,
}

/// The samples of one series in a range, at least one of them, and what they are asked about.
pub(super) struct Stretch<'a> {
    /// Later than `start` and no later than `end`.
    pub(super) samples: &'a [(i64, f64)],
    pub(super) start: i64,
    pub(super) end: i64,
    /// The time for which it is asked: the range may lie elsewhere.
    pub(super) now: i64,
    /// The number that the function was given, if it takes one.
    pub(super) number: f64,
}

impl OverTime {
    /// The function of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "rate" => Self::Gain(Gain::Rate),
            "increase" => Self::Gain(Gain::Increase),
            "delta" => Self::Gain(Gain::Delta),
            "irate" => Self::InstantRate,
            "idelta" => Self::InstantDelta,
            "deriv" => Self::Derivative,
            "predict_linear" => Self::PredictLinear,
            "resets" => Self::Resets,
            "changes" => Self::Changes,
            "avg_over_time" => Self::Average,
            "min_over_time" => Self::Minimum,
            "max_over_time" => Self::Maximum,
            "sum_over_time" => Self::Sum,
            "count_over_time" => Self::Count,
            "first_over_time" => Self::First,
            "last_over_time" => Self::Last,
            "stddev_over_time" => Self::Deviation,
            "stdvar_over_time" => Self::Variance,
            "present_over_time" => Self::Present,
            "quantile_over_time" => Self::Quantile,
            _ => return None,
        })
    }

    /// Whether its result is still the series that was asked for.
    pub(super) fn keeps_name(self) -> bool {
        matches!(self, Self::First | Self::Last)
    }

    /// What the samples come to; nothing when they are too few.
    pub(super) fn apply(self, stretch: &Stretch<'_>, scratch: &mut Vec<f64>) -> Option<f64> {
        let samples = stretch.samples;
        let values = || samples.iter().map(|(_, value)| *value);
        Some(match self {
            Self::Gain(kind) => return gain(kind, samples, stretch.start, stretch.end),
            Self::InstantRate => return last_step(samples, true),
            Self::InstantDelta => return last_step(samples, false),
            Self::Derivative => line(samples, samples.first()?.0)?.0,
            Self::PredictLinear => {
                let (slope, value) = line(samples, stretch.now)?;
                slope * stretch.number + value
            }
            Self::Resets => pairs(samples, |before, after| after < before),
            Self::Changes => pairs(samples, |before, after| {
                after != before && !(after.is_nan() && before.is_nan())
            }),
            Self::Average => mean(values()),
            Self::Minimum => values().fold(f64::NAN, f64::min),
            Self::Maximum => values().fold(f64::NAN, f64::max),
            Self::Sum => sum(values()),
            Self::Count => samples.len() as f64,
            Self::First => samples.first()?.1,
            Self::Last => samples.last()?.1,
            Self::Deviation => deviation(values()),
            Self::Variance => variance(values()),
            Self::Present => 1.0,
            Self::Quantile => quantile_of(values(), stretch.number, scratch),
        })
    }
}

/// How often something holds between one sample and the next.
fn pairs(samples: &[(i64, f64)], holds: impl Fn(f64, f64) -> bool) -> f64 {
    let pairs = samples.windows(2);
    pairs.filter(|pair| holds(pair[0].1, pair[1].1)).count() as f64
}

fn last_step(samples: &[(i64, f64)], is_counter: bool) -> Option<f64> {
    let [.., (before, old), (time, new)] = samples else {
        return None;
    };
    if !is_counter {
        return Some(new - old);
    }
    // After a reset it began at 0.
    let gained = if new < old { *new } else { new - old };
    (time > before).then(|| gained * 1e3 / (time - before) as f64)
}

/// Slope in units a second and value at `origin` of the line with the least squares; nothing with fewer than two samples.
fn line(samples: &[(i64, f64)], origin: i64) -> Option<(f64, f64)> {
    let [(_, first), _, ..] = samples else {
        return None;
    };
    if samples.iter().all(|(_, value)| value == first) {
        let slope = if first.is_finite() { 0.0 } else { f64::NAN };
        return Some((slope, if first.is_finite() { *first } else { f64::NAN }));
    }
    let count = samples.len() as f64;
    let at = |time: i64| (time - origin) as f64 / 1e3;
    let mean_x = sum(samples.iter().map(|(time, _)| at(*time))) / count;
    let mean_y = sum(samples.iter().map(|(_, value)| *value)) / count;
    let offsets = || {
        samples
            .iter()
            .map(|(time, value)| (at(*time) - mean_x, *value - mean_y))
    };
    let covariance = sum(offsets().map(|(x, y)| x * y));
    let variance = sum(offsets().map(|(x, _)| x * x));
    let slope = covariance / variance;
    Some((slope, mean_y - slope * mean_x))
}
