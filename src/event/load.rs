//! Events as they are handed to the store: shared with whoever shows or follows them.

use std::sync::Arc;

use super::batch::Taken;
use super::fault::At;
use super::kinds::Data;
use crate::model::Event;

/// Events that are committed together; cloning shares them.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) events: Arc<[Event]>,
    pub(super) data: Arc<[Data]>,
    at: Arc<[At]>,
}

impl Load {
    pub(super) fn of(taken: Vec<Taken>) -> Self {
        let at = taken.iter().map(|taken| taken.at).collect();
        let parts = taken.into_iter().map(|taken| (taken.event, taken.data));
        let (events, data): (Vec<Event>, Vec<Data>) = parts.unzip();
        Self {
            events: events.into(),
            data: data.into(),
            at,
        }
    }

    /// What stood at the places of those that are in conflict.
    pub(super) fn conflicts(&self, places: &[usize]) -> Vec<At> {
        places.iter().map(|place| self.at[*place]).collect()
    }

    /// All but those at the given places, which are in rising order.
    pub(super) fn without(&self, places: &[usize]) -> Self {
        let others = || {
            let all = 0..self.events.len();
            all.filter(|place| places.binary_search(place).is_err())
        };
        Self {
            events: others().map(|place| self.events[place].clone()).collect(),
            data: others().map(|place| self.data[place].clone()).collect(),
            at: others().map(|place| self.at[place]).collect(),
        }
    }
}
