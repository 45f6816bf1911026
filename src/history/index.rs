//! Which series there are: their names and labels, and where their values lie.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::Metric;

/// Where a series' values lie in each chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId(pub(super) u32);

/// A series as Prometheus would name it: each bucket, sum and count of a histogram and each state is one.
#[derive(Debug, Clone)]
pub struct SeriesKey {
    /// Its name, such as `http_requests_total` or `http_seconds_bucket`.
    pub name: Arc<str>,
    /// Its labels in order of their keys, the host's `probe`, `le` and the state included.
    pub labels: Box<[(Arc<str>, Arc<str>)]>,
    /// What it is part of.
    pub metric: Arc<Metric>,
    /// The source that it comes from.
    pub source: Arc<str>,
    /// It only grows, but for resets: a counter, or a part of a histogram.
    pub cumulative: bool,
}

impl SeriesKey {
    /// A label's value.
    pub fn label(&self, key: &str) -> Option<&str> {
        let found = self.labels.binary_search_by(|(own, _)| (**own).cmp(key));
        found.ok().map(|index| &*self.labels[index].1)
    }
}

/// Two are the same series when name and labels are.
impl PartialEq for SeriesKey {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.labels == other.labels
    }
}

impl Eq for SeriesKey {}

impl std::hash::Hash for SeriesKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.labels.hash(state);
    }
}

/// All series that have values, by place and by name. Immutable; a change makes a new one.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// By place; nothing where no series is.
    pub(super) keys: Vec<Option<Arc<SeriesKey>>>,
    /// Places by name, in order of their first appearance.
    pub(super) by_name: HashMap<Arc<str>, Vec<u32>>,
}

impl Index {
    /// The index over these series.
    pub(super) fn of(keys: &[Option<Arc<SeriesKey>>]) -> Self {
        let mut by_name: HashMap<Arc<str>, Vec<u32>> = HashMap::new();
        for (place, key) in keys.iter().enumerate() {
            if let Some(key) = key {
                let places = by_name.entry(key.name.clone()).or_default();
                places.push(place as u32);
            }
        }
        Self {
            keys: keys.to_vec(),
            by_name,
        }
    }
}
