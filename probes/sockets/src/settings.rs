//! The probe's configuration.

use kit::{Fault, Limit, Quantity, Section, Value};

/// What is read, and from where on each check warns and fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The folder to read; the probe's grant must have it or one above it.
    pub folder: String,
    /// Whether connections are counted by state.
    pub states: bool,
    /// Seconds for which such a count is good. To list its connections the kernel walks its whole table, also when it is
    /// all but empty: 7 ms of processor time on a machine of 24 GB.
    pub states_every: f64,
    /// Connections lost at listening sockets in a second.
    pub listen_drops: Limit,
    /// Share of segments that were sent again since the run before.
    pub retransmits: Limit,
    /// Connections in TIME_WAIT.
    pub time_wait: Limit,
    /// Connections in CLOSE_WAIT.
    pub close_wait: Limit,
}

const KEYS: [&str; 7] = [
    "folder",
    "states",
    "states_every",
    "listen_drops_per_second",
    "retransmit_ratio",
    "time_wait",
    "close_wait",
];

impl Settings {
    /// Reads the probe's section.
    ///
    /// # Errors
    /// The first key that is unknown or holds something else than it should.
    pub fn parse(json: &str) -> Result<Self, Fault> {
        let value = Value::parse(json).unwrap_or(Value::Null);
        let section = Section::root(&value, &KEYS)?;
        let above = |key, most, warn, fail| {
            section.limit(key, Quantity::Number(most), Limit::above(warn, fail))
        };
        Ok(Self {
            folder: folder(&section)?,
            states: section.flag("states", true)?,
            states_every: section
                .quantity("states_every", Quantity::Seconds)?
                .unwrap_or(15.0),
            listen_drops: above("listen_drops_per_second", 1e9, Some(1.0), Some(100.0))?,
            retransmits: above("retransmit_ratio", 1.0, Some(0.05), Some(0.25))?,
            // Linux hands out 28,232 ports for connections from here to one address.
            time_wait: above("time_wait", 1e9, Some(20_000.0), None)?,
            close_wait: above("close_wait", 1e9, Some(1000.0), Some(10_000.0))?,
        })
    }
}

fn folder(section: &Section<'_>) -> Result<String, Fault> {
    let expected = "an absolute path such as \"/proc/net\"";
    if !section.has("folder") {
        return Ok("/proc/net".into());
    }
    let folder = section.text("folder", expected)?;
    if !folder.starts_with('/') {
        return Err(section.fault("folder", expected));
    }
    Ok(folder.trim_end_matches('/').into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_key_can_be_set() {
        let default = Settings::parse("{}").unwrap();
        assert_eq!(
            (default.folder.as_str(), default.states),
            ("/proc/net", true)
        );
        for json in [
            r#"{"folder":"/host/proc/1/net/"}"#,
            r#"{"states":false}"#,
            r#"{"states_every":"1m"}"#,
            r#"{"listen_drops_per_second":{"warn":5}}"#,
            r#"{"retransmit_ratio":{"fail":0.5}}"#,
            r#"{"time_wait":{}}"#,
            r#"{"close_wait":{"warn":1,"fail":2}}"#,
        ] {
            assert_ne!(Settings::parse(json).unwrap(), default, "{json}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        for (json, said) in [
            (
                r#"{"folder":"proc/net"}"#,
                "`folder` must be an absolute path such as \"/proc/net\", not \"proc/net\"",
            ),
            (
                r#"{"retransmit_ratio":{"warn":5}}"#,
                "`retransmit_ratio.warn` must be a number from 0 to 1, not 5",
            ),
            (
                r#"{"timewait":{}}"#,
                "`timewait` is not known here: use folder, states, states_every, listen_drops_per_second, retransmit_ratio, time_wait, close_wait",
            ),
            (
                r#"{"states":"no"}"#,
                "`states` must be true or false, not \"no\"",
            ),
        ] {
            assert_eq!(Settings::parse(json).unwrap_err().to_string(), said);
        }
    }
}
