//! What becomes of what tables say.

use probity_sdk::config::Named;
use probity_sdk::{Gauge, Result};
use targets::{Gauges, flag};

use crate::log::{Last, Operations};
use crate::notices::Notices;
use crate::{Counts, Groups, Log, Outbox};

/// What is told of each log.
const OF_LOG: [(&str, &str); 6] = [
    ("outbox_in_flight", "Operations that have not ended"),
    (
        "outbox_in_flight_oldest_seconds",
        "How long the oldest of them has been running, 0 when none is",
    ),
    ("outbox_failures", "Operations that failed in the window"),
    (
        "outbox_failure_ratio",
        "Share of the window's results that are failures",
    ),
    (
        "outbox_duration_mean_seconds",
        "How long the window's operations took on average",
    ),
    (
        "outbox_duration_longest_seconds",
        "How long the longest of them took",
    ),
];

/// What is told of each outbox.
const OF_OUTBOX: [(&str, &str); 5] = [
    ("outbox_pending", "Notifications that wait"),
    (
        "outbox_pending_oldest_age_seconds",
        "How long the oldest of them has been waiting, 0 when none is",
    ),
    ("outbox_dead", "Notifications that will never be delivered"),
    (
        "outbox_last_sent_age_seconds",
        "Time since a notification was last delivered",
    ),
    (
        "outbox_last_attempt_age_seconds",
        "Time since one was last tried",
    ),
];

/// What is told of the outcomes of a log.
const OF_OUTCOMES: [(&str, &str); 2] = [
    (
        "outbox_results",
        "Operations that ended in the window, by outcome",
    ),
    (
        "outbox_last_result_age_seconds",
        "Time since an outcome was last seen",
    ),
];

/// The probe's metrics.
pub(crate) struct Metrics {
    up: Gauge<1>,
    of_log: Gauges<1>,
    in_flight: Gauge<2>,
    outcomes: Gauges<2>,
    of_outbox: Gauges<1>,
    pending: Gauge<2>,
    rows: Gauge<2>,
}

impl Metrics {
    pub(crate) fn define() -> Result<Self> {
        let in_flight = "Operations that have not ended, by kind";
        let pending = "Notifications that wait, by kind";
        Ok(Self {
            up: Gauge::define("outbox_up", "1 when the table could be read", ["name"])?,
            of_log: Gauges::define(&OF_LOG, ["log"])?,
            in_flight: Gauge::define("outbox_in_flight_by_kind", in_flight, ["log", "kind"])?,
            outcomes: Gauges::define(&OF_OUTCOMES, ["log", "outcome"])?,
            of_outbox: Gauges::define(&OF_OUTBOX, ["outbox"])?,
            pending: Gauge::define("outbox_pending_by_kind", pending, ["outbox", "kind"])?,
            rows: Gauge::define(
                "outbox_rows",
                "Rows by a column's value",
                ["count", "value"],
            )?,
        })
    }

    pub(crate) fn up(&self, name: &str, is_up: bool) -> Result<()> {
        self.up.set([name], flag(is_up))
    }

    pub(crate) fn log(&self, log: &Log, seen: &Operations, last: &Last, now: f64) -> Result<()> {
        let name = log.name();
        let results = seen.results.total;
        let values = [
            Some(seen.in_flight.total),
            oldest(&seen.in_flight, seen.oldest),
            Some(seen.failures),
            (results > 0.0).then(|| seen.failures / results),
            seen.durations.map(|(mean, _)| mean),
            seen.durations.map(|(_, longest)| longest),
        ];
        self.of_log.set([name], &values)?;
        if log.kind.is_some() {
            by(&self.in_flight, name, &seen.in_flight)?;
        }
        for (outcome, count) in &seen.results.counts {
            self.outcomes.set([name, outcome], &[Some(*count), None])?;
        }
        for (outcome, at) in last {
            let age = (now - at).max(0.0);
            self.outcomes.set([name, outcome], &[None, Some(age)])?;
        }
        Ok(())
    }

    pub(crate) fn outbox(&self, outbox: &Outbox, seen: &Notices) -> Result<()> {
        let name = outbox.name();
        let values = [
            Some(seen.pending.total),
            oldest(&seen.pending, seen.oldest),
            seen.dead,
            seen.since_sent,
            seen.since_attempt,
        ];
        self.of_outbox.set([name], &values)?;
        match outbox.kind {
            Some(_) => by(&self.pending, name, &seen.pending),
            None => Ok(()),
        }
    }

    pub(crate) fn counts(&self, counts: &Counts, seen: &Groups) -> Result<()> {
        by(&self.rows, counts.name(), seen)
    }
}

fn by(gauge: &Gauge<2>, name: &str, groups: &Groups) -> Result<()> {
    let mut counts = groups.counts.iter();
    counts.try_for_each(|(value, count)| gauge.set([name, value], *count))
}

/// The age of the oldest of them: nothing when there are some, and none has a time.
fn oldest(groups: &Groups, age: Option<f64>) -> Option<f64> {
    age.or_else(|| (groups.total == 0.0).then_some(0.0))
}
