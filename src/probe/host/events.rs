//! `probity:events`: events that a guest tells, checked at once and handed on when the run has gone well.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::Guest;
use crate::model::{Event, Failure};
use crate::probe::v0_1_0::probity::events::events::Host;

/// Takes the events of guests.
pub trait EventSink: Send + Sync {
    /// Holds an event of the probe `probe` against its kind. Nothing if it is one that is not kept.
    ///
    /// # Errors
    /// `events.kind` or `events.body`, which names the place.
    fn check(&self, probe: &str, kind: &str, body: &str) -> Result<Option<Event>, Failure>;

    /// Takes the events of a run that went well, as they were checked. Never waits; what it cannot take it counts.
    fn take(&self, probe: &str, events: Vec<Event>);
}

/// The events of one run.
#[derive(Default)]
pub(super) struct StagedEvents {
    events: Vec<Event>,
    /// How many were told, those included that are not kept.
    told: u32,
    /// Bytes of their bodies.
    bytes: u64,
}

impl StagedEvents {
    pub(super) fn take(&mut self) -> Vec<Event> {
        std::mem::take(self).events
    }

    pub(super) fn discard(&mut self) {
        *self = Self::default();
    }
}

impl Guest {
    fn tell(&mut self, kind: &str, body: &str) -> Result<(), Failure> {
        let settings = self.settings.clone();
        let Some(sink) = &settings.events else {
            let message = "nobody takes events here";
            return Err(Failure::new("unsupported", message));
        };
        let limits = &settings.limits;
        self.events.told += 1;
        self.events.bytes += body.len() as u64;
        if self.events.told > limits.events {
            let most = limits.events;
            let message = format!("an event is one too many: at most {most} (limits.events)");
            return Err(self.violate("events", Failure::new("events.too-many", message)));
        }
        if self.events.bytes > limits.event_bytes.0 {
            let (bytes, most) = (self.events.bytes, limits.event_bytes);
            let message = format!("events of {bytes} bytes: at most {most} (limits.event_bytes)");
            return Err(self.violate("event_bytes", Failure::new("events.too-large", message)));
        }
        let check = || sink.check(&settings.name, kind, body);
        let event = settings.tape.event(kind, body, check)?;
        self.events.events.extend(event);
        Ok(())
    }
}

impl Host for Guest {
    fn emit(
        &mut self,
        kind: String,
        body_json: String,
    ) -> wasmtime::Result<Result<(), Resource<Failure>>> {
        let result = self.tell(&kind, &body_json);
        self.answer(result)
    }
}

/// Where events go, if anywhere.
pub(in crate::probe) type Sink = Option<Arc<dyn EventSink>>;
