//! Series that are taken away before they go absent on their own.

use super::{Recorder, Row, SeriesId, join_labels};

impl Recorder {
    /// Takes the series away with what is staged for it, also when the run fails: from the next schema that goes out,
    /// with a run that goes well or as [`Recorder::leftover`]. Made again it begins anew. False when there is none.
    pub fn retire<L: AsRef<str>>(&mut self, name: &str, labels: &[L]) -> bool {
        let Some(&metric) = self.by_name.get(name) else {
            return false;
        };
        join_labels(&mut self.key, labels);
        let Some(&id) = self.metrics[metric.0 as usize]
            .series
            .get(self.key.as_str())
        else {
            return false;
        };
        self.remove(id);
        true
    }

    /// Takes away every series of which this is true; gives how many those are.
    pub(super) fn remove_all(&mut self, goes: impl Fn(&Row) -> bool) -> usize {
        let rows = self.rows.iter().filter(|row| goes(row));
        let ids: Vec<SeriesId> = rows.map(|row| row.id).collect();
        for id in &ids {
            self.remove(*id);
        }
        ids.len()
    }

    /// Takes the series away with what is staged for it.
    pub(super) fn remove(&mut self, id: SeriesId) {
        let Some(row) = self.rows.remove(id) else {
            return;
        };
        join_labels(&mut self.key, &row.labels);
        let known = &mut self.metrics[row.metric.0 as usize].series;
        known.remove(self.key.as_str());
        self.text -= row.text;
        if row.committed || row.fresh {
            self.gone.insert((row.metric, self.key.as_str().into()));
        }
        self.schema = None;
    }

    /// Takes every series away that has this value under this label key, whatever its metric.
    pub fn retire_labelled(&mut self, key: &str, value: &str) {
        let metrics = &self.metrics;
        let has = |row: &&Row| {
            let keys = &metrics[row.metric.0 as usize].metric.label_keys;
            let mut pairs = keys.iter().zip(&row.labels);
            pairs.any(|(one, other)| **one == *key && **other == *value)
        };
        let gone: Vec<SeriesId> = self.rows.iter().filter(has).map(|row| row.id).collect();
        for id in gone {
            self.remove(id);
        }
    }
}

#[cfg(test)]
#[path = "retire_tests.rs"]
mod tests;
