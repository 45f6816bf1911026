//! `operation`: the program did something on its own, or because an operator asked.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Event;
use crate::model::Operation;
use crate::snapshot::{Snapshot, operation, timestamp};

pub(super) fn state(snapshot: &Snapshot) -> Event {
    let all: Vec<Value> = snapshot
        .operations
        .iter()
        .map(|one| operation(one))
        .collect();
    Event {
        name: "operations",
        data: json!({ "timestamp": timestamp(snapshot.timestamp), "operations": all }),
    }
}

pub(super) fn changes(before: &Snapshot, after: &Snapshot) -> Vec<Event> {
    if Arc::ptr_eq(&before.operations, &after.operations) {
        return Vec::new();
    }
    // The newest come first, and the list is short: what was the newest may have fallen out of it.
    let last = before.operations.first();
    let known = |one: &&Arc<Operation>| last.is_some_and(|last| Arc::ptr_eq(last, one));
    let new = after.operations.iter().take_while(|one| !known(one));
    let mut events: Vec<Event> = new
        .map(|one| Event {
            name: "operation",
            data: operation(one),
        })
        .collect();
    events.reverse();
    events
}
