//! `probity:host/state`: a small key-value store that commits with the sample, and outlives whatever happens to the guest.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use wasmtime::component::Resource;

use super::Guest;
use crate::model::{Failure, StateChanges, StateEntries};
use crate::probe::v0_1_0::probity::host::state::Host;
use crate::store::Saving;

/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 256;

/// One probe's entries, and what is to become of them. A run's changes lie over those of `start`, which lie over the entries
/// until a run goes well.
pub(in crate::probe) struct State {
    entries: StateEntries,
    started: StateChanges,
    changes: StateChanges,
    sizes: Sizes,
    limit: u64,
    /// How it gets to the disk.
    pub(in crate::probe) disk: Disk,
}

/// The sizes of all keys and values together, in bytes: of the entries, with those of `start`, and with the run's.
#[derive(Default, Clone, Copy)]
struct Sizes {
    entries: u64,
    started: u64,
    current: u64,
}

/// What of a probe's entries is on disk.
#[derive(Default)]
pub(in crate::probe) struct Disk {
    /// Whether the entries of earlier starts have been read.
    pub(in crate::probe) loaded: bool,
    /// Whether it is a copy of which nothing shall remain.
    pub(in crate::probe) detached: bool,
    /// Committed changes that are not known to be on disk.
    pub(in crate::probe) unsaved: Arc<StateChanges>,
    /// Those of them that are on their way.
    pub(in crate::probe) saving: Option<(Saving, Arc<StateChanges>)>,
    /// Runs whose changes were not on disk when they ended.
    pub(in crate::probe) failures: u64,
    /// Why the unsaved ones are not.
    pub(in crate::probe) error: Option<Arc<Failure>>,
}

impl State {
    pub(in crate::probe) fn new(limit: u64) -> Self {
        Self {
            entries: StateEntries::default(),
            started: StateChanges::new(),
            changes: StateChanges::new(),
            sizes: Sizes::default(),
            limit,
            disk: Disk::default(),
        }
    }

    /// A copy to try something with: what is committed there is neither seen here nor stored.
    pub(super) fn fork(&self, limit: u64) -> Self {
        Self {
            entries: self.entries.clone(),
            sizes: Sizes {
                entries: self.sizes.entries,
                started: self.sizes.entries,
                current: self.sizes.entries,
            },
            disk: Disk {
                loaded: self.disk.loaded,
                detached: true,
                ..Disk::default()
            },
            ..Self::new(limit)
        }
    }

    pub(super) fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// Takes over what earlier starts left. What has been committed since is newer.
    pub(in crate::probe) fn adopt(&mut self, stored: StateEntries) {
        let newer = self.disk.unsaved.clone();
        self.entries = stored;
        for (key, change) in &*newer {
            apply(&mut self.entries, key.clone(), change.clone());
        }
        let sizes = self.entries.iter().map(|(key, value)| size(key, value));
        self.sizes.entries = sizes.sum();
        self.forget_start();
        self.disk.loaded = true;
    }

    /// The committed entries.
    pub(in crate::probe) fn entries(&self) -> &StateEntries {
        &self.entries
    }

    /// The committed entries' keys and values together, in bytes.
    pub(in crate::probe) fn bytes(&self) -> u64 {
        self.sizes.entries
    }

    fn get(&self, key: &str) -> Option<&Bytes> {
        let changed = self.changes.get(key).or_else(|| self.started.get(key));
        match changed {
            Some(change) => change.as_ref(),
            None => self.entries.get(key),
        }
    }

    fn put(&mut self, key: String, value: Vec<u8>) -> Result<(), Failure> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            let message = format!(
                "a state key has 1 to {MAX_KEY_BYTES} bytes, this one has {}",
                key.len()
            );
            return Err(Failure::new("state.key", message));
        }
        let before = self.get(&key).map_or(0, |old| size(&key, old));
        let after = self.sizes.current - before + size(&key, &value);
        // What shrinks is let through even where the limit was lowered below what is there.
        if after > self.limit && after >= self.sizes.current {
            let message = format!(
                "{after} bytes of state: at most {} (limits.state)",
                self.limit
            );
            return Err(Failure::new("state.too-large", message));
        }
        self.sizes.current = after;
        self.changes.insert(key, Some(value.into()));
        Ok(())
    }

    fn remove(&mut self, key: String) {
        let Some(old) = self.get(&key) else {
            return;
        };
        self.sizes.current -= size(&key, old);
        if self.entries.contains_key(&key) || self.started.contains_key(&key) {
            self.changes.insert(key, None);
        } else {
            self.changes.remove(&key);
        }
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        let mut present: BTreeMap<&str, bool> = with_prefix(&self.entries, prefix)
            .map(|(key, _)| (key, true))
            .collect();
        for layer in [&self.started, &self.changes] {
            present.extend(with_prefix(layer, prefix).map(|(key, change)| (key, change.is_some())));
        }
        let present = present.into_iter().filter(|(_, is_there)| *is_there);
        present.map(|(key, _)| key.to_owned()).collect()
    }

    /// `start` went well: what it changed waits for a run that does.
    pub(super) fn commit_start(&mut self) {
        self.started.append(&mut self.changes);
        self.sizes.started = self.sizes.current;
    }

    /// A run went well.
    pub(super) fn commit(&mut self) {
        self.started.append(&mut self.changes);
        self.sizes.entries = self.sizes.current;
        self.sizes.started = self.sizes.current;
        for (key, change) in std::mem::take(&mut self.started) {
            if !self.disk.detached {
                Arc::make_mut(&mut self.disk.unsaved).insert(key.clone(), change.clone());
            }
            apply(&mut self.entries, key, change);
        }
    }

    /// The call did not go well, or another begins.
    pub(super) fn discard(&mut self) {
        self.changes.clear();
        self.sizes.current = self.sizes.started;
    }

    /// The instance whose `start` went well is gone, and no run of it went well.
    pub(super) fn forget_start(&mut self) {
        self.started.clear();
        self.sizes.started = self.sizes.entries;
        self.discard();
    }
}

fn size(key: &str, value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64
}

fn apply(entries: &mut StateEntries, key: String, change: Option<Bytes>) {
    let entries = Arc::make_mut(entries);
    match change {
        Some(value) => entries.insert(key, value),
        None => entries.remove(&key),
    };
}

fn with_prefix<'a, T>(
    map: &'a BTreeMap<String, T>,
    prefix: &'a str,
) -> impl Iterator<Item = (&'a str, &'a T)> {
    map.range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
        .take_while(move |(key, _)| key.starts_with(prefix))
        .map(|(key, value)| (key.as_str(), value))
}

impl Host for Guest {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.kept.state.get(&key).map(|value| value.to_vec()))
    }

    fn put(
        &mut self,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Resource<Failure>>> {
        let result = self.kept.state.put(key, value);
        self.answer(result)
    }

    fn get_text(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        let bytes = self.kept.state.get(&key);
        Ok(bytes
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .map(str::to_owned))
    }

    fn put_text(
        &mut self,
        key: String,
        value: String,
    ) -> wasmtime::Result<Result<(), Resource<Failure>>> {
        let result = self.kept.state.put(key, value.into_bytes());
        self.answer(result)
    }

    fn remove(&mut self, key: String) -> wasmtime::Result<()> {
        self.kept.state.remove(key);
        Ok(())
    }

    fn keys(&mut self, prefix: String) -> wasmtime::Result<Vec<String>> {
        Ok(self.kept.state.keys(&prefix))
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
