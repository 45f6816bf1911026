//! Operators between two vectors: which series go together, and what comes of them.

use std::collections::HashMap;

use super::limits::Budget;
use super::operator::Operator;
use super::plan::{Grouping, Many, Matching, SetOperator};
use super::value::{Sample, Series, join};
use super::{Labels, QueryError};

/// The places of a vector's series, by what they have in common.
type Groups = HashMap<Labels, Vec<usize>>;

/// An operator between the values of series that match.
pub(super) fn calculate(
    operator: Operator,
    matching: &Matching,
    left: Vec<Series>,
    right: Vec<Series>,
    budget: &Budget,
) -> Result<Vec<Series>, QueryError> {
    let swapped = matches!(matching.many, Many::Right(_));
    let (many, one) = if swapped {
        (right, left)
    } else {
        (left, right)
    };
    let ones = groups(&one, &matching.grouping);
    // Where a side has no value at a step, there is nothing to match.
    let asked = anywhere(&many, budget)?;
    check_unique(&one, &ones, &asked, !swapped, budget)?;
    let mut taken = Taken::default();
    let mut results = Vec::new();
    for series in &many {
        let group = matching.grouping.of(&series.labels);
        for partner in ones.get(&group).into_iter().flatten() {
            let partner = &one[*partner];
            budget.values(series.samples.len())?;
            let samples = match swapped {
                true => apply(operator, partner, series),
                false => apply(operator, series, partner),
            };
            if matches!(matching.many, Many::Neither) {
                taken.take(&group, &samples)?;
            }
            results.push(Series {
                labels: result_labels(operator, matching, &series.labels, &partner.labels),
                samples,
            });
        }
    }
    join(results)
}

fn apply(operator: Operator, left: &Series, right: &Series) -> Vec<Sample> {
    let pairs = std::iter::zip(&left.samples, &right.samples);
    let values = pairs.map(|(left, right)| {
        let (left, right) = (left.get()?, right.get()?);
        operator.apply(left, right, left)
    });
    values.map(Sample::from).collect()
}

/// Which steps of a group have a result already, where only one series may give one.
#[derive(Default)]
struct Taken(HashMap<Labels, Vec<bool>>);

impl Taken {
    fn take(&mut self, group: &Labels, samples: &[Sample]) -> Result<(), QueryError> {
        let free = || vec![false; samples.len()];
        let taken = self.0.entry(group.clone()).or_insert_with(free);
        for (taken, sample) in std::iter::zip(taken, samples) {
            if *taken && sample.is_present() {
                return Err(QueryError::failed(format!(
                    "several series on the left match one on the right, by {group}: say so with group_left, or match by more labels"
                )));
            }
            *taken |= sample.is_present();
        }
        Ok(())
    }
}

fn groups(series: &[Series], grouping: &Grouping) -> Groups {
    let mut groups = Groups::new();
    for (index, one) in series.iter().enumerate() {
        groups
            .entry(grouping.of(&one.labels))
            .or_default()
            .push(index);
    }
    groups
}

/// At which steps any of the series has a value.
fn anywhere(series: &[Series], budget: &Budget) -> Result<Vec<bool>, QueryError> {
    let mut steps = Vec::new();
    for one in series {
        budget.work(one.samples.len())?;
        steps.resize(one.samples.len(), false);
        for (present, sample) in std::iter::zip(&mut steps, &one.samples) {
            *present |= sample.is_present();
        }
    }
    Ok(steps)
}

/// On the side on which there may be only one series of a group, no two have a value at the same step of those `asked`.
fn check_unique(
    series: &[Series],
    groups: &Groups,
    asked: &[bool],
    is_right: bool,
    budget: &Budget,
) -> Result<(), QueryError> {
    for (group, members) in groups.iter().filter(|(_, members)| members.len() > 1) {
        for (step, _) in asked.iter().enumerate().filter(|(_, asked)| **asked) {
            budget.work(members.len())?;
            let present = |index: &&usize| series[**index].samples[step].is_present();
            let mut present = members.iter().filter(present);
            if let (Some(one), Some(other)) = (present.next(), present.next()) {
                let side = if is_right { "right" } else { "left" };
                let (one, other) = (&series[*one].labels, &series[*other].labels);
                return Err(QueryError::failed(format!(
                    "several series on the {side} match by {group}: {one} and {other}; labels must tell the series of one side apart"
                )));
            }
        }
    }
    Ok(())
}

fn result_labels(operator: Operator, matching: &Matching, many: &Labels, one: &Labels) -> Labels {
    let labels = match operator.keeps_name() {
        true => many.clone(),
        false => many.nameless(),
    };
    match &matching.many {
        Many::Neither => match &matching.grouping {
            Grouping::By(keys) => labels.only(keys),
            Grouping::Without(keys) => labels.less(keys),
        },
        Many::Left(added) | Many::Right(added) => added
            .iter()
            .fold(labels, |labels, key| labels.with(key, one.get(key))),
    }
}

/// `and`, `or`, `unless`: series of one side, by whether the other has a match.
pub(super) fn combine(
    operator: SetOperator,
    grouping: &Grouping,
    left: Vec<Series>,
    right: Vec<Series>,
    budget: &Budget,
) -> Result<Vec<Series>, QueryError> {
    let results = match operator {
        SetOperator::And | SetOperator::Unless => {
            let others = presence(&right, grouping, budget)?;
            filtered(left, grouping, &others, operator == SetOperator::And)
        }
        SetOperator::Or => {
            let others = presence(&left, grouping, budget)?;
            let added = filtered(right, grouping, &others, false);
            left.into_iter().chain(added).collect()
        }
    };
    join(results)
}

/// For each group, at which steps one of its series has a value.
fn presence(
    series: &[Series],
    grouping: &Grouping,
    budget: &Budget,
) -> Result<HashMap<Labels, Vec<bool>>, QueryError> {
    let mut groups: HashMap<Labels, Vec<bool>> = HashMap::new();
    for one in series {
        budget.work(one.samples.len())?;
        let none = || vec![false; one.samples.len()];
        let steps = groups.entry(grouping.of(&one.labels)).or_insert_with(none);
        for (present, sample) in std::iter::zip(steps, &one.samples) {
            *present |= sample.is_present();
        }
    }
    Ok(groups)
}

/// The series at those steps only at which presence of the others is as wanted.
fn filtered(
    series: Vec<Series>,
    grouping: &Grouping,
    others: &HashMap<Labels, Vec<bool>>,
    wanted: bool,
) -> Vec<Series> {
    let filter = |one: Series| {
        let others = others.get(&grouping.of(&one.labels));
        let is_there = |step: usize| others.is_some_and(|present| present[step]);
        let labels = one.labels.clone();
        one.map(labels, |step, value| {
            (is_there(step) == wanted).then_some(value)
        })
    };
    series.into_iter().map(filter).collect()
}
