//! What the built-in samplers tell of the machine, read once, for probes that derive from the snapshot.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::model::{Observation, Outcome, SourceInfo, SourceKind, Update};
use crate::sampler::{self, Maker, Sampler};

/// Between the two samples that a rate takes.
const GAP: Duration = Duration::from_millis(200);
/// What was read is to be as good at the end of a test as at its beginning.
const INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// It measures over seconds what is not there: a program that serves.
const LEFT_OUT: &str = "event-loop";

/// The samplers' updates, as the merge is told them. What this machine does not have, or does not let be read, is left out.
/// Blocks for a moment. `event_loop` is the runtime that it is called on.
pub(super) fn sample(event_loop: Handle) -> Vec<Update> {
    let machine = sampler::Machine::local(event_loop);
    let makers = sampler::build(&sampler::Config::default(), &machine);
    let makers = makers.iter().filter(|maker| maker.name() != LEFT_OUT);
    let mut samplers: Vec<_> = makers.filter_map(open).collect();
    for sampler in &mut samplers {
        // The first sample of a rate has none yet; whether it went well, the second one tells.
        let _first = sampler.sample(Instant::now());
    }
    thread::sleep(GAP);
    samplers.iter_mut().flat_map(updates).collect()
}

fn open(maker: &Maker) -> Option<Box<dyn Sampler>> {
    maker.make().ok()
}

fn updates(sampler: &mut Box<dyn Sampler>) -> Vec<Update> {
    let (name, started): (Arc<str>, _) = (sampler.name().into(), Instant::now());
    if sampler.sample(started).is_err() {
        return Vec::new();
    }
    let (facts, staged) = sampler.take();
    let source = SourceInfo {
        name: name.clone(),
        kind: SourceKind::Sampler,
        interval: INTERVAL,
    };
    let observation = Observation {
        source: name,
        started,
        duration: started.elapsed(),
        lateness: Duration::ZERO,
        missed: 0,
        outcome: Outcome::Ok,
        staged,
        checks: Vec::new(),
        facts: Some(facts),
        probe: None,
    };
    vec![
        Update::Source(source),
        Update::Observation(Box::new(observation)),
    ]
}
