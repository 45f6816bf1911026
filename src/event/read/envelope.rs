//! What is around what an event says: read, and held against its bounds.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::event::fault::{Fault, Reason};
use crate::event::kinds::Kind;
use crate::model::printable;

/// The longest id, and the longest of the other texts, in bytes.
pub(crate) const MAX_ID_BYTES: usize = 128;
pub(crate) const MAX_TEXT_BYTES: usize = 256;

/// The longest part of a sender's text that is shown to it, in bytes.
pub(crate) const MAX_SHOWN_BYTES: usize = 128;

/// What a later version of a trace context may have behind the flags, in bytes.
const MAX_LATER_BYTES: usize = 32;

/// What an event may say of the future, in microseconds: clocks differ, but not by more than a day.
const MAX_AHEAD: i64 = 24 * 3_600 * 1_000_000;
/// The year 2000, in microseconds: what is before that was told by a clock that was never set.
const EARLIEST: i64 = 946_684_800_000_000;

/// First words of the kinds that are part of a run.
const OF_RUNS: [&str; 3] = ["run.", "step.", "artifact."];

/// An event as it is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Envelope<'a> {
    #[serde(default)]
    pub(crate) id: Option<Box<str>>,
    pub(crate) kind: Box<str>,
    #[serde(default)]
    pub(crate) version: Option<u32>,
    #[serde(default)]
    pub(crate) time: Option<Box<str>>,
    #[serde(default)]
    pub(crate) source: Option<Box<str>>,
    #[serde(default)]
    pub(crate) run: Option<Box<str>>,
    #[serde(default)]
    pub(crate) correlation: Option<Box<str>>,
    #[serde(default)]
    pub(crate) traceparent: Option<Box<str>>,
    #[serde(borrow)]
    pub(crate) data: &'a RawValue,
}

/// One event.
#[derive(JsonSchema)]
#[schemars(rename = "Event", deny_unknown_fields)]
#[expect(dead_code, reason = "it is there for its schema")]
struct Sent {
    /// Tells it from all others: the same id twice is the same event. At most 128 bytes; one is given if there is none.
    #[schemars(length(min = 1, max = 128))]
    id: Option<String>,
    /// What kind of fact it is, such as `run.started`.
    kind: String,
    /// The version of its kind's schema; the newest if there is none.
    version: Option<u32>,
    /// When it happened (RFC 3339); now if there is none. From 2000 on, and at most a day ahead.
    #[schemars(extend("format" = "date-time"))]
    time: Option<String>,
    /// Who tells it: the name of a program or a service. At most 256 bytes, as the texts below, and no control characters.
    #[schemars(length(min = 1, max = 256))]
    source: Option<String>,
    /// The run that it is part of. Runs, steps and artifacts have one.
    #[schemars(length(min = 1, max = 256))]
    run: Option<String>,
    /// What ties it to logs and to other events.
    #[schemars(length(min = 1, max = 256))]
    correlation: Option<String>,
    /// The trace context that it happened in, as W3C's Trace Context has it.
    #[schemars(length(min = 1, max = 256))]
    traceparent: Option<String>,
    /// What it says, as its kind's schema has it.
    data: serde_json::Map<String, Value>,
}

/// The JSON Schema of an event as it is sent.
pub(crate) fn schema() -> Value {
    schemars::schema_for!(Sent).to_value()
}

impl<'a> Envelope<'a> {
    /// What `source` tells, and nothing more.
    pub(super) fn around(data: &'a RawValue, source: &str, kind: &str) -> Self {
        Self {
            id: None,
            kind: kind.into(),
            version: None,
            time: None,
            source: Some(source.into()),
            run: None,
            correlation: None,
            traceparent: None,
            data,
        }
    }

    /// Tells what is wrong with its texts.
    pub(super) fn faults(&self, mut tell: impl FnMut(Fault)) {
        let mut text = |pointer: &str, text: &Option<Box<str>>, least: usize, most: usize| {
            let Some(text) = text else { return };
            if let Some(wrong) = wrong_text(text, least, most) {
                tell(Fault::new(Reason::Envelope, pointer, wrong));
            }
        };
        text("/id", &self.id, 1, MAX_ID_BYTES);
        text("/source", &self.source, 1, MAX_TEXT_BYTES);
        text("/run", &self.run, 1, MAX_TEXT_BYTES);
        text("/correlation", &self.correlation, 1, MAX_TEXT_BYTES);
        if let Some(trace) = &self.traceparent
            && let Err(wrong) = check_traceparent(trace)
        {
            tell(Fault::new(Reason::Envelope, "/traceparent", wrong));
        }
        if self.run.is_none() && needs_run(&self.kind) {
            let kind = printable(&self.kind, MAX_SHOWN_BYTES);
            let message = format!("{kind} is part of a run: it needs `run`");
            tell(Fault::new(Reason::Envelope, "/run", message));
        }
    }
}

/// Whether events of this kind say which run they are part of.
pub(crate) fn needs_run(kind: &str) -> bool {
    OF_RUNS.iter().any(|first| kind.starts_with(first))
}

/// The source of what the program tells itself.
pub(crate) const OWN_SOURCE: &str = "probity";

/// What is wrong with an event from outside that would pass for one of the program's own.
pub(super) fn of_our_own(envelope: &Envelope<'_>) -> Option<Fault> {
    let source = envelope.source.as_deref();
    source
        .and_then(source_of_our_own)
        .or_else(|| kind_of_our_own(&envelope.kind))
}

/// What is wrong with a source that the program's own events, or its probes', have.
pub(crate) fn source_of_our_own(source: &str) -> Option<Fault> {
    let is_ours = source == OWN_SOURCE || source.starts_with("probe/");
    is_ours.then(|| {
        let message = "must not be `probity`, nor begin with `probe/`: those are Probity's own";
        Fault::new(Reason::Envelope, "/source", message)
    })
}

/// What is wrong with a kind that nobody else tells.
pub(crate) fn kind_of_our_own(kind: &str) -> Option<Fault> {
    (kind == Kind::ErrorRateCrossed.as_str()).then(|| {
        let message = format!("{kind} is told by Probity alone");
        Fault::new(Reason::Kind, "/kind", message)
    })
}

/// What is wrong with a text of the envelope.
pub(crate) fn wrong_text(text: &str, least: usize, most: usize) -> Option<String> {
    if !(least..=most).contains(&text.len()) {
        let bytes = text.len();
        return Some(format!("has {bytes} bytes: it must have {least} to {most}"));
    }
    let control = text.chars().any(char::is_control);
    control.then(|| "must not have control characters in it".to_owned())
}

/// Holds a text against W3C's Trace Context, level 1: `00-TRACE-SPAN-FLAGS` in lower-case hexadecimal digits. A later version may
/// have more behind that, of which nobody knows the form: little of it is taken, and no words.
pub(crate) fn check_traceparent(text: &str) -> Result<(), &'static str> {
    const FORM: &str = "must be a W3C traceparent: 00-, a trace id of 32 lower-case hexadecimal digits, -, a span id of 16, -, and 2 for the flags";
    let hex = |part: &str, digits: usize| {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        part.len() == digits && part.bytes().all(is_hex)
    };
    if text.len() > MAX_TEXT_BYTES {
        return Err(FORM);
    }
    let mut parts = text.splitn(5, '-');
    let mut next = |digits| parts.next().filter(|part| hex(part, digits));
    let (Some(version), Some(trace), Some(span), Some(_)) = (next(2), next(32), next(16), next(2))
    else {
        return Err(FORM);
    };
    let more = parts.next();
    if version == "ff" || (version == "00" && more.is_some()) {
        return Err(FORM);
    }
    if more.is_some_and(|more| !is_later_part(more)) {
        return Err(
            "must have lower-case hexadecimal digits and `-` alone behind the flags, 32 at most",
        );
    }
    let zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    if zero(trace) || zero(span) {
        return Err("must not have a trace id or a span id of zeros alone");
    }
    Ok(())
}

/// Whether a later version of a trace context may have this behind the flags.
fn is_later_part(text: &str) -> bool {
    let fits = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
    (1..=MAX_LATER_BYTES).contains(&text.len()) && text.bytes().all(fits)
}

/// Reads a time, in microseconds since the Unix epoch; `now` likewise.
pub(crate) fn read_time(text: &str, now: i64) -> Result<i64, &'static str> {
    const FORM: &str = "must be a time as RFC 3339 has it, such as 2026-01-31T12:00:00.25Z";
    // What is read here is wider: it takes a space for the T, and the name of a zone.
    let shape = text
        .as_bytes()
        .get(10)
        .is_some_and(|byte| byte.eq_ignore_ascii_case(&b'T'))
        && text.len() >= 20
        && !text.contains('[');
    let time: jiff::Timestamp = match text.parse() {
        Ok(time) if shape => time,
        _ => return Err(FORM),
    };
    let time = time.as_microsecond();
    if time < EARLIEST {
        return Err("is before the year 2000: the sender's clock is not set");
    }
    if time > now.saturating_add(MAX_AHEAD) {
        return Err("is more than a day ahead of this machine's clock");
    }
    Ok(time)
}
