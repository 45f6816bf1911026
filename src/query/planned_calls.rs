//! The part of planning that concerns functions: which there are, and what each is given.

use promql_parser::parser::{Call, Expr};

use super::functions::Each;
use super::over_time::OverTime;
use super::plan::{Combined, Plan, Scalar, Source, Vector};
use super::planner::{argument, needs_more, range, scalar, text, vector};
use super::relabel::Relabel;
use super::{Labels, QueryError, Selector};

/// Plans a call.
pub(super) fn call(call: &Call) -> Result<Plan, QueryError> {
    let name = call.func.name;
    if let Some(planned) = to_scalar(call)? {
        return Ok(Plan::Scalar(planned));
    }
    if let Some(function) = Each::named(name) {
        return each(function, call).map(Plan::Vector);
    }
    if let Some(function) = OverTime::named(name) {
        return over_time(function, call).map(Plan::Vector);
    }
    let planned = to_vector(call)?;
    let unsupported = || QueryError::unsupported(format!("the function `{name}`")).about(name);
    planned.map(Plan::Vector).ok_or_else(unsupported)
}

fn to_scalar(call: &Call) -> Result<Option<Scalar>, QueryError> {
    Ok(Some(match call.func.name {
        "time" => Scalar::Time,
        "pi" => Scalar::Number(std::f64::consts::PI),
        "scalar" => Scalar::Of(vector(argument(call, 0)?)?.into()),
        _ => return Ok(None),
    }))
}

fn to_vector(call: &Call) -> Result<Option<Vector>, QueryError> {
    let first = argument(call, 0);
    let sorted = |descending| {
        let vector = vector(argument(call, 0)?)?.into();
        Ok::<Vector, QueryError>(Combined::Sorted { descending, vector }.into())
    };
    Ok(Some(match call.func.name {
        "vector" => Vector::Lifted(scalar(first?)?),
        "timestamp" => match vector(first?)? {
            Vector::Selected(selection) => Vector::Times(selection),
            other => Vector::StepTimes(other.into()),
        },
        "absent" => absent(first?)?,
        "absent_over_time" => absent_over_time(first?)?,
        "histogram_quantile" => Combined::HistogramQuantile {
            quantile: scalar(first?)?,
            vector: vector(argument(call, 1)?)?.into(),
        }
        .into(),
        "sort" => sorted(false)?,
        "sort_desc" => sorted(true)?,
        "label_replace" | "label_join" => Combined::Relabelled {
            relabel: relabel(call)?,
            vector: vector(first?)?.into(),
        }
        .into(),
        _ => return Ok(None),
    }))
}

fn each(function: Each, call: &Call) -> Result<Vector, QueryError> {
    let further = call.args.args.iter().skip(1);
    Ok(Vector::Each {
        function,
        vector: vector(argument(call, 0)?)?.into(),
        numbers: further.map(|one| scalar(one)).collect::<Result<_, _>>()?,
    })
}

/// The number stands before the range for a quantile, and behind it for a prediction.
fn over_time(function: OverTime, call: &Call) -> Result<Vector, QueryError> {
    let (number, at) = match function {
        OverTime::Quantile => (Some(scalar(argument(call, 0)?)?), 1),
        OverTime::PredictLinear => (Some(scalar(argument(call, 1)?)?), 0),
        _ => (None, 0),
    };
    Ok(Vector::OverTime {
        function,
        number,
        range: range(argument(call, at)?)?,
    })
}

fn absent(expr: &Expr) -> Result<Vector, QueryError> {
    let vector = vector(expr)?;
    let labels = match &vector {
        Vector::Selected(selection) => named_labels(&selection.selector),
        _ => Labels::default(),
    };
    Ok(Vector::Absent {
        vector: vector.into(),
        labels,
    })
}

fn absent_over_time(expr: &Expr) -> Result<Vector, QueryError> {
    let range = range(expr)?;
    let labels = match &range.source {
        Source::Selected(selector) => named_labels(selector),
        Source::Subquery { .. } => Labels::default(),
    };
    Ok(Vector::AbsentOverTime { range, labels })
}

/// The labels for which a selector leaves no choice: what is absent would have had them.
fn named_labels(selector: &Selector) -> Labels {
    let certain = selector.certain_labels();
    certain
        .into_iter()
        .fold(Labels::default(), |labels, (key, value)| {
            labels.with(key, value)
        })
}

fn relabel(call: &Call) -> Result<Relabel, QueryError> {
    let further = call.args.args.iter().skip(1);
    let texts = further
        .map(|argument| text(argument))
        .collect::<Result<Vec<_>, _>>()?;
    match (call.func.name, texts.as_slice()) {
        ("label_replace", [target, replacement, source, pattern]) => {
            Relabel::replace(target, replacement, source, pattern)
        }
        (_, [target, separator, sources @ ..]) => Relabel::join(target, separator, sources),
        (name, _) => Err(needs_more(name)),
    }
}
