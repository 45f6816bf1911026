//! Trees out of events as they may come.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{RunState, run_tree};
use crate::model::{Event, EventOutcome, KeptEvent};

/// A second, in microseconds.
const SECOND: i64 = 1_000_000;

fn event(sequence: i64, kind: &str, seconds: i64, data: Value) -> KeptEvent {
    let outcome = data["outcome"].as_str().and_then(EventOutcome::of);
    KeptEvent {
        sequence,
        event: Event {
            id: sequence.to_string().into(),
            kind: kind.into(),
            version: 1,
            time: seconds * SECOND,
            source: Some("agent".into()),
            run: Some("r".into()),
            correlation: None,
            trace: None,
            outcome,
            data: data.to_string().into(),
        },
    }
}

fn tree(events: &[KeptEvent]) -> Value {
    serde_json::to_value(run_tree("r", events, false, 100 * SECOND)).unwrap()
}

/// The ids of steps and what is in them, as nested lists.
fn shape(steps: &Value) -> Value {
    let steps = steps.as_array().cloned().unwrap_or_default();
    steps
        .iter()
        .map(|step| match step.get("steps") {
            Some(inner) => json!([step["step"], shape(inner)]),
            None => step["step"].clone(),
        })
        .collect()
}

fn thought(sequence: i64, step: &str, parent: Option<&str>) -> KeptEvent {
    let data = json!({ "step": step, "parent": parent, "text": "…" });
    event(sequence, "step.thought", sequence, data)
}

#[test]
fn a_run_is_a_tree_with_durations() {
    let call = json!({ "step": "b", "parent": "a", "tool": "search", "outcome": "success", "duration_ms": 1500 });
    let tree = tree(&[
        event(
            1,
            "run.started",
            10,
            json!({ "name": "triage", "input": { "n": 1 } }),
        ),
        thought(12, "a", None),
        event(13, "step.tool_call", 20, call),
        event(
            14,
            "artifact.created",
            21,
            json!({ "artifact": "x", "step": "b", "name": "x.csv" }),
        ),
        event(
            15,
            "artifact.created",
            22,
            json!({ "artifact": "y", "name": "y.csv" }),
        ),
        event(
            16,
            "run.finished",
            30,
            json!({ "outcome": "failure", "error": { "kind": "E", "message": "m" } }),
        ),
    ]);
    assert_eq!(tree["status"], "failure");
    assert_eq!(tree["name"], "triage");
    assert_eq!(tree["duration_ms"], 20_000.0);
    assert_eq!(tree["started"], "1970-01-01T00:00:10.000000Z");
    assert_eq!(tree["error"]["kind"], "E");
    assert_eq!(shape(&tree["steps"]), json!([["a", ["b"]]]));
    let inner = &tree["steps"][0]["steps"][0];
    assert_eq!(
        (&inner["kind"], &inner["duration_ms"]),
        (&json!("tool_call"), &json!(1_500.0))
    );
    assert_eq!(inner["artifacts"][0]["name"], "x.csv");
    // From its own telling at 12 s to the end of what is in it.
    assert_eq!(tree["steps"][0]["duration_ms"], 8_000.0);
    assert_eq!(tree["artifacts"][0]["name"], "y.csv");
    assert_eq!(
        tree["counts"],
        json!({ "artifact.created": 2, "run.finished": 1, "run.started": 1, "step.thought": 1, "step.tool_call": 1 })
    );
}

#[test]
fn a_run_that_goes_on_has_lasted_until_now() {
    let tree = tree(&[event(1, "run.started", 40, json!({ "name": "n" }))]);
    assert_eq!(
        (&tree["status"], &tree["duration_ms"]),
        (&json!("running"), &json!(60_000.0))
    );
    assert_eq!(tree["finished"], Value::Null);
}

#[test]
fn a_run_lasts_as_long_as_its_end_says_and_never_less_than_no_time() {
    let end = |data| event(2, "run.finished", 30, data).event;
    let state = |end: &Event| RunState::new(40 * SECOND, Some(end), 50 * SECOND);
    let told = state(&end(json!({ "outcome": "success", "duration_ms": 7 })));
    assert_eq!((told.status, told.duration_ms), ("success", 7.0));
    assert_eq!(told.finished, Some(30 * SECOND));
    // By another clock it has ended before it began.
    let early = state(&end(json!({ "outcome": "timeout" })));
    assert_eq!((early.status, early.duration_ms), ("timeout", 0.0));
    let running = RunState::new(40 * SECOND, None, 50 * SECOND);
    assert_eq!((running.status, running.duration_ms), ("running", 10_000.0));
    let ahead = RunState::new(60 * SECOND, None, 50 * SECOND);
    assert_eq!(ahead.duration_ms, 0.0);
}

fn started(sequence: i64, seconds: i64, name: &str) -> KeptEvent {
    event(sequence, "run.started", seconds, json!({ "name": name }))
}

fn finished(sequence: i64, seconds: i64, outcome: &str) -> KeptEvent {
    event(
        sequence,
        "run.finished",
        seconds,
        json!({ "outcome": outcome }),
    )
}

#[test]
fn a_run_that_is_begun_anew_stands_as_its_last_beginning() {
    let stands = |events: &[KeptEvent]| {
        let tree = tree(events);
        let of = |part: &str| tree[part].as_str().unwrap_or("none").to_owned();
        (
            of("name"),
            of("status"),
            tree["duration_ms"].as_f64().unwrap(),
        )
    };
    let told = |name: &str, status: &str, took| (name.to_owned(), status.to_owned(), took);
    let (first, end) = (started(1, 10, "first"), finished(2, 20, "failure"));
    let mut events = vec![first.clone(), end.clone(), started(3, 30, "second")];
    assert_eq!(stands(&events), told("second", "running", 70_000.0));
    events.push(finished(4, 35, "success"));
    assert_eq!(stands(&events), told("second", "success", 5_000.0));
    // Told once more without an end before, it is the same one; so it is when it was told in no order.
    let again = [
        first.clone(),
        started(2, 15, "again"),
        finished(3, 20, "timeout"),
    ];
    assert_eq!(stands(&again), told("first", "timeout", 10_000.0));
    let mixed = [
        started(9, 10, "first"),
        finished(8, 20, "failure"),
        started(7, 30, "later"),
    ];
    assert_eq!(stands(&mixed), told("first", "failure", 10_000.0));
    // Its end is of another clock, by which it is the earlier.
    let early = [finished(2, 5, "success"), started(1, 10, "first")];
    assert_eq!(stands(&early), told("first", "success", 0.0));
    let mut early = vec![
        first,
        end,
        finished(4, 29, "success"),
        started(3, 30, "second"),
    ];
    assert_eq!(stands(&early), told("second", "success", 0.0));
    // That end was told before the third beginning, where it stands before the second.
    early.push(started(5, 50, "third"));
    assert_eq!(stands(&early), told("third", "running", 50_000.0));
}

#[test]
fn a_step_took_what_it_was_told_to_whatever_is_in_it() {
    let call = |sequence, step: &str, parent: Option<&str>, took: f64| {
        let data = json!({ "step": step, "parent": parent, "tool": "t", "outcome": "success", "duration_ms": took });
        event(sequence, "step.tool_call", 20, data)
    };
    let tree = tree(&[
        call(1, "outer", None, 1_500.25),
        call(2, "inner", Some("outer"), 1e300),
        thought(30, "around", None),
        call(3, "within", Some("around"), 1e300),
    ]);
    let steps = &tree["steps"];
    assert_eq!(steps[0]["duration_ms"], 1_500.25);
    assert_eq!(steps[0]["steps"][0]["duration_ms"], 1e300);
    // As much as can be counted.
    assert!(steps[1]["duration_ms"].as_f64().unwrap() > 1e15);
}

#[test]
fn what_a_tree_does_not_show_is_only_counted() {
    // To hold each member against all before it would take for ever.
    let members: Vec<String> = (0..400_000).map(|n| format!("\"{n}\":0")).collect();
    let mut other = event(2, "order.shipped", 2, json!({}));
    other.event.data = format!("{{{}}}", members.join(",")).into();
    let tree = tree(&[started(1, 1, "n"), other]);
    assert_eq!(
        tree["counts"],
        json!({ "order.shipped": 1, "run.started": 1 })
    );
}

#[test]
fn lost_parents_circles_and_steps_told_twice_hide_nothing() {
    let lost = tree(&[thought(1, "a", Some("never told"))]);
    assert_eq!(shape(&lost["steps"]), json!(["a"]));
    let itself = tree(&[thought(1, "a", Some("a"))]);
    assert_eq!(shape(&itself["steps"]), json!(["a"]));
    let circle = tree(&[
        thought(1, "a", Some("b")),
        thought(2, "b", Some("a")),
        thought(3, "c", Some("b")),
    ]);
    assert_eq!(shape(&circle["steps"]), json!([["a", [["b", ["c"]]]]]));
    let twice = tree(&[
        thought(1, "a", None),
        thought(2, "a", None),
        thought(3, "b", Some("a")),
    ]);
    assert_eq!(shape(&twice["steps"]), json!([["a", ["b"]], "a"]));
}

#[test]
fn depth_is_bounded() {
    let deep: Vec<KeptEvent> = (0..10_000)
        .map(|n| {
            thought(
                n + 1,
                &n.to_string(),
                (n > 0).then(|| (n - 1).to_string()).as_deref(),
            )
        })
        .collect();
    let mut steps = &tree(&deep)["steps"];
    let mut depth = 0;
    while let Some(inner) = steps[0].get("steps") {
        (steps, depth) = (inner, depth + 1);
    }
    assert!((32..64).contains(&depth), "{depth}");
}

#[test]
fn a_tree_says_what_was_told_as_the_text_that_it_was() {
    let zeros = vec!["0"; 30_000].join(",");
    let said =
        format!(r#"{{"step":"a\u0062","tool":"t","arguments":[{zeros}], "outcome":"success"}}"#);
    let mut call = event(1, "step.tool_call", 1, json!({}));
    call.event.data = said.into();
    let artifact = json!({ "artifact": "x", "step": "ab" });
    let events = [call, event(2, "artifact.created", 2, artifact)];
    let told = serde_json::to_string(&run_tree("r", &events, true, 9 * SECOND)).unwrap();
    assert!(told.contains(&zeros));
    assert!(told.len() < zeros.len() + 1_000, "{}", told.len());
    assert_eq!(tree(&events)["steps"][0]["artifacts"][0]["artifact"], "x");
}

fn count(steps: &Value) -> usize {
    let steps = steps.as_array().map_or(&[][..], Vec::as_slice);
    steps
        .iter()
        .map(|step| 1 + step.get("steps").map_or(0, count))
        .sum()
}

proptest! {
    #[test]
    fn every_step_that_was_told_is_there_once(parents in prop::collection::vec(prop::option::of(0..20_usize), 0..40)) {
        let events: Vec<KeptEvent> = parents.iter().enumerate().map(|(n, parent)| {
            thought(n as i64 + 1, &(n % 25).to_string(), parent.map(|parent| parent.to_string()).as_deref())
        }).collect();
        prop_assert_eq!(count(&tree(&events)["steps"]), events.len());
    }
}
