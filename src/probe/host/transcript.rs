//! What guests say, for whoever listens instead of the program's log: their lines in order, and what they print.

use std::sync::{Arc, Mutex, PoisonError};

use super::stdio::OutputTail;
use crate::model::ByteSize;

/// What is kept of standard output and error; the last words before a failure.
const OUTPUT_BYTES: ByteSize = ByteSize::kib(16);
/// Lines that are kept until somebody asks; further ones are counted. More than a run's quota has by default.
const MAX_LINES: usize = 10_000;

/// How much a line matters, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Each step.
    Trace,
    /// What the probe decided and why.
    Debug,
    /// Something worth knowing happened once.
    Info,
    /// Something is odd.
    Warn,
    /// Something failed.
    Error,
}

impl LogLevel {
    /// The level of this name, as [`LogLevel::as_str`] writes it.
    pub fn of(name: &str) -> Option<Self> {
        let all = [
            Self::Trace,
            Self::Debug,
            Self::Info,
            Self::Warn,
            Self::Error,
        ];
        all.into_iter().find(|level| level.as_str() == name)
    }

    /// The level as every format shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One line of a guest's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// One bounded line without control characters.
    pub message: String,
}

/// What was said since somebody asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Lines of the log, in order.
    pub lines: Vec<LogLine>,
    /// Further ones, which were not kept.
    pub left_out: u64,
    /// The end of what was printed to standard output and error, as lines without other control characters.
    pub printed: String,
}

/// A place where guests' lines and output go. Clones share it. What is said there goes to no log.
#[derive(Clone)]
pub struct Transcript {
    least: LogLevel,
    lines: Arc<Mutex<Lines>>,
    output: OutputTail,
}

#[derive(Default)]
struct Lines {
    kept: Vec<LogLine>,
    left_out: u64,
}

impl Transcript {
    /// An empty one, for lines of at least this level.
    pub fn new(least: LogLevel) -> Self {
        Self {
            least,
            lines: Arc::default(),
            output: OutputTail::new(OUTPUT_BYTES),
        }
    }

    /// What was said since the last call of this function.
    pub fn take(&self) -> Said {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let Lines { kept, left_out } = std::mem::take(&mut *lines);
        Said {
            lines: kept,
            left_out,
            printed: self.output.take_lines(),
        }
    }

    /// The level of the least line that is kept.
    pub(in crate::probe) fn least(&self) -> LogLevel {
        self.least
    }

    pub(super) fn wants(&self, level: LogLevel) -> bool {
        level >= self.least
    }

    pub(super) fn line(&self, level: LogLevel, message: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.kept.len() < MAX_LINES {
            lines.kept.push(LogLine { level, message });
        } else {
            lines.left_out += 1;
        }
    }

    pub(super) fn output(&self) -> &OutputTail {
        &self.output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_told_once_and_in_order() {
        let transcript = Transcript::new(LogLevel::Info);
        assert!(transcript.wants(LogLevel::Error) && !transcript.wants(LogLevel::Debug));
        transcript.line(LogLevel::Warn, "one".into());
        transcript.clone().line(LogLevel::Info, "two".into());
        let messages = |said: Said| said.lines.into_iter().map(|line| line.message);
        assert!(messages(transcript.take()).eq(["one", "two"]));
        assert_eq!(transcript.take(), Said::default());
        for _ in 0..MAX_LINES + 2 {
            transcript.line(LogLevel::Info, String::new());
        }
        let said = transcript.take();
        assert_eq!((said.lines.len(), said.left_out), (MAX_LINES, 2));
    }
}
