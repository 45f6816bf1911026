//! A report as JSON for scripts, in the words of the document served at `/snapshot`.

use std::time::Duration;

use serde_json::{Value, json};

use super::report::{Failed, Replay, Report};
use super::session::Cost;
use crate::snapshot;

impl Report {
    /// The report as one object.
    pub fn json(&self) -> Value {
        let part = |name| snapshot::part(&self.snapshot, name, self.taken).unwrap_or_default();
        let lines = self.lines.iter().map(|(run, line)| {
            json!({ "run": run, "level": line.level.as_str(), "message": line.message })
        });
        let cost = json!({
            "first": cost(&self.first),
            "last": cost(&self.last),
            "wall_ms": percentiles(self.wall()),
            "cpu_ms": percentiles(self.cpu_times()),
        });
        json!({
            "ok": self.went_well(),
            "runs": self.runs,
            "failures": self.failures,
            "idle": self.idle,
            "cut_short": self.cut_short,
            "probe": part("probes")[0],
            "metrics": part("metrics"),
            "checks": self.checks(&part("health")["checks"]),
            "log": lines.collect::<Value>(),
            "log_left_out": self.lines_left_out,
            "failed": self.failed.iter().map(failed).collect::<Value>(),
            "replay": self.replay.as_ref().map(replay),
            "cost": cost,
        })
    }

    fn checks(&self, all: &Value) -> Value {
        let own = |check: &&Value| check["source"] == *self.identity.name;
        all.as_array()
            .into_iter()
            .flatten()
            .filter(own)
            .cloned()
            .collect()
    }
}

fn replay(replay: &Replay) -> Value {
    let lines = replay.differences.iter();
    let lines = lines.map(|(run, line)| json!({ "run": run, "line": line }));
    json!({
        "same": replay.is_same(),
        "same_build": !replay.is_other_build,
        "differences": lines.collect::<Value>(),
        "differences_left_out": replay.left_out,
    })
}

fn failed(failed: &Failed) -> Value {
    let failure = &failed.failure;
    json!({
        "run": failed.run,
        "code": failure.code,
        "message": failure.message,
        "backtrace": failure.backtrace,
        "printed": failed.printed,
    })
}

fn cost(cost: &Cost) -> Value {
    json!({
        "wall_ms": milliseconds(cost.wall),
        "cpu_ms": milliseconds(cost.cpu),
        "host_calls": cost.host_calls,
        "memory_bytes": cost.memory_bytes,
    })
}

fn percentiles([p50, p95, p99, max]: [Duration; 4]) -> Value {
    json!({
        "p50": milliseconds(p50),
        "p95": milliseconds(p95),
        "p99": milliseconds(p99),
        "max": milliseconds(max),
    })
}

/// With microseconds, as the snapshot has them.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
