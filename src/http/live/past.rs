//! What happened, numbered, and kept for a while: who was away gets what was missed.
//!
//! Transitions are those between two snapshots that the hub has seen. What flips and flips back between two of them is
//! not told; nothing else is lost.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use axum::body::Bytes;

use super::frame;
use super::topics::{Event, TOPICS};
use crate::model::TallyCounter;
use crate::snapshot::Snapshot;

/// The transitions of this run of the program.
#[derive(Debug)]
pub(super) struct Past {
    /// Tells this run's ids from those of others.
    run: String,
    /// How many are kept.
    room: usize,
    /// The newest number, to be read without the lock.
    newest: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// In order; the last one has the newest number.
    transitions: VecDeque<Arc<Transition>>,
    /// The newest number; 0 before the first.
    newest: u64,
    /// The snapshot that the transitions lead to.
    seen: Option<Arc<Snapshot>>,
}

/// Something that happened.
#[derive(Debug)]
pub(super) struct Transition {
    /// Its topic's place in [`TOPICS`].
    topic: usize,
    id: String,
    event: Event,
    frame: OnceLock<Bytes>,
}

/// Where a client begins.
#[derive(Debug)]
pub(super) struct Start {
    /// The number of the last transition that it knows.
    pub(super) cursor: u64,
    /// The same as an id.
    pub(super) id: String,
    /// How things stood after that transition; nothing for a client that goes on where it was.
    pub(super) state: Option<Arc<Snapshot>>,
    /// Why it cannot go on where it was.
    pub(super) lost: Option<Lost>,
}

/// Why a client cannot go on where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// What it sent is no id.
    Malformed,
    /// The id is of another run of the program.
    OtherRun,
    /// Nothing with that id has happened yet.
    Future,
    /// More has happened since than is kept.
    TooOld,
}

impl Lost {
    /// A word for programs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::OtherRun => "other_run",
            Self::Future => "future",
            Self::TooOld => "too_old",
        }
    }

    /// A sentence for people.
    pub(super) fn detail(self) -> &'static str {
        match self {
            Self::Malformed => "the last event id is not one that this stream gives",
            Self::OtherRun => "the last event id is of another run of the program",
            Self::Future => "nothing with the last event id has happened yet",
            Self::TooOld => "more has happened since than is kept",
        }
    }
}

/// What a client gets next.
#[derive(Debug)]
pub(super) enum Next {
    /// This.
    Told(Arc<Transition>),
    /// Nothing, for now.
    Nothing,
    /// It was too slow: what would be next is kept no more.
    Overtaken,
}

impl Past {
    /// Nothing has happened yet; `room` transitions will be kept.
    pub(super) fn new(room: u32) -> Self {
        Self {
            // The standard library seeds its hashers at random.
            run: format!("{:016x}", RandomState::new().hash_one(Instant::now())),
            room: room as usize,
            newest: AtomicU64::new(0),
            kept: Mutex::default(),
        }
    }

    /// Notes what happened up to `snapshot`; says whether anything did.
    pub(super) fn note(&self, snapshot: &Arc<Snapshot>) -> bool {
        let mut kept = self.lock();
        let Some(before) = kept.seen.replace(snapshot.clone()) else {
            return false;
        };
        if before.sequence >= snapshot.sequence {
            kept.seen = Some(before);
            return false;
        }
        let first = kept.newest;
        for (topic, what) in TOPICS.iter().enumerate() {
            for event in (what.changes)(&before, snapshot) {
                kept.newest += 1;
                let id = self.id(kept.newest);
                if kept.transitions.len() == self.room {
                    kept.transitions.pop_front();
                }
                kept.transitions.push_back(Arc::new(Transition {
                    topic,
                    id,
                    event,
                    frame: OnceLock::new(),
                }));
            }
        }
        self.newest.store(kept.newest, Ordering::Release);
        kept.newest > first
    }

    /// Where a client begins that was told `last` last, if anything; `current` gives the newest snapshot.
    pub(super) fn start(
        &self,
        last: Option<&[u8]>,
        current: impl FnOnce() -> Option<Arc<Snapshot>>,
    ) -> Start {
        let mut kept = self.lock();
        if kept.seen.is_none() {
            // The hub has not begun: what it finds is told from here on.
            kept.seen = current();
        }
        let known = last.map(|last| self.resume(last, &kept));
        let (cursor, lost) = match known {
            Some(Ok(number)) => (number, None),
            Some(Err(lost)) => (kept.newest, Some(lost)),
            None => (kept.newest, None),
        };
        let goes_on = matches!(known, Some(Ok(_)));
        Start {
            cursor,
            id: self.id(cursor),
            state: (!goes_on).then(|| kept.seen.clone()).flatten(),
            lost,
        }
    }

    /// The number in an id, if all that came after it is kept.
    fn resume(&self, last: &[u8], kept: &Kept) -> Result<u64, Lost> {
        let text = std::str::from_utf8(last).map_err(|_| Lost::Malformed)?;
        let (run, number) = text.split_once('-').ok_or(Lost::Malformed)?;
        let is_run = run.len() == self.run.len() && run.bytes().all(|b| b.is_ascii_hexdigit());
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = number.parse().map_err(|_| Lost::Malformed)?;
        if !is_run || !is_number {
            return Err(Lost::Malformed);
        }
        if run != self.run {
            return Err(Lost::OtherRun);
        }
        if number > kept.newest {
            return Err(Lost::Future);
        }
        if number < kept.forgotten() {
            return Err(Lost::TooOld);
        }
        Ok(number)
    }

    /// The first transition after `cursor` whose topic is `wanted`. The cursor is moved behind it, and behind those that
    /// are not.
    pub(super) fn next(&self, cursor: &mut u64, wanted: impl Fn(usize) -> bool) -> Next {
        if *cursor == self.newest.load(Ordering::Acquire) {
            return Next::Nothing;
        }
        let kept = self.lock();
        let forgotten = kept.forgotten();
        if *cursor < forgotten {
            return Next::Overtaken;
        }
        let known = usize::try_from(*cursor - forgotten).unwrap_or(usize::MAX);
        for transition in kept.transitions.iter().skip(known) {
            *cursor += 1;
            if wanted(transition.topic) {
                return Next::Told(transition.clone());
            }
        }
        Next::Nothing
    }

    /// The newest number.
    pub(super) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    pub(super) fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.run)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The newest number that is kept no more.
    fn forgotten(&self) -> u64 {
        self.newest - self.transitions.len() as u64
    }
}

impl Transition {
    /// As text, encoded by whoever asks first.
    pub(super) fn frame(&self, encoded: &TallyCounter) -> Bytes {
        let frame = self.frame.get_or_init(|| {
            encoded.increment();
            let data = self.event.data.to_string();
            frame::event(self.event.name, Some(&self.id), data.as_bytes())
        });
        frame.clone()
    }
}
