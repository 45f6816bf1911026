//! An expression that is known to be carried out here, by what its parts come to.

use super::Selector;
use super::aggregation::Aggregation;
use super::functions::Each;
use super::labels::Labels;
use super::operator::Operator;
use super::over_time::OverTime;
use super::relabel::Relabel;

/// A whole expression.
#[derive(Debug)]
pub(super) enum Plan {
    Scalar(Scalar),
    Vector(Vector),
    Range(Range),
    Text(String),
}

/// What comes to a number at each step.
#[derive(Debug)]
pub(super) enum Scalar {
    Number(f64),
    Time,
    /// The only value of a vector.
    Of(Box<Vector>),
    Negated(Box<Scalar>),
    Binary {
        operator: Operator,
        left: Box<Scalar>,
        right: Box<Scalar>,
    },
}

/// What comes to any number of series with a value at each step.
#[derive(Debug)]
pub(super) enum Vector {
    Selected(Selection),
    /// When the selected samples were taken.
    Times(Selection),
    /// `timestamp` of anything else: the time of the step.
    StepTimes(Box<Vector>),
    /// A number as a series without labels.
    Lifted(Scalar),
    Negated(Box<Vector>),
    /// A function of each value by itself.
    Each {
        function: Each,
        vector: Box<Vector>,
        numbers: Vec<Scalar>,
    },
    OverTime {
        function: OverTime,
        number: Option<Scalar>,
        range: Range,
    },
    /// 1 with these labels where the vector is empty.
    Absent {
        vector: Box<Vector>,
        labels: Labels,
    },
    /// The same for a range.
    AbsentOverTime {
        range: Range,
        labels: Labels,
    },
    Combined(Combined),
}

/// What is made of whole vectors.
#[derive(Debug)]
pub(super) enum Combined {
    HistogramQuantile {
        quantile: Scalar,
        vector: Box<Vector>,
    },
    Relabelled {
        relabel: Relabel,
        vector: Box<Vector>,
    },
    Sorted {
        descending: bool,
        vector: Box<Vector>,
    },
    Aggregated {
        aggregation: Aggregation,
        grouping: Grouping,
        /// What `topk`, `bottomk` and `quantile` are given.
        number: Option<Scalar>,
        vector: Box<Vector>,
    },
    Operation(Operation),
}

/// What operators make of a vector and something else.
#[derive(Debug)]
pub(super) enum Operation {
    /// An operator between each value and a number.
    WithScalar {
        operator: Operator,
        vector: Box<Vector>,
        scalar: Scalar,
        scalar_is_left: bool,
    },
    Matched {
        operator: Operator,
        matching: Matching,
        left: Box<Vector>,
        right: Box<Vector>,
    },
    Set {
        operator: SetOperator,
        grouping: Grouping,
        left: Box<Vector>,
        right: Box<Vector>,
    },
}

impl From<Operation> for Plan {
    fn from(operation: Operation) -> Self {
        Self::Vector(Vector::Combined(Combined::Operation(operation)))
    }
}

impl From<Combined> for Vector {
    fn from(combined: Combined) -> Self {
        Self::Combined(combined)
    }
}

/// Which series, and when.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) selector: Selector,
    pub(super) when: When,
}

/// How the time at which something is looked up differs from the step's.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    pub(super) at: Option<At>,
    /// How much earlier, in milliseconds.
    pub(super) offset: i64,
}

/// A fixed time.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    Start,
    End,
    Time(i64),
}

/// Samples of series over a time before each step.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) source: Source,
    /// How long it is, in milliseconds.
    pub(super) length: i64,
    pub(super) when: When,
}

/// Where a range's samples come from.
#[derive(Debug)]
pub(super) enum Source {
    Selected(Selector),
    /// An expression, at steps of its own.
    Subquery {
        vector: Box<Vector>,
        step: i64,
    },
}

/// By which labels series belong together.
#[derive(Debug, Clone)]
pub(super) enum Grouping {
    By(Vec<String>),
    Without(Vec<String>),
}

impl Grouping {
    /// What a series has in common with all others of its group.
    pub(super) fn of(&self, labels: &Labels) -> Labels {
        match self {
            Self::By(keys) => labels.only(keys),
            Self::Without(keys) => labels.without(keys),
        }
    }
}

/// Which series of two vectors are calculated with each other.
#[derive(Debug)]
pub(super) struct Matching {
    pub(super) grouping: Grouping,
    pub(super) many: Many,
}

/// On which side there may be several series of one group, and which labels their partner adds to them.
#[derive(Debug)]
pub(super) enum Many {
    Neither,
    Left(Vec<String>),
    Right(Vec<String>),
}

/// What is done with whole series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SetOperator {
    And,
    Or,
    Unless,
}
