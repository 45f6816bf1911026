//! Events themselves, by kind.

use super::names::Names;
use super::work::{OUTCOMES, place_of};
use crate::event::Kind;
use crate::model::Event;

/// What was told of one kind.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) events: u64,
    pub(super) outcomes: [u64; OUTCOMES],
    /// Those that carry an error.
    pub(super) errors: u64,
}

/// Counts by kind.
#[derive(Debug)]
pub(super) struct Kinds {
    names: Names<Counts>,
    total: u64,
}

impl Kinds {
    /// All kinds that the program knows, and `declared` more.
    pub(super) fn new(declared: usize) -> Self {
        Self {
            names: Names::new(Kind::ALL.len() + declared),
            total: 0,
        }
    }

    pub(super) fn count(&mut self, event: &Event, has_error: bool) {
        let place = self.names.place(&event.kind, Counts::default);
        let counts = self.names.at(place);
        counts.events += 1;
        if let Some(outcome) = event.outcome {
            counts.outcomes[place_of(outcome)] += 1;
        }
        counts.errors += u64::from(has_error);
        self.total += 1;
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Counts)> {
        self.names.iter().map(|(name, counts)| (&**name, counts))
    }

    pub(super) fn overflow(&self) -> u64 {
        self.names.overflow()
    }
}
