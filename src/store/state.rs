//! The probes' state: entries by probe and key.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, Transaction, params};
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::writer::{Change, Counters, Job, Write};
use crate::model::{StateChanges, StateEntries};

/// How long a load may take before the probe is told that its state cannot be had.
const LOAD_PATIENCE: Duration = Duration::from_secs(1);

/// The probes' state in the store; cloning gives another handle on it.
#[derive(Clone)]
pub struct StateStore {
    pub(super) jobs: mpsc::Sender<Job>,
    pub(super) counters: Counters,
    pub(super) file: Arc<Path>,
}

/// Changes on their way to the disk.
pub struct Saving {
    answer: oneshot::Receiver<Result<(), StoreError>>,
    file: Arc<Path>,
}

impl Saving {
    /// Waits until they are on disk, or for `patience`; nothing if they are still under way then.
    ///
    /// # Errors
    /// Why they are not on disk.
    pub async fn within(&mut self, patience: Duration) -> Option<Result<(), StoreError>> {
        let answer = tokio::time::timeout(patience, &mut self.answer)
            .await
            .ok()?;
        Some(answer.unwrap_or_else(|_| Err(StoreError::Closed(self.file.to_path_buf()))))
    }
}

impl StateStore {
    /// The database's file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// All entries of `probe`, with every change that was handed over before.
    ///
    /// # Errors
    /// Why they cannot be had; [`StoreError::Slow`] after a second.
    pub async fn load(&self, probe: &Arc<str>) -> Result<StateEntries, StoreError> {
        let (sender, answer) = oneshot::channel();
        let (probe, file) = (probe.clone(), self.file.clone());
        let read = move |connection: &Connection| {
            let entries =
                entries(connection, &probe).map_err(|error| StoreError::sqlite(&file, &error));
            // Whoever asked may have given up waiting.
            let _ = sender.send(entries);
        };
        self.send(Job::Read(Box::new(read)))?;
        match tokio::time::timeout(LOAD_PATIENCE, answer).await {
            Ok(Ok(entries)) => entries,
            Ok(Err(_)) => Err(StoreError::Closed(self.file.to_path_buf())),
            Err(_) => Err(StoreError::Slow(self.file.to_path_buf())),
        }
    }

    /// Hands `changes` of `probe`'s entries to the writer. Writing the same again does no harm.
    ///
    /// # Errors
    /// [`StoreError::QueueFull`] or [`StoreError::Closed`]; nothing is written then.
    pub fn save(&self, probe: &Arc<str>, changes: Arc<StateChanges>) -> Result<Saving, StoreError> {
        let (sender, answer) = oneshot::channel();
        let probe = probe.clone();
        self.send(Job::Write(Write {
            change: Box::new(StateChange { probe, changes }),
            answer: sender,
        }))?;
        Ok(Saving {
            answer,
            file: self.file.clone(),
        })
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let file = || self.file.to_path_buf();
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                self.counters.queue_full.increment();
                StoreError::QueueFull(file())
            }
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed(file()),
        })
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
