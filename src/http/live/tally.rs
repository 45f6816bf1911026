//! What the stream counts of itself, and the places of its clients.

use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Tally, TallyCounter, TallyGauge};

/// The stream's counters. Cloning shares them.
#[derive(Debug, Clone)]
pub struct StreamTally {
    /// Frames encoded, each for all clients that get it.
    pub(in crate::http) frames_encoded: TallyCounter,
    /// Clients listening now.
    pub(super) clients: TallyGauge,
    /// Clients dropped because they did not take what was sent in time.
    pub(in crate::http) dropped_slow: TallyCounter,
    /// Clients dropped because more happened than is kept while they took nothing.
    pub(super) dropped_overtaken: TallyCounter,
    /// Clients sent away because a part that they had asked for is there no more.
    pub(super) dropped_no_part: TallyCounter,
    /// Clients refused because all places were taken.
    pub(super) refused_clients: TallyCounter,
    /// Clients refused because too many different documents are listened to.
    pub(super) refused_views: TallyCounter,
}

impl StreamTally {
    /// Makes the counters in `tally`, so that the merge publishes them.
    pub(in crate::http) fn new(tally: &mut Tally) -> Self {
        let clients = tally.gauge(
            "probity_stream_clients",
            "",
            "Clients that listen to the live stream.",
        );
        let frames_encoded = tally.counter(
            "probity_stream_frames_encoded_total",
            "Frames encoded for the live stream, each for all who get it.",
            None,
        );
        let mut dropped = |reason| {
            let help = "Clients that the live stream dropped, by reason.";
            tally.counter(
                "probity_stream_dropped_total",
                help,
                Some(("reason", reason)),
            )
        };
        let (dropped_slow, dropped_overtaken, dropped_no_part) =
            (dropped("slow"), dropped("overtaken"), dropped("no_part"));
        let mut refused = |reason| {
            let help = "Clients that the live stream refused, by what there were too many of.";
            tally.counter(
                "probity_stream_refused_total",
                help,
                Some(("reason", reason)),
            )
        };
        Self {
            clients,
            frames_encoded,
            dropped_slow,
            dropped_overtaken,
            dropped_no_part,
            refused_clients: refused("clients"),
            refused_views: refused("views"),
        }
    }

    /// Clients listening now.
    pub fn clients(&self) -> u64 {
        self.clients.get()
    }

    /// Frames encoded so far.
    pub fn frames_encoded(&self) -> u64 {
        self.frames_encoded.get()
    }

    /// Clients dropped so far because they were slow: they took nothing for too long, or more happened than is kept.
    pub fn dropped(&self) -> u64 {
        self.dropped_slow.get() + self.dropped_overtaken.get()
    }

    /// Clients refused so far, for want of a place or for one document too many.
    pub fn refused(&self) -> u64 {
        self.refused_clients.get() + self.refused_views.get()
    }
}

/// The places for clients.
#[derive(Debug)]
pub(super) struct Places {
    most: u32,
    taken: Arc<Mutex<u32>>,
    gauge: TallyGauge,
}

/// One client's place.
#[derive(Debug)]
pub(in crate::http) struct Place {
    taken: Arc<Mutex<u32>>,
    gauge: TallyGauge,
}

impl Places {
    /// `most` places, all free; `gauge` shows how many are taken.
    pub(super) fn new(most: u32, gauge: TallyGauge) -> Self {
        Self {
            most,
            taken: Arc::default(),
            gauge,
        }
    }

    /// How many there are.
    pub(super) fn most(&self) -> u32 {
        self.most
    }

    /// Takes one, unless all are taken.
    pub(super) fn take(&self) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        (*taken < self.most).then(|| {
            *taken += 1;
            self.gauge.set(u64::from(*taken));
            Place {
                taken: self.taken.clone(),
                gauge: self.gauge.clone(),
            }
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken -= 1;
        self.gauge.set(u64::from(*taken));
    }
}
