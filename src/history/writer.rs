//! The task that takes the samples, and lets go of the oldest.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::chunk::{Chunk, TICKS};
use super::clock::Moment;
use super::index::Index;
use super::layout::Layout;
use super::places::Places;
use super::{Config, History, View};
use crate::model::{Tally, TallyCounter, TallyGauge};
use crate::snapshot::{Snapshot, SnapshotCell};

/// However many series there are, so many ticks of them fit: below that the past is no help.
const LEAST_TICKS: usize = 64;
/// A chunk has room for a thirty-second more series than there are, and for some besides: those to come until it is full.
const SPARE_SHARE: usize = 32;
const SPARE_LANES: usize = 8;

/// Samples every series at a fixed step.
#[derive(Debug)]
pub struct Writer {
    history: History,
    config: Config,
    layout: Layout,
    places: Places,
    index: Arc<Index>,
    chunks: VecDeque<Arc<Chunk>>,
    bytes: usize,
    next_tick: u64,
    offset: Option<i64>,
    /// Places became free: series that got none may have one now.
    has_room: bool,
    tally: HistoryTally,
}

#[derive(Debug)]
struct HistoryTally {
    samples: TallyCounter,
    /// Ticks dropped before their time.
    squeezed: TallyCounter,
    bytes: TallyGauge,
    series: TallyGauge,
}

impl HistoryTally {
    fn new(tally: &mut Tally) -> Self {
        let mut counter = |name, help| tally.counter(name, help, None);
        Self {
            samples: counter(
                "probity_history_samples_total",
                "Samples taken into the history.",
            ),
            squeezed: counter(
                "probity_history_squeezed_ticks_total",
                "Ticks dropped before history.retention for want of history.max_memory.",
            ),
            bytes: tally.gauge(
                "probity_history_bytes",
                "bytes",
                "Memory of the history's samples.",
            ),
            series: tally.gauge(
                "probity_history_series",
                "",
                "Series with samples in the history.",
            ),
        }
    }
}

impl Writer {
    /// A writer with an empty history, which counts in `tally` what it does.
    pub fn new(config: &Config, tally: &mut Tally) -> Self {
        let most = usize::try_from(config.max_memory.0).unwrap_or(usize::MAX);
        let refused = tally.counter(
            "probity_history_refused_series_total",
            "Series that the history had no room for, by history.max_memory.",
            None,
        );
        Self {
            history: History::default(),
            config: config.clone(),
            layout: Layout::default(),
            places: Places::new(most_series(most), refused),
            index: Arc::default(),
            chunks: VecDeque::new(),
            bytes: 0,
            next_tick: 0,
            offset: None,
            has_room: false,
            tally: HistoryTally::new(tally),
        }
    }

    /// The history that it writes.
    pub fn history(&self) -> History {
        self.history.clone()
    }

    /// Samples the newest snapshot of `cell` at every step, until it is told to stop.
    pub async fn run(mut self, cell: Arc<SnapshotCell>, stop: CancellationToken) {
        let mut step = tokio::time::interval(self.config.interval.0);
        step.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = step.tick() => {}
            }
            if let Some(snapshot) = cell.load() {
                self.record(&snapshot, Instant::now());
            }
        }
    }

    /// Takes one sample of every series, as a reader of the snapshot would see it at `now`.
    pub fn record(&mut self, snapshot: &Snapshot, now: Instant) {
        self.record_at(snapshot, now, Moment::now());
    }

    /// The same, at a moment on the clocks that history is told by.
    pub fn record_at(&mut self, snapshot: &Snapshot, now: Instant, moment: Moment) {
        self.places.at(self.next_tick);
        if std::mem::take(&mut self.has_room) {
            self.layout.try_again(&mut self.places);
        }
        let changed = self.layout.follow(snapshot, &mut self.places);
        let offset = moment.offset(self.offset);
        let stepped = self.offset.replace(offset) != Some(offset);
        let (tick, begun) = self.room(moment.boot);
        let forgotten = begun && self.forget(moment.boot);
        self.has_room = forgotten;
        let chunk = self.chunks.back().expect("room was made");
        let samples = self.layout.put(snapshot, now, chunk, tick);
        chunk.seal(tick, moment.boot);
        self.next_tick += 1;
        self.tally.samples.add(samples);
        if changed || forgotten {
            self.index = Arc::new(self.places.index());
            self.tally.series.set(self.places.series() as u64);
        }
        if changed || begun || stepped {
            self.publish(offset);
        }
    }

    fn publish(&self, offset: i64) {
        self.tally.bytes.set(self.bytes as u64);
        self.history.publish(View {
            chunks: self.chunks.iter().cloned().collect(),
            index: self.index.clone(),
            offset,
            interval: millis(self.config.interval.0),
        });
    }

    /// The place of the next tick in the last chunk, and whether that was just begun.
    fn room(&mut self, boot: i64) -> (usize, bool) {
        let width = self.places.width();
        if let Some(last) = self.chunks.back() {
            let filled = last.filled();
            // The clock is the kernel's and never goes back; a reader relies on it.
            debug_assert!(last.span().is_none_or(|(_, before)| before <= boot));
            if filled < TICKS && width <= last.width() {
                return (filled, false);
            }
        }
        let lanes = lanes(width);
        self.bytes += Chunk::bytes(lanes);
        self.chunks
            .push_back(Arc::new(Chunk::new(self.next_tick, lanes)));
        (0, true)
    }

    /// Lets go of chunks that are too old, or more than there is memory for. Whether a series went with them.
    fn forget(&mut self, boot: i64) -> bool {
        let retention = self.config.retention.0;
        let oldest = boot.saturating_sub(millis(retention));
        let most = usize::try_from(self.config.max_memory.0).unwrap_or(usize::MAX);
        let mut dropped = false;
        while self.chunks.len() > 1 {
            let (first, over) = (&self.chunks[0], self.bytes > most);
            let old = first.span().is_none_or(|(_, last)| last < oldest);
            if !old && !over {
                break;
            }
            if !old {
                self.tally.squeezed.add(first.filled() as u64);
            }
            self.bytes -= Chunk::bytes(first.width());
            self.chunks.pop_front();
            dropped = true;
        }
        dropped && self.places.forget_before(self.chunks[0].first)
    }
}

/// The lanes of a chunk for so many series.
const fn lanes(series: usize) -> usize {
    series + series / SPARE_SHARE + SPARE_LANES
}

/// How many series there may be in so many bytes. While a chunk fills, [`LEAST_TICKS`] are in those before it.
fn most_series(bytes: usize) -> usize {
    let chunk = bytes / (LEAST_TICKS / TICKS + 1);
    let lanes = chunk.saturating_sub(Chunk::bytes(0)) / (Chunk::bytes(1) - Chunk::bytes(0));
    lanes.saturating_sub(SPARE_LANES) * SPARE_SHARE / (SPARE_SHARE + 1)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
