//! What reading costs has bounds, and nobody passes for the program itself.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use serde_json::{Value, json};

use super::tests::{EVENTS, events, read, refuses, started, with};
use super::*;
use crate::event::Config;
use crate::event::kinds::Data;
use crate::model::ByteSize;

#[test]
fn beyond_a_hundred_faults_events_are_only_counted() {
    let events = events(Config::default());
    let refused = |reason| events.shared().tally.refused_so_far(reason);
    let bad = json!({"kind": "run.finished", "run": "r", "data": {"outcome": 1}}).to_string();
    let list = format!(
        "[{}{bad},{{\"kind\":1}},[],1]",
        format!("{bad},").repeat(199)
    );
    let faults = events.read(list.as_bytes(), Form::Json, true).unwrap();
    assert_eq!((faults.refused.list.len(), faults.refused.more), (100, 103));
    let counted = [Reason::Data, Reason::Envelope, Reason::Syntax].map(refused);
    assert_eq!(counted, [200, 1, 2]);
    // A good one is taken however many are not.
    let list = format!("[{}{}]", format!("{bad},").repeat(200), started());
    let batch = events.read(list.as_bytes(), Form::Json, true).unwrap();
    assert_eq!(batch.len(), 1);
}

#[test]
fn of_a_large_event_the_first_fault_is_told() {
    let long = "x".repeat(70_000);
    refuses(
        &json!({"id": 1, "kind": "run.started", "run": 2, "data": {"name": long}}),
        &["event 0: invalid type: integer `1`, expected a string"],
    );
    let config = Config {
        max_event_size: ByteSize::kib(128),
        ..Config::default()
    };
    let events = events(config);
    let event =
        json!({"kind": "run.finished", "run": "r", "data": {"outcome": "x", "a": long, "b": 1}});
    let faults = events.read(event.to_string().as_bytes(), Form::Json, false);
    assert_eq!(faults.unwrap_err().list.len(), 1);
}

#[test]
fn what_is_told_of_a_text_has_a_bound() {
    let kind = format!("run.{}", "x".repeat(60_000));
    let body = Value::from(vec![json!({"kind": kind, "data": {}}); 50]).to_string();
    let faults = read(&body).unwrap_err();
    assert!(
        faults.to_string().len() < 100 * 400,
        "{}",
        faults.to_string().len()
    );
}

#[test]
fn more_events_than_there_is_ever_room_for_are_not_read() {
    let mut config = Config::default();
    config.queue.max_events = 2;
    let events = events(config);
    for (body, form) in [("[{},{},{}]", Form::Json), ("{}\n{}\n\n{}", Form::Lines)] {
        let faults = events.read(body.as_bytes(), form, true).unwrap_err();
        let wanted =
            "has more events than the 2 that the queue ever has room for (events.queue.max_events)";
        assert_eq!(faults.to_string(), wanted);
        assert_eq!(faults.list[0].reason, Reason::Size);
    }
    assert_eq!(events.shared().tally.refused_so_far(Reason::Size), 2);
    assert!(
        events
            .read(b"[{},{}", Form::Json, true)
            .unwrap_err()
            .to_string()
            .contains("EOF")
    );
}

#[test]
fn free_fields_take_no_more_than_their_text() {
    let zeros = vec![0; 30_000];
    let event = json!({"kind": "run.started", "run": "r", "data": {"name": "n", "input": zeros}});
    let batch = read(&event.to_string()).unwrap();
    let Data::RunStarted(started) = &batch.events[0].data else {
        panic!()
    };
    assert_eq!(started.input.as_ref().unwrap().text().len(), 60_001);
    // They are looked at as closely as all else.
    for wrong in ["1e999", r#""\ud800""#, r#"{"\udc00":1}"#] {
        let data = format!(r#"{{"name":"n","input":[{wrong}]}}"#);
        let text = format!(r#"{{"kind":"run.started","run":"r","data":{data}}}"#);
        let told = read(&text).unwrap_err().to_string();
        assert!(told.contains("is not JSON"), "{wrong}: {told}");
    }
    for (levels, is_taken) in [(126, true), (127, false)] {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        let data = format!(r#"{{"name":"n","input":{open}{close}}}"#);
        let text = format!(r#"{{"kind":"run.started","run":"r","data":{data}}}"#);
        assert_eq!(read(&text).is_ok(), is_taken, "{levels}");
    }
}

#[test]
fn blanks_around_an_event_and_a_name_twice() {
    let lines = format!("  {}\t\r\n", started());
    let batch = EVENTS.read(lines.as_bytes(), Form::Lines, false).unwrap();
    assert_eq!(batch.len(), 1);
    let list = format!(" [ {} \n]", started());
    assert_eq!(read(&list).unwrap().len(), 1);
    let text = r#"{"id":"a","id":"b","kind":"run.started","run":1,"data":{"name":"a"}}"#;
    let shown = read(text).unwrap_err().to_string();
    assert!(
        shown.starts_with("event 0: /id: is there twice; event 0: /run: "),
        "{shown}"
    );
}

#[test]
fn nobody_passes_for_probity() {
    let ours =
        "event 0: /source: must not be `probity`, nor begin with `probe/`: those are Probity's own";
    refuses(&with("source", json!("probity")), &[ours]);
    refuses(&with("source", json!("probe/x")), &[ours]);
    assert!(read(&with("source", json!("probity-2")).to_string()).is_ok());
    refuses(
        &json!({"kind": "error_rate.crossed", "data": {}}),
        &["event 0: /kind: error_rate.crossed is told by Probity alone"],
    );
    let told = EVENTS
        .check("probe/x", "error_rate.crossed", "{}")
        .unwrap_err();
    assert!(told.to_string().contains("by Probity alone"), "{told}");
}
