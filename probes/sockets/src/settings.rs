//! The probe's configuration.

use probity_sdk::config::{Ceiling, Count, Path, Ratio, Seconds};
use serde::Deserialize;

/// What is read, and from where on each check warns and fails.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The folder to read; the probe's grant must have it or one above it.
    pub folder: Path,
    /// Whether connections are counted by state.
    pub states: bool,
    /// For how long such a count is good. To list its connections the kernel walks its whole table, also when it is
    /// all but empty: 7 ms of processor time on a machine of 24 GB.
    pub states_every: Seconds,
    /// Connections lost at listening sockets in a second.
    pub listen_drops_per_second: Ceiling<Count>,
    /// Share of segments that were sent again since the run before.
    pub retransmit_ratio: Ceiling<Ratio>,
    /// Connections in TIME_WAIT.
    pub time_wait: Ceiling<Count>,
    /// Connections in CLOSE_WAIT.
    pub close_wait: Ceiling<Count>,
}

impl Default for Settings {
    fn default() -> Self {
        let counts = |warn, fail: Option<f64>| Ceiling {
            warn: Some(Count(warn)),
            fail: fail.map(Count),
        };
        Self {
            folder: Path("/proc/net".to_owned()),
            states: true,
            states_every: Seconds(15.0),
            listen_drops_per_second: counts(1.0, Some(100.0)),
            retransmit_ratio: Ceiling {
                warn: Some(Ratio(0.05)),
                fail: Some(Ratio(0.25)),
            },
            // Linux hands out 28,232 ports for connections from here to one address.
            time_wait: counts(20_000.0, None),
            close_wait: counts(1000.0, Some(10_000.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use probity_sdk::config;

    #[test]
    fn each_key_can_be_set() {
        let default = Settings::default();
        assert_eq!(config::parse("{}"), Ok(default.clone()));
        for json in [
            r#"{"folder":"/host/proc/1/net/"}"#,
            r#"{"states":false}"#,
            r#"{"states_every":"1m"}"#,
            r#"{"listen_drops_per_second":{"warn":5}}"#,
            r#"{"retransmit_ratio":{"fail":0.5}}"#,
            r#"{"time_wait":{}}"#,
            r#"{"close_wait":{"warn":1,"fail":2}}"#,
        ] {
            assert_ne!(config::parse::<Settings>(json).unwrap(), default, "{json}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        for (json, said) in [
            (
                r#"{"folder":"proc/net"}"#,
                "`folder` must be an absolute path such as \"/var/log\", not \"proc/net\"",
            ),
            (
                r#"{"retransmit_ratio":{"warn":5}}"#,
                "`retransmit_ratio.warn` must be a number from 0 to 1, not 5",
            ),
            (
                r#"{"timewait":{}}"#,
                "`timewait` is not known here: use `folder`, `states`, `states_every`, `listen_drops_per_second`, `retransmit_ratio`, `time_wait` or `close_wait`",
            ),
            (
                r#"{"states":"no"}"#,
                "`states` must be true or false, not \"no\"",
            ),
        ] {
            let fault = config::parse::<Settings>(json).unwrap_err();
            assert_eq!(fault.to_string(), said);
        }
    }
}
