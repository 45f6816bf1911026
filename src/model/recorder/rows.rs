//! The table of a recorder's series: an id is a place in it and how often that place was used.

use std::sync::Arc;

use super::{MetricId, Pending, SeriesId};
use crate::model::MetricKind;

/// Bits of an id that name the row; the rest is the row's generation.
const ROW_BITS: u32 = 20;
/// The most rows there can be.
pub(super) const MOST: usize = (1 << ROW_BITS) - 1;

/// One series.
pub(super) struct Row {
    pub(super) metric: MetricId,
    /// The metric's, kept here because every write asks for it, and the metric itself is two cold cache lines away.
    pub(super) kind: MetricKind,
    /// What it was written in this run.
    pub(super) pending: Pending,
    /// Whether it is on the list of rows written in this run; survives the series.
    pub(super) touched: bool,
    /// Whether something waits for the next commit.
    pub(super) held: bool,
    /// Whether its id was given out.
    pub(super) bound: bool,
    /// Whether a run that went well has written it.
    pub(super) committed: bool,
    /// Whether it was made again after it was taken away, and readers have not been told.
    pub(super) fresh: bool,
    /// The run that made it, or the last one that wrote it for good; for making room.
    pub(super) used: u64,
    pub(super) labels: Box<[Arc<str>]>,
    /// Where its numbers are in the newest schema.
    pub(super) slot: u32,
    /// The id that is valid now.
    pub(super) id: SeriesId,
    live: bool,
}

impl Row {
    /// Takes what the run wrote, and the row off the list of those written.
    pub(super) fn take_pending(&mut self) -> Option<Pending> {
        self.touched = false;
        let pending = std::mem::take(&mut self.pending);
        (!pending.is_none()).then_some(pending)
    }

    /// Notes that this run has written it for good.
    #[inline]
    pub(super) fn commit(&mut self, run: u64) {
        (self.held, self.committed, self.used) = (false, true, run);
    }
}

/// What is left of a retired row.
pub(super) struct Retired {
    pub(super) metric: MetricId,
    pub(super) labels: Box<[Arc<str>]>,
    pub(super) committed: bool,
    pub(super) fresh: bool,
}

/// All rows, live and retired.
#[derive(Default)]
pub(super) struct Rows {
    rows: Vec<Row>,
    /// Retired rows, to be used again.
    free: Vec<usize>,
}

impl Rows {
    /// How many series there are.
    pub(super) fn live(&self) -> usize {
        self.rows.len() - self.free.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.live)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Row> {
        self.rows.iter_mut().filter(|row| row.live)
    }

    /// The place of an id, unless it was never given out or its series is retired.
    #[inline]
    pub(super) fn find(&self, id: SeriesId) -> Option<usize> {
        let index = (id.0 & MOST as u32) as usize;
        let row = self.rows.get(index)?;
        (row.live && row.id == id).then_some(index)
    }

    pub(super) fn get_mut(&mut self, id: SeriesId) -> Option<&mut Row> {
        let index = self.find(id)?;
        Some(&mut self.rows[index])
    }

    /// The row at a place that [`Rows::find`] gave, whatever became of its series.
    #[inline]
    pub(super) fn at(&mut self, index: usize) -> &mut Row {
        &mut self.rows[index]
    }

    /// Puts a series into a retired row, or into a new one; gives its place.
    pub(super) fn insert(
        &mut self,
        metric: MetricId,
        kind: MetricKind,
        labels: Box<[Arc<str>]>,
        run: u64,
    ) -> usize {
        let (index, generation, touched) = match self.free.pop() {
            Some(index) => {
                let row = &self.rows[index];
                (index, (row.id.0 >> ROW_BITS).wrapping_add(1), row.touched)
            }
            None => (self.rows.len(), 0, false),
        };
        let row = Row {
            metric,
            kind,
            pending: Pending::None,
            touched,
            held: false,
            bound: false,
            committed: false,
            fresh: false,
            used: run,
            labels,
            slot: 0,
            id: SeriesId(generation << ROW_BITS | index as u32),
            live: true,
        };
        match self.rows.get_mut(index) {
            Some(place) => *place = row,
            None => self.rows.push(row),
        }
        index
    }

    /// Retires a row; gives what is left of it.
    pub(super) fn remove(&mut self, id: SeriesId) -> Option<Retired> {
        let index = self.find(id)?;
        let row = &mut self.rows[index];
        (row.live, row.pending) = (false, Pending::None);
        self.free.push(index);
        Some(Retired {
            metric: row.metric,
            labels: std::mem::take(&mut row.labels),
            committed: row.committed,
            fresh: row.fresh,
        })
    }
}
