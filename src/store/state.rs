//! The probes' state: entries by probe and key.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, Transaction, params};

use super::StoreError;
use super::handle::{Handle, Saving};
use super::writer::Change;
use crate::model::{StateChanges, StateEntries};

/// How long a load may take before the probe is told that its state cannot be had.
const LOAD_PATIENCE: Duration = Duration::from_secs(1);

/// The probes' state in the store; cloning gives another handle on it.
#[derive(Clone)]
pub struct StateStore(pub(super) Handle);

impl StateStore {
    /// The database's file.
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    /// All entries of `probe`, with every change that was handed over before.
    ///
    /// # Errors
    /// Why they cannot be had; [`StoreError::Slow`] after a second.
    pub async fn load(&self, probe: &Arc<str>) -> Result<StateEntries, StoreError> {
        let probe = probe.clone();
        let look = move |connection: &Connection| entries(connection, &probe);
        self.0.look(LOAD_PATIENCE, look).await
    }

    /// Hands `changes` of `probe`'s entries to the writer. Writing the same again does no harm.
    ///
    /// # Errors
    /// [`StoreError::QueueFull`] or [`StoreError::Closed`]; nothing is written then.
    pub fn save(&self, probe: &Arc<str>, changes: Arc<StateChanges>) -> Result<Saving, StoreError> {
        let probe = probe.clone();
        self.0.submit(StateChange { probe, changes })
    }
}

struct StateChange {
    probe: Arc<str>,
    changes: Arc<StateChanges>,
}

impl Change for StateChange {
    fn apply(&self, transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
        let mut put = transaction.prepare(
            "INSERT OR REPLACE INTO probe_state (probe, key, value) VALUES (?1, ?2, ?3)",
        )?;
        let mut remove =
            transaction.prepare("DELETE FROM probe_state WHERE probe = ?1 AND key = ?2")?;
        for (key, change) in &*self.changes {
            match change {
                Some(value) => put.execute(params![&*self.probe, key, &**value])?,
                None => remove.execute(params![&*self.probe, key])?,
            };
        }
        Ok(self.changes.len() as u64)
    }
}

fn entries(connection: &Connection, probe: &str) -> rusqlite::Result<StateEntries> {
    let mut statement =
        connection.prepare("SELECT key, value FROM probe_state WHERE probe = ?1 ORDER BY key")?;
    let entries = statement.query_map([probe], |row| {
        let value: Vec<u8> = row.get(1)?;
        Ok((row.get(0)?, Bytes::from(value)))
    })?;
    Ok(Arc::new(entries.collect::<Result<BTreeMap<_, _>, _>>()?))
}
