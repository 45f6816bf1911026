//! Letting events go, again and again, for as long as the program runs.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{EventBounds, EventStore, EventsPruned};
use crate::model::{Tally, TallyCounter, TallyGauge};
use crate::store::{AgeClock, EventsConfig, StoreError};

/// Between two looks at what is too old or too much.
const INTERVAL: Duration = Duration::from_secs(10);
/// Events that go with one change while no others come: some 10 ms.
const AT_ONCE: usize = 500;
/// How long a change may take before the next look tries again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keeps events within their bounds.
pub struct Retention {
    events: EventStore,
    config: EventsConfig,
    /// What is too old.
    pub(super) ages: AgeClock,
    tally: RetentionTally,
}

/// What it counts and shows; cloning shares it.
#[derive(Debug, Clone)]
pub struct RetentionTally {
    rows: TallyGauge,
    bytes: TallyGauge,
    pruned: TallyCounter,
}

impl RetentionTally {
    /// Numbers in `tally`.
    pub fn new(tally: &mut Tally) -> Self {
        Self {
            rows: tally.gauge("probity_store_events", "", "Events in the store."),
            bytes: tally.gauge(
                "probity_store_events_bytes",
                "bytes",
                "Disk that the store's events take, estimated.",
            ),
            pruned: tally.counter(
                "probity_store_events_pruned_total",
                "Events let go for their age or for the room that they took.",
                None,
            ),
        }
    }
}

impl Retention {
    /// For these events.
    pub fn new(events: EventStore, config: &EventsConfig, tally: RetentionTally) -> Self {
        Self {
            events,
            config: config.clone(),
            ages: AgeClock::default(),
            tally,
        }
    }

    /// Runs until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                kept = self.keep_within() => {
                    // The store says itself what is wrong with it.
                    if let Err(error) = kept {
                        tracing::debug!("no events are let go: {error}");
                    }
                }
            }
        }
    }

    /// Lets go of all that is too old by a clock that is believed, or too much now, a few at once, or more than come meanwhile; others write in between.
    ///
    /// # Errors
    /// Why the store cannot write; [`StoreError::Slow`] when it does not in time.
    pub async fn keep_within(&mut self) -> Result<(), StoreError> {
        let mut stride = Stride::default();
        while self.step(&mut stride).await?.more {}
        Ok(())
    }

    pub(super) async fn step(&mut self, stride: &mut Stride) -> Result<EventsPruned, StoreError> {
        let bounds = self.bounds(stride.at_once);
        let mut pruning = self.events.prune(bounds)?;
        let slow = || Err(StoreError::Slow(self.events.file().to_owned()));
        let pruned = pruning.within(PATIENCE).await.unwrap_or_else(slow)?;
        stride.told(&pruned);
        self.tally.pruned.add(pruned.gone);
        self.tally.rows.set(pruned.rows);
        self.tally.bytes.set(pruned.bytes);
        Ok(pruned)
    }

    fn bounds(&mut self, at_once: usize) -> EventBounds {
        let oldest = self.ages.oldest(self.config.retention.0);
        EventBounds {
            // In microseconds.
            oldest: oldest.saturating_mul(1_000),
            bytes: self.config.max_size.0,
            at_once,
        }
    }
}

/// How many events go with one change: when more come between two changes than go with one, there would be ever more of them.
pub(super) struct Stride {
    at_once: usize,
    /// How many there were after the last change.
    rows: Option<u64>,
}

impl Default for Stride {
    fn default() -> Self {
        Self {
            at_once: AT_ONCE,
            rows: None,
        }
    }
}

impl Stride {
    /// What came since the change before, and half as many again, so that what is too much gets less.
    fn told(&mut self, pruned: &EventsPruned) {
        let there_were = pruned.rows + pruned.gone;
        let came = self.rows.map_or(0, |rows| there_were.saturating_sub(rows));
        let came = usize::try_from(came).unwrap_or(usize::MAX);
        self.at_once = came.saturating_add(came / 2).saturating_add(AT_ONCE);
        self.rows = Some(pruned.rows);
    }
}
