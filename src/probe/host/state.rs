//! `probity:host/state`: a small key-value store that commits with the sample. In memory in this version.

use std::collections::BTreeMap;

use wasmtime::component::Resource;

use super::Guest;
use crate::model::Failure;
use crate::probe::v0_1_0::probity::host::state::Host;

/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 256;

/// One probe's entries and the changes of the present run.
pub(in crate::probe) struct State {
    entries: BTreeMap<String, Vec<u8>>,
    changes: BTreeMap<String, Option<Vec<u8>>>,
    limit: u64,
}

impl State {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            entries: BTreeMap::new(),
            changes: BTreeMap::new(),
            limit,
        }
    }

    /// A copy without the changes of the present run.
    pub(super) fn fork(&self, limit: u64) -> Self {
        Self {
            entries: self.entries.clone(),
            changes: BTreeMap::new(),
            limit,
        }
    }

    pub(super) fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    fn get(&self, key: &str) -> Option<&[u8]> {
        match self.changes.get(key) {
            Some(change) => change.as_deref(),
            None => self.entries.get(key).map(Vec::as_slice),
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
        let size = self.size_with(&key, value.len());
        if size > self.limit {
            let message = format!(
                "{size} bytes of state: at most {} (limits.state)",
                self.limit
            );
            return Err(Failure::new("state.too-large", message));
        }
        self.changes.insert(key, Some(value));
        Ok(())
    }

    /// The size of everything if `key` held `length` bytes.
    fn size_with(&self, key: &str, length: usize) -> u64 {
        let keys = self.keys("");
        let others = keys.iter().filter(|other| **other != key);
        let sizes = others.map(|other| other.len() + self.get(other).map_or(0, <[u8]>::len));
        (sizes.sum::<usize>() + key.len() + length) as u64
    }

    fn remove(&mut self, key: String) {
        if self.entries.contains_key(&key) {
            self.changes.insert(key, None);
        } else {
            self.changes.remove(&key);
        }
    }

    fn keys(&self, prefix: &str) -> Vec<&str> {
        let kept = self
            .entries
            .keys()
            .filter(|key| !self.changes.contains_key(*key));
        let changed = self
            .changes
            .iter()
            .filter(|(_, change)| change.is_some())
            .map(|(key, _)| key);
        let mut keys: Vec<&str> = kept
            .chain(changed)
            .map(String::as_str)
            .filter(|key| key.starts_with(prefix))
            .collect();
        keys.sort_unstable();
        keys
    }

    pub(super) fn commit(&mut self) {
        for (key, change) in std::mem::take(&mut self.changes) {
            match change {
                Some(value) => self.entries.insert(key, value),
                None => self.entries.remove(&key),
            };
        }
    }

    pub(super) fn discard(&mut self) {
        self.changes.clear();
    }
}

impl Host for Guest {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.kept.state.get(&key).map(<[u8]>::to_vec))
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
        Ok(self
            .kept
            .state
            .keys(&prefix)
            .into_iter()
            .map(str::to_owned)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_seen_in_the_run_and_kept_only_by_a_commit() {
        let mut state = State::new(100);
        state.put("a".into(), b"1".to_vec()).expect("it fits");
        assert_eq!(state.get("a"), Some(&b"1"[..]));
        state.discard();
        assert_eq!(state.get("a"), None);

        state.put("a".into(), b"1".to_vec()).expect("it fits");
        state.put("b".into(), b"2".to_vec()).expect("it fits");
        state.commit();
        state.remove("a".into());
        assert_eq!((state.get("a"), state.keys("")), (None, vec!["b"]));
        state.discard();
        assert_eq!(state.keys(""), ["a", "b"]);
    }

    #[test]
    fn the_limit_holds_for_keys_and_values_together_and_does_not_bite_early() {
        let mut state = State::new(10);
        state.put("key".into(), vec![0; 7]).expect("ten bytes fit");
        state
            .put("key".into(), vec![1; 7])
            .expect("a replacement does not add up");
        let refused = state
            .put("k".into(), vec![])
            .expect_err("the eleventh byte does not fit");
        assert_eq!(refused.code, "state.too-large");
        assert_eq!(
            state.put(String::new(), vec![]).expect_err("no key").code,
            "state.key"
        );
    }
}
