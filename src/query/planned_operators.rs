//! The part of planning that concerns operators and how two vectors are matched.

use promql_parser::parser::{
    BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality as Cardinality,
};

use super::QueryError;
use super::operator::{Arithmetic, Comparison, Operator};
use super::plan::{Grouping, Many, Matching, Operation, Plan, Scalar, SetOperator, Vector};
use super::planner::{plan, vector};

/// Plans an operator with both its sides.
pub(super) fn binary(binary: &BinaryExpr) -> Result<Plan, QueryError> {
    let modifier = binary.modifier.clone().unwrap_or_default();
    if let Some(name) = fill(&modifier) {
        return Err(QueryError::unsupported(format!("the modifier `{name}`")).about(name));
    }
    let name = binary.op.to_string();
    if let Some(operator) = set_operator(&name) {
        return Ok(Operation::Set {
            operator,
            grouping: grouping(modifier.matching.as_ref(), true),
            left: vector(&binary.lhs)?.into(),
            right: vector(&binary.rhs)?.into(),
        }
        .into());
    }
    let operator = operator(&name, modifier.return_bool)
        .ok_or_else(|| QueryError::unsupported(format!("the operator `{name}`")).about(&name))?;
    match (plan(&binary.lhs)?, plan(&binary.rhs)?) {
        (Plan::Scalar(left), Plan::Scalar(right)) => Ok(Plan::Scalar(Scalar::Binary {
            operator,
            left: left.into(),
            right: right.into(),
        })),
        (Plan::Vector(vector), Plan::Scalar(scalar)) => {
            Ok(with_scalar(operator, vector, scalar, false))
        }
        (Plan::Scalar(scalar), Plan::Vector(vector)) => {
            Ok(with_scalar(operator, vector, scalar, true))
        }
        (Plan::Vector(left), Plan::Vector(right)) => Ok(Operation::Matched {
            operator,
            matching: matching(&modifier),
            left: left.into(),
            right: right.into(),
        }
        .into()),
        _ => Err(QueryError::malformed(
            format!("`{name}` stands between numbers and instant vectors only"),
            None,
        )
        .about(&name)),
    }
}

/// How values are filled in that have no partner, if they are to be.
fn fill(modifier: &BinModifier) -> Option<&'static str> {
    let values = &modifier.fill_values;
    match (&values.lhs, &values.rhs) {
        (None, None) => None,
        (Some(_), None) => Some("fill_left"),
        (None, Some(_)) => Some("fill_right"),
        (Some(_), Some(_)) => Some("fill"),
    }
}

fn with_scalar(operator: Operator, vector: Vector, scalar: Scalar, scalar_is_left: bool) -> Plan {
    Operation::WithScalar {
        operator,
        vector: vector.into(),
        scalar,
        scalar_is_left,
    }
    .into()
}

fn matching(modifier: &BinModifier) -> Matching {
    let many = match &modifier.card {
        Cardinality::ManyToOne(labels) => Many::Left(labels.labels.clone()),
        Cardinality::OneToMany(labels) => Many::Right(labels.labels.clone()),
        Cardinality::OneToOne | Cardinality::ManyToMany => Many::Neither,
    };
    Matching {
        grouping: grouping(modifier.matching.as_ref(), true),
        many,
    }
}

/// The labels by which series belong together. Without a modifier, an aggregation has one group, and operators match series
/// whose labels are all the same.
pub(super) fn grouping(modifier: Option<&LabelModifier>, all_labels: bool) -> Grouping {
    match modifier {
        Some(LabelModifier::Include(labels)) => Grouping::By(labels.labels.clone()),
        Some(LabelModifier::Exclude(labels)) => Grouping::Without(labels.labels.clone()),
        None if all_labels => Grouping::Without(Vec::new()),
        None => Grouping::By(Vec::new()),
    }
}

fn set_operator(name: &str) -> Option<SetOperator> {
    Some(match name {
        "and" => SetOperator::And,
        "or" => SetOperator::Or,
        "unless" => SetOperator::Unless,
        _ => return None,
    })
}

fn operator(name: &str, says: bool) -> Option<Operator> {
    let arithmetic = |one| Some(Operator::Arithmetic(one));
    let comparison = |comparison| Some(Operator::Comparison { comparison, says });
    match name {
        "+" => arithmetic(Arithmetic::Add),
        "-" => arithmetic(Arithmetic::Subtract),
        "*" => arithmetic(Arithmetic::Multiply),
        "/" => arithmetic(Arithmetic::Divide),
        "%" => arithmetic(Arithmetic::Modulo),
        "^" => arithmetic(Arithmetic::Power),
        "atan2" => arithmetic(Arithmetic::Atan2),
        "==" => comparison(Comparison::Equal),
        "!=" => comparison(Comparison::NotEqual),
        "<" => comparison(Comparison::Less),
        "<=" => comparison(Comparison::LessOrEqual),
        ">" => comparison(Comparison::Greater),
        ">=" => comparison(Comparison::GreaterOrEqual),
        _ => None,
    }
}
