//! The whole in a dozen lines of plain text, for a terminal and for a bot in a chat.

use super::Moment;
use super::attention::{Item, Next, items};
use super::overview::headline;
use super::vitals::vitals;
use super::words::{NOTHING, age};
use crate::model::{ProbeState, Status};

/// Things that need attention, listed at most.
const MOST: usize = 5;
/// The longest line, in characters: it is read in a chat.
const WIDEST: usize = 160;

/// The summary. Each line is text: control characters of guests are escaped where they come in.
pub fn text(at: &Moment<'_>) -> String {
    let attention = items(at);
    let mut lines = vec![format!(
        "Probity {} · {} · {}",
        env!("CARGO_PKG_VERSION"),
        at.verdict().as_str(),
        headline(at.verdict(), attention.len()),
    )];
    lines.extend(attention.iter().take(MOST).map(item));
    if attention.len() > MOST {
        lines.push(format!("  and {} more", attention.len() - MOST));
    }
    let vitals = vitals(at, None).into_iter();
    lines.extend(vitals.filter(|vital| vital.value != NOTHING).map(|vital| {
        let context = [vital.context.as_str(), vital.state].join(" · ");
        let context = context
            .trim_end_matches(" · fresh")
            .trim_start_matches(" · ");
        format!("{}: {} ({context})", vital.label, vital.value)
    }));
    lines.push(probes(at));
    lines.push(checks(at));
    let age = age(at.age());
    lines.push(format!("Snapshot {}, {age} old", at.snapshot.sequence));
    let lines = lines.iter().map(|line| cut(line));
    lines.map(|line| line + "\n").collect()
}

fn item(item: &Item) -> String {
    let next = match &item.next {
        Next::Command(command) => format!(" · next: {command}"),
        Next::Address(address) => format!(" · see {address}"),
        Next::Words(_) => String::new(),
    };
    format!("  [{}] {}: {}{next}", item.word, item.subject, item.reason)
}

fn probes(at: &Moment<'_>) -> String {
    let count = |state| {
        let probes = at.snapshot.probes.iter();
        probes.filter(|probe| probe.status.state == state).count()
    };
    let states = ProbeState::ALL
        .into_iter()
        .map(|state| (state, count(state)));
    let states = states.filter(|(_, number)| *number > 0);
    let states: Vec<String> = states
        .map(|(state, number)| format!("{number} {}", state.as_str()))
        .collect();
    match states.is_empty() {
        true => "Probes: none".to_owned(),
        false => format!("Probes: {}", states.join(", ")),
    }
}

fn checks(at: &Moment<'_>) -> String {
    let health = &at.snapshot.health;
    let count = |status| {
        let checks = health.checks.iter();
        checks.filter(|check| check.status == status).count()
    };
    let ready = health.ready && at.live_failures.is_empty();
    format!(
        "Checks: {} pass, {} warn, {} fail · {}",
        count(Status::Pass),
        count(Status::Warn),
        count(Status::Fail),
        if ready { "ready" } else { "not ready" }
    )
}

/// At most so many characters; a cut one ends with an ellipsis.
fn cut(line: &str) -> String {
    if line.chars().count() <= WIDEST {
        return line.to_owned();
    }
    let kept: String = line.chars().take(WIDEST - 1).collect();
    kept + "…"
}
