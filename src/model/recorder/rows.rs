//! The table of a recorder's series: an id is a place in it and how often that place was used.

use std::sync::Arc;

use super::{MetricId, Pending, SeriesId};
use crate::model::MetricKind;

/// The most series there can be.
pub(super) const MOST: usize = 1_000_000;

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
    /// How much text it makes, in bytes.
    pub(super) text: usize,
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
    pub(super) text: usize,
    pub(super) committed: bool,
    pub(super) fresh: bool,
}

/// All rows, live and retired.
pub(super) struct Rows {
    rows: Vec<Row>,
    /// Retired rows, to be used again.
    free: Vec<usize>,
    /// Retired rows whose generations are used up: an id of theirs would be one that was given out before.
    worn: Vec<usize>,
    /// Bits of an id that name the row; the others are its generation.
    row_bits: u32,
}

impl Rows {
    /// Rows for at most `limit` series, and as many again for worn ones: two thousand million series come and go before
    /// there are no ids left.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            rows: Vec::new(),
            free: Vec::new(),
            worn: Vec::new(),
            row_bits: usize::BITS - (2 * limit).leading_zeros(),
        }
    }

    /// How many series there are.
    pub(super) fn live(&self) -> usize {
        self.rows.len() - self.free.len() - self.worn.len()
    }

    /// Nobody has an id any more that was given out before: worn rows are like new.
    pub(super) fn forget_ids(&mut self) {
        for index in self.worn.drain(..) {
            self.rows[index].id = SeriesId(index as u32);
            self.free.push(index);
        }
    }

    fn generation(&self, id: SeriesId) -> u32 {
        id.0 >> self.row_bits
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
        let index = (id.0 & ((1 << self.row_bits) - 1)) as usize;
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

    /// Puts a series into a retired row, or into a new one; gives its place. Nothing when all ids are used up.
    pub(super) fn insert(
        &mut self,
        metric: MetricId,
        kind: MetricKind,
        labels: Box<[Arc<str>]>,
        run: u64,
    ) -> Option<usize> {
        let (index, generation, touched) = match self.free.pop() {
            Some(index) => {
                let row = &self.rows[index];
                (index, self.generation(row.id) + 1, row.touched)
            }
            None if self.rows.len() >> self.row_bits > 0 => return None,
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
            text: 0,
            slot: 0,
            id: SeriesId(generation << self.row_bits | index as u32),
            live: true,
        };
        match self.rows.get_mut(index) {
            Some(place) => *place = row,
            None => self.rows.push(row),
        }
        Some(index)
    }

    /// Retires a row; gives what is left of it.
    pub(super) fn remove(&mut self, id: SeriesId) -> Option<Retired> {
        let index = self.find(id)?;
        let last = self.generation(id) == u32::MAX >> self.row_bits;
        let row = &mut self.rows[index];
        (row.live, row.pending) = (false, Pending::None);
        let retired = if last { &mut self.worn } else { &mut self.free };
        retired.push(index);
        Some(Retired {
            metric: row.metric,
            labels: std::mem::take(&mut row.labels),
            text: row.text,
            committed: row.committed,
            fresh: row.fresh,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(rows: &mut Rows) -> Option<SeriesId> {
        let metric = MetricId::from_number(0);
        let index = rows.insert(metric, MetricKind::Gauge, Box::default(), 1)?;
        Some(rows.at(index).id)
    }

    #[test]
    fn an_id_never_means_a_second_series() {
        let mut rows = Rows::new(1);
        assert_eq!(rows.row_bits, 2);
        let old = insert(&mut rows).expect("there is room");
        // As if the row had been used as often as it can be.
        rows.remove(old).expect("it is there");
        rows.at(0).id = SeriesId(((u32::MAX >> 2) - 1) << 2);
        let last = insert(&mut rows).expect("there is room");
        assert_eq!((last.0 >> 2, rows.find(old)), (u32::MAX >> 2, None));
        rows.remove(last).expect("it is there");
        let next = insert(&mut rows).expect("there is room");
        assert_eq!((next, rows.live()), (SeriesId(1), 1));
        assert_eq!((rows.find(old), rows.find(last)), (None, None));
    }

    #[test]
    fn worn_rows_are_used_again_only_when_no_id_is_left_with_anybody() {
        let mut rows = Rows::new(1);
        for _ in 0..4 {
            let id = insert(&mut rows).expect("there is room");
            let worn = SeriesId(id.0 | u32::MAX << 2);
            let index = rows.find(id).expect("it is there");
            rows.at(index).id = worn;
            rows.remove(worn).expect("it is there");
        }
        assert_eq!((insert(&mut rows), rows.live()), (None, 0));
        rows.forget_ids();
        assert!(insert(&mut rows).is_some());
        assert_eq!(rows.live(), 1);
    }
}
