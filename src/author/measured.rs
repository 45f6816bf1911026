//! What was measured, as a table for people and as JSON for scripts.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::bench::Measured;
use super::words::{columns, count, section, size, time};

/// Whether this program was built without optimisation, so that every number is several times too large.
const IS_DEBUG: bool = cfg!(debug_assertions);

impl Measured {
    /// Warm runs a second, one after the other.
    fn per_second(&self) -> f64 {
        self.warm.len() as f64 / self.took.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// What was measured as one object.
    pub fn json(&self) -> Value {
        let milliseconds = |duration: Duration| (duration.as_secs_f64() * 1e6).round() / 1e3;
        let identity = &self.identity;
        json!({
            "name": &*identity.name,
            "file": identity.file,
            "size_bytes": identity.size_bytes,
            "digest": identity.digest,
            "version": identity.version,
            "interface": identity.interface,
            "debug_build": IS_DEBUG,
            "code_bytes": self.code_bytes,
            "compile_ms": milliseconds(self.compile),
            "load_ms": self.load.map(milliseconds),
            "first_run_us": microseconds(&self.first),
            "warm_run_us": microseconds(&self.warm),
            "warm_cpu_us": microseconds(&self.cpu),
            "warm_runs": self.warm.len(),
            "warm_runs_per_second": self.per_second().round(),
            "host_calls": self.host_calls,
            "memory_bytes": self.memory_bytes,
            "resident_bytes": self.resident_bytes,
        })
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, file) = (&self.identity.name, self.identity.file.display());
        writeln!(f, "{name}: {file}")?;
        if IS_DEBUG {
            writeln!(
                f,
                "  measured by a debug build of this program: several times too slow"
            )?;
        }
        let load = self.load.map_or("not kept".to_owned(), time);
        let resident = self.resident_bytes.map_or("unknown".to_owned(), size);
        let facts = [
            ("size", size(self.identity.size_bytes)),
            ("machine code", size(self.code_bytes)),
            ("compile", time(self.compile)),
            ("load compiled", load),
            ("linear memory", size(self.memory_bytes)),
            ("resident memory", format!("{resident} an instance")),
        ];
        let facts = facts.map(|(name, value)| format!("{name:<16}{value}"));
        section(f, "cost", facts.into_iter())?;
        let row = |name: &str, of: &Histogram<u64>| {
            let times = spread(of).map(|(_, duration)| time(duration));
            [vec![name.to_owned()], times.to_vec()].concat()
        };
        let titles = ["", "p50", "p90", "p99", "max"];
        let rows = [
            titles.map(str::to_owned).to_vec(),
            row("first run", &self.first),
            row("warm run", &self.warm),
            row("of it CPU in the guest", &self.cpu),
        ];
        section(f, "runs", columns(&rows).into_iter())?;
        writeln!(
            f,
            "\n{}, {:.0} a second one after the other, {} each",
            count(self.warm.len(), "warm run"),
            self.per_second(),
            count(self.host_calls, "host call")
        )
    }
}

fn spread(of: &Histogram<u64>) -> [(&'static str, Duration); 4] {
    let at = |quantile| Duration::from_nanos(of.value_at_quantile(quantile));
    let max = Duration::from_nanos(of.max());
    [
        ("p50", at(0.5)),
        ("p90", at(0.9)),
        ("p99", at(0.99)),
        ("max", max),
    ]
}

fn microseconds(of: &Histogram<u64>) -> Value {
    let one = |(name, duration): (&str, Duration)| {
        let microseconds = (duration.as_secs_f64() * 1e9).round() / 1e3;
        (name.to_owned(), microseconds.into())
    };
    Value::Object(spread(of).into_iter().map(one).collect())
}
