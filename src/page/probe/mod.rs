//! A probe's own page: who it is, how it does, what it costs, what it may and what it tried.

mod facts;
mod series;

use std::time::SystemTime;

use askama::Template;

use super::activity::{Fact, repeated};
use super::attention::path_segment;
use super::chart::Heartbeat;
use super::charts::{Chart, of_probe};
use super::overview::{Frame, frame};
use super::past::Past;
use super::probes::{Button, buttons, heartbeat};
use super::words::{NOTHING, ago, count, moment, percent, tone};
use super::{Moment, Outcome, RenderError, live};
use crate::model::{Failure, ProbeState};
use crate::snapshot::{ProbeView, Snapshot};
use series::{SeriesRow, series};

#[derive(Template)]
#[template(path = "probe.html", config = "src/page/askama.toml")]
struct ProbePage<'a> {
    frame: Frame,
    outcome: Option<&'a Outcome>,
    name: &'a str,
    segment: String,
    state: &'static str,
    tone: &'static str,
    actions: Vec<Button>,
    window: Option<&'static str>,
    has_history: bool,
    heartbeat: Option<Heartbeat>,
    uptime: String,
    identity: Vec<Fact>,
    runs: Vec<Fact>,
    cost: Vec<Fact>,
    charts: Vec<Chart>,
    series: Vec<SeriesRow>,
    more_series: usize,
    checks: Vec<CheckRow>,
    asks: &'a [String],
    granted: &'a [String],
    denied: Vec<Denied>,
    errors: Vec<Fault>,
    reasons: Vec<(String, String)>,
    badges: bool,
}

struct CheckRow {
    key: String,
    title: String,
    word: &'static str,
    message: String,
}

/// What it tried and was not granted.
struct Denied {
    key: String,
    attempt: String,
    grant: Option<String>,
    count: String,
    when: String,
}

/// A failure of one kind.
struct Fault {
    key: String,
    title: &'static str,
    code: String,
    message: String,
    backtrace: Option<String>,
    /// How often it was, where that is more than once.
    repeated: String,
    when: String,
    moment: String,
}

#[derive(Template)]
#[template(path = "missing.html", config = "src/page/askama.toml")]
struct Missing<'a> {
    frame: Frame,
    name: &'a str,
}

/// A probe's page; nothing when there is no probe of this name.
///
/// # Errors
/// A template that does not fit its data: a defect.
pub fn probe(
    at: &Moment<'_>,
    name: &str,
    outcome: Option<&Outcome>,
) -> Result<Option<String>, RenderError> {
    let mut probes = at.snapshot.probes.iter();
    let Some(view) = probes.find(|view| *view.identity.name == *name) else {
        return Ok(None);
    };
    let past = at.history.and_then(Past::of);
    let page = page(at, view, past.as_ref(), outcome);
    Ok(Some(live::with_shape(&page.render()?)))
}

/// The page for a name that no probe has.
///
/// # Errors
/// As [`probe`].
pub fn missing_probe(at: &Moment<'_>, name: &str) -> Result<String, RenderError> {
    let frame = frame(at, "No such probe", String::new());
    Missing { frame, name }.render()
}

fn page<'a>(
    at: &Moment<'_>,
    view: &'a ProbeView,
    past: Option<&Past<'_>>,
    outcome: Option<&'a Outcome>,
) -> ProbePage<'a> {
    let (identity, status) = (&view.identity, &view.status);
    let segment = path_segment(&identity.name);
    let heartbeat = past.map(|past| heartbeat(past, &identity.name));
    let uptime = heartbeat.as_ref().and_then(|bar| bar.uptime);
    let (series, more_series) = series(at, &identity.name);
    ProbePage {
        frame: frame(at, &identity.name, format!("/page/live?probe={segment}")),
        outcome,
        name: &identity.name,
        state: status.state.as_str(),
        tone: tone(status.state),
        actions: if at.can_act {
            buttons(status.state)
        } else {
            Vec::new()
        },
        window: past.map(|past| past.name),
        has_history: at.history.is_some(),
        uptime: uptime.map_or_else(|| NOTHING.to_owned(), percent),
        heartbeat,
        identity: facts::identity(at, view),
        runs: facts::runs(at, view),
        cost: facts::cost(at, view),
        charts: past.map_or(Vec::new(), |past| of_probe(past, &identity.name)),
        series,
        more_series,
        checks: checks(at.snapshot, &identity.name),
        asks: &identity.asks,
        granted: &identity.granted,
        denied: denied(at, view),
        errors: errors(at, view),
        reasons: status
            .failure_reasons
            .iter()
            .map(|(code, times)| (code.to_owned(), count(times)))
            .collect(),
        badges: at.config.badges,
        segment,
    }
}

fn checks(snapshot: &Snapshot, probe: &str) -> Vec<CheckRow> {
    let checks = snapshot.health.checks.iter();
    let own = checks.filter(|check| *check.source == *probe).enumerate();
    own.map(|(index, check)| CheckRow {
        key: format!("h{index}"),
        title: check.title.to_string(),
        word: check.status.as_str(),
        message: check.message.clone(),
    })
    .collect()
}

fn denied(at: &Moment<'_>, view: &ProbeView) -> Vec<Denied> {
    let attempts = view.status.denied_attempts.iter().enumerate();
    attempts
        .map(|(index, one)| Denied {
            key: format!("d{index}"),
            attempt: one.attempt.clone(),
            grant: one.grant.clone(),
            count: count(one.count),
            when: ago(one.last, at.wall()),
        })
        .collect()
}

fn errors(at: &Moment<'_>, view: &ProbeView) -> Vec<Fault> {
    let status = &view.status;
    let disk = view.on_disk.as_deref();
    // What a dormant probe wants is not among its failures, and is what its page is opened for.
    let wanted = status.last_error.as_ref();
    let wanted = wanted.filter(|_| status.state == ProbeState::Dormant);
    let others: [(&'static str, Option<&Failure>, Option<_>); 4] = [
        (
            "Why it is dormant",
            wanted.map(|wanted| &*wanted.0),
            wanted.map(|wanted| wanted.1),
        ),
        (
            "The file in the folder",
            disk.and_then(|disk| disk.failure.as_deref()),
            disk.map(|disk| disk.since),
        ),
        ("Last call refused", status.last_rejection.as_deref(), None),
        ("State", status.state_error.as_deref(), None),
    ];
    let others = others.into_iter();
    let others = others
        .filter_map(|(title, failure, when)| Some(fault(at, title, failure?, when, String::new())));
    let recent = status.recent_errors.iter().enumerate().map(|(index, one)| {
        let title = if index == 0 { "Last error" } else { "Before" };
        let repeated = repeated(at, one).unwrap_or_default();
        fault(at, title, &one.failure, Some(one.last), repeated)
    });
    let mut faults: Vec<Fault> = others.chain(recent).collect();
    for (index, fault) in faults.iter_mut().enumerate() {
        fault.key = format!("e{index}");
    }
    faults
}

fn fault(
    at: &Moment<'_>,
    title: &'static str,
    failure: &Failure,
    when: Option<SystemTime>,
    repeated: String,
) -> Fault {
    Fault {
        key: String::new(),
        title,
        code: failure.code.clone(),
        message: failure.message.clone(),
        backtrace: failure.backtrace.clone(),
        repeated,
        when: when.map_or(String::new(), |when| ago(when, at.wall())),
        moment: when.map_or(String::new(), moment),
    }
}
