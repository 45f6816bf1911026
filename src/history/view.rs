//! What readers see of the history: a view of one moment, which costs nothing to take and holds nobody up.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::chunk::Chunk;
use super::index::{Index, SeriesId, SeriesKey};

/// The history, for readers. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct History {
    newest: Arc<ArcSwap<View>>,
}

/// The history at one moment. Ticks that are whole later are seen as well while the last chunk has room for them.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// In order of time.
    pub(super) chunks: Arc<[Arc<Chunk>]>,
    pub(super) index: Arc<Index>,
    /// What makes the wall clock's time of the history's own, in milliseconds.
    pub(super) offset: i64,
    /// The step at which it is sampled, in milliseconds.
    pub(super) interval: i64,
}

impl History {
    /// The history as it is now.
    pub fn view(&self) -> Arc<View> {
        self.newest.load_full()
    }

    pub(super) fn publish(&self, view: View) {
        self.newest.store(Arc::new(view));
    }
}

impl View {
    /// All series that have values, in order of their places.
    pub fn series(&self) -> impl Iterator<Item = (SeriesId, &Arc<SeriesKey>)> {
        let keys = self.index.keys.iter().enumerate();
        keys.filter_map(|(place, key)| Some((SeriesId(place as u32), key.as_ref()?)))
    }

    /// The series of one name.
    pub fn named(&self, name: &str) -> impl Iterator<Item = (SeriesId, &Arc<SeriesKey>)> {
        let places = self.index.by_name.get(name).into_iter().flatten();
        places.filter_map(|place| {
            let key = self.index.keys[*place as usize].as_ref()?;
            Some((SeriesId(*place), key))
        })
    }

    /// A series' name and labels.
    pub fn key(&self, id: SeriesId) -> Option<&Arc<SeriesKey>> {
        self.index.keys.get(id.0 as usize)?.as_ref()
    }

    /// When the first and the last tick were, in milliseconds since the Unix epoch.
    pub fn span(&self) -> Option<(i64, i64)> {
        let (first, _) = self.chunks.iter().find_map(|chunk| chunk.span())?;
        let (_, last) = self.chunks.iter().rev().find_map(|chunk| chunk.span())?;
        Some((first + self.offset, last + self.offset))
    }

    /// The ticks from number `from` on, with their times in milliseconds since the Unix epoch. They are counted from 0 at the
    /// start and by no clock, so that who goes through them once goes through each once.
    pub fn ticks_from(&self, from: u64) -> impl Iterator<Item = (u64, i64)> {
        let all = self.chunks.iter().flat_map(|chunk| {
            let ticks = 0..chunk.filled();
            ticks.map(|tick| (chunk.first + tick as u64, chunk.time(tick) + self.offset))
        });
        all.skip_while(move |(number, _)| *number < from)
    }

    /// A series' ticks from `from` until `until`, both included, in milliseconds since the Unix epoch and in order of time,
    /// with its values; nothing where it was absent.
    pub fn ticks(
        &self,
        id: SeriesId,
        from: i64,
        until: i64,
    ) -> impl Iterator<Item = (i64, Option<f64>)> {
        let (from, until) = (
            from.saturating_sub(self.offset),
            until.saturating_sub(self.offset),
        );
        let ends_before = |chunk: &Arc<Chunk>| chunk.span().is_none_or(|(_, last)| last < from);
        let first = self.chunks.partition_point(ends_before);
        let (offset, place) = (self.offset, id.0 as usize);
        self.chunks[first..].iter().flat_map(move |chunk| {
            let ticks = chunk.within(from, until);
            ticks.map(move |tick| (chunk.time(tick) + offset, chunk.value(place, tick)))
        })
    }

    /// A series' values, those ticks left out where it was absent.
    pub fn samples(&self, id: SeriesId, from: i64, until: i64) -> impl Iterator<Item = (i64, f64)> {
        let ticks = self.ticks(id, from, until);
        ticks.filter_map(|(time, value)| Some((time, value?)))
    }

    /// The step at which it is sampled, in milliseconds.
    pub fn interval(&self) -> i64 {
        self.interval
    }
}
