//! Configuration of the limits: what each probe may use, and where one has limits of its own.

use serde::{Deserialize, Serialize};

use crate::model::{ByteSize, Invalid, Span, check_range};

/// What one probe may use.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Wall time of one call; unset: 0.8 of the interval, at most 5s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
    /// Each linear memory.
    pub memory: ByteSize,
    /// Bytes that cross to the host in one call.
    pub crossing: ByteSize,
    /// Series of one probe.
    pub series: u32,
    /// Log lines a minute.
    pub log_lines: u32,
    /// Bytes of log a minute.
    pub log_bytes: ByteSize,
    /// Bytes of state, keys included.
    pub state: ByteSize,
    /// Size of a component's file.
    pub file: ByteSize,
}

/// One probe's own limits, over those of all probes.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitOverrides {
    /// Over [`Limits::deadline`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
    /// Over [`Limits::memory`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
    /// Over [`Limits::crossing`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crossing: Option<ByteSize>,
    /// Over [`Limits::series`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<u32>,
    /// Over [`Limits::log_lines`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_lines: Option<u32>,
    /// Over [`Limits::log_bytes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<ByteSize>,
    /// Over [`Limits::state`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<ByteSize>,
    /// Over [`Limits::file`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<ByteSize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: None,
            memory: ByteSize::mib(64),
            crossing: ByteSize::mib(4),
            series: 1000,
            log_lines: 1000,
            log_bytes: ByteSize::kib(256),
            state: ByteSize::mib(1),
            file: ByteSize::mib(64),
        }
    }
}

impl LimitOverrides {
    pub(in crate::probe) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Limits {
    /// These limits with a probe's own over them.
    #[must_use]
    pub fn with(&self, own: &LimitOverrides) -> Self {
        Self {
            deadline: own.deadline.or(self.deadline),
            memory: own.memory.unwrap_or(self.memory),
            crossing: own.crossing.unwrap_or(self.crossing),
            series: own.series.unwrap_or(self.series),
            log_lines: own.log_lines.unwrap_or(self.log_lines),
            log_bytes: own.log_bytes.unwrap_or(self.log_bytes),
            state: own.state.unwrap_or(self.state),
            file: own.file.unwrap_or(self.file),
        }
    }

    pub(in crate::probe) fn check(&self, faults: &mut Vec<Invalid>) {
        if let Some(deadline) = self.deadline {
            check_range(
                faults,
                "limits.deadline",
                deadline,
                Span::millis(1),
                Span::seconds(600),
            );
        }
        check_range(
            faults,
            "limits.memory",
            self.memory,
            ByteSize::kib(64),
            ByteSize::mib(4096),
        );
        check_range(
            faults,
            "limits.crossing",
            self.crossing,
            ByteSize::kib(4),
            ByteSize::mib(256),
        );
        check_range(faults, "limits.series", self.series, 1, 100_000);
        check_range(faults, "limits.log_lines", self.log_lines, 1, 1_000_000);
        check_range(
            faults,
            "limits.log_bytes",
            self.log_bytes,
            ByteSize::kib(1),
            ByteSize::mib(64),
        );
        check_range(
            faults,
            "limits.state",
            self.state,
            ByteSize::kib(1),
            ByteSize::mib(64),
        );
        check_range(
            faults,
            "limits.file",
            self.file,
            ByteSize::kib(1),
            ByteSize::mib(1024),
        );
    }
}
