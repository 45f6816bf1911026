//! Schema and type are of one mind, and whatever is sent has an answer.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::tests::{EVENTS, with};
use crate::event::kinds::Kind;
use crate::event::{Form, KindSchema};

/// Values that fields of events may be given, right and wrong.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            json!(null),
            json!(true),
            json!(0),
            json!(1),
            json!(1.0),
            json!(-1),
            json!(-0.0),
            json!(1.5),
            json!(1e300),
            json!(u64::MAX),
            json!(9_007_199_254_740_991_u64),
            json!(9_007_199_254_740_992_u64),
            json!(65_535),
            json!(65_536),
            json!(4_294_967_296_u64),
            json!("success"),
            json!("failure"),
            json!("other"),
            json!(""),
            json!([]),
            json!({}),
            json!({"success": null}),
            json!({"kind": "k", "message": "m"}),
            json!({"kind": "k", "message": "m", "stack": null, "code": "c"}),
            json!({"kind": "k"}),
            json!(["k", "m"]),
            json!({"name": "q", "wait_ms": 1}),
            json!({"name": "q", "wait_ms": -1}),
            json!({"name": "q", "wait_ms": 1, "depth": 1.0}),
            json!({"name": "q", "wait_ms": 0, "x": 1}),
        ]),
        "\\PC{0,6}".prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop::collection::vec(inner, 0..3).prop_map(Value::from)
    })
}

/// What an event of a kind may say: its fields with whatever values, perhaps one that is unknown.
fn data(kind: &'static KindSchema) -> impl Strategy<Value = Value> {
    let schema = kind.schema();
    let mut names: Vec<String> = schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    names.push("unknown".to_owned());
    let required: Vec<String> = serde_json::from_value(schema["required"].clone()).unwrap();
    let right = |name: String| {
        let value = match schema["properties"][&name]["type"].as_str() {
            Some("number" | "integer") => json!(1),
            Some("boolean") => json!(true),
            _ if name == "error" => json!({"kind": "k", "message": "m"}),
            _ => json!("success"),
        };
        (name, value)
    };
    let least: serde_json::Map<String, Value> = required.into_iter().map(right).collect();
    let changes = prop::collection::vec((prop::sample::select(names), value()), 0..5);
    (changes, any::<bool>()).prop_map(move |(changes, begin)| {
        let mut fields = if begin {
            least.clone()
        } else {
            Default::default()
        };
        fields.extend(changes);
        Value::Object(fields)
    })
}

fn any_data() -> impl Strategy<Value = (Kind, Value)> {
    let of = |kind: Kind| {
        let schema = EVENTS.schemas().find(kind.as_str(), None).unwrap();
        (Just(kind), data(schema))
    };
    prop::sample::select(Kind::ALL).prop_flat_map(of)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn schema_and_type_are_of_one_mind((kind, data) in any_data()) {
        let schema = EVENTS.schemas().find(kind.as_str(), None).unwrap();
        let by_schema = schema.validator().unwrap().is_valid(&data);
        let by_type = kind.read(&data.to_string());
        prop_assert_eq!(by_schema, by_type.is_ok(), "{} {:?}", data, by_type);
        // What is taken is written as something that is taken, and the same.
        if let Ok((read, _)) = by_type {
            let again = kind.read(&data.to_string()).unwrap().0;
            prop_assert_eq!(read, again);
        }
    }

    #[test]
    fn whatever_is_sent_is_taken_or_refused_with_a_place((_, data) in any_data(), body in "[\\[\\]{}\":,a-z0-9 \n\\\\]{0,40}", cut in 0..200_usize) {
        let text = with("data", data).to_string();
        let cut = text.floor_char_boundary(cut.min(text.len()));
        for text in [&text[..cut], &body, &text] {
            for form in [Form::Json, Form::Lines] {
                if let Err(faults) = EVENTS.read(text.as_bytes(), form, false) {
                    prop_assert!(!faults.list.is_empty());
                    prop_assert!(faults.list.iter().all(|fault| !fault.message.is_empty()));
                }
            }
        }
    }
}

#[test]
fn there_is_an_event_of_every_kind_that_both_take() {
    // The property above would hold if nothing were ever taken.
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    let strategy = any_data();
    for _ in 0..4000 {
        let (kind, data) = strategy.new_tree(&mut runner).unwrap().current();
        if kind.read(&data.to_string()).is_ok() {
            seen.insert(kind);
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), Kind::ALL);
}
