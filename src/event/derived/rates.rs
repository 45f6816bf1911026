//! Error rates that cross their threshold.

use std::collections::HashMap;
use std::time::Duration;

use super::Derived;
use super::work::Work;
use crate::event::kinds::ErrorRateCrossed;

/// An error rate is below its threshold again only when it is below this share of it, so that one that stays near it does
/// not cross again and again.
const CLEAR: f64 = 0.8;

/// The runs of probes: each probe has a check of its own, which says more.
pub(in crate::event) const PROBE_RUNS: &str = "probe.run";

/// An error rate has crossed its threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    /// Of what: `operations` or `requests`.
    pub of: &'static str,
    /// The operations' name, or the requests' route.
    pub name: String,
    /// Whether it is above now, or below again.
    pub above: bool,
    /// The share, 0 to 1.
    pub rate: f64,
    /// The threshold.
    pub threshold: f64,
    /// The time that it is of.
    pub window: Duration,
    /// How many ended in that time.
    pub count: u64,
}

impl Crossing {
    /// What an event says of it.
    pub fn data(&self) -> ErrorRateCrossed {
        ErrorRateCrossed {
            of: self.of.into(),
            name: self.name.as_str().into(),
            above: self.above,
            rate: self.rate,
            threshold: self.threshold,
            window_ms: self.window.into(),
            count: self.count,
        }
    }
}

impl Derived {
    /// Takes over where error rates were when the program ended, of crossings that were told then, the oldest first: of those that are
    /// above, the way back is told when they are well again.
    pub(super) fn recall_crossings(&mut self, told: &[&ErrorRateCrossed]) {
        let last: HashMap<_, _> = told
            .iter()
            .map(|one| ((&*one.of, &*one.name), one.above))
            .collect();
        let slice = self.measures.outcomes.at(self.clock.now);
        for ((of, name), above) in last {
            let work = match of {
                "operations" => &mut self.operations,
                "requests" => &mut self.requests,
                _ => continue,
            };
            if above {
                let place = work.place(&self.measures, name);
                work.names.at(place).rate.recall(slice);
            }
        }
    }

    /// Judges all error rates.
    pub(super) fn crossings(&mut self) -> Vec<Crossing> {
        let config = &self.config.error_rate;
        let judge = |of: &'static str, work: &mut Work| {
            let judged = work.names.iter_mut().filter_map(|(name, named)| {
                if **name == *PROBE_RUNS {
                    return None;
                }
                let threshold = config.threshold;
                let above = named
                    .rate
                    .judge(threshold, threshold * CLEAR, config.least)?;
                named.touch();
                let rate = named.rate.rate();
                Some(Crossing {
                    of,
                    name: name.to_string(),
                    above,
                    rate: rate.map_or(0.0, |rate| rate.rate),
                    threshold,
                    window: config.window.0,
                    count: rate.map_or(0, |rate| rate.count),
                })
            });
            judged.collect::<Vec<_>>()
        };
        let mut crossings = judge("operations", &mut self.operations);
        crossings.extend(judge("requests", &mut self.requests));
        crossings
    }
}
