//! The built-in checks, each a plain function of what is known.

use std::time::Instant;

use serde_json::json;

use super::verdict::{Verdict, ago, judge, listed, reason};
use super::{Config, Inputs, Thresholds};
use crate::model::{
    ByteSize, Condition, DiskFacts, LoopFacts, MountFacts, ProbeState, SourceKind, Status,
};
use crate::snapshot::{ProbeView, SourceView};

impl<T: PartialOrd> Thresholds<T> {
    /// At a threshold counts as beyond it.
    fn judge(&self, value: T) -> Status {
        if value >= self.fail {
            Status::Fail
        } else if value >= self.warn {
            Status::Warn
        } else {
            Status::Pass
        }
    }
}

/// Whether every source of the start has answered once.
pub(super) fn startup(inputs: &Inputs<'_>) -> Verdict {
    if inputs.whole {
        return Verdict::new(Status::Pass, "every source has answered");
    }
    let silent = |source: &&std::sync::Arc<SourceView>| source.runs.runs == 0;
    let waiting: Vec<String> = inputs
        .sources
        .iter()
        .filter(silent)
        .map(|source| source.info.name.to_string())
        .collect();
    let message = match waiting.as_slice() {
        [] => "sources are still being announced".to_owned(),
        names => format!("waiting for the first answer of {}", listed(names)),
    };
    Verdict::new(Status::Fail, message).with(json!({ "waiting": waiting }))
}

/// Whether the built-in samplers are on time: no good answer within three intervals fails; a failed run before
/// that warns.
pub(super) fn collector(inputs: &Inputs<'_>, now: Instant) -> Verdict {
    let samplers: Vec<_> = inputs
        .sources
        .iter()
        .filter(|source| source.info.kind == SourceKind::Sampler)
        .collect();
    let troubled: Vec<(Status, String)> = samplers
        .iter()
        .filter_map(|sampler| sampler_trouble(sampler, now))
        .collect();
    let status = troubled.iter().map(|(status, _)| *status).max();
    let words: Vec<String> = troubled.into_iter().map(|(_, words)| words).collect();
    let total = samplers.len();
    match status {
        None if total == 0 => Verdict::unavailable("any sampler"),
        None => Verdict::new(Status::Pass, format!("{total} samplers are on time")),
        Some(status) => {
            let message = format!("{} of {total} samplers: {}", words.len(), listed(&words));
            Verdict::new(status, message).with(json!({ "samplers": total, "troubled": words }))
        }
    }
}

/// What is wrong with one sampler. One that never failed and never answered well has nothing to sample here.
fn sampler_trouble(sampler: &SourceView, now: Instant) -> Option<(Status, String)> {
    let (name, runs) = (&sampler.info.name, &sampler.runs);
    let why = sampler.failure.as_deref().map(reason);
    let age = runs
        .last_success
        .map(|ended| now.saturating_duration_since(ended));
    match (age, why) {
        (Some(age), why) if age > sampler.info.interval * 3 => {
            let why = why.unwrap_or_else(|| "late".into());
            Some((
                Status::Fail,
                format!("{name} (last answer {} ago: {why})", ago(age)),
            ))
        }
        (Some(_), Some(why)) => Some((Status::Warn, format!("{name} ({why})"))),
        (None, Some(why)) => Some((Status::Fail, format!("{name} (never answered: {why})"))),
        (None, None) if runs.runs == 0 => Some((Status::Warn, format!("{name} (no answer yet)"))),
        (Some(_) | None, None) => None,
    }
}

/// The 99th percentile of the event loop's lag.
pub(super) fn event_loop(inputs: &Inputs<'_>, config: &Config, now: Instant) -> Verdict {
    let thresholds = &config.event_loop_lag;
    let look = |facts: &LoopFacts| {
        let p99 = facts.lag.p99_seconds;
        let status = Thresholds {
            warn: thresholds.warn.0.as_secs_f64(),
            fail: thresholds.fail.0.as_secs_f64(),
        }
        .judge(p99);
        let Thresholds { warn, fail } = thresholds;
        let shown = p99 * 1e3;
        Verdict::new(
            status,
            format!(
                "lag is {shown:.1} ms at the 99th percentile (warns at {warn}, fails at {fail})"
            ),
        )
        .with(json!({ "p99_seconds": p99, "current_seconds": facts.lag.current_seconds }))
    };
    judge(
        "event-loop lag",
        inputs.facts.event_loop.as_ref(),
        now,
        look,
    )
}

/// The fullest writable file system.
pub(super) fn disk(inputs: &Inputs<'_>, config: &Config, now: Instant) -> Verdict {
    let look = |facts: &DiskFacts| {
        let used = |mount: &MountFacts| mount.used_percent.filter(|_| !mount.read_only);
        let fullest = facts
            .mounts
            .iter()
            .filter_map(|mount| Some((used(mount)?, mount)))
            .max_by(|(one, _), (other, _)| one.total_cmp(other));
        let Some((used, mount)) = fullest else {
            return Verdict::unavailable("a writable file system");
        };
        let point = &mount.mountpoint;
        let left = mount
            .available_bytes
            .map_or_else(String::new, |left| format!(", {} left", in_mib(left)));
        let status = config.disk_used_percent.judge(used);
        Verdict::new(status, format!("{point} is the fullest: {used:.1} % used{left}"))
            .with(json!({ "mountpoint": point, "used_percent": used, "available_bytes": mount.available_bytes }))
    };
    judge("disk space", inputs.facts.disk.as_ref(), now, look)
}

/// Memory in use, of the control group's limit where that is below the machine's memory, else of the machine. Of the
/// group its working set counts: page cache fills every group up to its limit and is no sign of trouble.
pub(super) fn memory(inputs: &Inputs<'_>, config: &Config, now: Instant) -> Verdict {
    let (cgroup, machine) = (inputs.facts.cgroup.as_ref(), inputs.facts.memory.as_ref());
    let total = machine.map(|dated| &*dated.facts);
    let limit = cgroup.and_then(|dated| dated.facts.binding_memory_limit(total));
    let verdict = |used: f64, of: &str, limit: u64| {
        let status = config.memory_used_percent.judge(used);
        let message = format!("{used:.1} % of {of} ({}) is in use", in_mib(limit));
        Verdict::new(status, message)
            .with(json!({ "of": of, "used_percent": used, "limit_bytes": limit }))
    };
    if let Some(limit) = limit {
        return judge(
            "the control group's memory",
            cgroup,
            now,
            |facts| match facts.memory_working_set_bytes {
                Some(used) => verdict(
                    used as f64 / limit as f64 * 100.0,
                    "the control group's limit",
                    limit,
                ),
                None => Verdict::unavailable("the control group's working set"),
            },
        );
    }
    judge("memory", machine, now, |facts| match facts.used_percent {
        Some(used) => verdict(used, "the machine's memory", facts.total_bytes),
        None => Verdict::unavailable("memory"),
    })
}

/// Sizes in messages are read by people: whole mebibytes.
fn in_mib(bytes: u64) -> ByteSize {
    ByteSize::mib(bytes >> 20)
}

/// Probes that need a look. It never fails: a broken probe is no reason to take the machine out of service, and
/// what the probe watches has checks of its own for that.
pub(super) fn probes(inputs: &Inputs<'_>) -> Verdict {
    let total = inputs.probes.len();
    let troubled: Vec<String> = inputs
        .probes
        .iter()
        .filter_map(|probe| probe_trouble(probe))
        .collect();
    if troubled.is_empty() {
        let message = match total {
            0 => "no probe is loaded".to_owned(),
            _ => format!("{total} probes are well"),
        };
        return Verdict::new(Status::Pass, message);
    }
    let message = format!(
        "{} of {total} probes: {}",
        troubled.len(),
        listed(&troubled)
    );
    Verdict::new(Status::Warn, message).with(json!({ "probes": total, "troubled": troubled }))
}

/// Whether what is to outlive the program is on disk, as the store says of itself.
pub(super) fn store(condition: Option<&Condition>) -> Verdict {
    match condition.map(Condition::get) {
        Some((status, message)) => Verdict::new(status, &*message),
        None => Verdict::unavailable("a store"),
    }
}

/// Whether scheduled backups are made, as who makes them says.
pub(super) fn backup(condition: Option<&Condition>) -> Verdict {
    match condition.map(Condition::get) {
        Some((status, message)) => Verdict::new(status, &*message),
        None => Verdict::new(Status::Pass, "backups are switched off (backup.enabled)"),
    }
}

fn probe_trouble(probe: &ProbeView) -> Option<String> {
    let state = probe.status.state;
    let troubled = matches!(
        state,
        ProbeState::Rejected | ProbeState::Backoff | ProbeState::Quarantined | ProbeState::Degraded
    );
    let last = probe.status.last_error.as_ref();
    let why = last.map_or_else(String::new, |(failure, _)| format!(": {}", reason(failure)));
    troubled.then(|| format!("{} ({}{why})", probe.identity.name, state.as_str()))
}

#[cfg(test)]
#[path = "builtin_tests.rs"]
pub(super) mod tests;
