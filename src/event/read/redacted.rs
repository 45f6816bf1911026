//! An event without its secrets, before anybody else sees it.

use std::borrow::Cow;

use super::faults::Found;
use crate::event::Events;
use crate::event::batch::Taken;
use crate::event::fault::{Fault, Reason};
use crate::event::kinds::{Data, Kind};

impl Events {
    /// Takes the secrets out of an event; `given` says that its id was given here. What it says is read anew where that changes it.
    ///
    /// # Errors
    /// Its id is a secret, or what is left is not what its kind says.
    pub(in crate::event) fn redact(&self, taken: &mut Taken, given: bool) -> Result<(), Fault> {
        let redactor = &self.shared().redactor;
        let event = &mut taken.event;
        if !given && matches!(redactor.text(&event.id), Cow::Owned(_)) {
            let message = "looks like a secret, and an id is kept as it is";
            return Err(Fault::new(Reason::Envelope, "/id", message));
        }
        for text in [
            &mut event.source,
            &mut event.run,
            &mut event.correlation,
            &mut event.trace,
        ] {
            let redacted = text.as_deref().map(|text| redactor.text(text));
            if let Some(Cow::Owned(redacted)) = redacted {
                *text = Some(redacted.into());
            }
        }
        let Cow::Owned(redacted) = redactor.json(&event.data) else {
            return Ok(());
        };
        if let (Some(kind), false) = (Kind::of(&event.kind), matches!(taken.data, Data::Declared)) {
            let (data, outcome) = kind.read(&redacted).map_err(|_| {
                let message =
                    "is not what its kind says once its secrets are taken out: see redaction.keys";
                Fault::new(Reason::Data, "/data", message)
            })?;
            taken.data = data;
            event.outcome = outcome;
        }
        event.data = redacted.into();
        Ok(())
    }

    /// The same faults without secrets in their words.
    pub(super) fn redact_faults(&self, mut found: Found) -> Found {
        let redactor = &self.shared().redactor;
        for fault in &mut found.list {
            for text in [&mut fault.pointer, &mut fault.message] {
                if let Cow::Owned(redacted) = redactor.text(text) {
                    *text = redacted;
                }
            }
        }
        found
    }
}
