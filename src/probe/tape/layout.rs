//! How a tape is laid out: what fits into a line is one, so that a difference between two tapes is read as what it means.

use serde_json::Value;

/// How wide a line may be.
const WIDTH: usize = 110;
const INDENT: usize = 2;
/// An object of more members than that, all of them small, is filled like a list.
const SETTINGS: usize = 8;
/// The longest text that is small, in bytes.
const SMALL: usize = 24;

/// The value as JSON text.
pub(super) fn lay_out(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, 0, 0);
    text.push('\n');
    text
}

/// Writes `value` where `used` characters of the line stand already.
fn write(text: &mut String, value: &Value, depth: usize, used: usize) {
    let room = WIDTH.saturating_sub(used);
    let mut line = String::new();
    if fits(&mut line, value, room) {
        text.push_str(&line);
        return;
    }
    let inner = (depth + 1) * INDENT;
    match value {
        Value::Array(items) if items.iter().all(is_small) => {
            fill(text, items.iter().map(Value::to_string), inner, ['[', ']']);
        }
        // A table of settings.
        Value::Object(members) if members.len() > SETTINGS && members.values().all(is_small) => {
            let pair = |(key, value): (&String, &Value)| format!("{}: {value}", quoted(key));
            fill(text, members.iter().map(pair), inner, ['{', '}']);
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                next_line(text, index, inner);
                write(text, item, depth + 1, inner);
            }
            end(text, depth, ']');
        }
        Value::Object(members) => {
            text.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                next_line(text, index, inner);
                let key = quoted(key) + ": ";
                text.push_str(&key);
                write(text, member, depth + 1, inner + key.len());
            }
            end(text, depth, '}');
        }
        other => text.push_str(&other.to_string()),
    }
}

/// Writes the value into one line, unless that has not so much room.
fn fits(line: &mut String, value: &Value, room: usize) -> bool {
    match value {
        Value::Array(items) => {
            line.push('[');
            for (index, item) in items.iter().enumerate() {
                line.push_str(if index == 0 { "" } else { ", " });
                if !fits(line, item, room) {
                    return false;
                }
            }
            line.push(']');
        }
        Value::Object(members) => {
            line.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                line.push_str(if index == 0 { " " } else { ", " });
                line.push_str(&quoted(key));
                line.push_str(": ");
                if !fits(line, member, room) {
                    return false;
                }
            }
            line.push_str(if members.is_empty() { "}" } else { " }" });
        }
        // A long text is not written twice.
        Value::String(long) if long.len() > room => return false,
        other => line.push_str(&other.to_string()),
    }
    line.len() <= room
}

fn quoted(key: &str) -> String {
    Value::from(key).to_string()
}

fn is_small(value: &Value) -> bool {
    match value {
        Value::Array(_) | Value::Object(_) => false,
        Value::String(text) => text.len() <= SMALL && !text.contains('\n'),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// As many to a line as fit.
fn fill(
    text: &mut String,
    items: impl Iterator<Item = String>,
    inner: usize,
    [open, close]: [char; 2],
) {
    text.push(open);
    let mut used = WIDTH;
    for (index, item) in items.enumerate() {
        if used + item.len() + 2 > WIDTH {
            next_line(text, index, inner);
            used = inner;
        } else {
            text.push_str(", ");
            used += 2;
        }
        text.push_str(&item);
        used += item.len();
    }
    end(text, inner / INDENT - 1, close);
}

fn next_line(text: &mut String, index: usize, indent: usize) {
    text.push_str(if index == 0 { "\n" } else { ",\n" });
    text.extend(std::iter::repeat_n(' ', indent));
}

fn end(text: &mut String, depth: usize, bracket: char) {
    text.push('\n');
    text.extend(std::iter::repeat_n(' ', depth * INDENT));
    text.push(bracket);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fits_is_one_line_and_the_rest_is_broken_from_outside() {
        let long = "x".repeat(60);
        let value = json!({ "a": [1, { "b": [] }], "c": { "d": long, "e": long }, "f": {} });
        let wanted = format!(
            "{{\n  \"a\": [1, {{ \"b\": [] }}],\n  \"c\": {{\n    \"d\": \"{long}\",\n    \"e\": \"{long}\"\n  }},\n  \
             \"f\": {{}}\n}}\n"
        );
        assert_eq!(lay_out(&value), wanted);
    }

    #[test]
    fn many_numbers_fill_their_lines() {
        let text = lay_out(&json!({ "numbers": (1000..1100).collect::<Vec<u32>>() }));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2 + 2 + 100 / 18 + 1, "{text}");
        assert!(lines.iter().all(|line| line.len() <= WIDTH + 1));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,80}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map(".{0,8}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_the_same_document(value in value()) {
            let read: Value = serde_json::from_str(&lay_out(&value)).expect("it is JSON");
            prop_assert_eq!(read, value);
        }
    }
}
