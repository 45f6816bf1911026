//! Which series are meant: a name and matchers, as Prometheus writes them.

use std::sync::Arc;

use promql_parser::label::{MatchOp, Matcher, Matchers};
use promql_parser::parser::token::{T_EQL_REGEX, T_NEQ_REGEX};
use promql_parser::parser::{Expr, VectorSelector};

use super::labels::NAME;
use super::{QueryError, dialect, parse, pattern, place};
use crate::history::{SeriesId, SeriesKey, View};

/// A choice of series: `name{label="value",other=~"pattern"}`.
#[derive(Debug, Clone)]
pub struct Selector {
    /// The only name that series chosen can have, if there is one.
    name: Option<String>,
    /// Series chosen match all of one of these.
    groups: Vec<Vec<Matcher>>,
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// A [`QueryError`] that says what is wrong with it and where; an expression that is more than a selector is refused.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        match parse(text)? {
            Expr::VectorSelector(selector)
                if selector.offset.is_none() && selector.at.is_none() =>
            {
                Self::of(&selector)
            }
            _ => Err(QueryError::malformed(
                "a selector is wanted, such as `name{label=\"value\"}`, and no expression around it",
                Some(place::beyond_selector(text)),
            )),
        }
    }

    /// The choice that part of an expression makes.
    ///
    /// # Errors
    /// A regular expression of it is none as Prometheus reads it.
    pub fn of(selector: &VectorSelector) -> Result<Self, QueryError> {
        let Matchers {
            matchers,
            or_matchers,
        } = &selector.matchers;
        let groups = if or_matchers.is_empty() {
            std::slice::from_ref(matchers)
        } else {
            or_matchers.as_slice()
        };
        let groups = groups.iter().map(|group| group.iter().map(read).collect());
        let groups = groups.collect::<Result<Vec<Vec<Matcher>>, QueryError>>()?;
        let named = |group: &[Matcher]| {
            let is_name = |one: &&Matcher| one.name == NAME && matches!(one.op, MatchOp::Equal);
            group.iter().find(is_name).map(|one| one.value.clone())
        };
        let lone = match groups.as_slice() {
            [group] => named(group),
            _ => None,
        };
        Ok(Self {
            name: selector.name.clone().or(lone),
            groups,
        })
    }

    /// The labels, without the name, that can have one value only, with that value.
    pub(super) fn certain_labels(&self) -> Vec<(&str, &str)> {
        let [group] = self.groups.as_slice() else {
            return Vec::new();
        };
        let once = |name: &str| group.iter().filter(|one| one.name == name).count() == 1;
        let certain = |one: &&Matcher| {
            matches!(one.op, MatchOp::Equal) && one.name != NAME && once(&one.name)
        };
        let certain = group.iter().filter(certain);
        certain
            .map(|one| (one.name.as_str(), one.value.as_str()))
            .collect()
    }

    /// The series of the history that are meant, in order of their names and labels.
    pub fn find(&self, view: &View) -> Vec<SeriesId> {
        let fits = |(id, key): (SeriesId, &Arc<SeriesKey>)| {
            let is_meant = self.matches(&key.name, |label| key.label(label));
            is_meant.then_some(id)
        };
        let mut found: Vec<SeriesId> = match &self.name {
            Some(name) => view.named(name).filter_map(fits).collect(),
            None => view.series().filter_map(fits).collect(),
        };
        let order = |id: &SeriesId| view.key(*id).map(|key| (&key.name, &key.labels));
        found.sort_by(|one, other| order(one).cmp(&order(other)));
        found
    }

    /// The only name that a series chosen can have, if there is one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether a series is meant that has this name, and labels of which `label` gives the values.
    pub fn matches<'a>(&self, name: &'a str, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        let value = |key: &str| match key {
            NAME => name,
            // A label that is not there is as good as an empty one.
            _ => label(key).unwrap_or_default(),
        };
        self.name.as_deref().is_none_or(|own| own == name)
            && self
                .groups
                .iter()
                .any(|group| group.iter().all(|one| one.is_match(value(&one.name))))
    }
}

/// A matcher as Prometheus reads it.
fn read(matcher: &Matcher) -> Result<Matcher, QueryError> {
    let id = match matcher.op {
        MatchOp::Re(_) => T_EQL_REGEX,
        MatchOp::NotRe(_) => T_NEQ_REGEX,
        MatchOp::Equal | MatchOp::NotEqual => return Ok(matcher.clone()),
    };
    let read = dialect::matcher(id, &matcher.name, &matcher.value);
    read.map_err(|_| pattern::none(&matcher.value))
}
