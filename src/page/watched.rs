//! The watched processes' rows.

use std::time::Duration;

use super::Moment;
use super::chart::{Beat, Heartbeat, beats};
use super::past::{CELLS, Past};
use super::words::{NOTHING, ago, bytes, count, percent, span};
use crate::model::{WatchFacts, WatchState};

/// Rows at most, as of probes.
const MOST: usize = 150;

/// One watch.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) key: String,
    pub(super) name: String,
    /// How it finds its processes, and what that is given.
    pub(super) target: String,
    pub(super) state: &'static str,
    pub(super) tone: &'static str,
    pub(super) heartbeat: Option<Heartbeat>,
    pub(super) uptime: String,
    pub(super) cpu: String,
    pub(super) memory: String,
    pub(super) restarts: String,
    pub(super) crashes: String,
    /// Why it is not up, what the supervisor says, or what happened last.
    pub(super) last: String,
}

/// The rows, in the order of the configuration; when there are too many, those that are worst. And how many are left out.
pub(super) fn watches(at: &Moment<'_>, past: Option<&Past<'_>>) -> (Vec<Watch>, usize) {
    let Some(dated) = &at.snapshot.facts.watched else {
        return (Vec::new(), 0);
    };
    let mut shown: Vec<(usize, &WatchFacts)> = dated.facts.watches.iter().enumerate().collect();
    let left_out = shown.len().saturating_sub(MOST);
    if left_out > 0 {
        shown.sort_by_key(|(_, facts)| match tone(facts.state) {
            "fail" => 0,
            "warn" => 1,
            _ => 2,
        });
        shown.truncate(MOST);
        shown.sort_by_key(|(place, _)| *place);
    }
    let states = past.map(|past| (past, past.states("watched_process_state", "watch")));
    let rows = shown.into_iter().enumerate();
    let rows = rows.map(|(index, (_, facts))| {
        let bar = states.as_ref().map(|(past, states)| {
            let ticks = states.get(&*facts.name).into_iter().flatten();
            let ticks = ticks.map(|(time, state)| (*time, state.as_str()));
            Heartbeat::of(&beats(past, ticks, judge, CELLS), Beat::Shaky)
        });
        watch(at, index, facts, bar)
    });
    (rows.collect(), left_out)
}

fn judge(state: &str) -> Beat {
    match state {
        "running" | "sleeping" => Beat::Good,
        "idle" => Beat::Idle,
        "blocked" | "stopped" | "unknown" => Beat::Shaky,
        _ => Beat::Bad,
    }
}

fn tone(state: WatchState) -> &'static str {
    match judge(state.as_str()) {
        Beat::Good => "pass",
        Beat::Idle | Beat::Unknown => "idle",
        Beat::Shaky => "warn",
        Beat::Bad => "fail",
    }
}

fn watch(at: &Moment<'_>, index: usize, facts: &WatchFacts, heartbeat: Option<Heartbeat>) -> Watch {
    let nothing = || NOTHING.to_owned();
    let uptime = facts.uptime_seconds.map(Duration::try_from_secs_f64);
    let supervisor = facts.supervisor.as_ref();
    let told = supervisor.and_then(|one| Some(format!("{}: {}", one.kind, one.state.as_ref()?)));
    let event = facts.events.first();
    let event = event.map(|one| format!("{} {}", one.message, ago(one.timestamp, at.wall())));
    Watch {
        key: format!("w{index}"),
        name: facts.name.to_string(),
        target: format!("{} {}", facts.selector, facts.target),
        state: facts.state.as_str(),
        tone: tone(facts.state),
        heartbeat,
        uptime: uptime.and_then(Result::ok).map_or_else(nothing, span),
        cpu: facts.cpu_percent.map_or_else(nothing, percent),
        memory: facts
            .resident_bytes
            .map_or_else(nothing, |resident| bytes(resident as f64)),
        restarts: count(facts.restarts),
        crashes: count(facts.crashes),
        last: facts
            .error
            .as_ref()
            .map(|error| error.to_string())
            .or(event)
            .or(told)
            .unwrap_or_default(),
    }
}
