//! What changes on a page while its structure stays: read off the page itself, so that the two cannot differ.
//!
//! A template marks what lives: `data-v="KEY"` last in the tag before a text, and `data-s="KEY" data-state="…"`,
//! `data-d="KEY" d="…"`, `data-t="KEY" title="…"` before an attribute. All the rest is the shape. As long as it is the same,
//! a page that was loaded before needs the values alone. A key is given to one place of its kind.

use serde_json::{Map, Value, json};

/// The place of the shape in a page that was just made.
const NO_SHAPE: &str = "data-shape=\"\"";
const TEXT: &str = " data-v=\"";
const STATE: &str = " data-s=\"";
const PATH: &str = " data-d=\"";
const TITLE: &str = " data-t=\"";
/// Digits of a shape: chance does not make two equal while somebody looks.
const SHAPE_DIGITS: usize = 16;

/// A page taken apart.
struct Parts {
    shape: String,
    values: Map<String, Value>,
    states: Map<String, Value>,
    paths: Map<String, Value>,
    titles: Map<String, Value>,
}

/// Puts a page's shape where its script finds it.
pub(super) fn with_shape(page: &str) -> String {
    let shape = format!("data-shape=\"{}\"", take_apart(page).shape);
    page.replacen(NO_SHAPE, &shape, 1)
}

/// What a page's script needs to bring it up to date: `{shape, values, states, paths, titles}`, by the keys in the page.
pub fn live(page: &str) -> Value {
    let parts = take_apart(page);
    json!({
        "shape": parts.shape,
        "values": parts.values,
        "states": parts.states,
        "paths": parts.paths,
        "titles": parts.titles,
    })
}

fn take_apart(page: &str) -> Parts {
    let mut hasher = blake3::Hasher::new();
    let (mut values, mut states) = (Map::new(), Map::new());
    let (mut paths, mut titles) = (Map::new(), Map::new());
    let mut rest = page;
    while let Some(at) = rest.find(" data-") {
        let (before, mark) = rest.split_at(at);
        hasher.update(before.as_bytes());
        let (into, value, after) = if let Some(found) = text(mark) {
            (&mut values, found.0, found.1)
        } else if let Some(found) = attribute(mark, STATE, " data-state=\"") {
            (&mut states, found.0, found.1)
        } else if let Some(found) = attribute(mark, PATH, " d=\"") {
            (&mut paths, found.0, found.1)
        } else if let Some(found) = attribute(mark, TITLE, " title=\"") {
            (&mut titles, found.0, found.1)
        } else {
            let (word, after) = mark.split_at(" data-".len());
            // The shape does not depend on itself.
            let own = after.starts_with("shape=\"");
            hasher.update(word.as_bytes());
            rest = if own {
                &after[after.find('>').unwrap_or(0)..]
            } else {
                after
            };
            continue;
        };
        let (key, value) = value;
        hasher.update(key.as_bytes());
        let before = into.insert(plain(key), plain(value).into());
        // Of two that share a key the script knows the last alone, and gives it the value of the other.
        debug_assert!(before.is_none(), "{key} marks two places of its kind");
        rest = after;
    }
    hasher.update(rest.as_bytes());
    Parts {
        shape: hasher.finalize().to_hex()[..SHAPE_DIGITS].to_owned(),
        values,
        states,
        paths,
        titles,
    }
}

type Found<'a> = ((&'a str, &'a str), &'a str);

/// A marked text: from the end of its element's tag to the next one.
fn text(mark: &str) -> Option<Found<'_>> {
    let (key, rest) = mark.strip_prefix(TEXT)?.split_once('"')?;
    let begin = rest.find('>')? + 1;
    let length = rest[begin..].find('<')?;
    Some(((key, &rest[begin..begin + length]), &rest[begin + length..]))
}

/// A marked attribute: it follows its mark at once.
fn attribute<'a>(mark: &'a str, begins: &str, attribute: &str) -> Option<Found<'a>> {
    let (key, rest) = mark.strip_prefix(begins)?.split_once('"')?;
    let (value, rest) = rest.strip_prefix(attribute)?.split_once('"')?;
    Some(((key, value), rest))
}

/// Text as it was before the template escaped it.
fn plain(escaped: &str) -> String {
    if !escaped.contains('&') {
        return escaped.to_owned();
    }
    let named = [
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#38;", "&"),
    ];
    named
        .iter()
        .fold(escaped.to_owned(), |text, (entity, character)| {
            text.replace(entity, character)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str, state: &str, path: &str) -> String {
        format!(
            "<body data-shape=\"\"><b data-v=\"a&#38;b\" class=\"x\">{text}</b><i data-s=\"s\" data-state=\"{state}\">\
             </i><path data-d=\"d\" d=\"{path}\"/><p data-other=\"1\">same</p>"
        )
    }

    #[test]
    fn values_are_told_from_the_shape() {
        let (one, other) = (page("1 &#60; 2", "pass", "M0 0"), page("3", "fail", ""));
        let (first, second) = (live(&one), live(&other));
        assert_eq!(first["shape"], second["shape"]);
        assert_eq!(first["values"], json!({ "a&b": "1 < 2" }));
        assert_eq!(second["states"], json!({ "s": "fail" }));
        assert_eq!(first["paths"], json!({ "d": "M0 0" }));
        let changed = page("3", "fail", "").replace("same", "new");
        assert_ne!(live(&changed)["shape"], first["shape"]);
        let shaped = with_shape(&one);
        assert_eq!(live(&shaped)["shape"], first["shape"]);
        assert!(shaped.contains(&format!("data-shape={}", first["shape"])));
    }
}
