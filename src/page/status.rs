//! The summary that can be shown to others: verdicts and their recent course, and nothing that tells what is inside.
//!
//! What is left out, and why: messages and details (a guest's words may hold an address, a path or a credential), titles of
//! probes' checks (those of the standard probes name hosts, paths and URLs), sources, versions, the machine's name, sizes.
//! What is shown: the verdicts, the titles of built-in checks, which this program wrote, and of a probe's check its name,
//! which is of letters, digits, `-`, `_`, `.` and `/` alone and chosen in the configuration.

use askama::Template;

use super::assets::{CSS, JS};
use super::chart::{Beat, Heartbeat, beats};
use super::past::{CELLS, Past};
use super::words::{NOTHING, ago, counted, moment, percent};
use super::{Moment, RenderError};
use crate::model::Status;
use crate::snapshot::Check;

/// Checks listed at most.
const MOST: usize = 150;

#[derive(Template)]
#[template(path = "status.html", config = "src/page/askama.toml")]
struct StatusPage {
    css: String,
    js: String,
    word: &'static str,
    headline: String,
    window: Option<&'static str>,
    rows: Vec<Row>,
    more: usize,
    when: String,
    moment: String,
}

struct Row {
    title: String,
    word: &'static str,
    heartbeat: Option<Heartbeat>,
    uptime: String,
}

/// The summary.
///
/// # Errors
/// A template that does not fit its data: a defect.
pub fn status(at: &Moment<'_>) -> Result<String, RenderError> {
    let past = at.history.and_then(Past::of);
    let states = past.as_ref();
    let states = states.map(|past| (past, past.states("probity_check_status", "check")));
    let mut checks: Vec<&Check> = at.snapshot.health.checks.iter().collect();
    checks.sort_by_key(|check| std::cmp::Reverse(check.status));
    let unwell = checks.iter().filter(|check| check.status > Status::Pass);
    let headline = match (at.verdict(), unwell.count()) {
        (Status::Pass, _) => "All is well".to_owned(),
        (_, 0) => "Not everything is well".to_owned(),
        (_, some) => format!("{some} of {} do not pass", counted(checks.len(), "check")),
    };
    let more = checks.len().saturating_sub(MOST);
    let rows: Vec<Row> = checks
        .into_iter()
        .take(MOST)
        .map(|check| {
            let heartbeat = states.as_ref().map(|(past, states)| {
                let ticks = states.get(&*check.name).into_iter().flatten();
                let ticks = ticks.map(|(time, state)| (*time, state.as_str()));
                // With a warning it works.
                Heartbeat::of(&beats(past, ticks, judge, CELLS), Beat::Shaky)
            });
            let uptime = heartbeat.as_ref().and_then(|bar| bar.uptime);
            Row {
                title: public_title(check),
                word: check.status.as_str(),
                uptime: uptime.map_or_else(|| NOTHING.to_owned(), percent),
                heartbeat,
            }
        })
        .collect();
    let page = StatusPage {
        css: CSS.address(),
        js: JS.address(),
        word: at.verdict().as_str(),
        headline,
        window: past.as_ref().map(|past| past.name),
        rows,
        more,
        when: ago(at.snapshot.timestamp, at.wall()),
        moment: moment(at.snapshot.timestamp),
    };
    page.render()
}

fn public_title(check: &Check) -> String {
    if check.name.contains('/') {
        check.name.to_string()
    } else {
        check.title.to_string()
    }
}

fn judge(state: &str) -> Beat {
    match state {
        state if state == Status::Pass.as_str() => Beat::Good,
        state if state == Status::Warn.as_str() => Beat::Shaky,
        state if state == Status::Fail.as_str() => Beat::Bad,
        _ => Beat::Unknown,
    }
}
