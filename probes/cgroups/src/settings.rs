//! The probe's configuration.

use probity_sdk::config::{Ceiling, Count, Path, Ratio, Seconds, Whole};
use probity_sdk::pattern::Patterns;
use serde::Deserialize;

/// Which groups are looked at, and from where on each check warns and fails.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where the groups are; the probe's grant must have it or a folder above it.
    pub folder: Path,
    /// Names of units and containers that are looked at.
    pub include: Patterns,
    /// Those that are not, though they are included.
    pub exclude: Patterns,
    /// How many are looked at, each with 19 series at most and, in its first run, 64 calls to the host.
    pub max_groups: Whole<1, 1000>,
    /// For how long the list of groups is good.
    pub discover_every: Seconds,
    /// Patterns of which each must match a group with a process in it.
    pub expect: Vec<String>,
    /// Memory in use, without page cache that can be given back, as a share of its limit.
    pub memory: Ceiling<Ratio>,
    /// Processes as a share of their limit.
    pub pids: Ceiling<Ratio>,
    /// Share of the periods in which a group had used up its quota of processor time since the run before.
    pub throttling: Ceiling<Ratio>,
    /// Processes killed for want of memory within `oom_window`.
    pub oom_kills: Ceiling<Count>,
    /// For how long a kill is told.
    pub oom_window: Seconds,
}

impl Default for Settings {
    fn default() -> Self {
        let share = |warn, fail: Option<f64>| Ceiling {
            warn: Some(Ratio(warn)),
            fail: fail.map(Ratio),
        };
        let patterns = |all: &[&str]| Patterns(all.iter().map(|&one| one.to_owned()).collect());
        Self {
            folder: Path("/sys/fs/cgroup".to_owned()),
            include: Patterns::every(),
            // Somebody who logs in is no service: each would leave a few series behind.
            exclude: patterns(&["session-*.scope", "user@*", "user-runtime-dir@*"]),
            max_groups: Whole(50),
            discover_every: Seconds(15.0),
            expect: Vec::new(),
            memory: share(0.9, Some(0.98)),
            pids: share(0.8, Some(0.95)),
            throttling: share(0.5, None),
            oom_kills: Ceiling {
                warn: Some(Count(1.0)),
                fail: None,
            },
            oom_window: Seconds(600.0),
        }
    }
}

impl Settings {
    /// Whether a unit or container of this name is looked at.
    pub fn includes(&self, name: &str) -> bool {
        self.include.match_any(name) && !self.exclude.match_any(name)
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
            r#"{"folder":"/host/sys/fs/cgroup"}"#,
            r#"{"include":["nginx.service"]}"#,
            r#"{"exclude":[]}"#,
            r#"{"max_groups":200}"#,
            r#"{"discover_every":0}"#,
            r#"{"expect":["sshd.service"]}"#,
            r#"{"memory":{}}"#,
            r#"{"pids":{"fail":1}}"#,
            r#"{"throttling":{"fail":0.9}}"#,
            r#"{"oom_kills":{"fail":1}}"#,
            r#"{"oom_window":"1h"}"#,
        ] {
            assert_ne!(config::parse::<Settings>(json).unwrap(), default, "{json}");
        }
    }

    #[test]
    fn patterns_choose_by_name() {
        let settings = Settings::default();
        for (name, is_included) in [
            ("nginx.service", true),
            ("docker-0123456789ab", true),
            ("session-3.scope", false),
            ("user@1000.service/app.service", false),
        ] {
            assert_eq!(settings.includes(name), is_included, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        for (json, said) in [
            (
                r#"{"memory":{"warn":90}}"#,
                "`memory.warn` must be a number from 0 to 1, not 90",
            ),
            (
                r#"{"max_groups":0}"#,
                "`max_groups` must be a whole number from 1 to 1000, not 0",
            ),
            (
                r#"{"expect":"sshd.service"}"#,
                "`expect` must be a list, not \"sshd.service\"",
            ),
        ] {
            let fault = config::parse::<Settings>(json).unwrap_err();
            assert_eq!(fault.to_string(), said);
        }
    }
}
