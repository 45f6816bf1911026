//! The name and labels of a series in an answer.

use std::fmt;
use std::sync::Arc;

use super::QueryError;
use super::limits::Budget;
use crate::history::SeriesKey;
use crate::model::printable;

/// The label that stands for a series' name.
pub(super) const NAME: &str = "__name__";

/// A label and its value.
type Pair = (Arc<str>, Arc<str>);

/// A series' name and labels. Cloning shares them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels {
    /// Its name, which is the label `__name__`; nothing once a calculation made something else of it.
    name: Option<Arc<str>>,
    /// All others, in order of their keys and none of them empty.
    pairs: Arc<[Pair]>,
}

impl Labels {
    /// Those of a series in the history.
    pub fn of(key: &SeriesKey) -> Self {
        Self::new(&key.name, &key.labels)
    }

    /// A name with labels in order of their keys, none of them empty.
    pub fn new(name: &Arc<str>, pairs: &[Pair]) -> Self {
        Self {
            name: Some(name.clone()),
            pairs: Arc::from(pairs),
        }
    }

    /// Labels with their values, the name among them as `__name__`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let name = self.name.iter().map(|name| (NAME, &**name));
        name.chain(self.pairs.iter().map(|(key, value)| (&**key, &**value)))
    }

    /// A label's value; one that is not there is as good as an empty one.
    pub fn get(&self, label: &str) -> &str {
        if label == NAME {
            return self.name.as_deref().unwrap_or_default();
        }
        let found = self.pairs.binary_search_by(|(key, _)| (**key).cmp(label));
        found.map_or("", |index| &self.pairs[index].1)
    }

    /// The same without the name.
    pub(super) fn nameless(&self) -> Self {
        Self {
            name: None,
            pairs: self.pairs.clone(),
        }
    }

    /// The same with one label set; an empty value takes it away.
    pub(super) fn with(&self, label: &str, value: &str) -> Self {
        if self.get(label) == value {
            return self.clone();
        }
        let value = (!value.is_empty()).then(|| Arc::from(value));
        if label == NAME {
            return Self {
                name: value,
                pairs: self.pairs.clone(),
            };
        }
        let others = self.pairs.iter().filter(|(key, _)| **key != *label);
        let mut pairs: Vec<Pair> = others.cloned().collect();
        pairs.extend(value.map(|value| (Arc::from(label), value)));
        pairs.sort_unstable();
        Self {
            name: self.name.clone(),
            pairs: pairs.into(),
        }
    }

    /// The same as [`Labels::with`], with the room that it takes on the account.
    ///
    /// # Errors
    /// All labels of the query together take too much.
    pub(super) fn charged(
        &self,
        label: &str,
        value: &str,
        budget: &Budget,
    ) -> Result<Self, QueryError> {
        if self.get(label) == value {
            return Ok(self.clone());
        }
        let pairs = (self.pairs.len() + 1) * size_of::<Pair>();
        budget.labels(pairs + label.len() + value.len())?;
        Ok(self.with(label, value))
    }

    /// The bytes of all names and values.
    pub(super) fn text_bytes(&self) -> usize {
        self.iter()
            .map(|(key, value)| key.len() + value.len())
            .sum()
    }

    /// Only these labels.
    pub(super) fn only(&self, labels: &[String]) -> Self {
        let named = labels.iter().any(|label| label == NAME);
        Self {
            name: self.name.clone().filter(|_| named),
            pairs: self.filtered(|key| labels.iter().any(|label| label == key)),
        }
    }

    /// All labels but these; the name stays.
    pub(super) fn less(&self, labels: &[String]) -> Self {
        Self {
            name: self.name.clone(),
            pairs: self.filtered(|key| labels.iter().all(|label| label != key)),
        }
    }

    /// All labels but these, and without the name.
    pub(super) fn without(&self, labels: &[String]) -> Self {
        self.less(labels).nameless()
    }

    fn filtered(&self, keep: impl Fn(&str) -> bool) -> Arc<[Pair]> {
        if self.pairs.iter().all(|(key, _)| keep(key)) {
            return self.pairs.clone();
        }
        let kept = self.pairs.iter().filter(|(key, _)| keep(key));
        kept.cloned().collect()
    }
}

/// As a selector would have them, cut short for an error's one line.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.pairs.iter();
        let pairs: Vec<String> = pairs
            .map(|(key, value)| format!("{key}={value:?}"))
            .collect();
        let name = self.name.as_deref().unwrap_or_default();
        let text = format!("{name}{{{}}}", pairs.join(", "));
        f.write_str(&printable(&text, 200))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_set_kept_and_taken_away_in_order() {
        let labels = Labels::default()
            .with("b", "2")
            .with(NAME, "up")
            .with("a", "1")
            .with("c", "3")
            .with("c", "");
        assert_eq!(labels.to_string(), "up{a=\"1\", b=\"2\"}");
        assert_eq!((labels.get("a"), labels.get(NAME)), ("1", "up"));
        assert_eq!(labels.get("c"), "");
        let names = |labels: &[&str]| labels.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(labels.only(&names(&["b", "x"])).to_string(), "{b=\"2\"}");
        let named = labels.only(&names(&[NAME]));
        assert_eq!(named.to_string(), "up{}");
        assert_eq!(labels.without(&names(&["b"])).to_string(), "{a=\"1\"}");
        assert_eq!(labels.nameless().with(NAME, "up"), labels);
    }
}
