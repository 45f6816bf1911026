//! From bytes to checked events: parsed, held against their schemas, sampled.

pub(crate) mod envelope;
mod faults;
mod listed;
mod one;

use serde_json::value::RawValue;

#[cfg(test)]
mod agreement_tests;
#[cfg(test)]
mod bounds_tests;
#[cfg(test)]
mod envelope_tests;
mod redacted;
#[cfg(test)]
mod tests;

use super::Events;
use super::batch::Batch;
use super::fault::{At, Fault, Faults, Reason};
use faults::Found;
use listed::NoList;
use one::Depth;

/// What events are sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One event, or a list of them.
    Json,
    /// One event a line (NDJSON); empty lines do not count as events.
    Lines,
}

impl Events {
    /// Reads, checks and samples events. Takes some microseconds an event, and never waits: a large body had better be read
    /// where blocking is no harm. With `partial` events that are at fault are left out, and told in the receipt.
    ///
    /// # Errors
    /// Everything that is wrong; with `partial` only what is wrong with the body as a whole.
    pub fn read(&self, body: &[u8], form: Form, partial: bool) -> Result<Batch, Faults> {
        let mut batch = Batch {
            partial,
            ..Batch::default()
        };
        let read = match form {
            Form::Json => self.read_json(body, &mut batch),
            Form::Lines => self.read_lines(body, &mut batch),
        };
        if let Err(fault) = read {
            self.shared().tally.refused(fault.reason, 1);
            return Err(fault.into());
        }
        if partial || batch.refused.is_empty() {
            return Ok(batch);
        }
        Err(batch.refused)
    }

    fn read_json(&self, body: &[u8], batch: &mut Batch) -> Result<(), Fault> {
        let body = text(body, 0)?.trim_start_matches(is_blank);
        if body.starts_with('[') {
            let most = self.shared().queue.most().events;
            let events = listed::split(body, most).map_err(|error| match error {
                NoList::TooLong => self.too_many(),
                NoList::NoJson(error) => syntax(&error),
            })?;
            for (index, event) in events.into_iter().enumerate() {
                self.take(event.get(), At::Index(index), batch)?;
            }
            return Ok(());
        }
        let event: &RawValue = serde_json::from_str(body).map_err(|error| syntax(&error))?;
        self.take(event.get(), At::Index(0), batch)
    }

    fn read_lines(&self, body: &[u8], batch: &mut Batch) -> Result<(), Fault> {
        let most = self.shared().queue.most().events;
        let mut count = 0;
        for (place, line) in body.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            count += 1;
            if count > most {
                return Err(self.too_many());
            }
            let at = At::Line(place + 1);
            match text(line, 0) {
                Ok(line) => self.take(line, at, batch)?,
                Err(fault) => {
                    self.shared().tally.refused(fault.reason, 1);
                    batch.refused.push(fault.at(Some(at)));
                }
            }
        }
        Ok(())
    }

    /// Takes one event, or what is wrong with it.
    ///
    /// # Errors
    /// With it the batch is larger than the queue ever has room for.
    fn take(&self, text: &str, at: At, batch: &mut Batch) -> Result<(), Fault> {
        let depth = match batch.refused.is_full() {
            true => Depth::Reason,
            false => Depth::Every,
        };
        match self.read_one(text, at, depth) {
            Ok(one) => one.join(batch),
            Err(found) => self.refuse(text, at, found, depth, batch),
        }
        let most = self.shared().queue.most().bytes;
        if batch.bytes <= most {
            return Ok(());
        }
        let message = format!(
            "has events of more than the {most} bytes that the queue ever has room for (events.queue.max_bytes)"
        );
        Err(Fault::new(Reason::Size, "", message))
    }

    fn refuse(&self, text: &str, at: At, found: Found, depth: Depth, batch: &mut Batch) {
        let first = found.list.first();
        let reason = first.map_or(Reason::Data, |fault| fault.reason);
        self.shared().tally.refused(reason, 1);
        if depth == Depth::Reason {
            batch.refused.more += 1;
            return;
        }
        let found = self.redact_faults(found);
        if let Some(fault) = found.list.first() {
            let redactor = &self.shared().redactor;
            // Of a large one nothing is read again only to be logged.
            let text = if text.len() <= faults::MAX_BYTES {
                text
            } else {
                ""
            };
            self.shared().grumbles.refused(text, fault, redactor);
        }
        for fault in found.list {
            batch.refused.push(fault.at(Some(at)));
        }
        batch.refused.more += found.more;
    }

    /// A batch that the queue has no room for even when it is empty would be refused for ever.
    fn too_many(&self) -> Fault {
        let most = self.shared().queue.most().events;
        let message = format!(
            "has more events than the {most} that the queue ever has room for (events.queue.max_events)"
        );
        Fault::new(Reason::Size, "", message)
    }
}

/// Whether JSON has this between its parts for nothing.
fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn text(bytes: &[u8], before: usize) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = before + error.valid_up_to();
        Fault::new(Reason::Syntax, "", format!("is not UTF-8: see byte {at}"))
    })
}

/// Words on what is no JSON, with line and column.
fn syntax(error: &serde_json::Error) -> Fault {
    Fault::new(Reason::Syntax, "", format!("is not JSON: {error}"))
}
