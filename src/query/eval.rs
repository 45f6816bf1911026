//! Evaluation: a plan walked once, every part of it for all steps together.

use super::functions::Each;
use super::limits::Budget;
use super::plan::{Combined, Operation, Range, Scalar, Vector};
use super::value::{Sample, Series, Window, join};
use super::{Labels, Past, QueryError, histogram, matching};

/// Evaluates parts of one query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evaluator<'a> {
    pub(super) past: Past<'a>,
    /// The query's own steps, by which `start()` and `end()` go.
    pub(super) query: Window,
    /// The steps at which values are wanted; a subquery has its own.
    pub(super) window: Window,
    /// How old a sample may be, in milliseconds, to be the value at a step.
    pub(super) lookback: i64,
    pub(super) budget: &'a Budget,
}

impl Evaluator<'_> {
    /// How many steps there are.
    pub(super) fn steps(&self) -> usize {
        self.window.steps() as usize
    }

    /// A number for each step.
    pub(super) fn scalar(&self, scalar: &Scalar) -> Result<Vec<f64>, QueryError> {
        self.budget.values(self.steps())?;
        Ok(match scalar {
            Scalar::Number(number) => vec![*number; self.steps()],
            Scalar::Time => self.window.times().map(seconds).collect(),
            Scalar::Of(vector) => self.only_values(&self.vector(vector)?)?,
            Scalar::Negated(inner) => {
                let inner = self.scalar(inner)?.into_iter();
                inner.map(|number| -number).collect()
            }
            Scalar::Binary {
                operator,
                left,
                right,
            } => {
                let (left, right) = (self.scalar(left)?, self.scalar(right)?);
                let pairs = std::iter::zip(left, right);
                // Between numbers a comparison always says 1 or 0.
                pairs
                    .map(|(l, r)| operator.apply(l, r, l).unwrap_or(f64::NAN))
                    .collect()
            }
        })
    }

    /// Series with a sample for each step, and none without any.
    pub(super) fn vector(&self, vector: &Vector) -> Result<Vec<Series>, QueryError> {
        match vector {
            Vector::Selected(selection) => self.select(selection, |_, value| value),
            Vector::Times(selection) => {
                let times = self.select(selection, |time, _| seconds(time))?;
                self.map(times, false, |_, time| Some(time))
            }
            Vector::StepTimes(inner) => {
                let times: Vec<f64> = self.window.times().map(seconds).collect();
                self.map(self.vector(inner)?, false, |step, _| Some(times[step]))
            }
            Vector::Lifted(scalar) => Ok(vec![Series {
                labels: Labels::default(),
                samples: self.scalar(scalar)?.into_iter().map(Sample::of).collect(),
            }]),
            Vector::Negated(inner) => self.map(self.vector(inner)?, false, |_, value| Some(-value)),
            Vector::Each {
                function,
                vector,
                numbers,
            } => self.each(*function, vector, numbers),
            Vector::OverTime {
                function,
                number,
                range,
            } => {
                let numbers = number.as_ref().map(|number| self.scalar(number));
                self.over_time(*function, &numbers.transpose()?.unwrap_or_default(), range)
            }
            Vector::Absent { vector, labels } => self.absent(&self.vector(vector)?, labels),
            Vector::AbsentOverTime { range, labels } => self.absent_over_time(range, labels),
            Vector::Combined(combined) => self.combined(combined),
        }
    }

    /// What is made of whole vectors.
    fn combined(&self, combined: &Combined) -> Result<Vec<Series>, QueryError> {
        match combined {
            Combined::HistogramQuantile { quantile, vector } => {
                let (quantiles, series) = (self.scalar(quantile)?, self.vector(vector)?);
                join(histogram::quantiles(&series, &quantiles, self.budget)?)
            }
            Combined::Relabelled { relabel, vector } => {
                let mut series = self.vector(vector)?;
                for one in &mut series {
                    one.labels = relabel.apply(&one.labels, self.budget)?;
                }
                join(series)
            }
            Combined::Sorted { descending, vector } => self.sorted(vector, *descending),
            Combined::Aggregated {
                aggregation,
                grouping,
                number,
                vector,
            } => {
                let numbers = number.as_ref().map(|number| self.scalar(number));
                let numbers = numbers.transpose()?.unwrap_or_default();
                let series = self.vector(vector)?;
                join(aggregation.apply(series, grouping, &numbers, self.budget)?)
            }
            Combined::Operation(operation) => self.operation(operation),
        }
    }

    fn operation(&self, operation: &Operation) -> Result<Vec<Series>, QueryError> {
        match operation {
            Operation::WithScalar {
                operator,
                vector,
                scalar,
                scalar_is_left,
            } => {
                let (numbers, series) = (self.scalar(scalar)?, self.vector(vector)?);
                let apply = |step: usize, value: f64| match scalar_is_left {
                    true => operator.apply(numbers[step], value, value),
                    false => operator.apply(value, numbers[step], value),
                };
                self.map(series, operator.keeps_name(), apply)
            }
            Operation::Matched {
                operator,
                matching,
                left,
                right,
            } => {
                let (left, right) = (self.vector(left)?, self.vector(right)?);
                matching::calculate(*operator, matching, left, right, self.budget)
            }
            Operation::Set {
                operator,
                grouping,
                left,
                right,
            } => {
                let (left, right) = (self.vector(left)?, self.vector(right)?);
                matching::combine(*operator, grouping, left, right, self.budget)
            }
        }
    }

    /// Another value at each step of each series; without its name unless it is still the same thing.
    fn map(
        &self,
        series: Vec<Series>,
        keeps_name: bool,
        of: impl Fn(usize, f64) -> Option<f64>,
    ) -> Result<Vec<Series>, QueryError> {
        let mut mapped = Vec::with_capacity(series.len());
        for one in series {
            self.budget.work(one.samples.len())?;
            let labels = match keeps_name {
                true => one.labels.clone(),
                false => one.labels.nameless(),
            };
            mapped.push(one.map(labels, &of));
        }
        join(mapped)
    }

    fn each(
        &self,
        function: Each,
        vector: &Vector,
        numbers: &[Scalar],
    ) -> Result<Vec<Series>, QueryError> {
        let columns = numbers.iter().map(|number| self.scalar(number));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let rows: Vec<Vec<f64>> = match columns.is_empty() {
            true => Vec::new(),
            false => (0..self.steps())
                .map(|step| columns.iter().map(|column| column[step]).collect())
                .collect(),
        };
        let row = |step: usize| rows.get(step).map_or(&[][..], Vec::as_slice);
        let apply = |step: usize, value: f64| function.apply(value, row(step));
        self.map(self.vector(vector)?, false, apply)
    }

    /// The value of the only series at each step; NaN where there are none or several.
    fn only_values(&self, series: &[Series]) -> Result<Vec<f64>, QueryError> {
        let mut values = Vec::with_capacity(self.steps());
        for step in 0..self.steps() {
            self.budget.work(series.len())?;
            let mut present = series.iter().filter_map(|one| one.samples[step].get());
            values.push(match (present.next(), present.next()) {
                (Some(value), None) => value,
                _ => f64::NAN,
            });
        }
        Ok(values)
    }

    fn absent(&self, series: &[Series], labels: &Labels) -> Result<Vec<Series>, QueryError> {
        self.budget.values(self.steps())?;
        let mut samples = Vec::with_capacity(self.steps());
        for step in 0..self.steps() {
            self.budget.work(series.len())?;
            let present = series.iter().any(|one| one.samples[step].is_present());
            samples.push((!present).then_some(1.0).into());
        }
        join(vec![Series {
            labels: labels.clone(),
            samples,
        }])
    }

    fn absent_over_time(&self, range: &Range, labels: &Labels) -> Result<Vec<Series>, QueryError> {
        let present = super::over_time::OverTime::Present;
        let series = self.over_time(present, &[], range)?;
        self.absent(&series, labels)
    }

    /// By the values of the last step: only an instant query's answer has an order.
    fn sorted(&self, vector: &Vector, descending: bool) -> Result<Vec<Series>, QueryError> {
        let mut series = self.vector(vector)?;
        let last = |one: &Series| one.samples.last().and_then(|sample| sample.get());
        let key = |one: &Series| last(one).unwrap_or(f64::NAN);
        series.sort_by(|one, other| {
            super::aggregation::outer_first(key(one), key(other), descending)
        });
        Ok(series)
    }
}

/// A time as PromQL counts it.
pub(super) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1e3
}
