//! A parsed expression made a plan, or refused by the name of what is not carried out here, before anything is evaluated.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use promql_parser::parser::{
    AggregateExpr, AtModifier, Call, Expr, MatrixSelector, Offset, SubqueryExpr, VectorSelector,
};

use super::aggregation::Aggregation;
use super::plan::{At, Combined, Plan, Range, Scalar, Selection, Source, Vector, When};
use super::{QueryError, Selector, planned_calls, planned_operators, relabel};

/// The step of a subquery that names none, in milliseconds: Prometheus' usual evaluation interval.
const SUBQUERY_STEP: i64 = 60_000;

/// Parts within each other at most: planning and evaluation go down to the innermost on a thread's stack.
const MAX_DEPTH: usize = 128;

/// Plans a text's whole expression.
pub(super) fn plan_whole(expr: &Expr) -> Result<Plan, QueryError> {
    let depth = depth(expr);
    if depth > MAX_DEPTH {
        let message = format!("the query has {depth} parts within each other: at most {MAX_DEPTH}");
        return Err(QueryError::too_much(message));
    }
    plan(expr)
}

/// How many parts lie within each other. The parser allows more, but no more than this little function can go down.
fn depth(expr: &Expr) -> usize {
    1 + match expr {
        Expr::Paren(inner) => depth(&inner.expr),
        Expr::Unary(inner) => depth(&inner.expr),
        Expr::Subquery(inner) => depth(&inner.expr),
        Expr::Binary(binary) => depth(&binary.lhs).max(depth(&binary.rhs)),
        Expr::Aggregate(aggregate) => {
            let parameter = aggregate.param.as_ref().map_or(0, |one| depth(one));
            depth(&aggregate.expr).max(parameter)
        }
        Expr::Call(call) => {
            let arguments = call.args.args.iter().map(|one| depth(one));
            arguments.max().unwrap_or(0)
        }
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => 0,
    }
}

/// Plans an expression.
pub(super) fn plan(expr: &Expr) -> Result<Plan, QueryError> {
    match expr {
        Expr::Paren(inner) => plan(&inner.expr),
        Expr::NumberLiteral(number) => Ok(Plan::Scalar(Scalar::Number(number.val))),
        Expr::StringLiteral(text) => Ok(Plan::Text(text.val.clone())),
        Expr::VectorSelector(selector) => {
            selection(selector).map(|one| Plan::Vector(Vector::Selected(one)))
        }
        Expr::MatrixSelector(selector) => selected_range(selector).map(Plan::Range),
        Expr::Subquery(subquery) => subquery_range(subquery).map(Plan::Range),
        Expr::Unary(unary) => match plan(&unary.expr)? {
            Plan::Scalar(inner) => Ok(Plan::Scalar(Scalar::Negated(inner.into()))),
            Plan::Vector(inner) => Ok(Plan::Vector(Vector::Negated(inner.into()))),
            other => Err(wrong_type("a number or an instant vector", &other)),
        },
        Expr::Binary(binary) => planned_operators::binary(binary),
        Expr::Aggregate(aggregate) => self::aggregate(aggregate).map(Plan::Vector),
        Expr::Call(call) => planned_calls::call(call),
        Expr::Extension(_) => Err(QueryError::unsupported("an extension of the language")),
    }
}

/// Plans what has to come to a number.
pub(super) fn scalar(expr: &Expr) -> Result<Scalar, QueryError> {
    match plan(expr)? {
        Plan::Scalar(scalar) => Ok(scalar),
        other => Err(wrong_type("a number", &other)),
    }
}

/// Plans what has to come to an instant vector.
pub(super) fn vector(expr: &Expr) -> Result<Vector, QueryError> {
    match plan(expr)? {
        Plan::Vector(vector) => Ok(vector),
        other => Err(wrong_type("an instant vector", &other)),
    }
}

/// Plans what has to come to a range.
pub(super) fn range(expr: &Expr) -> Result<Range, QueryError> {
    match plan(expr)? {
        Plan::Range(range) => Ok(range),
        other => Err(wrong_type("a range vector", &other)),
    }
}

/// What has to be a text.
pub(super) fn text(expr: &Expr) -> Result<String, QueryError> {
    match plan(expr)? {
        Plan::Text(text) => Ok(text),
        other => Err(wrong_type("a string", &other)),
    }
}

/// An argument of a call, which the parser has counted; some calls may leave out their last ones.
pub(super) fn argument(call: &Call, index: usize) -> Result<&Expr, QueryError> {
    let found = call.args.args.get(index).map(|argument| &**argument);
    found.ok_or_else(|| needs_more(call.func.name))
}

pub(super) fn needs_more(name: &str) -> QueryError {
    QueryError::malformed(format!("`{name}` needs more arguments"), None).about(name)
}

fn wrong_type(wanted: &str, got: &Plan) -> QueryError {
    let got = match got {
        Plan::Scalar(_) => "a number",
        Plan::Vector(_) => "an instant vector",
        Plan::Range(_) => "a range vector",
        Plan::Text(_) => "a string",
    };
    QueryError::malformed(format!("{wanted} is needed, and there is {got}"), None)
}

pub(super) fn selection(selector: &VectorSelector) -> Result<Selection, QueryError> {
    Ok(Selection {
        selector: Selector::of(selector)?,
        when: when(selector.at.as_ref(), selector.offset.as_ref()),
    })
}

fn selected_range(selector: &MatrixSelector) -> Result<Range, QueryError> {
    Ok(Range {
        source: Source::Selected(Selector::of(&selector.vs)?),
        length: millis(selector.range),
        when: when(selector.vs.at.as_ref(), selector.vs.offset.as_ref()),
    })
}

fn subquery_range(subquery: &SubqueryExpr) -> Result<Range, QueryError> {
    let step = subquery.step.map_or(SUBQUERY_STEP, millis);
    Ok(Range {
        source: Source::Subquery {
            vector: vector(&subquery.expr)?.into(),
            step: step.max(1),
        },
        length: millis(subquery.range),
        when: when(subquery.at.as_ref(), subquery.offset.as_ref()),
    })
}

fn aggregate(aggregate: &AggregateExpr) -> Result<Vector, QueryError> {
    let name = aggregate.op.to_string();
    let unsupported = || QueryError::unsupported(format!("the aggregation `{name}`")).about(&name);
    let parameter = aggregate.param.as_deref();
    let needed = || QueryError::malformed(format!("`{name}` needs a parameter"), None).about(&name);
    let label = || match parameter {
        Some(parameter) => relabel::label(&text(parameter)?),
        None => Err(needed()),
    };
    let aggregation = Aggregation::named(&name, label)?;
    let aggregation = aggregation.ok_or_else(unsupported)?;
    let number = match aggregation.takes_number() {
        true => Some(scalar(parameter.ok_or_else(needed)?)?),
        false => None,
    };
    Ok(Vector::Combined(Combined::Aggregated {
        aggregation,
        grouping: planned_operators::grouping(aggregate.modifier.as_ref(), false),
        number,
        vector: vector(&aggregate.expr)?.into(),
    }))
}

fn when(at: Option<&AtModifier>, offset: Option<&Offset>) -> When {
    When {
        at: at.map(|at| match at {
            AtModifier::Start => At::Start,
            AtModifier::End => At::End,
            AtModifier::At(time) => At::Time(since_epoch(*time)),
        }),
        offset: match offset {
            None => 0,
            Some(Offset::Pos(duration)) => millis(*duration),
            Some(Offset::Neg(duration)) => -millis(*duration),
        },
    }
}

fn since_epoch(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => -millis(before.duration()),
    }
}

/// At most so much that a few of them can be added up.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).map_or(i64::MAX / 16, |millis| millis.min(i64::MAX / 16))
}
