//! The probes' own checks: believed while their probe answers, and never longer.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::verdict::{ago, reason};
use super::{Config, Inputs, Reported};
use crate::model::{ProbeState, Status};
use crate::snapshot::Check;

/// The checks that probes gave, and one for each that readiness asks for and no probe gave.
///
/// They have no hysteresis here: a probe knows its target and keeps its own.
pub(super) fn checks(
    inputs: &Inputs<'_>,
    config: &Config,
    now: Instant,
    wall: SystemTime,
) -> Vec<Check> {
    let given: Vec<Check> = inputs
        .reported
        .iter()
        .map(|reported| check(inputs, reported, config, now))
        .collect();
    let mut asked: Vec<&String> = config.ready.iter().collect();
    asked.sort_unstable();
    asked.dedup();
    let missing = asked
        .into_iter()
        .filter(|name| name.contains('/') && !given.iter().any(|check| *check.name == ***name))
        .map(|name| missing(inputs, name, now, wall));
    let missing: Vec<Check> = missing.collect();
    given.into_iter().chain(missing).collect()
}

fn check(inputs: &Inputs<'_>, reported: &Reported<'_>, config: &Config, now: Instant) -> Check {
    let report = reported.report;
    let name = format!("{}/{}", reported.source, report.id);
    let age = now.saturating_duration_since(reported.given);
    let stale = reported.failure.is_some() || age > reported.interval * 2;
    let (status, message) = if stale {
        (
            report.status.max(Status::Warn),
            last_word(inputs, reported, now),
        )
    } else {
        (report.status, report.message.clone())
    };
    Check {
        gates_readiness: config.ready.contains(&name),
        name: name.into(),
        title: report.title.as_str().into(),
        status,
        message,
        details: report.details.clone(),
        source: reported.source.clone(),
        timestamp: reported.timestamp,
        given: reported.given,
        stale,
    }
}

/// Since when there is no verdict, why, and what the last one was. Whether the probe is broken, its target does not
/// answer or somebody paused it are different things to a person who is woken by it.
fn last_word(inputs: &Inputs<'_>, reported: &Reported<'_>, now: Instant) -> String {
    let state = state(inputs, reported.source);
    let who = match state {
        Some(ProbeState::Degraded) => "the target does not answer its probe",
        Some(ProbeState::Paused) => "the probe is paused",
        Some(ProbeState::Dormant) => "the probe has nothing to observe any more",
        _ if reported.failure.is_some() => "the probe is broken",
        _ => "the probe does not answer",
    };
    let why = match reported.failure {
        // What it said before is not why it is paused.
        Some(failure) if state != Some(ProbeState::Paused) => format!(" ({})", reason(failure)),
        _ => String::new(),
    };
    let since = match jiff::Timestamp::try_from(reported.timestamp) {
        Ok(time) => format!("{time:.0}"),
        Err(_) => "an unknown time".into(),
    };
    let age = ago(now.saturating_duration_since(reported.given));
    let (status, message) = (reported.report.status.as_str(), &reported.report.message);
    format!("{who}{why}: no verdict since {since}, {age} ago, which was {status}: {message}")
}

fn state(inputs: &Inputs<'_>, source: &str) -> Option<ProbeState> {
    let mut probes = inputs.probes.iter();
    let probe = probes.find(|probe| *probe.identity.name == *source)?;
    Some(probe.status.state)
}

/// Readiness was told to depend on this check: without it nobody can say ready.
fn missing(inputs: &Inputs<'_>, name: &str, now: Instant, wall: SystemTime) -> Check {
    let source = name.split('/').next().unwrap_or(name);
    let probe = match state(inputs, source) {
        Some(state) => format!("its probe is {}", state.as_str()),
        None => "there is no such probe".to_owned(),
    };
    Check {
        name: name.into(),
        title: name.into(),
        status: Status::Fail,
        message: format!("health.ready asks for it and no probe gives it: {probe}"),
        details: None,
        source: Arc::from(source),
        timestamp: wall,
        given: now,
        stale: false,
        gates_readiness: true,
    }
}

#[cfg(test)]
#[path = "probes_tests.rs"]
mod tests;
