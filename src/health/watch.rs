//! The watch: evaluates all checks and remembers what hysteresis needs.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::hysteresis::{Hysteresis, Patience};
use super::verdict::Verdict;
use super::watched::{Judged, WatchedChecks};
use super::{Config, NAMES, builtin, events, probes};
use crate::model::{CheckReport, Condition, Details, Failure, Status};
use crate::snapshot::{Check, FactSheet, HealthReport, ProbeView, SourceView};

/// Titles of the built-in checks, in the order of [`NAMES`].
const TITLES: [&str; NAMES.len()] = [
    "Every source has answered once",
    "Built-in samplers are on time",
    "Event-loop lag",
    "Disk space",
    "Memory",
    "Probes are well",
    "State is kept on disk",
    "Backups are made on time",
    "Work ends in time, with few errors",
];

/// The source of the built-in checks, as the snapshot names it.
pub const SOURCE: &str = "probity";

/// What is known when health is evaluated.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The built-in samplers' facts.
    pub facts: &'a FactSheet,
    /// All sources.
    pub sources: &'a [Arc<SourceView>],
    /// All probes, running or not.
    pub probes: &'a [Arc<ProbeView>],
    /// Whether every source of the start has answered once.
    pub whole: bool,
    /// What the probes last said of their checks.
    pub reported: &'a [Reported<'a>],
}

/// What a probe last said of one check.
#[derive(Debug, Clone, Copy)]
pub struct Reported<'a> {
    /// The probe.
    pub source: &'a Arc<str>,
    /// What it said.
    pub report: &'a CheckReport,
    /// When it said so.
    pub given: Instant,
    /// The same on the wall clock.
    pub timestamp: SystemTime,
    /// How often it runs; after two of these without a word it is no longer believed.
    pub interval: Duration,
    /// Why its last run failed, if it did.
    pub failure: Option<&'a Failure>,
}

/// Evaluates health. It keeps nothing but the hysteresis of the built-in checks.
#[derive(Debug)]
pub struct Watch {
    config: Config,
    source: Arc<str>,
    names: [Arc<str>; NAMES.len()],
    titles: [Arc<str>; NAMES.len()],
    hysteresis: [Hysteresis; NAMES.len()],
    watched: WatchedChecks,
    store: Option<Condition>,
    backup: Option<Condition>,
}

impl Watch {
    /// A watch with the thresholds of `config`.
    pub fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            source: SOURCE.into(),
            names: NAMES.map(Arc::from),
            titles: TITLES.map(Arc::from),
            hysteresis: Default::default(),
            watched: WatchedChecks::default(),
            store: None,
            backup: None,
        }
    }

    /// A watch that also judges the store, by what it says of itself.
    #[must_use]
    pub fn with_store(mut self, condition: Condition) -> Self {
        self.store = Some(condition);
        self
    }

    /// A watch that also judges backups, by what who makes them says.
    #[must_use]
    pub fn with_backup(mut self, condition: Option<Condition>) -> Self {
        self.backup = condition;
        self
    }

    /// Evaluates every check at `now`, which `wall` is on the wall clock.
    ///
    /// Hysteresis counts calls, not time, so this is called once a second: `health.failures` and
    /// `health.recoveries` are seconds then. `startup` and `collector` show what they see at once: the first
    /// changes once in a life, and the second waits for three intervals by itself.
    pub fn evaluate(
        &mut self,
        inputs: &Inputs<'_>,
        now: Instant,
        wall: SystemTime,
    ) -> HealthReport {
        let config = &self.config;
        // In the order of NAMES.
        let verdicts = [
            builtin::startup(inputs),
            builtin::collector(inputs, now),
            builtin::event_loop(inputs, config, now),
            builtin::disk(inputs, config, now),
            builtin::memory(inputs, config, now),
            builtin::probes(inputs),
            builtin::store(self.store.as_ref()),
            builtin::backup(self.backup.as_ref()),
            events::events(inputs, config, now),
        ];
        let mut checks: Vec<Check> = verdicts
            .into_iter()
            .enumerate()
            .map(|(index, verdict)| self.check(index, verdict, now, wall))
            .collect();
        checks.extend(self.watched_checks(inputs, now, wall));
        let built_in: Vec<Arc<str>> = checks.iter().map(|check| check.name.clone()).collect();
        let probes = probes::checks(inputs, &self.config, now, wall);
        // Readiness may ask for a watch, which no probe gives.
        checks.extend(
            probes
                .into_iter()
                .filter(|check| !built_in.contains(&check.name)),
        );
        HealthReport::new(checks)
    }

    fn watched_checks(
        &mut self,
        inputs: &Inputs<'_>,
        now: Instant,
        wall: SystemTime,
    ) -> Vec<Check> {
        let judged = self.watched.judge(inputs, self.patience(), now);
        let check = |one: Judged| Check {
            message: explain(one.verdict.message, one.verdict.status, one.shown),
            gates_readiness: self.config.ready.iter().any(|name| **name == *one.name),
            name: one.name,
            title: one.title,
            status: one.shown,
            details: one.verdict.details.as_ref().map(Details::new),
            source: self.source.clone(),
            timestamp: wall,
            given: now,
            stale: one.verdict.stale,
        };
        judged.into_iter().map(check).collect()
    }

    fn patience(&self) -> Patience {
        Patience {
            failures: self.config.failures,
            recoveries: self.config.recoveries,
        }
    }

    fn check(&mut self, index: usize, verdict: Verdict, now: Instant, wall: SystemTime) -> Check {
        let seen = verdict.status;
        let at_once = matches!(NAMES[index], "startup" | "collector");
        let patience = self.patience();
        let shown = if at_once {
            seen
        } else {
            self.hysteresis[index].step(seen, patience)
        };
        Check {
            name: self.names[index].clone(),
            title: self.titles[index].clone(),
            status: shown,
            message: explain(verdict.message, seen, shown),
            details: verdict.details.as_ref().map(Details::new),
            source: self.source.clone(),
            timestamp: wall,
            given: now,
            stale: verdict.stale,
            gates_readiness: self.config.ready.iter().any(|name| name == NAMES[index]),
        }
    }
}

/// Says why the message and the verdict beside it disagree while a change waits for its streak.
fn explain(message: String, seen: Status, shown: Status) -> String {
    let (seen_word, shown_word) = (seen.as_str(), shown.as_str());
    if seen == shown {
        message
    } else {
        format!(
            "{message}; that is {seen_word}, not yet for long enough, so it stays at {shown_word}"
        )
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
