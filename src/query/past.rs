//! The past that a query reads: memory's, and behind it what something else has kept.

use std::collections::HashMap;
use std::fmt;

use super::limits::Budget;
use super::value::Line;
use super::{Labels, QueryError, Selector};
use crate::history::{SeriesId, View};

/// What is kept of the past from before memory. Times are in milliseconds, moments since the Unix epoch.
pub trait Older: fmt::Debug {
    /// Where memory goes on: no sample is as late.
    fn seam(&self) -> i64;

    /// How old a sample may be to be a series' value: there are fewer than in memory.
    fn lookback(&self) -> i64;

    /// The samples of the series chosen from `from` until `until`, both included, in order of time. It may block.
    ///
    /// # Errors
    /// There are too many, or reading them takes too long.
    fn samples(&self, selector: &Selector, from: i64, until: i64) -> Result<Vec<Line>, QueryError>;
}

/// The past that a query reads.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    view: &'a View,
    older: Option<&'a dyn Older>,
}

impl<'a> From<&'a View> for Past<'a> {
    fn from(view: &'a View) -> Self {
        Self { view, older: None }
    }
}

/// A series that was chosen.
pub(super) struct Found {
    pub(super) labels: Labels,
    /// Its place in memory; nothing if it ended before.
    id: Option<SeriesId>,
    /// What there is of it from before memory.
    older: Vec<(i64, f64)>,
}

impl<'a> Past<'a> {
    /// Memory, and what is older.
    pub fn new(view: &'a View, older: Option<&'a dyn Older>) -> Self {
        Self { view, older }
    }

    /// The series chosen, with what is older of them from `from` until `until`.
    pub(super) fn find(
        &self,
        selector: &Selector,
        from: i64,
        until: i64,
        budget: &Budget,
    ) -> Result<Vec<Found>, QueryError> {
        let ids = selector.find(self.view);
        budget.series(ids.len())?;
        let here = ids.into_iter().filter_map(|id| {
            Some(Found {
                labels: Labels::of(self.view.key(id)?),
                id: Some(id),
                older: Vec::new(),
            })
        });
        let mut found: Vec<Found> = here.collect();
        let Some(older) = self.older.filter(|older| from < older.seam()) else {
            return Ok(found);
        };
        let places = found.iter().enumerate();
        let places: HashMap<Labels, usize> = places
            .map(|(place, one)| (one.labels.clone(), place))
            .collect();
        for (labels, older) in older.samples(selector, from, until.min(older.seam() - 1))? {
            match places.get(&labels) {
                Some(place) => found[*place].older = older,
                None => found.push(Found {
                    labels,
                    id: None,
                    older,
                }),
            }
        }
        budget.series(found.len())?;
        Ok(found)
    }

    /// A series' ticks from `from` until `until`, nothing where it was absent.
    pub(super) fn ticks(
        &self,
        found: &Found,
        from: i64,
        until: i64,
    ) -> impl Iterator<Item = (i64, Option<f64>)> {
        let seam = self.older.map_or(i64::MIN, |older| older.seam());
        let older = found
            .older
            .iter()
            .map(|(time, value)| (*time, Some(*value)));
        let newer = found
            .id
            .map(|id| self.view.ticks(id, from.max(seam), until));
        // What memory does not have ended before it.
        let end = (found.id.is_none() && seam <= until).then_some((seam, None));
        older.chain(newer.into_iter().flatten()).chain(end)
    }

    /// How old a sample of a time may be, if one of memory may be as old as `usual`.
    pub(super) fn lookback(&self, time: i64, usual: i64) -> i64 {
        let older = self.older.filter(|older| time < older.seam());
        older.map_or(usual, |older| older.lookback().max(usual))
    }
}
