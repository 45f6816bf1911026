//! Configuration of the built-in health checks.

use serde::{Deserialize, Serialize};

use crate::model::{Invalid, Span, check_range};

/// The built-in checks' names, as `ready` takes them and the snapshot shows them.
pub const NAMES: [&str; 9] = [
    "startup",
    "collector",
    "event-loop",
    "disk",
    "memory",
    "probes",
    "store",
    "backup",
    "events",
];

/// `[health]`: thresholds of the built-in checks and what readiness asks for.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Checks that `/readyz` asks for: built-in names, or `probe/check`. A warning does not fail it.
    pub ready: Vec<String>,
    /// Evaluations (one a second) in a row that a worse verdict needs before it is shown.
    pub failures: u32,
    /// Evaluations in a row that a better verdict needs before it is shown.
    pub recoveries: u32,
    /// Event-loop lag (99th percentile of the last interval).
    pub event_loop_lag: Thresholds<Span>,
    /// Used share of the fullest writable file system, percent.
    pub disk_used_percent: Thresholds<f64>,
    /// Used share of memory, of the control group's limit where there is one, percent.
    pub memory_used_percent: Thresholds<f64>,
    /// Whether work that is overdue and error rates above their threshold are a warning.
    pub events: bool,
}

/// From where on a check warns and fails.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds<T> {
    /// At this value and above it warns.
    pub warn: T,
    /// At this value and above it fails.
    pub fail: T,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ready: vec!["startup".into(), "collector".into()],
            failures: 3,
            recoveries: 3,
            event_loop_lag: Thresholds {
                warn: Span::millis(50),
                fail: Span::millis(500),
            },
            disk_used_percent: Thresholds {
                warn: 90.0,
                fail: 97.0,
            },
            memory_used_percent: Thresholds {
                warn: 90.0,
                fail: 97.0,
            },
            events: true,
        }
    }
}

impl Config {
    /// What is not acceptable in it.
    pub fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        check_range(&mut faults, "failures", self.failures, 1, 3600);
        check_range(&mut faults, "recoveries", self.recoveries, 1, 3600);
        self.event_loop_lag.check(
            &mut faults,
            "event_loop_lag",
            Span::millis(1),
            Span::seconds(60),
        );
        self.disk_used_percent
            .check(&mut faults, "disk_used_percent", 1.0, 100.0);
        self.memory_used_percent
            .check(&mut faults, "memory_used_percent", 1.0, 100.0);
        for (index, name) in self.ready.iter().enumerate() {
            let key = || format!("ready[{index}]");
            if !NAMES.contains(&name.as_str()) && !is_probes_check(name) {
                let rule = format!("must be one of {}, or PROBE/CHECK", NAMES.join(", "));
                faults.push(Invalid::new(key(), name, rule));
            } else if self.ready[..index].contains(name) {
                faults.push(Invalid::new(key(), name, "must be given once"));
            }
        }
        faults
    }
}

/// Whether it can be `PROBE/CHECK`: both are 1 to 64 plain characters, and only a check's id may have dots.
fn is_probes_check(name: &str) -> bool {
    let plain = |part: &str, more: &[u8]| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || more.contains(&byte);
        (1..=64).contains(&part.len()) && part.bytes().all(fits)
    };
    name.split_once('/')
        .is_some_and(|(probe, check)| plain(probe, b"-_") && plain(check, b"-_."))
}

impl<T: PartialOrd + Copy + std::fmt::Display> Thresholds<T> {
    fn check(&self, faults: &mut Vec<Invalid>, key: &str, least: T, most: T) {
        check_range(faults, &format!("{key}.warn"), self.warn, least, most);
        check_range(faults, &format!("{key}.fail"), self.fail, least, most);
        if self.warn > self.fail {
            let rule = format!("must not be above {key}.fail, which is {}", self.fail);
            faults.push(Invalid::new(format!("{key}.warn"), self.warn, rule));
        }
    }
}
