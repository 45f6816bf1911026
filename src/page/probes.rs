//! The probes' rows: state, heartbeat, cost, last error, asks and grants, and what can be done.

use std::collections::HashMap;

use super::Moment;
use super::attention::path_segment;
use super::chart::{Beat, Heartbeat, beats};
use super::past::{CELLS, Past};
use super::words::{NOTHING, ago, bytes, percent, seconds, tone};
use crate::model::{Action, ProbeState};
use crate::snapshot::ProbeView;

/// Rows at most: the page stays readable, and the rest is an address away.
pub(super) const MOST: usize = 150;

/// One probe.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: String,
    pub(super) name: String,
    /// Where its own page is.
    pub(super) link: String,
    /// Its name in an address.
    pub(super) segment: String,
    pub(super) version: String,
    pub(super) state: &'static str,
    pub(super) tone: &'static str,
    pub(super) heartbeat: Option<Heartbeat>,
    pub(super) uptime: String,
    pub(super) p95: String,
    pub(super) memory: String,
    pub(super) runs: String,
    pub(super) error: String,
    pub(super) error_when: String,
    pub(super) granted: usize,
    /// What it asks for, in words.
    pub(super) asks: String,
    pub(super) denied: usize,
    pub(super) actions: Vec<Button>,
}

/// A probe with nothing to observe, or not told what: no row of its own, for an ordinary machine has many.
#[derive(Debug)]
pub(super) struct Dormant {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) link: String,
    pub(super) segment: String,
    /// What it would want.
    pub(super) reason: String,
    pub(super) actions: Vec<Button>,
}

/// Something that can be done to a probe.
#[derive(Debug)]
pub(super) struct Button {
    /// The action as it stands in an address.
    pub(super) action: &'static str,
    pub(super) label: &'static str,
    /// What it does.
    pub(super) title: &'static str,
}

/// The rows, by name; when there are too many, those that are worst. And how many are left out.
pub(super) fn rows(at: &Moment<'_>, past: Option<&Past<'_>>) -> (Vec<Row>, usize) {
    let probes = at.snapshot.probes.iter().map(|probe| &**probe);
    let mut shown: Vec<&ProbeView> = probes.filter(|probe| !is_dormant(probe)).collect();
    let left_out = shown.len().saturating_sub(MOST);
    if left_out > 0 {
        shown.sort_by_key(|probe| match tone(probe.status.state) {
            "fail" => 0,
            "warn" => 1,
            _ => 2,
        });
        shown.truncate(MOST);
        shown.sort_by(|a, b| a.identity.name.cmp(&b.identity.name));
    }
    let bars = past.map(heartbeats);
    let rows = shown.into_iter().enumerate();
    let rows = rows.map(|(index, probe)| {
        let bar = bars.as_ref().map(|bars| bars(&probe.identity.name));
        row(at, index, probe, bar)
    });
    (rows.collect(), left_out)
}

fn is_dormant(probe: &ProbeView) -> bool {
    probe.status.state == ProbeState::Dormant
}

/// Those that lie dormant, each with what it would want. And how many are left out.
pub(super) fn dormant(at: &Moment<'_>) -> (Vec<Dormant>, usize) {
    let probes = at.snapshot.probes.iter().filter(|probe| is_dormant(probe));
    let left_out = probes.clone().count().saturating_sub(MOST);
    let probes = probes.take(MOST).enumerate();
    let rows = probes.map(|(index, probe)| Dormant {
        key: format!("z{index}"),
        name: probe.identity.name.to_string(),
        link: format!("/probes/{}", path_segment(&probe.identity.name)),
        segment: path_segment(&probe.identity.name),
        reason: match &probe.status.last_error {
            Some((failure, _)) => failure.message.clone(),
            None => "nothing to observe on this machine".to_owned(),
        },
        actions: if at.can_act {
            buttons(ProbeState::Dormant)
        } else {
            Vec::new()
        },
    });
    (rows.collect(), left_out)
}

/// The bar of each probe by its name.
fn heartbeats<'a>(past: &'a Past<'_>) -> impl Fn(&str) -> Heartbeat + 'a {
    let states: HashMap<_, _> = past.states("probity_probe_state", "probe");
    move |name| {
        let ticks = states.get(name).into_iter().flatten();
        let ticks = ticks.map(|(time, state)| (*time, state.as_str()));
        Heartbeat::of(&beats(past, ticks, judge, CELLS), Beat::Good)
    }
}

/// The bar of one probe.
pub(super) fn heartbeat(past: &Past<'_>, name: &str) -> Heartbeat {
    heartbeats(past)(name)
}

fn judge(state: &str) -> Beat {
    let known = ProbeState::ALL.into_iter();
    let mut known = known.filter(|one| one.as_str() == state);
    match known.next().map(tone) {
        Some("pass") => Beat::Good,
        Some("warn") => Beat::Shaky,
        Some("fail") => Beat::Bad,
        Some(_) => Beat::Idle,
        None => Beat::Unknown,
    }
}

fn row(at: &Moment<'_>, index: usize, probe: &ProbeView, heartbeat: Option<Heartbeat>) -> Row {
    let (identity, status) = (&probe.identity, &probe.status);
    let (error, error_when) = match &status.last_error {
        Some((failure, when)) => (failure.code.clone(), ago(*when, at.wall())),
        None => (String::new(), String::new()),
    };
    let uptime = heartbeat.as_ref().and_then(|bar| bar.uptime);
    Row {
        key: format!("p{index}"),
        name: identity.name.to_string(),
        link: format!("/probes/{}", path_segment(&identity.name)),
        segment: path_segment(&identity.name),
        version: identity.version.clone().unwrap_or_default(),
        state: status.state.as_str(),
        tone: tone(status.state),
        heartbeat,
        uptime: uptime.map_or_else(|| NOTHING.to_owned(), percent),
        p95: if probe.runs.runs > 0 {
            seconds(probe.runs.p95.as_secs_f64())
        } else {
            NOTHING.to_owned()
        },
        memory: status
            .memory_bytes
            .map_or_else(|| NOTHING.to_owned(), |memory| bytes(memory as f64)),
        runs: super::words::count(status.runs),
        error,
        error_when,
        granted: identity.granted.len(),
        asks: identity.asks.join(", "),
        denied: status.denied_attempts.len(),
        actions: if at.can_act {
            buttons(status.state)
        } else {
            Vec::new()
        },
    }
}

/// What can be done to a probe in this state.
pub(super) fn buttons(state: ProbeState) -> Vec<Button> {
    let button = |action: Action, label, title| Button {
        action: action.as_str(),
        label,
        title,
    };
    let reload = button(Action::Reload, "Reload", "Read the file again and try it");
    match state {
        ProbeState::Paused => {
            let title = "Run it again on its schedule";
            vec![button(Action::Resume, "Resume", title), reload]
        }
        ProbeState::Backoff | ProbeState::Quarantined => {
            let title = "Run it now, and count its crashes anew";
            let pause = button(Action::Pause, "Pause", "Run it no more until it is resumed");
            vec![button(Action::Release, "Release", title), pause, reload]
        }
        ProbeState::Rejected | ProbeState::Dormant => vec![reload],
        _ => {
            let title = "Run it no more until it is resumed";
            vec![button(Action::Pause, "Pause", title), reload]
        }
    }
}
