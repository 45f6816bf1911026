//! What would be served of a probe under test, and what is held against it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::Verdict;
use crate::model::{Failure, MetricKind, Series};
use crate::snapshot::{Check, SourceView};

/// What only grows, by name and labels.
pub(super) type Totals = BTreeMap<(Arc<str>, Box<[Arc<str>]>), f64>;

/// What would be served of the probe.
pub(super) struct Seen {
    pub(super) source: Arc<SourceView>,
    pub(super) checks: Vec<Check>,
}

impl Seen {
    /// The numbers of a series, with `labels` in the order of the metric's keys; nothing when there is no such series.
    pub(super) fn numbers(&self, metric: &str, labels: &[&str]) -> Option<Vec<f64>> {
        let series = self.series(metric, labels)?;
        let points = self.source.numbers(series);
        Some(points.iter().map(|point| point.value).collect())
    }

    /// Whether the series was written at this moment or later.
    pub(super) fn is_newer(&self, metric: &str, labels: &[&str], than: Instant) -> bool {
        let series = self.series(metric, labels);
        let point = series.and_then(|series| self.source.numbers(series).first().copied());
        point
            .and_then(|point| point.updated)
            .is_some_and(|updated| updated >= than)
    }

    fn series(&self, metric: &str, labels: &[&str]) -> Option<&Series> {
        let mut present = self.source.present(Instant::now());
        let found = present.find(|(series, _)| {
            let own = series.labels.iter().map(|label| &**label);
            &*series.metric.name == metric && own.eq(labels.iter().copied())
        });
        found.map(|(series, _)| series)
    }

    /// The totals of counters, and how much histograms have counted.
    pub(super) fn totals(&self) -> Totals {
        let total = |series: &Series| {
            let numbers = self.source.numbers(series).iter().map(|point| point.value);
            match series.metric.kind {
                MetricKind::Counter => numbers.take(1).sum(),
                // Its sum, which may fall, is the last.
                _ => numbers.take(series.metric.bounds.len() + 1).sum::<f64>(),
            }
        };
        let present = self.source.present(Instant::now());
        let growing = present.filter(|(series, _)| {
            let kind = series.metric.kind;
            matches!(kind, MetricKind::Counter | MetricKind::Histogram)
        });
        let named = growing.map(|(series, _)| {
            let key = (series.metric.name.clone(), series.labels.clone());
            (key, total(series))
        });
        named.collect()
    }

    /// A gauge's value or a counter's total has to be this one.
    ///
    /// # Errors
    /// It is another, or not there.
    pub(super) fn has(&self, metric: &str, labels: &[&str], value: f64) -> Verdict {
        let found = self
            .numbers(metric, labels)
            .and_then(|numbers| numbers.first().copied());
        equal(&format!("{metric}{labels:?}"), found, Some(value))
    }

    /// The check has to say this.
    ///
    /// # Errors
    /// It says something else, or is not there.
    pub(super) fn says(&self, status: &str, message: &str) -> Verdict {
        let said = self
            .checks
            .iter()
            .find(|check| check.name.ends_with("/backlog"));
        let said = said.map(|check| format!("{}: {}", check.status.as_str(), check.message));
        equal(
            "the check `backlog`",
            said,
            Some(format!("{status}: {message}")),
        )
    }
}

/// What was found has to be what is wanted.
///
/// # Errors
/// Both, in one line.
pub(super) fn equal<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Verdict {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{what} is {found:?}, and should be {wanted:?}"))
    }
}

/// A failure has to have this code.
///
/// # Errors
/// The failure, whole.
pub(super) fn coded(failure: &Failure, code: &str) -> Verdict {
    if failure.code == code {
        Ok(())
    } else {
        Err(format!(
            "the run failed with `{failure}`, and should with `{code}`"
        ))
    }
}

/// Each part has to be in the text.
///
/// # Errors
/// The first that is not.
pub(super) fn holds(what: &str, text: &str, parts: &[&str]) -> Verdict {
    match parts.iter().find(|part| !text.contains(**part)) {
        Some(part) => Err(format!("{what} lacks {part:?}: {text}")),
        None => Ok(()),
    }
}
