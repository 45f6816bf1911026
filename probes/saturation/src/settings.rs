//! The probe's configuration: thresholds.

use kit::{Fault, Limit, Quantity, Section, Value};

/// From where on each check warns and fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Load average of five minutes for each processor.
    pub load: Limit,
    /// Share of the last minute in which some task waited for a processor.
    pub cpu_pressure: Limit,
    /// The same, for memory.
    pub memory_pressure: Limit,
    /// The same, for disks.
    pub io_pressure: Limit,
    /// Share of memory that is still available.
    pub memory_headroom: Limit,
    /// Share of the descriptors that the host may still open.
    pub descriptor_headroom: Limit,
}

const KEYS: [&str; 6] = [
    "load",
    "cpu_pressure",
    "memory_pressure",
    "io_pressure",
    "memory_headroom",
    "descriptor_headroom",
];

impl Settings {
    /// Reads the probe's section.
    ///
    /// # Errors
    /// The first key that is unknown or holds something else than it should.
    pub fn parse(json: &str) -> Result<Self, Fault> {
        let value = Value::parse(json).unwrap_or(Value::Null);
        let section = Section::root(&value, &KEYS)?;
        let ratio = Quantity::Number(1.0);
        let above = |key, warn, fail| section.limit(key, ratio, Limit::above(warn, fail));
        let below =
            |key, warn, fail| section.limit(key, ratio, Limit::below(Some(warn), Some(fail)));
        Ok(Self {
            load: section.limit(
                "load",
                Quantity::Number(10_000.0),
                Limit::above(Some(2.0), Some(10.0)),
            )?,
            // A busy processor is what it is there for: by default this never fails.
            cpu_pressure: above("cpu_pressure", Some(0.6), None)?,
            memory_pressure: above("memory_pressure", Some(0.1), Some(0.4))?,
            io_pressure: above("io_pressure", Some(0.4), Some(0.9))?,
            memory_headroom: below("memory_headroom", 0.1, 0.03)?,
            descriptor_headroom: below("descriptor_headroom", 0.2, 0.05)?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_threshold_can_be_set() {
        let default = Settings::parse("{}").unwrap();
        for key in KEYS {
            let set =
                Settings::parse(&format!(r#"{{"{key}":{{"warn":0.5,"fail":0.5}}}}"#)).unwrap();
            assert_ne!(set, default, "{key}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        for (json, said) in [
            ("[]", "`config` must be a table, not a list"),
            (
                r#"{"cpu_pressure":{"warn":60}}"#,
                "`cpu_pressure.warn` must be a number from 0 to 1, not 60",
            ),
            (
                r#"{"memory_headroom":{"warn":0.1,"fail":0.2}}"#,
                "`memory_headroom.warn` must be at least `fail`, not 0.1",
            ),
            (
                r#"{"load":{"warm":1}}"#,
                "`load.warm` is not known here: use warn, fail",
            ),
        ] {
            assert_eq!(Settings::parse(json).unwrap_err().to_string(), said);
        }
        let unknown = Settings::parse(r#"{"lode":{}}"#).unwrap_err();
        assert_eq!(unknown.key, "lode");
    }
}
