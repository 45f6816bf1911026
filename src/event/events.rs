//! The way of events into the store: waited for, or handed over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::batch::{self, Batch, Receipt, Refusal, Taken};
use super::config::Config;
use super::fault::Reason;
use super::feed::Feed;
use super::grumble::Grumbles;
use super::ids::Ids;
use super::kinds::{Data, Kind};
use super::load::Load;
use super::queue::{Amount, Permit, Queue};
use super::sampling::{Judged, Sampling};
use super::schemas::Schemas;
use super::tally::EventTally;
use crate::model::{Event, Invalid, Tally};
use crate::redact::{self, Redactor};
use crate::store::{AppendError, Appended, Appending, EventReader, EventStore, StoreError};

/// How long a sender waits for the disk. What is still under way then may still be committed.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// When to try again after the queue was full: it holds what the disk takes in about a second.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The way of events into the store; cloning gives another.
#[derive(Clone)]
pub struct Events(Arc<Shared>);

pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) schemas: Schemas,
    pub(super) redactor: Redactor,
    pub(super) sampling: Sampling,
    pub(super) ids: Ids,
    /// The names of the program's own kinds, shared by all events.
    pub(super) names: HashMap<Kind, Arc<str>>,
    pub(super) queue: Queue,
    pub(super) tally: EventTally,
    /// Lines in the log about events that are refused.
    pub(super) grumbles: Grumbles,
    store: OnceLock<EventStore>,
    feed: Feed,
    /// To whoever follows what is committed. It never fills up: each message has room in the queue.
    follower: mpsc::Sender<Followed>,
    /// To the task that writes what nobody waits for; likewise.
    pub(super) lane: mpsc::Sender<Waiting>,
    pub(super) waiting: Mutex<Option<mpsc::Receiver<Waiting>>>,
}

/// Events that nobody waits for.
pub(super) struct Waiting {
    pub(super) events: Vec<Taken>,
    pub(super) permit: Permit,
}

/// What is committed, on its way to whoever follows.
struct Followed {
    arrived: Arrived,
    /// Their room in the queue, which is free again when they are taken over.
    permits: Arc<[Permit]>,
}

/// What is on disk, in the order of commits, for the one who follows it.
pub struct Committed(mpsc::Receiver<Followed>);

/// Events that were committed together, some of which may have been there already.
#[derive(Debug, Clone)]
pub struct Arrived {
    load: Load,
    appended: Appended,
}

/// One new event.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// Its place in the order of commits.
    pub sequence: i64,
    /// The event.
    pub event: &'a Event,
    /// What it says.
    pub data: &'a Data,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events")
            .field("are_on", &self.are_on())
            .finish_non_exhaustive()
    }
}

impl Committed {
    /// The next events that are on disk; nothing when no more can come.
    pub async fn next(&mut self) -> Option<Arrived> {
        let Followed { arrived, permits } = self.0.recv().await?;
        drop(permits);
        Some(arrived)
    }
}

impl Arrived {
    /// Those that are new, in order.
    pub fn new_ones(&self) -> impl Iterator<Item = New<'_>> {
        let all = self.load.events.iter().zip(&*self.load.data);
        let places = self.appended.sequences.iter().zip(&self.appended.doubled);
        all.zip(places).filter(|(_, (_, doubled))| !**doubled).map(
            |((event, data), (sequence, _))| New {
                sequence: *sequence,
                event,
                data,
            },
        )
    }
}

impl Events {
    /// The way into `store`, which may be given later with [`Events::open`]. What `redaction` says is a secret does not get there;
    /// what happens on the way is counted in `tally`. The second is for the one who follows what is committed: while it is there and
    /// not taken from, the queue fills up.
    ///
    /// # Errors
    /// The first thing in either configuration that is not acceptable.
    pub fn new(
        config: &Config,
        redaction: &redact::Config,
        store: Option<EventStore>,
        tally: &mut Tally,
    ) -> Result<(Self, Committed), Invalid> {
        if let Some(fault) = config.check().into_iter().next() {
            return Err(fault);
        }
        // What is in a channel has room in the queue, so neither can be full.
        let capacity = config.queue.max_events as usize;
        let (follower, followed) = mpsc::channel(capacity);
        let (lane, waiting) = mpsc::channel(capacity);
        let sampling = Sampling::new(&config.sampling, &config.kind, tally);
        let tally = EventTally::new(tally);
        let names = Kind::ALL.iter().map(|kind| (*kind, kind.as_str().into()));
        let events = Self(Arc::new(Shared {
            schemas: Schemas::new(&config.kind)?,
            redactor: Redactor::new(redaction, tally.redactions.clone())?,
            sampling,
            ids: Ids::default(),
            names: names.collect(),
            queue: Queue::new(&config.queue),
            tally,
            grumbles: Grumbles::default(),
            store: OnceLock::new(),
            feed: Feed::new(),
            follower,
            lane,
            waiting: Mutex::new(Some(waiting)),
            config: config.clone(),
        }));
        if let Some(store) = store {
            events.open(store);
        }
        Ok((events, Committed(followed)))
    }

    /// Gives it the store, once.
    pub fn open(&self, store: EventStore) {
        // A second one would be another way.
        let _ = self.0.store.set(store);
    }

    /// Whether events are taken at all.
    pub fn are_on(&self) -> bool {
        self.0.config.enabled
    }

    /// The newest events, for whoever shows them as they come.
    pub fn feed(&self) -> Feed {
        self.0.feed.clone()
    }

    /// A reader of what is kept. It blocks, and all that it is asked has to be answered within `patience` from now.
    ///
    /// # Errors
    /// There is no store, or it cannot be read.
    pub fn reader(&self, patience: Duration) -> Result<EventReader, Refusal> {
        self.store()?.reader(patience).map_err(Refusal::Store)
    }

    /// The last place in the order of commits that was given, 0 before the first, and the word that tells that order from another
    /// database's.
    ///
    /// # Errors
    /// There is no store, or no room to open it yet.
    pub fn newest(&self) -> Result<(i64, String), Refusal> {
        let store = self.store()?;
        let epoch = store.epoch();
        let full = || Refusal::Store(StoreError::Full(store.file().to_owned()));
        Ok((store.newest(), epoch.ok_or_else(full)?.to_owned()))
    }

    /// Every kind with its schema, and the envelope's.
    pub fn schemas(&self) -> &Schemas {
        &self.0.schemas
    }

    /// What is to be kept of what happened; what is not is counted. `subject` is what it tells of: it is asked for only where
    /// neither its kind nor a trace nor a run decides.
    pub(super) fn sample<D>(
        &self,
        kind: &str,
        (trace, run, id): (Option<&str>, Option<&str>, Option<&str>),
        data: impl FnOnce() -> D,
        subject: Option<impl FnOnce(&D) -> Option<&str>>,
    ) -> Option<D> {
        let sampling = &self.0.sampling;
        let (judged, left_out) = sampling.judge(kind, trace, run);
        let data = match (judged, subject) {
            (Judged::Kept, _) => Some(data()),
            (Judged::LeftOut, _) => None,
            (Judged::Alone { share }, None) => sampling.keeps_alone(share, None, id).then(data),
            (Judged::Alone { share }, Some(subject)) => {
                Some(data()).filter(|data| sampling.keeps_alone(share, subject(data), id))
            }
        };
        if data.is_none() {
            left_out.increment();
        }
        data
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Commits a batch, and waits until it is on disk.
    ///
    /// # Errors
    /// Why nothing of it is on disk; after [`StoreError::Slow`] it may be.
    pub async fn commit(&self, batch: Batch) -> Result<Receipt, Refusal> {
        let store = self.store()?;
        let mut receipt = Receipt {
            sampled_out: batch.sampled_out,
            given: batch.given,
            refused: batch.refused,
            ..Receipt::default()
        };
        let mut load = Load::of(batch.events);
        while !load.events.is_empty() {
            let permit = self.room(load.events.iter())?;
            match self
                .append(store, &load, [permit].into(), sleep(PATIENCE))
                .await
            {
                Ok(appended) => {
                    receipt.accepted = appended.sequences.len() as u64;
                    receipt.last = appended.sequences.iter().max().copied();
                    break;
                }
                Err(AppendError::Conflicts(places)) => {
                    let at = load.conflicts(&places);
                    if !batch.partial {
                        return Err(Refusal::Conflicts(at));
                    }
                    receipt.leave_out(&at);
                    load = load.without(&places);
                }
                Err(AppendError::Store(error)) => return Err(self.refusal(error)),
            }
        }
        Ok(receipt)
    }

    /// Hands a batch over, and does not wait: a kill may lose it until it is on disk.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn enqueue(&self, batch: Batch) -> Result<Receipt, Refusal> {
        self.store()?;
        let receipt = Receipt {
            accepted: batch.len() as u64,
            sampled_out: batch.sampled_out,
            last: None,
            given: batch.given.clone(),
            refused: batch.refused.clone(),
        };
        if !batch.is_empty() {
            let permit = self.room(batch.events.iter().map(|taken| &taken.event))?;
            let events = batch.events;
            let handed = self.0.lane.try_send(Waiting { events, permit });
            if handed.is_err() {
                // The task has ended: the program does.
                return Err(Refusal::NoStore);
            }
        }
        Ok(receipt)
    }

    pub(super) fn store(&self) -> Result<&EventStore, Refusal> {
        if !self.are_on() {
            return Err(Refusal::Off);
        }
        self.0.store.get().ok_or(Refusal::NoStore)
    }

    fn room<'a>(&self, events: impl Iterator<Item = &'a Event>) -> Result<Permit, Refusal> {
        let mut amount = Amount::default();
        for event in events {
            amount.events += 1;
            amount.bytes += batch::bytes(event);
        }
        self.0.queue.take(amount).ok_or_else(|| {
            self.0.tally.full.add(amount.events);
            Refusal::Full { after: TRY_AGAIN }
        })
    }

    /// Appends what is loaded, and has those told that follow when it is on disk. Its conflicts are counted and logged. When `patience`
    /// ends it is slow, and may still be committed.
    pub(super) async fn append(
        &self,
        store: &EventStore,
        load: &Load,
        permits: Arc<[Permit]>,
        patience: impl Future<Output = ()>,
    ) -> Result<Arc<Appended>, AppendError> {
        let (way, handed) = (self.clone(), load.clone());
        // What has no follower gives its room back before whoever waits is answered.
        let permits = Mutex::new(Some(permits));
        let committed = move |appended: &Appended| {
            let permits = permits
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            way.committed(&handed, appended, permits);
        };
        let mut appending = store.append(load.events.clone(), committed)?;
        let answer = tokio::select! {
            biased;
            answer = answered(&mut appending) => Some(answer),
            () = patience => None,
        };
        let answer = answer.unwrap_or_else(|| {
            let file = store.file().to_owned();
            Err(StoreError::Slow(file).into())
        });
        if let Err(AppendError::Conflicts(places)) = &answer {
            self.0.tally.refused(Reason::Conflict, places.len() as u64);
            for place in places {
                self.0.grumbles.conflict(&load.events[*place]);
            }
        }
        answer
    }

    /// Told on the store's thread.
    fn committed(&self, load: &Load, appended: &Appended, permits: Option<Arc<[Permit]>>) {
        let doubled = appended.doubled.iter().filter(|doubled| **doubled).count();
        let new = appended.doubled.len() - doubled;
        self.0.tally.doubled.add(doubled as u64);
        self.0.tally.accepted.add(new as u64);
        let (1.., Some(permits)) = (new, permits) else {
            return;
        };
        self.0.feed.push(&load.events, appended);
        let followed = Followed {
            arrived: Arrived {
                load: load.clone(),
                appended: appended.clone(),
            },
            permits,
        };
        // Nobody needs to follow.
        let _ = self.0.follower.try_send(followed);
    }

    fn refusal(&self, error: StoreError) -> Refusal {
        match error {
            StoreError::QueueFull(_) => Refusal::Full { after: TRY_AGAIN },
            error => Refusal::Store(error),
        }
    }
}

/// Waits until the store has answered, however long that takes.
async fn answered(appending: &mut Appending) -> Result<Arc<Appended>, AppendError> {
    loop {
        if let Some(answer) = appending.within(PATIENCE).await {
            return answer;
        }
    }
}

#[cfg(test)]
#[path = "events_tests.rs"]
pub(super) mod tests;
