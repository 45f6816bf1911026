//! Events of guests: each probe is a source of its own.

use std::sync::Arc;

use crate::config::Config;
use crate::event::{Committed, Events, Fault, Faults, Reason};
use crate::model::{Event, Failure, Invalid, Tally};
use crate::probe::EventSink;

/// Keeps them where all events are kept.
struct Kept(Events);

/// Checks them as a running Probity does, and keeps none.
struct Checked(Events);

/// The way of events as it is configured.
///
/// # Errors
/// What is not acceptable in the configuration, if nobody has held it against the rules.
pub(super) fn way(config: &Config, tally: &mut Tally) -> anyhow::Result<(Events, Committed)> {
    let made = Events::new(&config.events, &config.redaction, None, tally);
    made.map_err(|fault| {
        let Invalid {
            key, value, rule, ..
        } = fault;
        anyhow::anyhow!("events: `{key}` is {value}: it {rule}")
    })
}

/// What keeps the events of guests.
pub(super) fn kept(events: Events) -> Arc<dyn EventSink> {
    Arc::new(Kept(events))
}

/// What checks the events of guests and keeps none of them, for whoever runs a probe by itself.
///
/// # Errors
/// What is not acceptable in the configuration, if nobody has held it against the rules.
pub fn check_events(config: &Config) -> anyhow::Result<Arc<dyn EventSink>> {
    let (events, _) = way(config, &mut Tally::default())?;
    Ok(Arc::new(Checked(events)))
}

impl EventSink for Kept {
    fn check(&self, probe: &str, kind: &str, body: &str) -> Result<Option<Event>, Failure> {
        check(&self.0, probe, kind, body)
    }

    fn take(&self, probe: &str, events: Vec<Event>) {
        let count = events.len();
        if let Err(refusal) = self.0.hand_over(events) {
            tracing::warn!(probe, "{count} events of a probe are not kept: {refusal}");
        }
    }
}

impl EventSink for Checked {
    fn check(&self, probe: &str, kind: &str, body: &str) -> Result<Option<Event>, Failure> {
        check(&self.0, probe, kind, body)
    }

    fn take(&self, _: &str, _: Vec<Event>) {}
}

fn check(events: &Events, probe: &str, kind: &str, body: &str) -> Result<Option<Event>, Failure> {
    let failure = |faults: Faults| {
        let of_kind = |fault: &Fault| fault.reason == Reason::Kind;
        let code = match faults.list.iter().any(of_kind) {
            true => "events.kind",
            false => "events.body",
        };
        Failure::new(code, faults.to_string())
    };
    let checked = events.check(&format!("probe/{probe}"), kind, body);
    checked.map_err(failure)
}
