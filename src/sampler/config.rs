//! Configuration of the built-in samplers.

use serde::{Deserialize, Serialize};

use crate::model::{Invalid, Span, check_range};

/// The built-in samplers' names, as `disabled` takes them and the snapshot shows them.
pub const NAMES: [&str; 8] = [
    "cpu",
    "memory",
    "pressure",
    "disk",
    "network",
    "process",
    "cgroup",
    "event-loop",
];

/// `[sampler]`: what is sampled and how often.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How often each sampler runs, 100ms to 1h.
    pub interval: Span,
    /// Samplers that do not run, by name.
    pub disabled: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval: Span::seconds(1),
            disabled: Vec::new(),
        }
    }
}

impl Config {
    /// What is not acceptable in it.
    pub fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        check_range(
            &mut faults,
            "interval",
            self.interval,
            Span::millis(100),
            Span::seconds(3600),
        );
        for (index, name) in self.disabled.iter().enumerate() {
            if !NAMES.contains(&name.as_str()) {
                let rule = format!("must be one of {}", NAMES.join(", "));
                faults.push(Invalid::new(format!("disabled[{index}]"), name, rule));
            }
        }
        faults
    }
}
