//! `health`: the verdict as a whole has changed, or a check's.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Event;
use crate::model::Status;
use crate::snapshot::{Check, HealthReport, Snapshot, timestamp};

pub(super) fn state(snapshot: &Snapshot) -> Event {
    let report = &snapshot.health;
    let checks = report.checks.iter().map(
        |check| json!({ "name": &*check.name, "status": check.status, "message": check.message }),
    );
    Event {
        name: "checks",
        data: json!({
            "timestamp": timestamp(snapshot.timestamp),
            "status": report.status,
            "ready": report.ready,
            "checks": checks.collect::<Vec<_>>(),
        }),
    }
}

pub(super) fn changes(before: &Snapshot, after: &Snapshot) -> Vec<Event> {
    let (old, new) = (&before.health, &after.health);
    if Arc::ptr_eq(old, new) {
        return Vec::new();
    }
    let mut events = Vec::new();
    let time = timestamp(after.timestamp);
    let mut known: HashMap<&str, &Check> = old
        .checks
        .iter()
        .map(|check| (&*check.name, check))
        .collect();
    for check in &new.checks {
        let from = known.remove(&*check.name).map(|check| check.status);
        if from != Some(check.status) {
            let message = check.message.as_str();
            events.push(event(&check.name, from, Some(check.status), message, &time));
        }
    }
    let gone = old
        .checks
        .iter()
        .filter(|check| known.contains_key(&*check.name));
    for check in gone {
        let message = "the check is no longer there";
        events.push(event(&check.name, Some(check.status), None, message, &time));
    }
    if (old.status, old.ready) != (new.status, new.ready) {
        let message = blame(new);
        let mut whole = event("", Some(old.status), Some(new.status), &message, &time);
        whole.data["name"] = Value::Null;
        whole.data["ready"] = new.ready.into();
        events.push(whole);
    }
    events
}

fn event(
    name: &str,
    from: Option<Status>,
    to: Option<Status>,
    message: &str,
    time: &Value,
) -> Event {
    Event {
        name: "health",
        data: json!({ "name": name, "from": from, "to": to, "message": message, "timestamp": time }),
    }
}

/// The checks that the verdict as a whole comes from.
fn blame(report: &HealthReport) -> String {
    let worst = report
        .checks
        .iter()
        .filter(|check| check.status == report.status);
    match report.status {
        Status::Pass => "every check passes".to_owned(),
        status => {
            let names: Vec<&str> = worst.map(|check| &*check.name).collect();
            format!("{}: {}", status.as_str(), names.join(", "))
        }
    }
}
