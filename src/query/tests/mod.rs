//! A past made by hand, asked in PromQL and read as text.
#![allow(clippy::unwrap_used)]

mod functions;
mod limits;
mod older;
mod operators;
mod properties;
mod selection;

use super::{Answer, Labels, Query, QueryError, Terms, Window};
use crate::history::View;
use crate::history::made::{MadeSeries, made};

/// When the first tick is, in milliseconds.
const START: i64 = 1_000_000_000;
/// From one tick to the next.
const STEP: i64 = 5_000;

/// The time of a tick.
fn at(tick: i64) -> i64 {
    START + STEP * tick
}

/// A past of series such as `("up{a=b,c=d}", "1 2 _ 4")`, with `_` where a series was absent and `1+2x3` for 1 3 5 7.
fn past(series: &[(&str, &str)]) -> View {
    let series: Vec<MadeSeries> = series
        .iter()
        .map(|(key, values)| {
            let (name, labels) = key.split_once('{').unwrap_or((key, "}"));
            let labels = labels.trim_end_matches('}').split(',');
            let labels = labels.filter_map(|pair| pair.split_once('='));
            let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
            (name.to_owned(), labels.collect(), ticks(values))
        })
        .collect();
    made(START, STEP, &series)
}

fn ticks(values: &str) -> Vec<Option<f64>> {
    let values = values.split_whitespace();
    values
        .flat_map(|word| match word.split_once('x') {
            _ if word == "_" => vec![None],
            Some((line, count)) => {
                let (first, slope) = line.split_once('+').unwrap();
                let (first, slope): (f64, f64) = (first.parse().unwrap(), slope.parse().unwrap());
                let count: u32 = count.parse().unwrap();
                let steps = 0..=count;
                steps.map(|n| Some(first + slope * f64::from(n))).collect()
            }
            None => vec![Some(word.parse().unwrap())],
        })
        .collect()
}

/// An instant query's answer, one series a line as `name{label="value"} number`.
fn ask(view: &View, query: &str, tick: i64) -> String {
    match answer(view, query, tick) {
        Ok(Answer::Scalar(value)) => value.to_string(),
        Ok(Answer::Text(text)) => text,
        Ok(Answer::Vector(series)) => {
            let lines = series.iter().map(|(labels, value)| line(labels, value));
            lines.collect::<Vec<_>>().join("\n")
        }
        Ok(Answer::Matrix(series)) => matrix(&series),
        Err(error) => format!("{:?}: {error}", error.fault),
    }
}

fn answer(view: &View, query: &str, tick: i64) -> Result<Answer, QueryError> {
    Query::parse(query)?.at(view, at(tick), &Terms::default())
}

/// A range query's answer from one tick to another, one series a line with values as `tick:number`.
fn graph(view: &View, query: &str, ticks: (i64, i64), step: i64) -> String {
    let window = Window {
        start: at(ticks.0),
        end: at(ticks.1),
        step: step * STEP,
    };
    let asked = Query::parse(query).and_then(|query| query.over(view, window, &Terms::default()));
    match asked {
        Ok(Answer::Matrix(series)) => matrix(&series),
        Ok(other) => panic!("{query}: {other:?}"),
        Err(error) => format!("{:?}: {error}", error.fault),
    }
}

fn matrix(series: &[(Labels, Vec<(i64, f64)>)]) -> String {
    let lines = series.iter().map(|(labels, values)| {
        let tick = |time: i64| (time - START) as f64 / STEP as f64;
        let values = values.iter();
        let values = values.map(|(time, value)| format!("{}:{value}", tick(*time)));
        line(labels, values.collect::<Vec<_>>().join(" "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn line(labels: &Labels, value: impl std::fmt::Display) -> String {
    format!("{} {value}", labels.to_string().replace("{}", ""))
        .trim()
        .to_owned()
}

/// Asks each query at a tick and compares the answers.
fn check(view: &View, tick: i64, cases: &[(&str, &str)]) {
    for (query, wanted) in cases {
        assert_eq!(ask(view, query, tick), *wanted, "{query}");
    }
}
