//! The merged TOML with the place of every key and value in its text.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::path::{KeyPath, Step};

/// A value with the bytes it was read from.
pub(super) type Node<'i> = Spanned<DeValue<'i>>;

/// The whole document as a value.
pub(super) fn root(table: Spanned<DeTable<'_>>) -> Node<'_> {
    let span = table.span();
    Spanned::new(span, DeValue::Table(table.into_inner()))
}

/// Turns dates into text. No key takes a date, and serde would see a table with a private key in its place; a
/// probe's own configuration keeps its dates.
pub(super) fn dates_as_text(node: &mut Node<'_>) {
    match node.get_mut() {
        DeValue::Datetime(date) => *node.get_mut() = DeValue::String(date.to_string().into()),
        DeValue::Array(list) => list.iter_mut().for_each(dates_as_text),
        DeValue::Table(table) => table
            .iter_mut()
            .filter(|(key, value)| key.get_ref() != "config" || !value.get_ref().is_table())
            .for_each(|(_, value)| dates_as_text(value)),
        _ => {}
    }
}

/// The value at `path`.
pub(super) fn find<'t, 'i>(root: &'t Node<'i>, path: &[Step]) -> Option<&'t Node<'i>> {
    path.iter().try_fold(root, |node, step| match step {
        Step::Key(key) => node.get_ref().as_table()?.get(key.as_str()),
        Step::Index(index) => node.get_ref().as_array()?.get(*index),
    })
}

fn find_mut<'t, 'i>(root: &'t mut Node<'i>, path: &[Step]) -> Option<&'t mut Node<'i>> {
    path.iter()
        .try_fold(root, |node, step| match (step, node.get_mut()) {
            (Step::Key(key), DeValue::Table(table)) => table.get_mut(key.as_str()),
            (Step::Index(index), DeValue::Array(list)) => list.get_mut(*index),
            _ => None,
        })
}

/// The bytes of the key that `path` ends in.
pub(super) fn key_span(root: &Node<'_>, path: &KeyPath) -> Option<Range<usize>> {
    let parent = find(root, &path.0[..path.0.len().checked_sub(1)?])?;
    let (key, _) = parent
        .get_ref()
        .as_table()?
        .get_key_value(path.last_key()?)?;
    Some(key.span())
}

/// Takes the value at `path` out; false when there is none.
pub(super) fn remove(root: &mut Node<'_>, path: &KeyPath) -> bool {
    let Some((last, parents)) = path.0.split_last() else {
        return false;
    };
    match (find_mut(root, parents).map(Spanned::get_mut), last) {
        (Some(DeValue::Table(table)), Step::Key(key)) => table.remove(key.as_str()).is_some(),
        (Some(DeValue::Array(list)), Step::Index(index)) if *index < list.len() => {
            let rest = list.iter().enumerate().filter(|(at, _)| at != index);
            *list = rest.map(|(_, item)| item.clone()).collect();
            true
        }
        _ => false,
    }
}

/// Puts `node` at `path`, whose parent is there; false when it is not.
pub(super) fn replace<'i>(root: &mut Node<'i>, path: &KeyPath, node: Node<'i>) -> bool {
    let Some((last, parents)) = path.0.split_last() else {
        return false;
    };
    match (find_mut(root, parents).map(Spanned::get_mut), last) {
        (Some(DeValue::Table(table)), Step::Key(key)) => {
            let key = Spanned::new(0..0, Cow::Owned(key.clone()));
            table.insert(key, node);
            true
        }
        (Some(DeValue::Array(list)), Step::Index(index)) => {
            let item = list.get_mut(*index);
            item.map(|item| *item = node).is_some()
        }
        _ => false,
    }
}

/// Puts `value` at `path`, making tables and lists on the way; false when something on the way is neither, or a list has
/// no such place. An index one behind a list's last makes it longer.
pub(super) fn set<'i>(root: &mut Node<'i>, path: &'i [Step], value: DeValue<'i>) -> bool {
    let mut node = root;
    for (depth, step) in path.iter().enumerate() {
        let empty = || {
            let inside = match path.get(depth + 1) {
                Some(Step::Index(_)) => DeValue::Array(DeArray::new()),
                _ => DeValue::Table(DeTable::new()),
            };
            Spanned::new(0..0, inside)
        };
        let next = match (step, node.get_mut()) {
            (Step::Key(key), DeValue::Table(table)) => table
                .entry(Spanned::new(0..0, Cow::Borrowed(key.as_str())))
                .or_insert_with(empty),
            (Step::Index(index), DeValue::Array(list)) => {
                if *index == list.len() {
                    list.push(empty());
                }
                match list.get_mut(*index) {
                    Some(item) => item,
                    None => return false,
                }
            }
            _ => return false,
        };
        node = next;
    }
    *node.get_mut() = value;
    true
}

/// The path that led to the same value in `original`, before list items in front of it were removed.
pub(super) fn original_path(original: &Node<'_>, pruned: &Node<'_>, path: &KeyPath) -> KeyPath {
    let mut steps = Vec::with_capacity(path.0.len());
    for (depth, step) in path.0.iter().enumerate() {
        let Step::Index(index) = step else {
            steps.push(step.clone());
            continue;
        };
        let span = find(pruned, &path.0[..=depth]).map(Spanned::span);
        let index = find(original, &steps)
            .and_then(|list| list.get_ref().as_array())
            .and_then(|list| list.iter().position(|item| Some(item.span()) == span))
            .unwrap_or(*index);
        steps.push(Step::Index(index));
    }
    KeyPath(steps)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn tree(text: &str) -> Node<'_> {
        root(DeTable::parse(text).unwrap())
    }

    #[test]
    fn values_are_found_removed_and_set_by_path() {
        let mut tree = tree("[a]\nb = [1, 2, 3]\n");
        let second = KeyPath::parse("a.b[1]");
        assert_eq!(find(&tree, &second.0).unwrap().span(), 12..13);
        assert!(remove(&mut tree, &second));
        assert!(!remove(&mut tree, &KeyPath::parse("a.c")));
        let (deep, blocked) = (KeyPath::parse("x.y"), KeyPath::parse("a.b.c"));
        let (longer, too_far) = (KeyPath::parse("z[0].b[0]"), KeyPath::parse("a.b[9]"));
        assert!(set(&mut tree, &deep.0, DeValue::Boolean(true)));
        assert!(find(&tree, &deep.0).unwrap().get_ref().is_bool());
        assert!(!set(&mut tree, &blocked.0, DeValue::Boolean(true)));
        assert!(set(&mut tree, &longer.0, DeValue::Boolean(true)));
        assert!(find(&tree, &longer.0).unwrap().get_ref().is_bool());
        assert!(!set(&mut tree, &too_far.0, DeValue::Boolean(true)));
    }

    #[test]
    fn a_path_is_told_as_it_was_before_items_were_removed() {
        let original = tree("a = [1, 2, 3]");
        let mut pruned = original.clone();
        assert!(remove(&mut pruned, &KeyPath::parse("a[0]")));
        let path = original_path(&original, &pruned, &KeyPath::parse("a[1]"));
        assert_eq!(path.to_string(), "a[2]");
    }
}
