//! What flags lay over the section of one probe: where in the file that section is, and which keys they set.

use std::collections::HashMap;

use toml::de::DeTable;

use super::layer::{Giver, Override};
use super::path::KeyPath;
use super::source::SectionFlags;
use super::tree::{self, Node};

/// The values with their whole keys. A section that the text does not have is begun behind its last one.
pub(super) fn overrides(flags: &SectionFlags, text: &str) -> Vec<Override> {
    let (table, _told_later) = DeTable::parse_recoverable(text);
    let root = tree::root(table);
    let place = Place::find(&root, &flags.probe);
    let mut overrides = Vec::new();
    if place.is_new {
        overrides.push(Override {
            name: flags.named_by.clone(),
            path: place.key("name"),
            text: flags.probe.clone(),
            giver: Giver::Flag,
        });
    }
    let mut lengths = HashMap::new();
    for one in &flags.values {
        let path = if one.listed {
            let length = lengths
                .entry(&one.key)
                .or_insert_with(|| place.length(&root, &one.key));
            *length += 1;
            place.key(&format!("{}[{}]", one.key, *length - 1))
        } else {
            place.key(&one.key)
        };
        overrides.push(Override {
            name: one.flag.clone(),
            path,
            text: one.value.clone(),
            giver: if one.listed {
                Giver::Flag
            } else {
                Giver::KeyedFlag
            },
        });
    }
    overrides
}

/// Where the section is.
struct Place {
    index: usize,
    is_new: bool,
}

impl Place {
    fn find(root: &Node<'_>, probe: &str) -> Self {
        let sections = tree::find(root, &KeyPath::parse("probe").0);
        let sections = sections.and_then(|list| list.get_ref().as_array());
        let count = sections.map_or(0, |list| list.len());
        let is_own = |section: &Node<'_>| {
            let name = tree::find(section, &KeyPath::parse("name").0);
            name.is_some_and(|name| name.get_ref().as_str() == Some(probe))
        };
        match sections.and_then(|list| list.iter().position(is_own)) {
            Some(index) => Self {
                index,
                is_new: false,
            },
            None => Self {
                index: count,
                is_new: true,
            },
        }
    }

    fn key(&self, key: &str) -> KeyPath {
        KeyPath::parse(&format!("probe[{}].{key}", self.index))
    }

    /// How many items a list of the section has.
    fn length(&self, root: &Node<'_>, key: &str) -> usize {
        let list = tree::find(root, &self.key(key).0).and_then(|list| list.get_ref().as_array());
        list.map_or(0, |list| list.len())
    }
}
