//! `probe`: a probe has come, gone, changed its state, or runs another version.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Event;
use crate::model::ProbeState;
use crate::snapshot::{ProbeView, Snapshot, timestamp};

pub(super) fn state(snapshot: &Snapshot) -> Event {
    let probes = snapshot.probes.iter().map(|view| standing(view));
    Event {
        name: "probes",
        data: json!({
            "timestamp": timestamp(snapshot.timestamp),
            "probes": probes.collect::<Vec<_>>(),
        }),
    }
}

pub(super) fn changes(before: &Snapshot, after: &Snapshot) -> Vec<Event> {
    // Those that have not run since are shared with the snapshot before.
    let same = |(old, new): (&Arc<ProbeView>, &Arc<ProbeView>)| {
        Arc::ptr_eq(old, new) || (name(old) == name(new) && !differ(old, new))
    };
    if before.probes.len() == after.probes.len()
        && before.probes.iter().zip(&after.probes).all(same)
    {
        return Vec::new();
    }
    let mut old: HashMap<&str, &ProbeView> = before
        .probes
        .iter()
        .map(|view| (name(view), &**view))
        .collect();
    let mut events = Vec::new();
    for new in &after.probes {
        match old.remove(name(new)) {
            None => events.push(event("appeared", None, Some(new), after)),
            Some(old) if old.status.state != new.status.state => {
                events.push(event("state", Some(old), Some(new), after));
            }
            Some(old) if differ(old, new) => {
                events.push(event("version", Some(old), Some(new), after));
            }
            Some(_) => {}
        }
    }
    let gone = before
        .probes
        .iter()
        .filter(|view| old.contains_key(name(view)));
    events.extend(gone.map(|view| event("removed", Some(view), None, after)));
    events
}

fn name(view: &ProbeView) -> &str {
    &view.identity.name
}

fn differ(old: &ProbeView, new: &ProbeView) -> bool {
    old.status.state != new.status.state || old.identity.generation != new.identity.generation
}

fn event(
    change: &str,
    old: Option<&ProbeView>,
    new: Option<&ProbeView>,
    after: &Snapshot,
) -> Event {
    let state = |view: Option<&ProbeView>| view.map(|view| view.status.state);
    let mut data = new.or(old).map_or(Value::Null, standing);
    if let Value::Object(object) = &mut data {
        object.shift_remove("state");
        object.insert("change".into(), change.into());
        object.insert("from".into(), json!(state(old)));
        object.insert("to".into(), json!(state(new)));
        object.insert("timestamp".into(), timestamp(after.timestamp));
    }
    Event {
        name: "probe",
        data,
    }
}

fn standing(view: &ProbeView) -> Value {
    json!({
        "name": name(view),
        "state": view.status.state,
        "reason": reason(view),
        "generation": view.identity.generation,
        "version": view.identity.version,
    })
}

/// Why it is in a state that its failures have led to.
fn reason(view: &ProbeView) -> Option<String> {
    let of_failure = !matches!(
        view.status.state,
        ProbeState::Loading | ProbeState::Active | ProbeState::Paused
    );
    let (failure, _) = view.status.last_error.as_ref()?;
    of_failure.then(|| failure.to_string())
}
