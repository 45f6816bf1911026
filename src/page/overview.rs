//! The page at `/`: everything in the order in which an operator asks.

use askama::Template;

use super::activity::{self, Ended, Error, Fact};
use super::assets::{CSS, JS};
use super::attention::{self, Item, Next};
use super::charts::{Chart, charts};
use super::past::Past;
use super::probes::{self, Dormant, Row};
use super::vitals::{Vital, vitals};
use super::watched::{Watch, watches};
use super::words::{self, ago, moment, span};
use super::work::{self, Shown};
use super::{Exports, Moment, Outcome, RenderError, live};
use crate::model::{ProbeState, Status};

/// Checks listed at most.
const CHECKS: usize = 150;

/// What every page has around its content.
#[derive(Debug)]
pub(super) struct Frame {
    /// The tab's title.
    pub(super) title: String,
    /// The machine's name, if it has one.
    pub(super) host: String,
    pub(super) version: &'static str,
    pub(super) css: String,
    pub(super) js: String,
    /// How old what is shown is.
    pub(super) age: String,
    /// `fresh`, `old` or `lost`.
    pub(super) age_state: &'static str,
    /// The built-in source that is late, if one is.
    pub(super) late: String,
    /// When the snapshot was made.
    pub(super) moment: String,
    /// Where the script finds what changes.
    pub(super) live: String,
}

/// One check.
#[derive(Debug)]
struct Check {
    key: String,
    name: String,
    title: String,
    word: &'static str,
    message: String,
    when: String,
    moment: String,
    gates: bool,
    stale: bool,
}

#[derive(Template)]
#[template(path = "overview.html", config = "src/page/askama.toml")]
struct Overview<'a> {
    frame: Frame,
    outcome: Option<&'a Outcome>,
    word: &'static str,
    headline: String,
    summary: Vec<Fact>,
    attention: Vec<Item>,
    more_attention: usize,
    vitals: Vec<Vital>,
    /// How far back bars and courses go; nothing when there is no past.
    window: Option<&'static str>,
    has_history: bool,
    probes: Vec<Row>,
    more_probes: usize,
    dormant: Vec<Dormant>,
    more_dormant: usize,
    watches: Vec<Watch>,
    more_watches: usize,
    checks: Vec<Check>,
    more_checks: usize,
    work: Shown,
    operations: Vec<Ended>,
    requests: Vec<Fact>,
    errors: Vec<Error>,
    charts: Vec<Chart>,
    exports: Exports,
    status: bool,
    badges: bool,
    cost: Vec<Fact>,
}

/// The status page; with `outcome` it says what came of an action.
///
/// # Errors
/// A template that does not fit its data: a defect.
pub fn overview(at: &Moment<'_>, outcome: Option<&Outcome>) -> Result<String, RenderError> {
    let past = at.history.and_then(Past::of);
    let past = past.as_ref();
    let mut attention = attention::items(at);
    let word = at.verdict().as_str();
    let headline = headline(at.verdict(), attention.len());
    let more_attention = attention.len().saturating_sub(attention::MOST);
    attention.truncate(attention::MOST);
    let (probes, more_probes) = probes::rows(at, past);
    let (dormant, more_dormant) = probes::dormant(at);
    let (watches, more_watches) = watches(at, past);
    let (checks, more_checks) = checks(at);
    let page = Overview {
        frame: frame(at, &headline, "/page/live".to_owned()),
        outcome,
        word,
        headline,
        summary: summary(at),
        attention,
        more_attention,
        vitals: vitals(at, past),
        window: past.map(|past| past.name),
        has_history: at.history.is_some(),
        probes,
        more_probes,
        dormant,
        more_dormant,
        watches,
        more_watches,
        checks,
        more_checks,
        work: work::shown(at),
        operations: activity::operations(at),
        requests: activity::requests(at, past),
        errors: activity::errors(at),
        charts: past.map(charts).unwrap_or_default(),
        exports: at.exports,
        status: at.config.status,
        badges: at.config.badges,
        cost: activity::cost(at),
    };
    Ok(live::with_shape(&page.render()?))
}

#[derive(Template)]
#[template(path = "starting.html", config = "src/page/askama.toml")]
struct Starting {
    version: &'static str,
    css: String,
    js: String,
}

/// The page before the first snapshot: it asks again by itself.
///
/// # Errors
/// As [`overview`].
pub fn starting() -> Result<String, RenderError> {
    let page = Starting {
        version: env!("CARGO_PKG_VERSION"),
        css: CSS.address(),
        js: JS.address(),
    };
    page.render()
}

/// The whole in a sentence.
pub(super) fn headline(verdict: Status, attention: usize) -> String {
    match (verdict, attention) {
        (Status::Pass, 0) => "All is well".to_owned(),
        (Status::Warn, 0) => "It works, with a warning".to_owned(),
        (Status::Fail, 0) => "Something does not work".to_owned(),
        (_, 1) => "1 thing needs attention".to_owned(),
        (_, many) => format!("{many} things need attention"),
    }
}

pub(super) fn frame(at: &Moment<'_>, title: &str, live: String) -> Frame {
    let process = at.snapshot.facts.process.as_ref();
    let late = at.snapshot.late().map(|(source, _)| &source.info.name);
    Frame {
        title: format!("{title} · Probity"),
        host: process
            .and_then(|dated| dated.facts.hostname.clone())
            .unwrap_or_default(),
        version: env!("CARGO_PKG_VERSION"),
        css: CSS.address(),
        js: JS.address(),
        age: words::age(at.data_age()),
        // All is lost only when no snapshot comes.
        age_state: match at.age().as_secs() {
            0..=3 if late.is_none() => "fresh",
            0..=9 => "old",
            _ => "lost",
        },
        late: late.map_or(String::new(), |name| name.to_string()),
        moment: moment(at.snapshot.timestamp),
        live,
    }
}

/// What stands beside the headline.
fn summary(at: &Moment<'_>) -> Vec<Fact> {
    let snapshot = at.snapshot;
    let ready = snapshot.health.ready && at.live_failures.is_empty();
    let in_state = |state| {
        let probes = snapshot.probes.iter();
        probes.filter(|probe| probe.status.state == state).count()
    };
    let failing = snapshot
        .sources
        .iter()
        .filter(|one| one.failure.is_some())
        .count();
    let passing = snapshot.health.checks.iter();
    let passing = passing.filter(|check| check.status == Status::Pass).count();
    let process = snapshot.facts.process.as_ref();
    let uptime = process.map_or(0.0, |dated| dated.facts.uptime_seconds);
    let uptime = std::time::Duration::try_from_secs_f64(uptime).unwrap_or_default();
    let facts = [
        ("Ready", if ready { "yes" } else { "no" }.to_owned()),
        (
            "Probes",
            format!(
                "{} of {} active",
                in_state(ProbeState::Active),
                snapshot.probes.len()
            ),
        ),
        (
            "Checks",
            format!("{passing} of {} pass", snapshot.health.checks.len()),
        ),
        (
            "Sources",
            match failing {
                0 => format!("{}, none failing", snapshot.sources.len()),
                some => format!("{}, {some} failing", snapshot.sources.len()),
            },
        ),
        ("Up", span(uptime)),
    ];
    let facts = facts.into_iter().enumerate();
    facts
        .map(|(index, (label, value))| Fact {
            key: format!("s{index}"),
            label,
            value,
        })
        .collect()
}

/// The checks, worst first.
fn checks(at: &Moment<'_>) -> (Vec<Check>, usize) {
    let mut shown: Vec<_> = at.snapshot.health.checks.iter().collect();
    let left_out = shown.len().saturating_sub(CHECKS);
    shown.sort_by_key(|check| std::cmp::Reverse(check.status));
    shown.truncate(CHECKS);
    let checks = shown.into_iter().enumerate().map(|(index, check)| Check {
        key: format!("h{index}"),
        name: check.name.to_string(),
        title: check.title.to_string(),
        word: check.status.as_str(),
        message: check.message.clone(),
        when: ago(check.timestamp, at.wall()),
        moment: moment(check.timestamp),
        gates: check.gates_readiness,
        stale: check.stale,
    });
    (checks.collect(), left_out)
}
