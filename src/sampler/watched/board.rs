//! What the thread that looks for processes and the sampler share.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::sighting::Sighting;

/// A look that takes longer is told of: two supervisors that do not answer take 7 s together, and everything else but a
/// moment.
const LONGEST_LOOK: Duration = Duration::from_secs(15);

/// Of each watch what was found last, and what is being looked at.
#[derive(Default)]
pub(super) struct Board {
    /// Of each watch the newest sighting.
    sightings: Mutex<Vec<Arc<Sighting>>>,
    /// The look that has begun and is not over.
    under_way: Mutex<Option<Look>>,
    /// The sampler is gone.
    pub(super) stopped: AtomicBool,
    /// A unit's process has ended.
    pub(super) units_hurry: AtomicBool,
    /// An app's process has ended.
    pub(super) apps_hurry: AtomicBool,
}

/// A look at everything.
struct Look {
    /// When it began.
    begun: Instant,
    /// What it has come to.
    at: Arc<str>,
}

impl Board {
    /// For so many watches, none of which was looked for yet.
    pub(super) fn new(watches: usize) -> Self {
        Self {
            sightings: Mutex::new(vec![Arc::default(); watches]),
            ..Self::default()
        }
    }

    /// Puts up what was found of the watches with these places.
    pub(super) fn put(&self, places: &[usize], sightings: Vec<Sighting>) {
        let mut board = lock(&self.sightings);
        for (place, sighting) in places.iter().zip(sightings) {
            board[*place] = Arc::new(sighting);
        }
    }

    /// Hands out the sightings that are newer than the `known` ones.
    pub(super) fn news<'a>(&self, known: impl Iterator<Item = &'a mut Arc<Sighting>>) {
        for (known, newest) in known.zip(lock(&self.sightings).iter()) {
            if !Arc::ptr_eq(known, newest) {
                *known = newest.clone();
            }
        }
    }

    /// The look that began then has come to this.
    pub(super) fn come_to(&self, begun: Instant, at: impl Into<Arc<str>>) {
        let at = at.into();
        *lock(&self.under_way) = Some(Look { begun, at });
    }

    /// The look is over, and what it found was put up.
    pub(super) fn end_look(&self) {
        *lock(&self.under_way) = None;
    }

    /// What holds up the looking, when it has taken longer than it ever should.
    pub(super) fn hold_up(&self, now: Instant) -> Option<Arc<str>> {
        let under_way = lock(&self.under_way);
        let look = under_way.as_ref()?;
        let taken = now.saturating_duration_since(look.begun);
        let seconds = taken.as_secs();
        (taken > LONGEST_LOOK)
            .then(|| format!("looking has taken {seconds} s, at {}", look.at).into())
    }
}

/// What is in it is replaced whole, so that a panic leaves nothing half done.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
