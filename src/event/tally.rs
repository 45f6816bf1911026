//! What is counted of events on their way.

use super::fault::Reason;
use crate::model::{Tally, TallyCounter};

/// All numbers; cloning shares them.
#[derive(Debug, Clone)]
pub(super) struct EventTally {
    /// New events on disk.
    pub(super) accepted: TallyCounter,
    /// Events that were on disk already.
    pub(super) doubled: TallyCounter,
    /// Events for which there was no room in the queue.
    pub(super) full: TallyCounter,
    /// Events that were on their way, and that the store did not take.
    pub(super) lost: TallyCounter,
    /// Secrets that were taken out of events.
    pub(super) redactions: TallyCounter,
    refused: [TallyCounter; Reason::ALL.len()],
}

impl EventTally {
    pub(super) fn new(tally: &mut Tally) -> Self {
        let mut counter = |name, help| tally.counter(name, help, None);
        let accepted = counter(
            "probity_events_accepted_total",
            "Events that are new and on disk.",
        );
        let doubled = counter(
            "probity_events_doubled_total",
            "Events that were on disk already when they came.",
        );
        let full = counter(
            "probity_events_queue_full_total",
            "Events refused because too much was under way to the disk.",
        );
        let lost = counter(
            "probity_events_lost_total",
            "Events that were on their way, nobody waiting, and that the store did not take.",
        );
        let redactions = counter(
            "probity_events_redactions_total",
            "Secrets that were taken out of events.",
        );
        let refused = Reason::ALL.map(|reason| {
            tally.counter(
                "probity_events_refused_total",
                "Events refused for what is wrong with them, by what that is.",
                Some(("reason", reason.as_str())),
            )
        });
        Self {
            accepted,
            doubled,
            full,
            lost,
            redactions,
            refused,
        }
    }

    pub(super) fn refused(&self, reason: Reason, count: u64) {
        let place = Reason::ALL.iter().position(|one| *one == reason);
        let place = place.expect("every reason is listed");
        self.refused[place].add(count);
    }

    #[cfg(test)]
    pub(super) fn refused_so_far(&self, reason: Reason) -> u64 {
        let place = Reason::ALL.iter().position(|one| *one == reason);
        self.refused[place.expect("every reason is listed")].get()
    }
}
