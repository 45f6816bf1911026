//! The probe's configuration: thresholds.

use probity_sdk::config::{Ceiling, Count, Floor, Ratio};
use serde::Deserialize;

/// From where on each check warns and fails.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Load average of five minutes for each processor.
    pub load: Ceiling<Count>,
    /// Share of the last minute in which some task waited for a processor.
    pub cpu_pressure: Ceiling<Ratio>,
    /// The same, for memory.
    pub memory_pressure: Ceiling<Ratio>,
    /// The same, for disks.
    pub io_pressure: Ceiling<Ratio>,
    /// Share of memory that is still available.
    pub memory_headroom: Floor<Ratio>,
    /// Share of the descriptors that the host may still open.
    pub descriptor_headroom: Floor<Ratio>,
}

impl Default for Settings {
    fn default() -> Self {
        let above = |warn, fail: Option<f64>| Ceiling {
            warn: Some(Ratio(warn)),
            fail: fail.map(Ratio),
        };
        let below = |warn, fail| Floor {
            warn: Some(Ratio(warn)),
            fail: Some(Ratio(fail)),
        };
        Self {
            load: Ceiling {
                warn: Some(Count(2.0)),
                fail: Some(Count(10.0)),
            },
            // A busy processor is what it is there for: by default this never fails.
            cpu_pressure: above(0.6, None),
            memory_pressure: above(0.1, Some(0.4)),
            io_pressure: above(0.4, Some(0.9)),
            memory_headroom: below(0.1, 0.03),
            descriptor_headroom: below(0.2, 0.05),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_sdk::config;

    #[test]
    fn each_threshold_can_be_set() {
        for key in [
            "load",
            "cpu_pressure",
            "memory_pressure",
            "io_pressure",
            "memory_headroom",
            "descriptor_headroom",
        ] {
            let json = format!(r#"{{"{key}":{{"warn":0.5,"fail":0.5}}}}"#);
            let set: Settings = config::parse(&json).expect("it is right");
            assert_ne!(set, Settings::default(), "{key}");
        }
        assert_eq!(config::parse("{}"), Ok(Settings::default()));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        for (json, said) in [
            ("[]", "the configuration must be a table, not a list"),
            (
                r#"{"cpu_pressure":{"warn":60}}"#,
                "`cpu_pressure.warn` must be a number from 0 to 1, not 60",
            ),
            (
                r#"{"memory_headroom":{"warn":0.1,"fail":0.2}}"#,
                "`memory_headroom` must not warn from 10 % down and fail from 20 % down",
            ),
            (
                r#"{"load":{"warm":1}}"#,
                "`load.warm` is not known here: use `warn` or `fail`",
            ),
        ] {
            let fault = config::parse::<Settings>(json).expect_err(json);
            assert_eq!(fault.to_string(), said);
        }
        let unknown = config::parse::<Settings>(r#"{"lode":{}}"#).expect_err("a typing error");
        assert_eq!(unknown.key, "lode");
    }
}
