//! What a probe did in one run, as text: recorded beside the answers that it had, and held against a later run.

use serde::{Deserialize, Serialize};

use crate::model::{Change, Failure, MetricKind, Observation, Outcome, Series, Write};
use crate::probe::LogLine;

/// What one run came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    /// `ok`, or how it failed.
    outcome: String,
    /// The failure's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The failure's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// What was written, one line a write, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    samples: Vec<String>,
    /// What was reported, one line a check, in the order of their definition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    checks: Vec<String>,
    /// What was said, with the level in front.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    logs: Vec<String>,
}

impl Account {
    /// Of a run that ended so, and these lines of its log.
    pub(super) fn of(observation: &Observation, lines: &[LogLine]) -> Self {
        let (outcome, failure) = match &observation.outcome {
            Outcome::Ok => ("ok", None),
            Outcome::NotApplicable(failure) => ("not applicable", Some(failure)),
            Outcome::Failed(failure) => ("failed", Some(failure)),
        };
        let failed = failure.is_some();
        let staged = &observation.staged;
        let mut samples: Vec<String> = staged
            .writes
            .iter()
            .filter(|_| !failed)
            .filter_map(|write| {
                let mut series = staged.schema.series.iter();
                Some(line(series.find(|one| one.slot == write.slot)?, write))
            })
            .collect();
        samples.sort();
        let checks = observation.checks.iter().map(|check| {
            let details = check.details.as_ref().map(|one| one.text().to_owned());
            let details = details.map(|text| format!(" {text}")).unwrap_or_default();
            let (id, status) = (&check.id, check.status.as_str());
            format!("{id} {status}: {}{details}", check.message)
        });
        Self {
            outcome: outcome.to_owned(),
            code: failure.map(|failure| failure.code.clone()),
            message: failure.and_then(|failure| stable_message(failure)),
            samples,
            checks: checks.collect(),
            logs: lines.iter().map(said).collect(),
        }
    }

    /// What is not the same in `now`: lines with `-` that only this one has, and with `+` that only the other has. An
    /// account of nothing, the default, has not even an outcome.
    pub(super) fn differences(&self, now: &Self) -> Vec<String> {
        let outcome = |account: &Self| {
            if account.outcome.is_empty() {
                return Vec::new();
            }
            let parts = [&account.code, &account.message];
            let parts = parts.into_iter().flatten().map(String::as_str);
            let all: Vec<&str> = std::iter::once(account.outcome.as_str())
                .chain(parts)
                .collect();
            vec![all.join(": ")]
        };
        let mut lines = Vec::new();
        for (what, before, after) in [
            ("outcome", &outcome(self)[..], &outcome(now)[..]),
            ("sample", &self.samples, &now.samples),
            ("check", &self.checks, &now.checks),
            ("log", &self.logs, &now.logs),
        ] {
            compare(&mut lines, what, before, after);
        }
        lines
    }
}

/// A line of the log as text.
fn said(line: &LogLine) -> String {
    format!("{}: {}", line.level.as_str(), line.message)
}

/// What a limit says of times and sizes is never twice the same.
fn stable_message(failure: &Failure) -> Option<String> {
    (!failure.code.starts_with("limits.")).then(|| failure.message.clone())
}

/// One write as text.
fn line(series: &Series, write: &Write) -> String {
    let metric = &series.metric;
    let labels: Vec<String> = metric
        .label_keys
        .iter()
        .zip(&series.labels)
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    let labels = if labels.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", labels.join(","))
    };
    let value = write.value;
    let shown = match write.change {
        Change::Set if metric.kind == MetricKind::StateSet => {
            let state = metric.states.get(value as usize);
            format!("is {}", state.map_or("unknown", |state| &**state))
        }
        Change::Set => value.to_string(),
        Change::Add => format!("+{value}"),
        Change::Mirror => format!("= {value}"),
        Change::Created => format!("since {value}"),
        Change::Count { bucket } => {
            let bound = metric.bounds.get(usize::from(bucket)).copied();
            format!("le {} +{value}", bound.unwrap_or(f64::INFINITY))
        }
        Change::Sum => format!("sum +{value}"),
    };
    format!("{}{labels} {shown}", metric.name)
}

/// The lines of two lists that have no partner in the other.
fn compare(lines: &mut Vec<String>, what: &str, before: &[String], after: &[String]) {
    let mut new: Vec<&String> = after.iter().collect();
    for line in before {
        match new.iter().position(|other| *other == line) {
            Some(at) => {
                new.remove(at);
            }
            None => lines.push(format!("- {what} {line}")),
        }
    }
    lines.extend(new.iter().map(|line| format!("+ {what} {line}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        let before = Account {
            outcome: "ok".into(),
            samples: lines(&["depth 1", "depth 1", "polls +1"]),
            logs: lines(&["info: one"]),
            ..Account::default()
        };
        assert!(before.differences(&before).is_empty());
        let after = Account {
            outcome: "failed".into(),
            code: Some("other".into()),
            message: Some("why".into()),
            samples: lines(&["depth 1", "polls +2"]),
            logs: lines(&["info: one", "info: two"]),
            ..Account::default()
        };
        let wanted = [
            "- outcome ok",
            "+ outcome failed: other: why",
            "- sample depth 1",
            "- sample polls +1",
            "+ sample polls +2",
            "+ log info: two",
        ];
        assert_eq!(before.differences(&after), wanted);
        let nothing = Account::default();
        assert_eq!(
            nothing.differences(&before)[..2],
            ["+ outcome ok", "+ sample depth 1"]
        );
    }
}
