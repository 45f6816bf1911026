//! One event, read and checked.

use serde_json::Value;
use serde_json::value::RawValue;

use super::envelope::{self, Envelope, MAX_SHOWN_BYTES, kind_of_our_own, of_our_own};
use super::faults::{self, Found};
use crate::event::Events;
use crate::event::batch::{Batch, Taken};
use crate::event::fault::{At, Fault, Faults, Reason};
use crate::event::kinds::Data;
use crate::event::schemas::KindSchema;
use crate::model::{Event, EventOutcome, printable};

/// What became of one.
pub(super) enum One {
    Taken { taken: Box<Taken>, given: bool },
    SampledOut,
}

/// How closely an event at fault is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// For everything that is wrong with it.
    Every,
    /// For what it is counted as: its words are not told to anybody, and finding them takes long.
    Reason,
}

impl One {
    pub(super) fn join(self, batch: &mut Batch) {
        match self {
            Self::SampledOut => batch.sampled_out += 1,
            Self::Taken { taken, given } => batch.add(*taken, given),
        }
    }
}

impl Events {
    /// Reads one event.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn read_one(&self, text: &str, at: At, depth: Depth) -> Result<One, Found> {
        let envelope: Envelope<'_> = match text.starts_with('{') {
            true => serde_json::from_str(text),
            // A list of the fields' values is none, whatever serde takes it for.
            false => Err(serde::de::Error::custom("is no object")),
        }
        .map_err(|error| match depth {
            Depth::Every => faults::of_event(text, &error, self.schemas()),
            Depth::Reason => faults::reason_of_event(text, &error).into(),
        })?;
        if let Some(fault) = of_our_own(&envelope) {
            return Err(fault.into());
        }
        self.read_enveloped(envelope, at, depth)
    }

    /// Reads what `source` tells.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(in crate::event) fn checked(
        &self,
        source: &str,
        kind: &str,
        body: &str,
    ) -> Result<Option<Event>, Faults> {
        let faults = |found: Found| {
            let found = self.redact_faults(found);
            Faults {
                list: found.list,
                more: found.more,
            }
        };
        let data: &RawValue = serde_json::from_str(body)
            .map_err(|error| faults(faults::no_json(Reason::Data, "/data", &error).into()))?;
        if let Some(fault) = kind_of_our_own(kind) {
            return Err(faults(fault.into()));
        }
        let envelope = Envelope::around(data, source, kind);
        let one = self.read_enveloped(envelope, At::Index(0), Depth::Every);
        Ok(match one.map_err(faults)? {
            One::Taken { taken, .. } => Some(taken.event),
            One::SampledOut => None,
        })
    }

    fn read_enveloped(&self, envelope: Envelope<'_>, at: At, depth: Depth) -> Result<One, Found> {
        let now = jiff::Timestamp::now().as_microsecond();
        let (time, found) = self.hold_against_bounds(&envelope, now);
        let kind = self.kind(&envelope.kind, envelope.version);
        let at_fault = |kind, found| match depth {
            Depth::Every => self.faults_of_data(kind, &envelope, found),
            Depth::Reason if found.is_empty() => self.reason_of_data(&envelope).into(),
            Depth::Reason => found,
        };
        let (kind, (data, outcome)) = match (kind, found) {
            (Ok(kind), None) => match self.read_data(kind, &envelope) {
                Some(read) => (kind, read),
                None => return Err(at_fault(kind, Found::default())),
            },
            (Ok(kind), Some(found)) => return Err(at_fault(kind, found)),
            (Err(fault), found) => {
                let mut found = found.unwrap_or_default();
                found.push(fault);
                return Err(found);
            }
        };
        let belongs = (
            envelope.traceparent.as_deref(),
            envelope.run.as_deref(),
            envelope.id.as_deref(),
        );
        let Some(data) = self.sample(&kind.name, belongs, || data, Some(Data::subject)) else {
            return Ok(One::SampledOut);
        };
        let given = envelope.id.is_none();
        let event = Event {
            id: envelope.id.unwrap_or_else(|| self.shared().ids.next()),
            kind: kind.name.clone(),
            version: kind.version,
            time,
            source: envelope.source,
            run: envelope.run,
            correlation: envelope.correlation,
            trace: envelope.traceparent,
            outcome,
            data: envelope.data.get().into(),
        };
        let mut taken = Box::new(Taken { event, data, at });
        self.redact(&mut taken, given)?;
        Ok(One::Taken { taken, given })
    }

    /// The time of an event, and what is wrong with its envelope.
    fn hold_against_bounds(&self, envelope: &Envelope<'_>, now: i64) -> (i64, Option<Found>) {
        let mut found = Found::default();
        envelope.faults(|fault| found.push(fault));
        let time = match &envelope.time {
            None => now,
            Some(text) => envelope::read_time(text, now).unwrap_or_else(|wrong| {
                found.push(Fault::new(Reason::Envelope, "/time", wrong));
                now
            }),
        };
        (time, (!found.is_empty()).then_some(found))
    }

    /// What an event says; nothing if there is something wrong with it.
    fn read_data(
        &self,
        kind: &KindSchema,
        envelope: &Envelope<'_>,
    ) -> Option<(Data, Option<EventOutcome>)> {
        let text = envelope.data.get();
        if !text.starts_with('{') || text.len() as u64 > self.shared().config.max_event_size.0 {
            return None;
        }
        if let Some(known) = kind.known {
            return known.read(text).ok();
        }
        let value: Value = serde_json::from_str(text).ok()?;
        let valid = kind
            .validator()
            .is_some_and(|validator| validator.is_valid(&value));
        valid.then_some((Data::Declared, None))
    }

    /// Why what an event says is at fault, without a closer look.
    fn reason_of_data(&self, envelope: &Envelope<'_>) -> Fault {
        let is_large = envelope.data.get().len() as u64 > self.shared().config.max_event_size.0;
        let reason = if is_large { Reason::Size } else { Reason::Data };
        Fault::new(reason, "/data", "is not what its kind says")
    }

    /// With everything that is wrong with what an event says.
    fn faults_of_data(
        &self,
        kind: &KindSchema,
        envelope: &Envelope<'_>,
        mut found: Found,
    ) -> Found {
        let text = envelope.data.get();
        let most = self.shared().config.max_event_size;
        if text.len() as u64 > most.0 {
            let message = format!(
                "has {} bytes: at most {most} (events.max_event_size)",
                text.len()
            );
            found.push(Fault::new(Reason::Size, "/data", message));
        } else if text.starts_with('{') {
            faults::of_data(&mut found, text, kind.validator(), kind.known);
        } else {
            found.push(Fault::new(Reason::Data, "/data", "is no object"));
        }
        found
    }

    /// The kind of this name and version, if there is one.
    fn kind(&self, name: &str, version: Option<u32>) -> Result<&KindSchema, Fault> {
        let schemas = self.schemas();
        if let Some(kind) = schemas.find(name, version) {
            return Ok(kind);
        }
        let Some(versions) = schemas.versions(name) else {
            let message = format!(
                "{} is no kind of event that is known here",
                printable(name, MAX_SHOWN_BYTES)
            );
            return Err(Fault::new(Reason::Kind, "/kind", message));
        };
        let known: Vec<String> = versions.map(|kind| kind.version.to_string()).collect();
        let message = format!(
            "{name} has no such version; known here: {}",
            known.join(", ")
        );
        Err(Fault::new(Reason::Kind, "/version", message))
    }
}
