//! What is wrong with events that were sent, each fault with its place.

use std::fmt;

use serde::Serialize;

/// Faults that are told one by one.
pub(super) const MAX_FAULTS: usize = 100;

/// What is wrong with what was sent: nothing of it was taken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, thiserror::Error)]
pub struct Faults {
    /// In order of place, at most a hundred.
    pub list: Vec<Fault>,
    /// How many there are beyond those; each further event that is at fault counts once.
    pub more: u64,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Which event; nothing when what was sent as a whole is at fault.
    #[serde(flatten)]
    pub at: Option<At>,
    /// Where in it: a JSON pointer (RFC 6901) into the event, empty for the event itself.
    pub pointer: String,
    /// What is wrong there, and what is expected.
    pub message: String,
    /// What it is counted as.
    #[serde(skip)]
    pub reason: Reason,
}

/// The place of an event in what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// Its place in a list, from 0.
    Index(usize),
    /// Its line, from 1.
    Line(usize),
}

/// Why an event is refused, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It is no JSON, or no object.
    Syntax,
    /// Something in the envelope.
    Envelope,
    /// There is no such kind, or no such version of it.
    Kind,
    /// What it says is not what its kind says.
    Data,
    /// It is too large.
    Size,
    /// Another event has its id.
    Conflict,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Syntax,
        Self::Envelope,
        Self::Kind,
        Self::Data,
        Self::Size,
        Self::Conflict,
    ];

    /// The reason as every format shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Envelope => "envelope",
            Self::Kind => "kind",
            Self::Data => "data",
            Self::Size => "size",
            Self::Conflict => "conflict",
        }
    }
}

impl Faults {
    /// Adds one, or counts it where there is no room.
    pub(super) fn push(&mut self, fault: Fault) {
        if self.is_full() {
            self.more += 1;
        } else {
            self.list.push(fault);
        }
    }

    /// Whether no more are told one by one.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= MAX_FAULTS
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self {
            list: vec![fault],
            more: 0,
        }
    }
}

impl Fault {
    pub(super) fn new(
        reason: Reason,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            at: None,
            pointer: pointer.into(),
            message: message.into(),
            reason,
        }
    }

    /// With the event's place.
    pub(super) fn at(mut self, at: Option<At>) -> Self {
        self.at = at;
        self
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "event {index}"),
            Self::Line(line) => write!(f, "line {line}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.at {
            write!(f, "{at}: ")?;
        }
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.list.iter().enumerate() {
            let separator = if place > 0 { "; " } else { "" };
            write!(f, "{separator}{fault}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}
