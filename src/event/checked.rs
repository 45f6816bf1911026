//! Events that are checked at one time and handed over at another: those of a probe's run, which count only if it goes well.

use super::Events;
use super::batch::{Batch, Receipt, Refusal, Taken};
use super::fault::{At, Fault, Faults, Reason};
use super::kinds::{Data, Kind};
use super::read::envelope::{MAX_SHOWN_BYTES, needs_run};
use crate::model::{Event, printable};

impl Events {
    /// Holds what `source` tells against its kind, of which the newest version counts. Nothing if the event is left out by sampling, or
    /// if events are switched off.
    ///
    /// # Errors
    /// Everything that is wrong; that is counted.
    pub fn check(&self, source: &str, kind: &str, body: &str) -> Result<Option<Event>, Faults> {
        if !self.are_on() {
            return Ok(None);
        }
        let checked = match needs_run(kind) {
            true => {
                let kind = printable(kind, MAX_SHOWN_BYTES);
                let message = format!("{kind} is part of a run, and there is none here");
                Err(Fault::new(Reason::Kind, "/kind", message).into())
            }
            false => self.checked(source, kind, body),
        };
        checked.inspect_err(|faults: &Faults| {
            let reason = faults.list.first().map_or(Reason::Data, |one| one.reason);
            self.shared().tally.refused(reason, 1);
        })
    }

    /// Hands events over that [`Events::check`] gave. Never waits.
    ///
    /// # Errors
    /// Why they are not taken; that is counted.
    pub fn hand_over(&self, events: Vec<Event>) -> Result<Receipt, Refusal> {
        let count = events.len() as u64;
        let taken = events.into_iter().enumerate().map(|(index, event)| Taken {
            data: self.data_of(&event),
            event,
            at: At::Index(index),
        });
        let batch = Batch {
            events: taken.collect(),
            ..Batch::default()
        };
        self.enqueue(batch).inspect_err(|refusal| {
            if !matches!(refusal, Refusal::Full { .. }) {
                self.shared().tally.lost.add(count);
            }
        })
    }

    /// What a checked event says.
    fn data_of(&self, event: &Event) -> Data {
        let known = Kind::of(&event.kind);
        let read = known.and_then(|kind| kind.read(&event.data).ok());
        read.map_or(Data::Declared, |(data, _)| data)
    }
}
