//! The bounds of a key, told by its own room.

use toml::de::DeValue;

use super::decode;
use super::path::KeyPath;
use super::tree::{self, Node};

/// Values below every lower bound there is, as a number, a duration and a size.
const TOO_SMALL: [&str; 3] = ["0", "\"0s\"", "\"0B\""];

/// The rule that `path` has for its range, found by giving it a value that is too small. A value of a wrong type
/// never reaches the check that knows the range, and a message without it makes people guess.
pub(super) fn of(tree: &Node<'_>, path: &KeyPath) -> Option<String> {
    TOO_SMALL.iter().find_map(|text| {
        let mut trial = tree.clone();
        let value = DeValue::parse(text).ok()?.into_inner();
        if !tree::set(&mut trial, &path.0, value) {
            return None;
        }
        let config = decode::decode_once(trial).ok()?;
        let own = |key: &str| KeyPath::parse(key) == *path;
        let broken = config.check().into_iter().find(|fault| own(&fault.key))?;
        broken
            .rule
            .starts_with("must be between")
            .then_some(broken.rule)
    })
}
