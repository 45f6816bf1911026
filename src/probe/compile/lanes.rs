//! Who may compile when: large components one at a time, small ones beside them, and none twice at once.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use blake3::Hash as Digest;

/// Larger components, in bytes, take seconds, and go one after the other.
const LARGE_BYTES: usize = 1 << 20;

/// A small component that has been compiled for so long is no small one: it makes way for those behind it.
const LONG: Duration = Duration::from_secs(2);
/// So many may have made way at once; each is a process of its own.
const MOST_LONG: usize = 4;

/// The lanes.
pub(super) struct Lanes {
    taken: Mutex<Taken>,
    freed: Condvar,
    /// Places for small components.
    small: usize,
    closed: AtomicBool,
}

#[derive(Default)]
struct Taken {
    small: usize,
    large: bool,
    long: usize,
    components: HashSet<Digest>,
}

/// A place in a lane, until it is dropped.
pub(super) struct Place<'a> {
    lanes: &'a Lanes,
    component: Digest,
    /// Whether it is the place for large components.
    pub(super) large: bool,
    since: Instant,
    /// Whether it has made way.
    long: AtomicBool,
}

impl Lanes {
    /// One place for large components and `small` for the others.
    pub(super) fn new(small: usize) -> Self {
        Self {
            taken: Mutex::default(),
            freed: Condvar::new(),
            small: small.max(1),
            closed: AtomicBool::new(false),
        }
    }

    /// Waits for a place, and until nobody else compiles the same component. Nothing once the lanes are closed.
    pub(super) fn enter(&self, component: Digest, bytes: usize) -> Option<Place<'_>> {
        let large = bytes > LARGE_BYTES;
        let mut taken = self.lock();
        while !self.is_closed() {
            let full = if large {
                taken.large
            } else {
                taken.small == self.small
            };
            if full || taken.components.contains(&component) {
                taken = self
                    .freed
                    .wait(taken)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            taken.components.insert(component);
            if large {
                taken.large = true;
            } else {
                taken.small += 1;
            }
            return Some(Place {
                lanes: self,
                component,
                large,
                since: Instant::now(),
                long: AtomicBool::new(false),
            });
        }
        None
    }

    /// Lets nobody in any more, sends those who wait away, and waits until the others are out, but no longer than
    /// `patience`. True when all are.
    pub(super) fn close(&self, patience: Duration) -> bool {
        // Under the lock, so that nobody is between the look and the wait.
        let taken = self.lock();
        self.closed.store(true, Ordering::SeqCst);
        self.freed.notify_all();
        let is_used = |taken: &mut Taken| !taken.components.is_empty();
        let (taken, _) = self
            .freed
            .wait_timeout_while(taken, patience, is_used)
            .unwrap_or_else(PoisonError::into_inner);
        taken.components.is_empty()
    }

    /// Whether they are closed: who is in a lane should give up.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Lets the next small component in, if this one takes long.
    pub(super) fn make_way(&self) {
        if self.large || self.long.load(Ordering::Relaxed) || self.since.elapsed() < LONG {
            return;
        }
        let mut taken = self.lanes.lock();
        if taken.long < MOST_LONG {
            taken.long += 1;
            taken.small -= 1;
            self.long.store(true, Ordering::Relaxed);
            self.lanes.freed.notify_all();
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut taken = self.lanes.lock();
        taken.components.remove(&self.component);
        if self.large {
            taken.large = false;
        } else if self.long.load(Ordering::Relaxed) {
            taken.long -= 1;
        } else {
            taken.small -= 1;
        }
        self.lanes.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::mpsc;
    use std::thread;

    use super::*;

    fn digest(name: &str) -> Digest {
        blake3::hash(name.as_bytes())
    }

    /// Expects that a component gets in only after `place` is free.
    fn waits_for(lanes: &Lanes, place: Place<'_>, component: &str, bytes: usize) {
        let (order, told) = mpsc::channel();
        thread::scope(|scope| {
            let of_waiting = order.clone();
            scope.spawn(move || {
                drop(lanes.enter(digest(component), bytes).unwrap());
                of_waiting.send("in").unwrap();
            });
            // If it did not wait it would mostly be in by now.
            thread::yield_now();
            order.send("freed").unwrap();
            drop(place);
        });
        assert_eq!(told.try_iter().collect::<Vec<_>>(), ["freed", "in"]);
    }

    #[test]
    fn large_components_go_one_at_a_time_and_small_ones_beside_them() {
        let lanes = Lanes::new(2);
        let large = lanes.enter(digest("a"), LARGE_BYTES + 1).unwrap();
        let one = lanes.enter(digest("b"), LARGE_BYTES).unwrap();
        let two = lanes.enter(digest("c"), 1).unwrap();
        assert!(large.large && !one.large);
        waits_for(&lanes, large, "d", LARGE_BYTES + 1);
        waits_for(&lanes, two, "d", 1);
        drop(one);
    }

    #[test]
    fn one_component_is_not_compiled_twice_at_once() {
        let lanes = Lanes::new(2);
        let one = lanes.enter(digest("a"), 1).unwrap();
        waits_for(&lanes, one, "a", 1);
    }

    #[test]
    fn closing_sends_away_who_waits() {
        let lanes = Lanes::new(1);
        let one = lanes.enter(digest("a"), 1).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| lanes.enter(digest("b"), 1).is_none());
            assert!(!lanes.close(Duration::ZERO), "one is still in");
            assert!(waiting.join().unwrap());
        });
        assert!(lanes.is_closed() && lanes.enter(digest("c"), 1).is_none());
        drop(one);
        assert!(lanes.close(Duration::ZERO));
    }

    fn used(lanes: &Lanes) -> (usize, usize) {
        let taken = lanes.lock();
        (taken.small, taken.long)
    }

    fn aged(mut place: Place<'_>) -> Place<'_> {
        place.since = Instant::now() - LONG;
        place
    }

    #[test]
    fn g46_a_small_component_that_takes_long_makes_way_and_only_so_many_do() {
        let lanes = Lanes::new(1);
        let digest = |number: usize| blake3::hash(&number.to_le_bytes());
        let mut fresh = lanes.enter(digest(0), 1).unwrap();
        // However long it takes from here.
        fresh.since += Duration::from_secs(3600);
        fresh.make_way();
        assert_eq!(lanes.lock().small, 1, "it has not taken long");
        drop(fresh);
        let long: Vec<Place<'_>> = (1..=MOST_LONG)
            .map(|number| {
                let place = aged(lanes.enter(digest(number), 1).unwrap());
                place.make_way();
                place.make_way();
                place
            })
            .collect();
        assert_eq!(used(&lanes), (0, MOST_LONG));
        let stays = aged(lanes.enter(digest(0), 1).unwrap());
        stays.make_way();
        assert_eq!(lanes.lock().small, 1);
        drop((long, stays));
        assert_eq!(used(&lanes), (0, 0));
    }
}
