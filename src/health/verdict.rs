//! What one look at one thing says.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::model::{Failure, Status, printable};
use crate::snapshot::Dated;

/// The longest reason quoted within a message, in bytes.
const MAX_REASON_BYTES: usize = 200;
/// The most names listed in a message; the rest is counted.
const MAX_LISTED: usize = 5;

/// What one evaluation sees, before hysteresis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    /// The verdict.
    pub(super) status: Status,
    /// Why, in one line.
    pub(super) message: String,
    /// Structured details.
    pub(super) details: Option<Value>,
    /// The facts behind it are no longer renewed.
    pub(super) stale: bool,
}

impl Verdict {
    pub(super) fn new(status: Status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            details: None,
            stale: false,
        }
    }

    /// There is nothing to judge on this machine, or its sampler is switched off: no failure.
    pub(super) fn unavailable(what: &str) -> Self {
        Self::new(Status::Pass, format!("{what} is not available here"))
    }

    pub(super) fn with(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }
}

/// Judges facts: nothing known passes, facts that are no longer fresh warn at least, and say why.
pub(super) fn judge<T>(
    what: &str,
    facts: Option<&Dated<T>>,
    now: Instant,
    look: impl FnOnce(&T) -> Verdict,
) -> Verdict {
    let Some(dated) = facts else {
        return Verdict::unavailable(what);
    };
    let verdict = look(&dated.facts);
    let age = now.saturating_duration_since(dated.read);
    if age <= dated.interval * 2 {
        return verdict;
    }
    let why = dated.failure.as_deref().map(reason);
    let why = why.unwrap_or_else(|| "its sampler does not answer".into());
    Verdict {
        status: verdict.status.max(Status::Warn),
        message: format!(
            "{what} was last read {} ago ({why}); then: {}",
            ago(age),
            verdict.message
        ),
        stale: true,
        ..verdict
    }
}

/// A failure as part of a longer line.
pub(super) fn reason(failure: &Failure) -> String {
    printable(&failure.to_string(), MAX_REASON_BYTES)
}

/// A duration for people: to the second, to the millisecond below one.
pub(super) fn ago(duration: Duration) -> String {
    let millis = match duration.as_secs() {
        0 => duration.as_millis(),
        seconds => u128::from(seconds) * 1000,
    };
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    format!("{:#}", jiff::SignedDuration::from_millis(millis))
}

/// The first few of a list, and how many more there are.
pub(super) fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(MAX_LISTED)].join(", ");
    match names.len().saturating_sub(MAX_LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn facts_that_are_no_longer_renewed_never_pass() {
        let start = Instant::now();
        let mut dated = Dated {
            facts: Arc::new(()),
            read: start,
            interval: Duration::from_secs(1),
            failure: None,
        };
        let look = |(): &()| Verdict::new(Status::Pass, "all well");
        let at = |dated: &Dated<()>, millis| {
            judge(
                "it",
                Some(dated),
                start + Duration::from_millis(millis),
                look,
            )
        };
        assert_eq!(at(&dated, 2000), Verdict::new(Status::Pass, "all well"));
        let late = at(&dated, 2500);
        assert_eq!((late.status, late.stale), (Status::Warn, true));
        assert_eq!(
            late.message,
            "it was last read 2s ago (its sampler does not answer); then: all well"
        );
        dated.failure = Some(Arc::new(Failure::new("io", "permission denied")));
        assert!(
            at(&dated, 90_000)
                .message
                .contains("1m 30s ago (io: permission denied)")
        );
        assert_eq!(judge("it", None, start, look).status, Status::Pass);
    }

    #[test]
    fn lists_and_durations_stay_short() {
        let names: Vec<String> = (0..7).map(|index| format!("n{index}")).collect();
        assert_eq!(listed(&names), "n0, n1, n2, n3, n4 and 2 more");
        assert_eq!(listed(&names[..2]), "n0, n1");
        assert_eq!(listed(&[]), "");
        assert_eq!(ago(Duration::from_micros(250_900)), "250ms");
        assert!(
            ago(Duration::MAX).contains('h'),
            "the longest there is, and no panic"
        );
    }
}
