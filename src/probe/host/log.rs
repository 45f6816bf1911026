//! `probity:host/log`: a guest's lines in the host's log, within a quota.

use std::time::{Duration, Instant, UNIX_EPOCH};

use super::Guest;
use super::transcript::LogLevel;
use crate::model::printable;
use crate::probe::v0_1_0::probity::host::log::{Host, Level};

/// The longest line passed on, in bytes.
const MAX_LINE_BYTES: usize = 4096;
/// The quota's period.
const PERIOD: Duration = Duration::from_secs(60);
/// What the log says once in a period, where lines are missing.
const QUOTA_USED_UP: &str = "log quota used up: further lines of this minute are dropped and counted \
    (raise limits.log_lines or limits.log_bytes)";

/// Lines and bytes that may still be logged in this minute, and what happened so far.
pub(in crate::probe) struct LogQuota {
    lines: u32,
    bytes: u64,
    used_lines: u32,
    used_bytes: u64,
    /// When the present minute began, by the clock that [`Guest::log_time`] says.
    began: Option<Duration>,
    /// When this was made, by the machine's clock.
    origin: Instant,
    /// Lines passed on, and lines dropped over the quota, since somebody asked.
    passed: u64,
    dropped: u64,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    /// The first line over the quota in this minute.
    FirstDropped,
    Dropped,
}

impl LogQuota {
    pub(super) fn new(lines: u32, bytes: u64) -> Self {
        Self {
            lines,
            bytes,
            used_lines: 0,
            used_bytes: 0,
            began: None,
            origin: Instant::now(),
            passed: 0,
            dropped: 0,
        }
    }

    /// The same counts under other limits.
    pub(super) fn with_limits(self, lines: u32, bytes: u64) -> Self {
        Self {
            lines,
            bytes,
            ..self
        }
    }

    /// Lines passed on and lines dropped since the last call of this function.
    pub(super) fn take_counts(&mut self) -> (u64, u64) {
        let counts = (self.passed, self.dropped);
        (self.passed, self.dropped) = (0, 0);
        counts
    }

    /// What becomes of a line of so many bytes at `now`. A clock that goes back begins another minute.
    fn judge(&mut self, bytes: usize, now: Duration) -> Verdict {
        let is_of_this_minute = |began: Duration| {
            let passed = now.checked_sub(began);
            passed.is_some_and(|passed| passed < PERIOD)
        };
        if !self.began.is_some_and(is_of_this_minute) {
            (self.began, self.used_lines, self.used_bytes) = (Some(now), 0, 0);
        }
        let within = self.used_lines < self.lines && self.used_bytes + bytes as u64 <= self.bytes;
        if within {
            self.used_lines += 1;
            self.used_bytes += bytes as u64;
            self.passed += 1;
            return Verdict::Pass;
        }
        self.dropped += 1;
        let first = self.used_lines != u32::MAX;
        // Closes the quota for the rest of the minute, so that a small line after a large one is not passed alone.
        self.used_lines = u32::MAX;
        if first {
            Verdict::FirstDropped
        } else {
            Verdict::Dropped
        }
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

impl Guest {
    /// Whether somebody wants lines of this level.
    fn wants(&self, level: LogLevel) -> bool {
        if let Some(transcript) = &self.settings.transcript {
            return transcript.wants(level);
        }
        match level {
            LogLevel::Trace => tracing::enabled!(target: "probe", tracing::Level::TRACE),
            LogLevel::Debug => tracing::enabled!(target: "probe", tracing::Level::DEBUG),
            LogLevel::Info => tracing::enabled!(target: "probe", tracing::Level::INFO),
            LogLevel::Warn => tracing::enabled!(target: "probe", tracing::Level::WARN),
            LogLevel::Error => tracing::enabled!(target: "probe", tracing::Level::ERROR),
        }
    }

    /// The time by which the quota's minutes are counted: the machine's, and with a tape the beginning of the run as the
    /// guest is told it, so that a replay drops what was dropped then.
    fn log_time(&self) -> Duration {
        if self.settings.tape.is_on() {
            let since = self.run.wall.duration_since(UNIX_EPOCH);
            return since.unwrap_or_default();
        }
        self.kept.quota.origin.elapsed()
    }

    /// Passes a line on to whoever listens, or to the log.
    fn say(&self, level: LogLevel, line: String) {
        if let Some(transcript) = &self.settings.transcript {
            return transcript.line(level, line);
        }
        let probe = &*self.settings.name;
        match level {
            LogLevel::Trace => tracing::trace!(target: "probe", probe, "{line}"),
            LogLevel::Debug => tracing::debug!(target: "probe", probe, "{line}"),
            LogLevel::Info => tracing::info!(target: "probe", probe, "{line}"),
            LogLevel::Warn => tracing::warn!(target: "probe", probe, "{line}"),
            LogLevel::Error => tracing::error!(target: "probe", probe, "{line}"),
        }
    }
}

impl Host for Guest {
    fn enabled(&mut self, level: Level) -> wasmtime::Result<bool> {
        Ok(self.wants(level.into()))
    }

    fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        let level = LogLevel::from(level);
        // What nobody asked for uses up nothing.
        if !self.wants(level) {
            return Ok(());
        }
        let line = printable(&message, MAX_LINE_BYTES);
        let now = self.log_time();
        match self.kept.quota.judge(line.len(), now) {
            Verdict::Pass => self.say(level, line),
            Verdict::FirstDropped => self.say(LogLevel::Warn, QUOTA_USED_UP.to_owned()),
            Verdict::Dropped => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quota_closes_at_its_limit_and_opens_again_after_a_minute() {
        let start = Duration::from_secs(1000);
        for (lines, bytes, size, passed) in [(3, 1000, 1, 3), (1000, 10, 5, 2), (1000, 10, 11, 0)] {
            let mut quota = LogQuota::new(lines, bytes);
            let verdicts: Vec<Verdict> = (0..5).map(|_| quota.judge(size, start)).collect();
            let pass = verdicts
                .iter()
                .filter(|verdict| **verdict == Verdict::Pass)
                .count();
            assert_eq!(pass, passed);
            assert_eq!(verdicts[passed], Verdict::FirstDropped);
            assert!(
                verdicts[passed + 1..]
                    .iter()
                    .all(|verdict| *verdict == Verdict::Dropped)
            );
            assert_eq!(quota.take_counts(), (passed as u64, 5 - passed as u64));
            let later = quota.judge(1, start + PERIOD);
            assert_eq!((later, quota.take_counts()), (Verdict::Pass, (1, 0)));
            let back = quota.judge(1, start);
            assert_eq!(back, Verdict::Pass, "a clock that was set back");
        }
    }
}
