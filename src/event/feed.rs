//! The newest events, in the order of commits, for whoever shows them as they come.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use super::batch;
use crate::model::Event;
use crate::store::Appended;

/// What the newest events may take: with more, or larger ones, the oldest go. The newest batch stays, whatever it takes.
const MAX_EVENTS: usize = 16_384;
const MAX_BYTES: u64 = 8 << 20;

/// The newest events; cloning shares them.
#[derive(Debug, Clone)]
pub struct Feed(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ring: Mutex<Ring>,
    newest: watch::Sender<i64>,
}

#[derive(Debug, Default)]
struct Ring {
    batches: VecDeque<Arc<Committed>>,
    /// The place of the last event that is not here, once any was.
    before: Option<i64>,
    events: usize,
    bytes: u64,
}

/// The new ones of some events that were committed together.
#[derive(Debug)]
struct Committed {
    events: Arc<[Event]>,
    /// Their places in the order of commits, and among `events`.
    new: Vec<(i64, usize)>,
    /// Each of `events` as it is sent, made by whoever sends it first.
    encoded: Box<[OnceLock<Bytes>]>,
    bytes: u64,
}

/// One of the newest events.
#[derive(Debug, Clone)]
pub struct FeedEvent {
    /// Its place in the order of commits.
    pub sequence: i64,
    batch: Arc<Committed>,
    place: usize,
}

impl FeedEvent {
    /// The event.
    pub fn event(&self) -> &Event {
        &self.batch.events[self.place]
    }

    /// The event as it is sent to all who get it: encoded by whoever asks first.
    pub fn encoded(&self, encode: impl FnOnce(&Self) -> Bytes) -> Bytes {
        let encoded = &self.batch.encoded[self.place];
        encoded.get_or_init(|| encode(self)).clone()
    }
}

/// What is wanted is not here any more, or was committed before this program's start: the store has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap;

impl Feed {
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared {
            ring: Mutex::default(),
            newest: watch::Sender::new(0),
        }))
    }

    /// The place of the newest event since the program's start, and of those to come; 0 before the first.
    pub fn newest(&self) -> watch::Receiver<i64> {
        self.0.newest.subscribe()
    }

    /// The events after the one at `sequence`, at most `most`, in order.
    ///
    /// # Errors
    /// [`Gap`] when some of them are not here.
    pub fn after(&self, sequence: i64, most: usize) -> Result<Vec<FeedEvent>, Gap> {
        let ring = self.ring();
        if ring.before.is_none_or(|before| sequence < before) {
            return Err(Gap);
        }
        let last = |batch: &Arc<Committed>| batch.new.last().map_or(0, |(last, _)| *last);
        let from = ring
            .batches
            .partition_point(|batch| last(batch) <= sequence);
        let events = ring.batches.range(from..).flat_map(|batch| {
            batch.new.iter().map(|(sequence, place)| FeedEvent {
                sequence: *sequence,
                batch: batch.clone(),
                place: *place,
            })
        });
        let later = events.filter(|event| event.sequence > sequence);
        Ok(later.take(most).collect())
    }

    /// Takes what was committed, in order.
    pub(super) fn push(&self, events: &Arc<[Event]>, appended: &Appended) {
        let places = appended.sequences.iter().zip(&appended.doubled).enumerate();
        let new = places.filter(|(_, (_, doubled))| !**doubled);
        let new: Vec<(i64, usize)> = new
            .map(|(place, (sequence, _))| (*sequence, place))
            .collect();
        let (Some((first, _)), Some((last, _))) = (new.first().copied(), new.last().copied())
        else {
            return;
        };
        let bytes = events.iter().map(batch::bytes).sum();
        let batch = Committed {
            events: events.clone(),
            encoded: events.iter().map(|_| OnceLock::new()).collect(),
            new,
            bytes,
        };
        self.ring().push(batch, first);
        self.0.newest.send_replace(last);
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn push(&mut self, batch: Committed, first: i64) {
        self.before.get_or_insert(first - 1);
        self.events += batch.new.len();
        self.bytes += batch.bytes;
        self.batches.push_back(Arc::new(batch));
        while self.batches.len() > 1 && (self.events > MAX_EVENTS || self.bytes > MAX_BYTES) {
            let Some(oldest) = self.batches.pop_front() else {
                return;
            };
            self.events -= oldest.new.len();
            self.bytes -= oldest.bytes;
            self.before = oldest.new.last().map(|(last, _)| *last);
        }
    }
}
