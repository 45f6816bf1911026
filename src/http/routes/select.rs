//! Choosing from a JSON document: one place by path, or several fields by name.

use std::fmt;

use serde_json::{Map, Value};

use crate::http::problem::Problem;
use crate::model::printable;

/// Names deep at most: no document is deeper.
const MAX_DEPTH: usize = 16;

/// Which fields are wanted, by name and what is wanted below it; empty means everything.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::http) struct Fields(Vec<(String, Fields)>);

impl Fields {
    /// Reads lists of dotted names, `a,b.c`. Naming something and a part of it means all of it.
    ///
    /// # Errors
    /// 400 for an empty name, or one that is too deep.
    pub(in crate::http) fn parse<'a>(
        lists: impl Iterator<Item = &'a str>,
    ) -> Result<Self, Problem> {
        let mut fields = Self::default();
        for path in lists.flat_map(|list| list.split(',')) {
            let names: Vec<&str> = path.split('.').map(str::trim).collect();
            if names.len() > MAX_DEPTH || names.iter().any(|name| name.is_empty()) {
                let path = printable(path, 64);
                let detail = format!("names like `a,b.c` are wanted here, not `{path}`");
                return Err(Problem::bad_request(detail).member("parameter", "fields".into()));
            }
            fields.add(&names);
        }
        Ok(fields)
    }

    /// Whether nothing is left out.
    pub(in crate::http) fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// The names at this level, in the order in which they were first asked for.
    pub(in crate::http) fn names(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.0.iter().map(|(name, below)| (name.as_str(), below))
    }

    fn add(&mut self, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else {
            // The whole of what is here; parts asked for besides are in it.
            self.0.clear();
            return;
        };
        match self.0.iter_mut().find(|(name, _)| name == first) {
            Some((_, below)) if below.is_everything() => {}
            Some((_, below)) => below.add(rest),
            None => {
                let mut below = Self::default();
                below.add(rest);
                self.0.push(((*first).to_owned(), below));
            }
        }
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for (name, below) in self.names() {
            if below.is_everything() {
                write!(f, "{comma}{name}")?;
                comma = ",";
            }
            // Each path below by itself, so that the text reads back as what it was.
            for path in below.to_string().split(',').filter(|path| !path.is_empty()) {
                write!(f, "{comma}{name}.{path}")?;
                comma = ",";
            }
        }
        Ok(())
    }
}

/// The wanted fields of a value; of a list, of each of its elements. `place` names the value in errors.
///
/// # Errors
/// 400 naming a field that is not there. In a list it is enough that one element has it.
pub(super) fn project(value: Value, fields: &Fields, place: &str) -> Result<Value, Problem> {
    if fields.is_everything() {
        return Ok(value);
    }
    match value {
        Value::Object(mut object) => {
            let mut chosen = Map::new();
            for (name, below) in fields.names() {
                let place = if place.is_empty() {
                    name.to_owned()
                } else {
                    format!("{place}.{name}")
                };
                let value = object.shift_remove(name).ok_or_else(|| no_field(&place))?;
                chosen.insert(name.to_owned(), project(value, below, &place)?);
            }
            Ok(Value::Object(chosen))
        }
        Value::Array(elements) => project_each(elements, fields, place),
        // What was never read is null, and so is every part of it.
        Value::Null => Ok(Value::Null),
        _ => Err(no_field(place)),
    }
}

fn project_each(elements: Vec<Value>, fields: &Fields, place: &str) -> Result<Value, Problem> {
    let mut chosen = Vec::with_capacity(elements.len());
    let mut refused = None;
    for element in elements {
        match project(element, fields, place) {
            Ok(value) => chosen.push(value),
            Err(problem) => refused = Some(problem),
        }
    }
    match refused {
        Some(problem) if chosen.is_empty() => Err(problem),
        _ => Ok(Value::Array(chosen)),
    }
}

fn no_field(place: &str) -> Problem {
    let detail = format!("there is no field `{}` here", printable(place, 128));
    Problem::bad_request(detail).member("parameter", "fields".into())
}

/// What is at a path: names of an object, and of a list positions or the elements' own `name`. Several elements
/// of one name, as series of one metric have it, are a list.
pub(super) fn pointer(value: Value, path: &[String]) -> Option<Value> {
    let Some((first, rest)) = path.split_first() else {
        return Some(value);
    };
    let below = match value {
        Value::Object(mut object) => object.shift_remove(first)?,
        Value::Array(mut elements) => match first.parse::<usize>() {
            Ok(index) if index < elements.len() => elements.swap_remove(index),
            Ok(_) => return None,
            Err(_) => named(elements, first)?,
        },
        _ => return None,
    };
    pointer(below, rest)
}

fn named(elements: Vec<Value>, name: &str) -> Option<Value> {
    let mut found: Vec<Value> = elements
        .into_iter()
        .filter(|element| element["name"] == name)
        .collect();
    match found.len() {
        0 => None,
        1 => found.pop(),
        _ => Some(Value::Array(found)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn document() -> Value {
        json!({
            "a": { "b": 1, "c": { "d": 2 } },
            "list": [{ "name": "x", "v": 1 }, { "name": "y", "v": 2, "w": 3 }, { "name": "y", "v": 4 }],
            "none": null,
        })
    }

    fn chosen(fields: &str) -> Result<Value, u16> {
        let project = |fields| project(document(), &fields, "");
        Fields::parse(std::iter::once(fields))
            .and_then(project)
            .map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn fields_keep_the_shape_and_drop_the_rest() {
        for (fields, wanted) in [
            ("a.b", json!({ "a": { "b": 1 } })),
            ("a.c.d,a.b", json!({ "a": { "c": { "d": 2 }, "b": 1 } })),
            ("a.b,a", json!({ "a": { "b": 1, "c": { "d": 2 } } })),
            ("a,a.b", json!({ "a": { "b": 1, "c": { "d": 2 } } })),
            (
                "list.v",
                json!({ "list": [{ "v": 1 }, { "v": 2 }, { "v": 4 }] }),
            ),
            ("list.w", json!({ "list": [{ "w": 3 }] })),
            ("none.what", json!({ "none": null })),
        ] {
            assert_eq!(chosen(fields).unwrap(), wanted, "{fields}");
            let read = Fields::parse(std::iter::once(fields)).unwrap();
            let again = read.to_string();
            assert_eq!(
                Fields::parse(std::iter::once(&*again)).unwrap(),
                read,
                "{again}"
            );
        }
        for fields in ["", "a,", ".a", "x", "a.x", "a.b.x", "list.x"] {
            assert_eq!(chosen(fields), Err(400), "{fields}");
        }
    }

    #[test]
    fn a_path_leads_through_names_positions_and_elements_own_names() {
        for (path, wanted) in [
            ("", Some(document())),
            ("a/c/d", Some(json!(2))),
            ("list/1/v", Some(json!(2))),
            ("list/x/v", Some(json!(1))),
            ("list/y/1/v", Some(json!(4))),
            ("list/3", None),
            ("list/z", None),
            ("a/b/c", None),
            ("none/x", None),
            ("..", None),
        ] {
            let split = path.split('/').filter(|segment| !segment.is_empty());
            let segments: Vec<String> = split.map(str::to_owned).collect();
            assert_eq!(pointer(document(), &segments), wanted, "{path}");
        }
    }
}
