//! Aggregations: what the series of a group come to at each step.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::limits::Budget;
use super::plan::Grouping;
use super::statistics::{deviation, mean, quantile_of, sum, variance};
use super::value::{Sample, Series};
use super::{Labels, QueryError};

/// An aggregation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Aggregation {
    Sum,
    Average,
    Minimum,
    Maximum,
    Count,
    Group,
    Deviation,
    Variance,
    Quantile,
    /// The so many largest, or smallest, series as they are.
    Outermost {
        largest: bool,
    },
    /// How many series have each value, with the value under this label.
    CountValues(String),
}

impl Aggregation {
    /// The aggregation of this name; `label` gives what `count_values` needs.
    pub(super) fn named(
        name: &str,
        label: impl FnOnce() -> Result<String, QueryError>,
    ) -> Result<Option<Self>, QueryError> {
        Ok(Some(match name {
            "sum" => Self::Sum,
            "avg" => Self::Average,
            "min" => Self::Minimum,
            "max" => Self::Maximum,
            "count" => Self::Count,
            "group" => Self::Group,
            "stddev" => Self::Deviation,
            "stdvar" => Self::Variance,
            "quantile" => Self::Quantile,
            "topk" => Self::Outermost { largest: true },
            "bottomk" => Self::Outermost { largest: false },
            "count_values" => Self::CountValues(label()?),
            _ => return Ok(None),
        }))
    }

    /// Whether it is given a number.
    pub(super) fn takes_number(&self) -> bool {
        matches!(self, Self::Quantile | Self::Outermost { .. })
    }

    /// The groups' values; `numbers` has what it is given at each step.
    pub(super) fn apply(
        &self,
        series: Vec<Series>,
        grouping: &Grouping,
        numbers: &[f64],
        budget: &Budget,
    ) -> Result<Vec<Series>, QueryError> {
        let Some(steps) = series.first().map(|one| one.samples.len()) else {
            return Ok(Vec::new());
        };
        let groups = groups(&series, grouping);
        if let Self::Outermost { largest } = self {
            return outermost(series, &groups, *largest, numbers, budget);
        }
        let mut results = Vec::with_capacity(groups.len());
        let (mut values, mut scratch) = (Vec::new(), Vec::new());
        for (labels, members) in groups {
            if let Self::CountValues(label) = self {
                let counted = count_values(&series, &members, steps, budget)?;
                for (value, samples) in counted {
                    let labels = labels.charged(label, &value, budget)?;
                    results.push(Series { labels, samples });
                }
                continue;
            }
            budget.values(steps)?;
            let mut samples = Vec::with_capacity(steps);
            for step in 0..steps {
                budget.work(members.len())?;
                gather(&series, &members, step, &mut values);
                let number = numbers.get(step).copied().unwrap_or(f64::NAN);
                let value = (!values.is_empty()).then(|| self.of(&values, number, &mut scratch));
                samples.push(value.into());
            }
            results.push(Series { labels, samples });
        }
        Ok(results)
    }

    /// What at least one value comes to.
    fn of(&self, values: &[f64], number: f64, scratch: &mut Vec<f64>) -> f64 {
        let values = values.iter().copied();
        match self {
            Self::Sum => sum(values),
            Self::Average => mean(values),
            Self::Minimum => values.fold(f64::NAN, f64::min),
            Self::Maximum => values.fold(f64::NAN, f64::max),
            Self::Count => values.count() as f64,
            Self::Deviation => deviation(values),
            Self::Variance => variance(values),
            Self::Quantile => quantile_of(values, number, scratch),
            // The last two give series, not values.
            Self::Group | Self::Outermost { .. } | Self::CountValues(_) => 1.0,
        }
    }
}

/// Each group's labels and its members' places, in order of their first.
fn groups(series: &[Series], grouping: &Grouping) -> Vec<(Labels, Vec<usize>)> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<(Labels, Vec<usize>)> = Vec::new();
    for (index, one) in series.iter().enumerate() {
        let labels = grouping.of(&one.labels);
        let place = *places.entry(labels.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, members)) => members.push(index),
            None => groups.push((labels, vec![index])),
        }
    }
    groups
}

fn gather(series: &[Series], members: &[usize], step: usize, values: &mut Vec<f64>) {
    values.clear();
    let present = members
        .iter()
        .filter_map(|index| series[*index].samples[step].get());
    values.extend(present);
}

/// Leaves each series its values at those steps at which it is one of the so many outermost of its group.
fn outermost(
    mut series: Vec<Series>,
    groups: &[(Labels, Vec<usize>)],
    largest: bool,
    numbers: &[f64],
    budget: &Budget,
) -> Result<Vec<Series>, QueryError> {
    let mut ranked: Vec<(usize, f64)> = Vec::new();
    // The last step's order is the answer's: an instant query has no other, and is read from the top.
    let mut order = Vec::new();
    for (_, members) in groups {
        for (step, number) in numbers.iter().enumerate() {
            budget.work(members.len())?;
            ranked.clear();
            let present = members
                .iter()
                .filter_map(|index| Some((*index, series[*index].samples[step].get()?)));
            ranked.extend(present);
            ranked.sort_by(|one, other| outer_first(one.1, other.1, largest));
            // As Prometheus: less than 1 is none at all, and the fraction is cut off.
            let most = if *number >= 1.0 { *number as usize } else { 0 };
            for (index, _) in ranked.iter().skip(most) {
                series[*index].samples[step] = Sample::ABSENT;
            }
        }
        order.extend(ranked.iter().map(|(index, _)| *index));
    }
    let mut rank = vec![usize::MAX; series.len()];
    for (place, index) in order.into_iter().enumerate() {
        rank[index] = place;
    }
    let mut ordered: Vec<(usize, Series)> = std::iter::zip(rank, series).collect();
    ordered.sort_by_key(|(rank, _)| *rank);
    let kept = ordered.into_iter().map(|(_, one)| one);
    Ok(kept.filter(Series::is_anywhere).collect())
}

/// What is no number comes last either way.
pub(super) fn outer_first(one: f64, other: f64, largest: bool) -> Ordering {
    match (one.is_nan(), other.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) if largest => other.total_cmp(&one),
        (false, false) => one.total_cmp(&other),
    }
}

/// For each value that any member has, how many have it at each step.
fn count_values(
    series: &[Series],
    members: &[usize],
    steps: usize,
    budget: &Budget,
) -> Result<Vec<(String, Vec<Sample>)>, QueryError> {
    let mut counts: HashMap<String, Vec<f64>> = HashMap::new();
    for index in members {
        budget.work(steps)?;
        for (step, sample) in series[*index].samples.iter().enumerate() {
            let Some(value) = sample.get() else {
                continue;
            };
            let text = plain_number(value);
            if !counts.contains_key(&text) {
                budget.values(steps)?;
                counts.insert(text.clone(), vec![0.0; steps]);
            }
            if let Some(counted) = counts.get_mut(&text) {
                counted[step] += 1.0;
            }
        }
    }
    let samples = |counted: Vec<f64>| {
        let counted = counted.into_iter();
        counted.map(|count| (count > 0.0).then_some(count).into())
    };
    let mut counted: Vec<(String, Vec<Sample>)> = counts
        .into_iter()
        .map(|(value, counted)| (value, samples(counted).collect()))
        .collect();
    counted.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(counted)
}

/// A number as the value of a label, as Prometheus writes it: all digits, and no exponent.
fn plain_number(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".into()
    } else if value == f64::NEG_INFINITY {
        "-Inf".into()
    } else {
        // Rust writes the fewest digits that give the same number again, and NaN as Go does.
        value.to_string()
    }
}
