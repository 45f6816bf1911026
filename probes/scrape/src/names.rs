//! Texts, each with a number: what is known of it stands in a list at that place. One map for all of them keeps the component small.

use std::collections::BTreeMap;

/// Texts and their numbers, from 0 in the order in which they came.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<String, usize>);

impl Names {
    /// A text's number.
    #[inline(never)]
    pub fn find(&self, text: &str) -> Option<usize> {
        self.0.get(text).copied()
    }

    /// A text's number, and whether it is a new one.
    #[inline(never)]
    pub fn learn(&mut self, text: &str) -> (usize, bool) {
        match self.find(text) {
            Some(number) => (number, false),
            None => {
                let number = self.0.len();
                self.0.insert(text.to_owned(), number);
                (number, true)
            }
        }
    }
}

/// Keys and values, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Vec<(String, String)>);

impl Labels {
    /// Puts a label in its place. False when its key is there.
    pub fn add(&mut self, key: String, value: String) -> bool {
        let place = self.0.partition_point(|(other, _)| *other < key);
        let is_new = self.0.get(place).is_none_or(|(other, _)| *other != key);
        if is_new {
            self.0.insert(place, (key, value));
        }
        is_new
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.iter().find(|(other, _)| *other == key);
        found.map(|(_, value)| value)
    }

    /// Keys and values, by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// All of them in one text that no other labels give, behind `name`.
    pub fn identity(&self, name: &str) -> String {
        let mut text = name.to_owned();
        for (key, value) in self.iter() {
            // Neither can a key hold what stands around it, nor a value what stands behind it.
            for part in ["\u{1}", key, "=", value, "\u{0}"] {
                text.push_str(part);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number() {
        let mut names = Names::default();
        assert_eq!(
            (names.learn("b"), names.learn("a"), names.learn("b")),
            ((0, true), (1, true), (0, false))
        );
        assert_eq!((names.find("a"), names.find("c")), (Some(1), None));
    }

    #[test]
    fn labels_stand_by_key_and_each_once() {
        let mut labels = Labels::default();
        for (key, is_new) in [("b", true), ("a", true), ("b", false), ("c", true)] {
            assert_eq!(labels.add(key.into(), key.into()), is_new);
        }
        let keys: Vec<&str> = labels.iter().map(|(key, _)| key).collect();
        assert_eq!(
            (keys, labels.get("c"), labels.get("d")),
            (vec!["a", "b", "c"], Some("c"), None)
        );
        assert_eq!(
            labels.identity("x"),
            "x\u{1}a=a\u{0}\u{1}b=b\u{0}\u{1}c=c\u{0}"
        );
    }
}
