//! `histogram_quantile`: a quantile estimated from the counts of a histogram's buckets.
//!
//! As Prometheus estimates it (`bucketQuantile` in promql/quantile.go): evenly spread within a bucket, the lowest of which
//! begins at 0 unless it ends below; beyond the highest finite bound there is no telling, so that bound is the answer.

use std::collections::HashMap;

use super::limits::Budget;
use super::value::Series;
use super::{Labels, QueryError};

/// The label with a bucket's upper bound.
const BOUND: &str = "le";
/// Counts that differ by no more than this share of them differ by rounding.
const ROUNDING: f64 = 1e-12;

/// A bucket's upper bound, and how many observations are at or below it.
type Bucket = (f64, f64);

/// Each histogram's quantile at each step; `quantiles` has the one wanted at each.
pub(super) fn quantiles(
    series: &[Series],
    quantiles: &[f64],
    budget: &Budget,
) -> Result<Vec<Series>, QueryError> {
    let mut results = Vec::new();
    let mut buckets = Vec::new();
    for (labels, members) in histograms(series) {
        budget.values(quantiles.len())?;
        let mut samples = Vec::with_capacity(quantiles.len());
        for (step, q) in quantiles.iter().enumerate() {
            budget.work(members.len())?;
            buckets.clear();
            let present = members
                .iter()
                .filter_map(|(bound, index)| Some((*bound, series[*index].samples[step].get()?)));
            buckets.extend(present);
            let value = (!buckets.is_empty()).then(|| quantile(*q, &mut buckets));
            samples.push(value.into());
        }
        results.push(Series { labels, samples });
    }
    Ok(results)
}

/// The series that are buckets, by the histogram that they belong to, in order of their bounds.
fn histograms(series: &[Series]) -> Vec<(Labels, Vec<(f64, usize)>)> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut histograms: Vec<(Labels, Vec<(f64, usize)>)> = Vec::new();
    let without = [BOUND.to_owned()];
    for (index, one) in series.iter().enumerate() {
        let Ok(bound) = one.labels.get(BOUND).parse::<f64>() else {
            continue;
        };
        if bound.is_nan() {
            continue;
        }
        let labels = one.labels.without(&without);
        let place = *places.entry(labels.clone()).or_insert(histograms.len());
        match histograms.get_mut(place) {
            Some((_, buckets)) => buckets.push((bound, index)),
            None => histograms.push((labels, vec![(bound, index)])),
        }
    }
    for (_, buckets) in &mut histograms {
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    }
    histograms
}

/// A quantile of at least one bucket, in order of their bounds.
pub(super) fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    } else if q < 0.0 {
        return f64::NEG_INFINITY;
    } else if q > 1.0 {
        return f64::INFINITY;
    }
    if buckets
        .last()
        .is_none_or(|(bound, _)| *bound != f64::INFINITY)
    {
        return f64::NAN;
    }
    buckets.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        kept.1 += if same { next.1 } else { 0.0 };
        same
    });
    make_rise(buckets);
    let [.., (highest, _), (_, observations)] = buckets.as_slice() else {
        return f64::NAN;
    };
    if *observations == 0.0 || observations.is_nan() {
        return f64::NAN;
    }
    let rank = q * observations;
    let finite = buckets.len() - 1;
    let within = buckets[..finite].partition_point(|(_, count)| *count < rank);
    if within == finite {
        return *highest;
    }
    let (end, count) = buckets[within];
    let (start, below) = match within.checked_sub(1) {
        Some(before) => buckets[before],
        None if end <= 0.0 => return end,
        None => (0.0, 0.0),
    };
    start + (end - start) * ((rank - below) / (count - below))
}

/// Counts of a histogram rise with the bounds; rounding, and series that do not belong together, may have it otherwise.
fn make_rise(buckets: &mut [Bucket]) {
    let mut highest = f64::NEG_INFINITY;
    for (_, count) in buckets {
        let rounded = ((*count - highest) / *count).abs() <= ROUNDING;
        if *count < highest || rounded {
            *count = highest;
        }
        highest = highest.max(*count);
    }
}
