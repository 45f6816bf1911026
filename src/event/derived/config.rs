//! Configuration of what follows from events.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Lasting;
use crate::event::Kind;
use crate::model::{Invalid, Span, check_range};

/// Buckets at most.
const MOST_BUCKETS: usize = 50;
/// Names that may have an expectation of their own.
const MOST_EXPECTATIONS: usize = 1000;
/// The longest time that a span here may be.
const LONGEST: Span = Span::seconds(30 * 24 * 3600);
/// The longest window: its numbers are kept in slices, so a longer one is only coarser.
const LONGEST_WINDOW: Span = Span::seconds(24 * 3600);

/// `[events.derived]`: what is made of events, and how much of it is kept.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Upper bounds of the duration histograms' buckets, in milliseconds, rising.
    pub buckets: Vec<f64>,
    /// The time that percentiles are of, and for which a queue's depth and a pool's use count after they were told.
    pub window: Span,
    /// The time that the workers' utilisation is of.
    pub busy_window: Span,
    /// Names told apart, of operations, routes, runs, queues, pools and kinds each; further ones are one, `other`.
    pub names: usize,
    /// Operations, requests and runs followed at once, each.
    pub in_flight: usize,
    /// Workers followed at once.
    pub workers: usize,
    /// Sessions followed at once.
    pub sessions: usize,
    /// After so long without its end an operation, a request or a run is given up.
    pub lost_after: Span,
    /// The same of a session.
    pub session_lost_after: Span,
    /// A worker that was told as started is gone when nothing was told of it for so long and it does nothing.
    pub worker_lost_after: Span,
    /// How long work may take.
    pub overdue: Overdue,
    /// When errors are too many.
    pub error_rate: ErrorRateConfig,
}

/// `[events.derived.overdue]`: after how long work is overdue that does not say so itself.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Overdue {
    /// Operations whose name is not in `names`; unset: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Span>,
    /// By name of an operation or a run, or by route.
    pub names: BTreeMap<String, Span>,
}

/// `[events.derived.error_rate]`: when errors of one name are too many.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorRateConfig {
    /// The time that it is of.
    pub window: Span,
    /// The share of errors from which on it is too high, 0 to 1.
    pub threshold: f64,
    /// So many must have ended in the window before it is judged.
    pub least: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            buckets: vec![5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0],
            window: Span::seconds(300),
            busy_window: Span::seconds(60),
            names: 100,
            in_flight: 10_000,
            workers: 1000,
            sessions: 10_000,
            lost_after: Span::seconds(3600),
            session_lost_after: Span::seconds(24 * 3600),
            // A night without work is no end.
            worker_lost_after: Span::seconds(24 * 3600),
            overdue: Overdue::default(),
            error_rate: ErrorRateConfig::default(),
        }
    }
}

impl Default for ErrorRateConfig {
    fn default() -> Self {
        Self {
            window: Span::seconds(300),
            threshold: 0.1,
            least: 20,
        }
    }
}

impl Config {
    /// What is not acceptable in it.
    pub fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        self.check_buckets(&mut faults);
        let second = Span::seconds(1);
        let windows = [
            ("window", self.window),
            ("busy_window", self.busy_window),
            ("error_rate.window", self.error_rate.window),
        ];
        for (key, window) in windows {
            check_range(&mut faults, key, window, Span::seconds(10), LONGEST_WINDOW);
        }
        check_range(&mut faults, "names", self.names, 1, 1000);
        check_range(&mut faults, "in_flight", self.in_flight, 1, 1_000_000);
        check_range(&mut faults, "workers", self.workers, 1, 100_000);
        check_range(&mut faults, "sessions", self.sessions, 1, 1_000_000);
        for (key, span) in [
            ("lost_after", self.lost_after),
            ("session_lost_after", self.session_lost_after),
            ("worker_lost_after", self.worker_lost_after),
        ] {
            check_range(&mut faults, key, span, second, LONGEST);
        }
        self.overdue.check(&mut faults);
        let rate = &self.error_rate;
        check_range(
            &mut faults,
            "error_rate.threshold",
            rate.threshold,
            0.001,
            1.0,
        );
        check_range(&mut faults, "error_rate.least", rate.least, 1, 1_000_000);
        faults
    }

    fn check_buckets(&self, faults: &mut Vec<Invalid>) {
        let rising = self.buckets.windows(2).all(|pair| pair[0] < pair[1]);
        let fits = |bound: &f64| bound.is_finite() && *bound > 0.0;
        if !(1..=MOST_BUCKETS).contains(&self.buckets.len())
            || !rising
            || !self.buckets.iter().all(fits)
        {
            let rule = format!(
                "must be 1 to {MOST_BUCKETS} numbers of milliseconds above 0, each larger than the one before"
            );
            let shown: Vec<String> = self.buckets.iter().take(5).map(f64::to_string).collect();
            faults.push(Invalid::new(
                "buckets",
                format!("[{}]", shown.join(", ")),
                rule,
            ));
        }
    }

    /// What lasts, and for how long at most. Of what is many the least is first.
    pub(super) fn lasting(&self) -> Vec<Lasting> {
        use Kind::{
            ErrorRateCrossed, OperationCompleted, OperationStarted, PoolSaturated, PoolStarted,
            RequestCompleted, RequestStarted, RunFinished, RunStarted, SessionCleanedUp,
            SessionCreated, WorkerCrashed, WorkerStarted, WorkerStopped,
        };
        let of = |sort, kinds, back: Span| Lasting {
            sort,
            kinds,
            back: back.0,
        };
        let workers = &[WorkerStarted, WorkerStopped, WorkerCrashed];
        // What is given up only after twice its expectation may have begun earlier.
        let work = self.lost_after.max(self.overdue.longest());
        vec![
            of("error rates", &[ErrorRateCrossed], LONGEST),
            of(
                "pools",
                &[PoolStarted, PoolSaturated],
                self.worker_lost_after,
            ),
            of("workers", workers, self.worker_lost_after),
            of("runs", &[RunStarted, RunFinished], work),
            of(
                "sessions",
                &[SessionCreated, SessionCleanedUp],
                self.session_lost_after,
            ),
            of("requests", &[RequestStarted, RequestCompleted], work),
            of("operations", &[OperationStarted, OperationCompleted], work),
        ]
    }

    /// The buckets' bounds in seconds, as metrics have them.
    pub(super) fn bounds(&self) -> Vec<f64> {
        self.buckets.iter().map(|bound| bound / 1e3).collect()
    }
}

impl Overdue {
    fn check(&self, faults: &mut Vec<Invalid>) {
        let least = Span::millis(1);
        if let Some(span) = self.default {
            check_range(faults, "overdue.default", span, least, LONGEST);
        }
        for (name, span) in &self.names {
            check_range(
                faults,
                &format!("overdue.names.\"{name}\""),
                *span,
                least,
                LONGEST,
            );
        }
        let count = self.names.len();
        if count > MOST_EXPECTATIONS {
            let rule = format!("must have at most {MOST_EXPECTATIONS} names");
            faults.push(Invalid::new(
                "overdue.names",
                format!("{count} names"),
                rule,
            ));
        }
    }

    /// Twice the longest time that work may take.
    fn longest(&self) -> Span {
        let spans = self.names.values().copied().chain(self.default);
        let longest = spans.max().unwrap_or(Span::seconds(0));
        Span(longest.0.saturating_mul(2))
    }

    /// After how long work of this name is overdue.
    pub(super) fn of(&self, name: &str) -> Option<Duration> {
        let span = self.names.get(name).copied().or(self.default);
        span.map(|span| span.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(change: impl FnOnce(&mut Config)) -> Vec<String> {
        let mut config = Config::default();
        change(&mut config);
        let faults = config.check().into_iter();
        faults.map(|fault| fault.key).collect()
    }

    #[test]
    fn bounds_are_kept_in_pairs() {
        assert!(faults(|_| {}).is_empty());
        for (least, beyond) in [(vec![1.0], vec![]), (vec![1.0, 2.0], vec![2.0, 2.0])] {
            assert!(faults(|config| config.buckets = least).is_empty());
            assert_eq!(faults(|config| config.buckets = beyond), ["buckets"]);
        }
        assert_eq!(faults(|config| config.buckets = vec![0.0]), ["buckets"]);
        let most: Vec<f64> = (1..=50).map(f64::from).collect();
        assert!(faults(|config| config.buckets = most.clone()).is_empty());
        let more: Vec<f64> = (1..=51).map(f64::from).collect();
        assert_eq!(faults(|config| config.buckets = more), ["buckets"]);
        assert!(faults(|config| config.names = 1000).is_empty());
        assert_eq!(faults(|config| config.names = 1001), ["names"]);
        let rate = |threshold| move |config: &mut Config| config.error_rate.threshold = threshold;
        assert!(faults(rate(1.0)).is_empty());
        assert_eq!(faults(rate(1.1)), ["error_rate.threshold"]);
        let span = |span| {
            move |config: &mut Config| {
                config.overdue.names.insert("a".into(), span);
            }
        };
        assert!(faults(span(Span::millis(1))).is_empty());
        assert_eq!(faults(span(Span::seconds(0))), ["overdue.names.\"a\""]);
    }
}
