//! How much may be under way to the disk: counted in events and in bytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::config::QueueConfig;

/// Counts what is under way; cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct Queue(Arc<Room>);

#[derive(Debug)]
struct Room {
    most: Amount,
    taken: Mutex<Amount>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) events: u64,
    pub(super) bytes: u64,
}

/// Room that is taken until this and its clones are dropped.
#[derive(Debug, Clone)]
pub(super) struct Permit {
    _held: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    queue: Queue,
    amount: Amount,
}

impl Queue {
    pub(super) fn new(config: &QueueConfig) -> Self {
        Self(Arc::new(Room {
            most: Amount {
                events: config.max_events.into(),
                bytes: config.max_bytes.0,
            },
            taken: Mutex::default(),
        }))
    }

    /// Takes room, if there is enough.
    pub(super) fn take(&self, amount: Amount) -> Option<Permit> {
        let most = self.0.most;
        let mut taken = self.taken();
        let events = taken.events.saturating_add(amount.events);
        let bytes = taken.bytes.saturating_add(amount.bytes);
        if events > most.events || bytes > most.bytes {
            return None;
        }
        *taken = Amount { events, bytes };
        let queue = self.clone();
        Some(Permit {
            _held: Arc::new(Held { queue, amount }),
        })
    }

    /// How much there is room for when nothing is under way.
    pub(super) fn most(&self) -> Amount {
        self.0.most
    }

    fn taken(&self) -> MutexGuard<'_, Amount> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut taken = self.queue.taken();
        taken.events -= self.amount.events;
        taken.bytes -= self.amount.bytes;
    }
}
