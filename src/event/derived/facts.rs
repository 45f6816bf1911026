//! What there is to show of it all.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::Derived;
use super::flight::Begun;
use super::work::Work;
use crate::model::{ActiveWork, ActivityFacts, NameFacts, WorkFacts};

/// Pieces of work under way that are shown of one sort.
const SHOWN: usize = 100;

impl Derived {
    /// Everything as it is at `now`.
    pub fn facts(&mut self, now: Instant) -> ActivityFacts {
        let window = self.config.window.0;
        ActivityFacts {
            events: self.events(),
            operations: self.operations.facts(now),
            requests: self.requests.known_facts(now),
            runs: self.runs.known_facts(now),
            queues: self.queues.facts(window, now),
            workers: self.workers.facts(&self.pools, now),
            pools: self.pools.facts(&self.workers, window, now),
            sessions: self.sessions.facts(),
        }
    }
}

impl Work {
    fn known_facts(&mut self, now: Instant) -> Option<WorkFacts> {
        self.was_told().then(|| self.facts(now))
    }

    fn facts(&mut self, now: Instant) -> WorkFacts {
        let late = |begun: &Begun| is_overdue(begun, now);
        let overdue = self.flight.iter().filter(|(_, begun)| late(begun)).count();
        let names: Vec<Arc<NameFacts>> = {
            let names = self.names.iter_mut();
            names.map(|(name, named)| named.show(name)).collect()
        };
        WorkFacts {
            in_flight: self.flight.len() as u64,
            overdue: overdue as u64,
            lost: names.iter().map(|name| name.lost).sum(),
            active: self.oldest(now, |_| true),
            overdue_work: if overdue > 0 {
                self.oldest(now, late)
            } else {
                Vec::new()
            },
            recent: self.recent(),
            names,
        }
    }

    /// The oldest of those under way that are wanted.
    fn oldest(&self, now: Instant, wanted: impl Fn(&Begun) -> bool) -> Vec<ActiveWork> {
        let mut all: Vec<_> = self
            .flight
            .iter()
            .filter(|(_, begun)| wanted(begun))
            .collect();
        if all.len() > SHOWN {
            all.select_nth_unstable_by_key(SHOWN, |(_, begun)| begun.since);
            all.truncate(SHOWN);
        }
        // Those of one moment by their ids, so that they stay where they are.
        all.sort_unstable_by(|(one, first), (other, second)| {
            first.since.cmp(&second.since).then_with(|| one.cmp(other))
        });
        let active = |(id, begun): (&Arc<str>, &Begun)| ActiveWork {
            id: id.clone(),
            name: self.names.name(begun.name).clone(),
            worker: begun.worker.as_ref().map(|worker| worker.id.clone()),
            elapsed: now.saturating_duration_since(begun.since),
            expected: begun.expected,
        };
        all.into_iter().map(active).collect()
    }

    /// How many of each name should have ended by `now`, by the names' places.
    pub(super) fn overdue_by_name(&self, now: Instant) -> HashMap<usize, u64> {
        let mut overdue = HashMap::new();
        for (_, begun) in self
            .flight
            .iter()
            .filter(|(_, begun)| is_overdue(begun, now))
        {
            *overdue.entry(begun.name).or_default() += 1;
        }
        overdue
    }
}

fn is_overdue(begun: &Begun, now: Instant) -> bool {
    let elapsed = now.saturating_duration_since(begun.since);
    begun.expected.is_some_and(|expected| elapsed > expected)
}
