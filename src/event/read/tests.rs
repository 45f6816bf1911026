//! Reading: what is taken, what is refused, and that schema and type are of one mind.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::*;
use crate::event::Config;
use crate::event::kinds::Data;
use crate::model::{ByteSize, EventOutcome, Tally};
use crate::redact;

pub(super) static EVENTS: LazyLock<Events> = LazyLock::new(|| events(Config::default()));

pub(super) fn events(config: Config) -> Events {
    let redaction = redact::Config::default();
    let made = Events::new(&config, &redaction, None, &mut Tally::default());
    made.unwrap().0
}

/// With a kind of the operator's, `order.placed`.
fn declared(schema: &str) -> Events {
    let text = format!("[[kind]]\nname = \"order.placed\"\nschema = {schema}");
    events(toml::from_str(&text).unwrap())
}

pub(super) fn read(text: &str) -> Result<Batch, Faults> {
    EVENTS.read(text.as_bytes(), Form::Json, false)
}

pub(super) fn started() -> Value {
    json!({"id": "a", "kind": "run.started", "run": "r", "data": {"name": "n"}})
}

/// An event with one thing changed.
pub(super) fn with(key: &str, value: Value) -> Value {
    let mut event = started();
    event[key] = value;
    event
}

#[track_caller]
pub(super) fn refuses(event: &Value, wanted: &[&str]) {
    let faults = read(&event.to_string()).unwrap_err();
    let shown: Vec<String> = faults.list.iter().map(ToString::to_string).collect();
    assert_eq!(shown, wanted, "{event}");
}

#[test]
fn an_event_is_taken_as_it_was_sent() {
    let sent = json!({
        "id": "a", "kind": "step.tool_call", "version": 1, "time": "2026-01-31T12:00:00.25Z", "source": "agent", "run": "r",
        "correlation": "c", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "data": {"step": "1", "tool": "grep", "outcome": "timeout", "duration_ms": 5, "input": {"a": [1, null]}},
    });
    let batch = read(&sent.to_string()).unwrap();
    let [taken] = &batch.events[..] else {
        panic!("one")
    };
    let event = &taken.event;
    assert_eq!(
        (&*event.id, &*event.kind, event.version),
        ("a", "step.tool_call", 1)
    );
    assert_eq!(event.time, 1_769_860_800_250_000);
    let texts =
        [&event.source, &event.run, &event.correlation].map(|text| text.as_deref().unwrap());
    assert_eq!(texts, ["agent", "r", "c"]);
    assert_eq!(event.trace.as_deref(), sent["traceparent"].as_str());
    assert_eq!(event.outcome, Some(EventOutcome::Timeout));
    assert_eq!(
        serde_json::from_str::<Value>(&event.data).unwrap(),
        sent["data"]
    );
    assert!(
        matches!(&taken.data, Data::StepToolCall(call) if call.duration_ms.unwrap().get() == 5.0)
    );
    assert_eq!((batch.given.len(), batch.sampled_out), (0, 0));
}

#[test]
fn what_is_left_out_is_given() {
    let now = jiff::Timestamp::now().as_microsecond();
    let batch = read(r#"[{"kind":"pool.started","data":{"pool":"p","size":3.0}}]"#).unwrap();
    let event = &batch.events[0].event;
    assert!((now..now + 60_000_000).contains(&event.time));
    assert_eq!(batch.given[0].id, event.id);
    assert_eq!(
        uuid::Uuid::try_parse(&event.id).unwrap().get_version_num(),
        7
    );
    let lines = format!("{}\n\n \r\n{}\r\n", started(), with("id", json!("b")));
    let batch = EVENTS.read(lines.as_bytes(), Form::Lines, false).unwrap();
    let at: Vec<At> = batch.events.iter().map(|taken| taken.at).collect();
    assert_eq!(at, [At::Line(1), At::Line(4)]);
}

#[test]
fn what_is_wrong_around_it_is_told_with_its_place() {
    refuses(
        &with("id", json!("")),
        &["event 0: /id: has 0 bytes: it must have 1 to 128"],
    );
    refuses(
        &with("id", json!("x".repeat(129))),
        &["event 0: /id: has 129 bytes: it must have 1 to 128"],
    );
    refuses(
        &with("source", json!("a\nb")),
        &["event 0: /source: must not have control characters in it"],
    );
    refuses(
        &with("version", json!(2)),
        &["event 0: /version: run.started has no such version; known here: 1"],
    );
    refuses(
        &with("kind", json!("run.begun")),
        &["event 0: /kind: run.begun is no kind of event that is known here"],
    );
    refuses(
        &with("run", json!(null)),
        &["event 0: /run: run.started is part of a run: it needs `run`"],
    );
    refuses(
        &with("version", json!("1")),
        &["event 0: /version: it is not of types \"null\", \"integer\""],
    );
    refuses(&with("data", json!([])), &["event 0: /data: is no object"]);
    refuses(
        &with("surprise", json!(1)),
        &["event 0: /surprise: is not known here"],
    );
    refuses(
        &json!({"id": 1, "data": {}}),
        &[
            "event 0: lacks kind",
            "event 0: /id: it is not of types \"null\", \"string\"",
        ],
    );
    refuses(&json!(["a"]), &["event 0: is no object: an event is one"]);
    refuses(
        &json!([["run.started"], 5]),
        &[
            "event 0: is no object: an event is one",
            "event 1: is no object: an event is one",
        ],
    );
}

#[test]
fn every_fault_of_what_it_says_has_its_pointer() {
    let data = json!({"outcome": "done", "duration_ms": -1, "error": {"kind": 5, "a/b~": 1}, "more": true});
    let event = json!({"kind": "run.finished", "time": "never", "data": data});
    let mut wanted = [
        "event 0: /run: run.finished is part of a run: it needs `run`",
        "event 0: /time: must be a time as RFC 3339 has it, such as 2026-01-31T12:00:00.25Z",
        "event 0: /data/more: is not known here",
        "event 0: /data/duration_ms: it is less than the minimum of 0",
        "event 0: /data/error/a~1b~0: is not known here",
        "event 0: /data/error/kind: it is not of type \"string\"",
        "event 0: /data/error: lacks message",
        "event 0: /data/outcome: it is none of \"success\", \"failure\", \"timeout\", \"cancelled\"",
    ];
    let faults = read(&event.to_string()).unwrap_err();
    let mut shown: Vec<String> = faults.list.iter().map(ToString::to_string).collect();
    shown.sort();
    wanted.sort_unstable();
    assert_eq!(shown, wanted);
}

#[test]
fn what_no_schema_finds_has_the_readers_words() {
    let text = r#"{"kind":"run.started","run":"r","data":{"name":"a","name":"b"}}"#;
    assert_eq!(
        read(text).unwrap_err().to_string(),
        "event 0: /data: duplicate field `name`"
    );
    let text = r#"{"kind":"run.started","run":"r","data":{"name":"\ud800"}}"#;
    let words = read(text).unwrap_err().to_string();
    assert!(
        words.starts_with("event 0: /data: is not JSON: "),
        "{words}"
    );
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let text =
        format!(r#"{{"kind":"run.started","run":"r","data":{{"name":"a","input":{deep}}}}}"#);
    let wanted = "event 0: /data: is nested too deeply: 127 levels are the most";
    assert_eq!(read(&text).unwrap_err().to_string(), wanted);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(&deep).is_err());
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let text = format!(r#"{{"kind":"run.started","run":{deep},"data":{{}}}}"#);
    assert!(
        read(&text)
            .unwrap_err()
            .to_string()
            .contains("nested too deeply")
    );
}

#[test]
fn what_is_no_json_has_line_and_column() {
    let told = |text: &str| read(text).unwrap_err().to_string();
    assert_eq!(
        told("[{},\n  {\"a\":]}"),
        "is not JSON: expected value at line 2 column 8"
    );
    assert_eq!(
        told(""),
        "is not JSON: EOF while parsing a value at line 1 column 0"
    );
    let lines = EVENTS
        .read(b"{}\n{\"kind\"\n\xff\n", Form::Lines, false)
        .unwrap_err();
    let shown: Vec<String> = lines.list.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown[2],
        "line 2: is not JSON: EOF while parsing an object at line 1 column 7"
    );
    assert_eq!(shown[3], "line 3: is not UTF-8: see byte 0");
    assert!(EVENTS.read(b"\xff", Form::Json, true).is_err());
}

#[test]
fn what_is_too_large_is_refused_and_what_is_not_is_taken() {
    let of = |bytes: usize| with("data", json!({"name": "x".repeat(bytes - 11)})).to_string();
    assert!(read(&of(64 << 10)).is_ok());
    let wanted = "event 0: /data: has 65537 bytes: at most 64KiB (events.max_event_size)";
    assert_eq!(read(&of((64 << 10) + 1)).unwrap_err().to_string(), wanted);
    let mut config = Config::default();
    config.queue.max_events = 2;
    let few = events(config);
    let lines = |count| {
        format!(
            "{}\n",
            json!({"kind":"pool.started","data":{"pool":"p","size":1}})
        )
        .repeat(count)
    };
    assert_eq!(
        few.read(lines(2).as_bytes(), Form::Lines, false)
            .unwrap()
            .len(),
        2
    );
    let faults = few
        .read(lines(3).as_bytes(), Form::Lines, true)
        .unwrap_err();
    assert!(
        faults.to_string().contains("events.queue.max_events"),
        "{faults}"
    );
    let mut config = Config {
        max_event_size: ByteSize::kib(1),
        ..Config::default()
    };
    config.queue.max_bytes = ByteSize::mib(1);
    let big = format!(
        "{}\n",
        json!({"kind":"pool.started","data":{"pool":"p".repeat(900),"size":1}})
    )
    .repeat(600);
    assert!(
        events(config)
            .read(big.as_bytes(), Form::Lines, false)
            .is_err()
    );
}

#[test]
fn a_batch_is_all_or_nothing_unless_asked_otherwise() {
    let body = json!([
        with("id", json!("a")),
        with("id", json!("")),
        with("id", json!("c")),
        {}
    ])
    .to_string();
    let faults = EVENTS.read(body.as_bytes(), Form::Json, false).unwrap_err();
    assert_eq!(faults.list.len(), 3);
    let batch = EVENTS.read(body.as_bytes(), Form::Json, true).unwrap();
    assert_eq!(batch.len(), 2);
    let at: Vec<_> = batch
        .refused
        .list
        .iter()
        .map(|fault| fault.at.unwrap())
        .collect();
    assert_eq!(at, [At::Index(1), At::Index(3), At::Index(3)]);
    // However many there are, a hundred are told; of fifty events, and the others are counted.
    let many = Value::from(vec![json!({}); 500]).to_string();
    let faults = EVENTS.read(many.as_bytes(), Form::Json, false).unwrap_err();
    assert_eq!((faults.list.len(), faults.more), (100, 450));
    assert!(faults.to_string().ends_with("; and 450 more"));
    let fault = serde_json::to_value(&faults.list[0]).unwrap();
    assert_eq!(
        fault,
        json!({"index": 0, "pointer": "", "message": "lacks kind"})
    );
}

#[test]
fn declared_kinds_are_held_against_their_schema() {
    let events = declared(
        r#"{ type = "object", required = ["order"], properties = { order = { type = "string", pattern = "^o-[0-9]+$" } } }"#,
    );
    let read = |data: Value| {
        let event = json!({"kind": "order.placed", "data": data}).to_string();
        events.read(event.as_bytes(), Form::Json, false)
    };
    let batch = read(json!({"order": "o-5", "secret": "hunter2"})).unwrap();
    assert_eq!(batch.events[0].data, Data::Declared);
    assert_eq!(
        &*batch.events[0].event.data,
        r#"{"order":"o-5","secret":"[redacted]"}"#
    );
    let told = |data| read(data).unwrap_err().to_string();
    assert_eq!(
        told(json!({"order": "x"})),
        "event 0: /data/order: it does not match \"^o-[0-9]+$\""
    );
    assert_eq!(told(json!({})), "event 0: /data: lacks order");
    assert_eq!(told(json!(1)), "event 0: /data: is no object");
}

#[test]
fn secrets_are_taken_out_before_anybody_sees_an_event() {
    let mut event = json!({
        "id": "a", "kind": "step.tool_call", "run": "r", "source": "https://me:pw@host/", "correlation": "token=abc",
        "data": {"step": "1", "tool": "t", "outcome": "failure", "input": {"password": "hunter2"},
            "error": {"kind": "k", "message": "Bearer abcdef123456 is wrong"}},
    });
    let batch = read(&event.to_string()).unwrap();
    let taken = &batch.events[0];
    assert!(
        !format!("{taken:?}").contains("hunter2") && !format!("{taken:?}").contains("abcdef123456")
    );
    assert_eq!(
        taken.event.source.as_deref(),
        Some("https://[redacted]@host/")
    );
    assert_eq!(taken.event.correlation.as_deref(), Some("token=[redacted]"));
    let Data::StepToolCall(call) = &taken.data else {
        panic!()
    };
    assert_eq!(call.input, Some(json!({"password": "[redacted]"}).into()));
    let github = format!("ghp_{}", "a1".repeat(18));
    event["id"] = json!(github);
    let told = read(&event.to_string()).unwrap_err().to_string();
    assert_eq!(
        told,
        "event 0: /id: looks like a secret, and an id is kept as it is"
    );
    // What is told of a fault has none either.
    event["data"] = json!({ github.as_str(): 1 });
    let told = read(&event.to_string()).unwrap_err().to_string();
    assert!(
        told.contains("/data/[redacted]: is not known here") && !told.contains(&github),
        "{told}"
    );
}
