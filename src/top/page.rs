//! What an instance says of itself, read from its snapshot's JSON.
//!
//! What is missing is shown as missing: a newer or an older instance is no reason to show nothing. Text is freed from
//! control characters, since it may come from a guest and ends on a terminal.

use serde_json::Value;

use crate::model::printable;

/// The longest text that is kept of anything; a terminal is no wider.
const MAX_TEXT: usize = 512;
/// So many of a list are read at most.
const MAX_ROWS: usize = 10_000;

/// All that is shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Page {
    /// The verdict as a whole: `pass`, `warn` or `fail`.
    pub(super) status: String,
    /// Whether it is ready.
    pub(super) ready: bool,
    /// The machine's name.
    pub(super) host: String,
    /// The program's version.
    pub(super) version: String,
    /// How long it has been running.
    pub(super) uptime_seconds: Option<f64>,
    /// How old the snapshot was when it was answered.
    pub(super) age_ms: f64,
    /// The built-in source that is late, and how old its values were.
    pub(super) late: Option<(String, f64)>,
    /// Processors in use.
    pub(super) cpu_percent: Option<f64>,
    /// Memory in use.
    pub(super) memory_percent: Option<f64>,
    /// The same in bytes.
    pub(super) memory_bytes: Option<f64>,
    /// How late the event loop is, at the 99th percentile.
    pub(super) lag_ms: Option<f64>,
    /// In the order of the document: by name.
    pub(super) probes: Vec<ProbeRow>,
    /// Every check.
    pub(super) checks: Vec<CheckRow>,
    /// Those that have ended, the newest first.
    pub(super) operations: Vec<OperationRow>,
    /// Those that should have ended by now, the oldest first.
    pub(super) overdue: Vec<OverdueRow>,
    /// Operations under way.
    pub(super) in_flight: u64,
}

/// One probe.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ProbeRow {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) version: String,
    pub(super) p95_ms: Option<f64>,
    pub(super) memory_bytes: Option<f64>,
    /// The last error, whether or not it still is one.
    pub(super) error: String,
}

/// One check.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct CheckRow {
    pub(super) name: String,
    pub(super) status: String,
    pub(super) message: String,
}

/// One operation that has ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct OperationRow {
    /// The time of day, in UTC.
    pub(super) time: String,
    pub(super) name: String,
    pub(super) target: String,
    /// What came of it.
    pub(super) outcome: String,
    pub(super) failed: bool,
}

/// One operation that should have ended by now.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct OverdueRow {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) elapsed_ms: f64,
    pub(super) expected_ms: f64,
}

impl Page {
    /// Reads a snapshot, or the parts of it that are asked for.
    pub(super) fn read(document: &Value) -> Self {
        let process = &document["process"];
        let number = |pointer: &str| document.pointer(pointer).and_then(Value::as_f64);
        let rows = |pointer: &str| {
            let list = document.pointer(pointer).and_then(Value::as_array);
            list.into_iter().flatten().take(MAX_ROWS)
        };
        Self {
            status: text(document, "/health/status"),
            ready: document.pointer("/health/ready") == Some(&Value::Bool(true)),
            host: text(process, "/hostname"),
            version: text(process, "/version"),
            uptime_seconds: process["uptime_seconds"].as_f64(),
            age_ms: number("/age_ms").unwrap_or(0.0),
            late: number("/scheduler/late/age_ms")
                .map(|age| (text(document, "/scheduler/late/source"), age)),
            cpu_percent: number("/resources/cpu/used_percent"),
            memory_percent: number("/resources/memory/used_percent"),
            memory_bytes: number("/resources/memory/used_bytes"),
            lag_ms: number("/scheduler/event_loop/lag/p99_seconds").map(|seconds| seconds * 1e3),
            probes: rows("/probes").map(ProbeRow::read).collect(),
            checks: rows("/health/checks").map(CheckRow::read).collect(),
            operations: rows("/operations/recent").map(OperationRow::read).collect(),
            overdue: rows("/operations/overdue").map(OverdueRow::read).collect(),
            in_flight: document["operations"]["in_flight"].as_u64().unwrap_or(0),
        }
    }
}

impl ProbeRow {
    fn read(value: &Value) -> Self {
        Self {
            name: text(value, "/name"),
            state: text(value, "/state"),
            version: text(value, "/version"),
            p95_ms: value["duration_p95_ms"].as_f64(),
            memory_bytes: value["memory_bytes"].as_f64(),
            error: text(value, "/last_error/message"),
        }
    }
}

impl CheckRow {
    fn read(value: &Value) -> Self {
        Self {
            name: text(value, "/name"),
            status: text(value, "/status"),
            message: text(value, "/message"),
        }
    }
}

impl OperationRow {
    fn read(value: &Value) -> Self {
        let word = text(value, "/outcome");
        let failed = matches!(&*word, "failure" | "timeout");
        let said = ["/error/message", "/message"].map(|pointer| text(value, pointer));
        let said = said.into_iter().find(|said| !said.is_empty());
        let ended = text(value, "/ended");
        let time = ended.split_once('T').map_or("", |(_, time)| time);
        Self {
            time: time.chars().take(8).collect(),
            name: text(value, "/name"),
            target: text(value, "/target"),
            // Who says nothing of what came of it has its outcome alone.
            outcome: said.unwrap_or(word),
            failed,
        }
    }
}

impl OverdueRow {
    fn read(value: &Value) -> Self {
        let number = |key: &str| value[key].as_f64().unwrap_or(0.0);
        Self {
            name: text(value, "/name"),
            id: text(value, "/id"),
            elapsed_ms: number("elapsed_ms"),
            expected_ms: number("expected_ms"),
        }
    }
}

fn text(value: &Value, pointer: &str) -> String {
    let text = value.pointer(pointer).and_then(Value::as_str);
    printable(text.unwrap_or_default(), MAX_TEXT)
}
