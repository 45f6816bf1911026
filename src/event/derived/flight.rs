//! What has begun and not ended, by source and id: told out of order, twice, or not at all.
//!
//! An end that comes before its start is remembered for a while, so that the start does not open what is over. An id may
//! be used again once what had it has ended, and one of which no start is told may end as often as it likes: an event that is told
//! again has the same id, and does not come here.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::names::{Id, Ids};
use super::workers::WorkerRef;

/// Something that is under way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Begun {
    /// Its name's place.
    pub(super) name: usize,
    /// When it began, as far as can be told.
    pub(super) since: Instant,
    /// The same by the sender's clock, in microseconds since the Unix epoch: it orders what is told of one id.
    pub(super) time: i64,
    /// After so long it is overdue.
    pub(super) expected: Option<Duration>,
    /// The worker that does it.
    pub(super) worker: Option<WorkerRef>,
    /// Whether its start has told of the queue that it waited in.
    pub(super) queued: bool,
}

/// What a start meant.
#[derive(Debug, PartialEq)]
pub(super) enum Start {
    /// It is under way from now on.
    New,
    /// It is, and what had its id before was never ended.
    Replaced(Box<Begun>),
    /// It is already.
    Doubled,
    /// It has ended already.
    Late,
    /// There is no room to follow it.
    Full,
}

/// What an end meant.
#[derive(Debug, PartialEq)]
pub(super) enum End {
    /// It ends this.
    Of(Box<Begun>),
    /// It ends something whose start was not told, is not told yet, or found no room.
    Alone,
}

/// All that is under way, and what has ended lately.
#[derive(Debug)]
pub(super) struct Flight {
    /// By the number that stands for source and id, each with its id.
    under_way: HashMap<u64, (Arc<str>, Begun)>,
    ended: Ended,
    ids: Ids,
    most: usize,
}

impl Flight {
    /// At most `most` at once; as many ends are remembered.
    pub(super) fn new(most: usize) -> Self {
        Self {
            under_way: HashMap::new(),
            ended: Ended::new(most),
            ids: Ids::default(),
            most,
        }
    }

    pub(super) fn start(&mut self, id: Id<'_>, begun: Begun) -> Start {
        let key = self.ids.key(id);
        if let Some((_, known)) = self.under_way.get_mut(&key) {
            if begun.time <= known.time {
                return Start::Doubled;
            }
            let before = std::mem::replace(known, begun);
            return Start::Replaced(Box::new(before));
        }
        let is_over = |ended| begun.time <= ended;
        if self.ended.time(key).is_some_and(is_over) {
            return Start::Late;
        }
        if self.under_way.len() >= self.most {
            return Start::Full;
        }
        self.ended.forget(key);
        self.under_way.insert(key, (self.ids.kept(id.id), begun));
        Start::New
    }

    pub(super) fn end(&mut self, id: Id<'_>, time: i64) -> End {
        let key = self.ids.key(id);
        match self.under_way.remove(&key) {
            Some((_, begun)) => {
                // Clocks differ: a start told again must not open it anew.
                self.ended.note(key, time.max(begun.time));
                End::Of(Box::new(begun))
            }
            None => {
                // Ends come out of order too: what began before the last of them is over.
                let last = self.ended.time(key).map_or(time, |last| last.max(time));
                self.ended.note(key, last);
                End::Alone
            }
        }
    }

    /// Lets go what has been under way for too long.
    pub(super) fn give_up(&mut self, is_lost: impl Fn(&Begun) -> bool) -> Vec<Begun> {
        let lost = self.under_way.extract_if(|_, (_, begun)| is_lost(begun));
        lost.map(|(_, (_, begun))| begun).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Begun)> {
        self.under_way.values().map(|(id, begun)| (id, begun))
    }

    pub(super) fn len(&self) -> usize {
        self.under_way.len()
    }
}

/// What has ended lately, by the number that stands for source and id, and when.
#[derive(Debug)]
struct Ended {
    times: HashMap<u64, (i64, u64)>,
    /// The oldest first, each with the number of its noting.
    order: VecDeque<(u64, u64)>,
    next: u64,
    most: usize,
}

impl Ended {
    fn new(most: usize) -> Self {
        Self {
            times: HashMap::new(),
            order: VecDeque::new(),
            next: 0,
            most,
        }
    }

    fn time(&self, key: u64) -> Option<i64> {
        self.times.get(&key).map(|(time, _)| *time)
    }

    fn note(&mut self, key: u64, time: i64) {
        self.times.insert(key, (time, self.next));
        self.order.push_back((key, self.next));
        self.next += 1;
        if self.order.len() > self.most
            && let Some((oldest, number)) = self.order.pop_front()
            && self
                .times
                .get(&oldest)
                .is_some_and(|(_, noted)| *noted == number)
        {
            self.times.remove(&oldest);
        }
    }

    /// Its id is in use again.
    fn forget(&mut self, key: u64) {
        // Its place in the order goes when it is the oldest.
        self.times.remove(&key);
    }
}

#[cfg(test)]
#[path = "flight_tests.rs"]
mod tests;
