//! A query: read once, and asked of the past.

use std::time::{Duration, Instant};

use super::eval::Evaluator;
use super::limits::{Budget, Limits};
use super::plan::{Plan, Scalar, Vector};
use super::planner;
use super::select::check_steps;
use super::value::{Answer, Line, Series, Window};
use super::{Labels, Past, QueryError, parse, place};

/// How old a sample may be to be a series' value, as in Prometheus.
pub const LOOKBACK: Duration = Duration::from_secs(300);

/// An expression that is known to be carried out here.
#[derive(Debug)]
pub struct Query {
    plan: Plan,
}

/// How a query is carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// How old a sample may be to be a series' value.
    pub lookback: Duration,
    /// What the query may cost.
    pub limits: Limits,
    /// When it began: before its text was read, for that takes time too.
    pub begun: Instant,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            lookback: LOOKBACK,
            limits: Limits::default(),
            begun: Instant::now(),
        }
    }
}

impl Query {
    /// Reads an expression of PromQL.
    ///
    /// # Errors
    /// What is wrong with it and where, or what part of it is not carried out here.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let plan = planner::plan_whole(&parse(text)?);
        let plan = plan.map_err(|error| place::of_planning(text, error))?;
        Ok(Self { plan })
    }

    /// What it comes to at one time, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// It costs more than it may, or its series do not go together as it wants it.
    pub fn at<'a>(
        &self,
        past: impl Into<Past<'a>>,
        time: i64,
        terms: &Terms,
    ) -> Result<Answer, QueryError> {
        let budget = Budget::new(&terms.limits, terms.begun);
        budget.time()?;
        let evaluator = evaluator(past.into(), Window::instant(time), terms, &budget);
        Ok(match &self.plan {
            Plan::Text(text) => Answer::Text(text.clone()),
            Plan::Scalar(scalar) => Answer::Scalar(evaluator.scalar(scalar)?[0]),
            Plan::Vector(vector) => {
                let series = evaluator.vector(vector)?;
                budget.results(series.len())?;
                answered(&budget, series.iter().map(|one| &one.labels))?;
                let only = |one: Series| Some((one.labels, one.samples.first()?.get()?));
                Answer::Vector(series.into_iter().filter_map(only).collect())
            }
            Plan::Range(range) => {
                let lines = evaluator.raw(range)?;
                answered(&budget, lines.iter().map(|(labels, _)| labels))?;
                Answer::Matrix(lines)
            }
        })
    }

    /// What it comes to at each step of a window.
    ///
    /// # Errors
    /// As of [`Query::at`]; it is a range or a text, which have no value at a step; or the window has too many steps.
    pub fn over<'a>(
        &self,
        past: impl Into<Past<'a>>,
        window: Window,
        terms: &Terms,
    ) -> Result<Answer, QueryError> {
        check_steps(&window)?;
        let budget = Budget::new(&terms.limits, terms.begun);
        budget.time()?;
        let evaluator = evaluator(past.into(), window, terms, &budget);
        let lifted;
        let vector = match &self.plan {
            Plan::Vector(vector) => vector,
            Plan::Scalar(scalar) => {
                lifted = lift(&evaluator, scalar)?;
                return Ok(Answer::Matrix(lifted));
            }
            Plan::Range(_) | Plan::Text(_) => {
                let message = "a query over time has to come to an instant vector or a number, and this one is a range vector or a string";
                return Err(QueryError::malformed(message, None));
            }
        };
        matrix(&evaluator, vector)
    }
}

fn evaluator<'a>(
    past: Past<'a>,
    window: Window,
    terms: &Terms,
    budget: &'a Budget,
) -> Evaluator<'a> {
    let lookback = i64::try_from(terms.lookback.as_millis()).unwrap_or(i64::MAX);
    Evaluator {
        past,
        query: window,
        window,
        lookback,
        budget,
    }
}

/// Series may share long labels, but an answer has them all in full.
fn answered<'a>(
    budget: &Budget,
    labels: impl Iterator<Item = &'a Labels>,
) -> Result<(), QueryError> {
    for one in labels {
        budget.labels(one.text_bytes())?;
    }
    Ok(())
}

/// In order of labels, with the times of their values.
fn matrix(evaluator: &Evaluator<'_>, vector: &Vector) -> Result<Answer, QueryError> {
    let mut series = evaluator.vector(vector)?;
    answered(evaluator.budget, series.iter().map(|one| &one.labels))?;
    series.sort_by(|one, other| one.labels.cmp(&other.labels));
    let mut matrix = Vec::with_capacity(series.len());
    for one in series {
        let steps = std::iter::zip(evaluator.window.times(), &one.samples);
        let values = steps.filter_map(|(time, sample)| Some((time, sample.get()?)));
        let values: Vec<(i64, f64)> = values.collect();
        evaluator.budget.results(values.len())?;
        matrix.push((one.labels, values));
    }
    Ok(Answer::Matrix(matrix))
}

/// A number at each step, as the only series of a matrix.
fn lift(evaluator: &Evaluator<'_>, scalar: &Scalar) -> Result<Vec<Line>, QueryError> {
    let values = evaluator.scalar(scalar)?;
    evaluator.budget.results(values.len())?;
    let values: Vec<(i64, f64)> = std::iter::zip(evaluator.window.times(), values).collect();
    Ok(match values.is_empty() {
        true => Vec::new(),
        false => vec![(Labels::default(), values)],
    })
}
