//! The task that writes what nobody waits for: many events with one commit, however many handed them over.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Events;
use super::batch::Taken;
use super::events::{PATIENCE, Waiting};
use super::load::Load;
use super::queue::Permit;
use crate::store::{AppendError, StoreError};

/// Batches taken at once: what is committed with one sync of the disk.
const AT_ONCE: usize = 1024;
/// When events that the store could not take are handed to it again.
const RETRY: Duration = Duration::from_secs(1);

impl Events {
    /// Writes what was handed over, until it is told to stop; then what is left. There is one such task, which has to run for
    /// [`Events::enqueue`] and for recorders. What the store cannot take is kept in the queue, which then fills up, and handed to it
    /// again; what is left when the program ends is lost, counted and logged.
    pub async fn run(self, stop: CancellationToken) {
        let waiting = &self.shared().waiting;
        let waiting = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut waiting) = waiting else { return };
        let mut batches = Vec::new();
        loop {
            tokio::select! {
                taken = waiting.recv_many(&mut batches, AT_ONCE) => {
                    if taken == 0 {
                        return;
                    }
                    self.write(std::mem::take(&mut batches), &stop).await;
                }
                () = stop.cancelled(), if !waiting.is_closed() => waiting.close(),
            }
        }
    }

    /// Writes some batches with one commit. Their room in the queue is free when that is done.
    async fn write(&self, batches: Vec<Waiting>, stop: &CancellationToken) {
        let (events, permits): (Vec<Vec<Taken>>, Vec<Permit>) = batches
            .into_iter()
            .map(|batch| (batch.events, batch.permit))
            .unzip();
        let permits: Arc<[Permit]> = permits.into();
        let mut load = Load::of(events.into_iter().flatten().collect());
        let Ok(store) = self.store() else {
            return self.lose(&load, "there is no store");
        };
        while !load.events.is_empty() {
            // It is with the store until there is an answer: handed over again meanwhile it would be there twice.
            let patience = async {
                stop.cancelled().await;
                tokio::time::sleep(PATIENCE).await;
            };
            match self.append(store, &load, permits.clone(), patience).await {
                Ok(_) => return,
                Err(AppendError::Conflicts(places)) => load = load.without(&places),
                Err(AppendError::Store(error)) => {
                    if !may_try_again(&error, stop).await {
                        return self.lose(&load, &error.to_string());
                    }
                }
            }
        }
    }

    fn lose(&self, load: &Load, why: &str) {
        let count = load.events.len();
        self.shared().tally.lost.add(count as u64);
        tracing::error!("{count} events that nobody waited for are lost: {why}");
    }
}

/// Waits until it is time to hand something to the store again. False when there is no more time.
async fn may_try_again(error: &StoreError, stop: &CancellationToken) -> bool {
    if matches!(error, StoreError::Closed(_)) || stop.is_cancelled() {
        return false;
    }
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(RETRY) => {}
    }
    // Told to stop, it is tried once more.
    true
}
