//! Events of the program that has Probity in it: typed, and cheap where they are not wanted.

use std::sync::Arc;

use super::Events;
use super::batch::{Batch, Receipt, Refusal, Taken};
use super::fault::{At, Fault, Faults, Reason};
use super::kinds::EventData;
use super::read::envelope::{
    MAX_ID_BYTES, MAX_TEXT_BYTES, OWN_SOURCE, check_traceparent, kind_of_our_own, needs_run,
    source_of_our_own, wrong_text,
};
use crate::model::Event;

/// Records events under one source; cloning gives another.
#[derive(Clone)]
pub struct Recorder {
    events: Events,
    source: Arc<str>,
    /// Whether it is the program itself that records.
    is_own: bool,
}

/// What an event belongs to. Texts have at most 256 bytes, an id 128, and no control characters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// Tells it from all others; one is given if there is none.
    pub id: Option<&'a str>,
    /// The run that it is part of: runs, steps and artifacts need one.
    pub run: Option<&'a str>,
    /// What ties it to logs and to other events.
    pub correlation: Option<&'a str>,
    /// The trace context that it happens in, as a W3C `traceparent`.
    pub trace: Option<&'a str>,
}

/// Why an event is not recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrecorded {
    /// It is not what its kind says, or too large.
    #[error(transparent)]
    Faults(#[from] Faults),
    /// It is not taken.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Events {
    /// A recorder for what `source` tells, which is neither `probity` nor begins with `probe/`.
    pub fn recorder(&self, source: &str) -> Recorder {
        Recorder {
            events: self.clone(),
            source: source.into(),
            is_own: false,
        }
    }

    /// The recorder for what the program tells itself.
    pub(super) fn own_recorder(&self) -> Recorder {
        Recorder {
            is_own: true,
            ..self.recorder(OWN_SOURCE)
        }
    }
}

impl Recorder {
    /// Records an event, and does not wait for the disk: a kill may lose it until it is there. `data` is not called when events are
    /// switched off, or when this one is left out by sampling; only for kinds that tell of an operation, a request, a session or a
    /// worker, at a share between 0 and 1 and without a trace and a run, it is called to see of which.
    ///
    /// # Errors
    /// Why it is not recorded; that is counted. A full queue is one reason.
    pub fn record<D: EventData>(
        &self,
        context: &Context<'_>,
        data: impl FnOnce() -> D,
    ) -> Result<(), Unrecorded> {
        let Some(data) = self.wanted(context, data) else {
            return Ok(());
        };
        let batch = self.batch(context, data)?;
        self.events.enqueue(batch)?;
        Ok(())
    }

    /// Records an event and waits until it is on disk. The receipt says if it was left out by sampling; while events are switched
    /// off it is empty.
    ///
    /// # Errors
    /// Why it is not on disk; after [`crate::store::StoreError::Slow`] it may be.
    pub async fn commit<D: EventData>(
        &self,
        context: &Context<'_>,
        data: impl FnOnce() -> D,
    ) -> Result<Receipt, Unrecorded> {
        let Some(data) = self.wanted(context, data) else {
            let sampled_out = u64::from(self.events.are_on());
            return Ok(Receipt {
                sampled_out,
                ..Receipt::default()
            });
        };
        let batch = self.batch(context, data)?;
        Ok(self.events.commit(batch).await?)
    }

    /// What the event says, if it is wanted. What the program tells itself always is.
    fn wanted<D: EventData>(&self, context: &Context<'_>, data: impl FnOnce() -> D) -> Option<D> {
        if !self.events.are_on() {
            return None;
        }
        if self.is_own {
            return Some(data());
        }
        let belongs = (context.trace, context.run, context.id);
        self.events
            .sample(D::KIND.as_str(), belongs, data, D::SUBJECT)
    }

    fn batch<D: EventData>(&self, context: &Context<'_>, data: D) -> Result<Batch, Faults> {
        let taken = self.event(context, &data).and_then(|event| {
            let mut taken = Taken {
                event,
                data: data.into(),
                at: At::Index(0),
            };
            self.events.redact(&mut taken, context.id.is_none())?;
            Ok(taken)
        });
        let taken = taken.inspect_err(|fault| {
            self.events.shared().tally.refused(fault.reason, 1);
        })?;
        Ok(Batch {
            events: vec![taken],
            ..Batch::default()
        })
    }

    fn event<D: EventData>(&self, context: &Context<'_>, data: &D) -> Result<Event, Fault> {
        let kind = D::KIND.as_str();
        let other = || source_of_our_own(&self.source).or_else(|| kind_of_our_own(kind));
        if let Some(fault) = (!self.is_own).then(other).flatten() {
            return Err(fault);
        }
        context.check(kind)?;
        let text = serde_json::to_string(data)
            .map_err(|error| Fault::new(Reason::Data, "/data", error.to_string()))?;
        let most = self.events.shared().config.max_event_size;
        if text.len() as u64 > most.0 {
            let bytes = text.len();
            let message = format!("has {bytes} bytes: at most {most} (events.max_event_size)");
            return Err(Fault::new(Reason::Size, "/data", message));
        }
        Ok(Event {
            id: match context.id {
                Some(id) => id.into(),
                None => self.events.shared().ids.next(),
            },
            kind: self.events.shared().names[&D::KIND].clone(),
            version: D::KIND.version(),
            time: jiff::Timestamp::now().as_microsecond(),
            source: Some(Box::from(&*self.source)),
            run: context.run.map(Box::from),
            correlation: context.correlation.map(Box::from),
            trace: context.trace.map(Box::from),
            outcome: data.outcome(),
            data: text.into(),
        })
    }
}

impl Context<'_> {
    fn check(&self, kind: &str) -> Result<(), Fault> {
        let fault = |pointer, message: String| Fault::new(Reason::Envelope, pointer, message);
        for (pointer, text, most) in [
            ("/id", self.id, MAX_ID_BYTES),
            ("/run", self.run, MAX_TEXT_BYTES),
            ("/correlation", self.correlation, MAX_TEXT_BYTES),
        ] {
            if let Some(wrong) = text.and_then(|text| wrong_text(text, 1, most)) {
                return Err(fault(pointer, wrong));
            }
        }
        if let Some(Err(wrong)) = self.trace.map(check_traceparent) {
            return Err(fault("/traceparent", wrong.to_owned()));
        }
        if self.run.is_none() && needs_run(kind) {
            return Err(fault(
                "/run",
                format!("{kind} is part of a run: it needs one"),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
