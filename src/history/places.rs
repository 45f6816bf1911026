//! Who has which place in the chunks: given out, left, and given out again when nothing of the one before is left.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::index::{Index, SeriesKey};
use crate::model::TallyCounter;

/// So many ticks after its series went, a place is still kept room for: one that comes and goes would begin a chunk each time.
const TICKS_KEPT: u64 = 64;

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    keys: Vec<Option<Arc<SeriesKey>>>,
    by_key: HashMap<Arc<SeriesKey>, u32>,
    /// The tick from which on a place has no values any more; nothing while its series is there.
    left: Vec<Option<u64>>,
    /// Given out from the lowest on, so that those in use stay at the front.
    free: BTreeSet<u32>,
    /// How many there may be.
    most: usize,
    /// The tick that is written next.
    next_tick: u64,
    refused: TallyCounter,
}

impl Places {
    /// Room for at most so many series; each further one is counted in `refused` whenever its source changes.
    pub(super) fn new(most: usize, refused: TallyCounter) -> Self {
        Self {
            keys: Vec::new(),
            by_key: HashMap::new(),
            left: Vec::new(),
            free: BTreeSet::new(),
            most,
            next_tick: 0,
            refused,
        }
    }

    /// The tick that is written next has this number.
    pub(super) fn at(&mut self, tick: u64) {
        self.next_tick = tick;
    }

    /// How wide a chunk needs to be: up to the last place whose series is there, or went a moment ago. Behind it may be
    /// places of which older chunks have values.
    pub(super) fn width(&self) -> usize {
        let needed = |(key, left): (&Option<_>, &Option<u64>)| {
            key.is_some() && left.is_none_or(|left| left + TICKS_KEPT > self.next_tick)
        };
        let last = std::iter::zip(&self.keys, &self.left).rposition(needed);
        last.map_or(0, |last| last + 1)
    }

    /// The place of a series: its old one, if it still has it. Nothing when another source has the same series, as in the
    /// exposition, or when there is no room.
    pub(super) fn take(&mut self, key: SeriesKey) -> Option<u32> {
        let key = Arc::new(key);
        if let Some((known, place)) = self.by_key.remove_entry(&key) {
            let index = place as usize;
            if self.left[index].take().is_none() {
                self.by_key.insert(known, place);
                return None;
            }
            // Its help or its source may be another now.
            self.keys[index] = Some(key.clone());
            self.by_key.insert(key, place);
            return Some(place);
        }
        let place = match self.free.pop_first() {
            Some(place) => place,
            None if self.keys.len() < self.most => {
                self.keys.push(None);
                self.left.push(None);
                (self.keys.len() - 1) as u32
            }
            None => {
                self.refused.increment();
                return None;
            }
        };
        self.keys[place as usize] = Some(key.clone());
        self.by_key.insert(key, place);
        Some(place)
    }

    /// Its series is gone; its values stay until they are too old.
    pub(super) fn leave(&mut self, place: u32) {
        if let Some(left) = self.left.get_mut(place as usize) {
            *left = Some(self.next_tick);
        }
    }

    /// Frees the places that have no value from tick `oldest` on. Whether there were any.
    pub(super) fn forget_before(&mut self, oldest: u64) -> bool {
        let mut freed = false;
        for place in 0..self.keys.len() {
            if self.left[place].is_some_and(|left| left <= oldest) {
                self.left[place] = None;
                if let Some(key) = self.keys[place].take() {
                    self.by_key.remove(&key);
                }
                self.free.insert(place as u32);
                freed = true;
            }
        }
        freed
    }

    /// The index over all series that have values.
    pub(super) fn index(&self) -> Index {
        Index::of(&self.keys)
    }

    /// How many series have a place.
    pub(super) fn series(&self) -> usize {
        self.by_key.len()
    }
}
