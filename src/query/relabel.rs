//! `label_replace` and `label_join`.

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::token::T_EQL_REGEX;

use super::limits::Budget;
use super::{Labels, QueryError, dialect, pattern};
use crate::model::printable;

/// A label's value at most, in bytes.
const MAX_VALUE: usize = 64 << 10;

/// How a series' labels are changed.
#[derive(Debug)]
pub(super) enum Relabel {
    Replace {
        target: String,
        replacement: String,
        source: String,
        /// Holds the regular expression, as the parser crate makes it: for the whole value.
        pattern: Matcher,
    },
    Join {
        target: String,
        separator: String,
        sources: Vec<String>,
    },
}

impl Relabel {
    /// `label_replace`: where `source` matches `pattern`, `target` is set, with `$1` for a group of it.
    pub(super) fn replace(
        target: &str,
        replacement: &str,
        source: &str,
        pattern: &str,
    ) -> Result<Self, QueryError> {
        pattern::check(pattern)?;
        let matcher = dialect::matcher(T_EQL_REGEX, source, pattern);
        let pattern = matcher.map_err(|_| pattern::none(pattern))?;
        Ok(Self::Replace {
            target: label(target)?,
            replacement: replacement.to_owned(),
            source: source.to_owned(),
            pattern,
        })
    }

    /// `label_join`: `target` is set to the values of `sources` with `separator` between them.
    pub(super) fn join(
        target: &str,
        separator: &str,
        sources: &[String],
    ) -> Result<Self, QueryError> {
        Ok(Self::Join {
            target: label(target)?,
            separator: separator.to_owned(),
            sources: sources
                .iter()
                .map(|one| label(one))
                .collect::<Result<_, _>>()?,
        })
    }

    /// A series' labels afterwards.
    ///
    /// # Errors
    /// A value would be too long, or all those of the query together.
    pub(super) fn apply(&self, labels: &Labels, budget: &Budget) -> Result<Labels, QueryError> {
        let (target, value) = match self {
            Self::Replace {
                target,
                replacement,
                source,
                pattern,
            } => {
                let MatchOp::Re(regex) = &pattern.op else {
                    return Ok(labels.clone());
                };
                let Some(captures) = regex.captures(labels.get(source)) else {
                    return Ok(labels.clone());
                };
                let expand = |part: &str, value: &mut String| captures.expand(part, value);
                (target, expanded(replacement, expand)?)
            }
            Self::Join {
                target,
                separator,
                sources,
            } => {
                let values: Vec<&str> = sources.iter().map(|one| labels.get(one)).collect();
                let separators = separator.len() * values.len().saturating_sub(1);
                let length: usize = values.iter().map(|value| value.len()).sum();
                within_bounds(length + separators)?;
                (target, values.join(separator))
            }
        };
        labels.charged(target, &value, budget)
    }
}

/// The replacement with its groups filled in, part by part: each of them may be long.
fn expanded(replacement: &str, expand: impl Fn(&str, &mut String)) -> Result<String, QueryError> {
    let mut value = String::new();
    let mut rest = replacement;
    while !rest.is_empty() {
        let (part, others) = rest.split_at(part_length(rest));
        expand(part, &mut value);
        within_bounds(value.len())?;
        rest = others;
    }
    Ok(value)
}

/// The bytes of a replacement's first part, which has at most one `$` that stands for something.
fn part_length(rest: &str) -> usize {
    let Some(after) = rest.strip_prefix('$') else {
        return rest.find('$').unwrap_or(rest.len());
    };
    let end = match after.chars().next() {
        Some('$') => Some(0),
        Some('{') => after.find('}'),
        _ => return after.find('$').map_or(rest.len(), |end| end + 1),
    };
    end.map_or(rest.len(), |end| end + 2)
}

fn within_bounds(length: usize) -> Result<(), QueryError> {
    if length <= MAX_VALUE {
        return Ok(());
    }
    let message = format!("a label's value would have {length} bytes: at most {MAX_VALUE}");
    Err(QueryError::too_much(message))
}

/// Only what may be the name of a label: in Prometheus 3 any text but none.
pub(super) fn label(name: &str) -> Result<String, QueryError> {
    if !name.is_empty() {
        return Ok(name.to_owned());
    }
    let shown = printable(name, 64);
    Err(QueryError::malformed(format!("`{shown}` is no name of a label"), None).about_text(name))
}
