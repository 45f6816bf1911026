//! The watched processes' rows.

use std::time::Duration;

use super::Moment;
use super::chart::{Beat, Heartbeat, beats};
use super::past::{CELLS, Past};
use super::words::{NOTHING, ago, bytes, count, percent, span};
use crate::model::{WatchFacts, WatchState};

/// Rows at most; the configuration allows for no more than a page can hold, and this is the page's own bound.
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

/// All watches, in the order of the configuration.
pub(super) fn watches(at: &Moment<'_>, past: Option<&Past<'_>>) -> Vec<Watch> {
    let Some(dated) = &at.snapshot.facts.watched else {
        return Vec::new();
    };
    let states = past.map(|past| (past, past.states("watched_process_state", "watch")));
    let watches = dated.facts.watches.iter().take(MOST).enumerate();
    watches
        .map(|(index, facts)| {
            let bar = states.as_ref().map(|(past, states)| {
                let ticks = states.get(&*facts.name).into_iter().flatten();
                let ticks = ticks.map(|(time, state)| (*time, state.as_str()));
                Heartbeat::of(&beats(past, ticks, judge, CELLS), Beat::Shaky)
            });
            watch(at, index, facts, bar)
        })
        .collect()
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
