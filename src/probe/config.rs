//! Configuration of the probes: the folder, defaults, limits, and each probe's own section.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::grants::Grants;
use super::limits::{LimitOverrides, Limits};
use crate::model::{ByteSize, Invalid, Span, check_range};

/// `[probes]`: the folder and what holds for every probe.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The folder whose `*.wasm` files are loaded.
    pub folder: PathBuf,
    /// How often a probe runs, 100ms to 1h, unless its section says otherwise.
    pub interval: Span,
    /// What a probe may use, unless its section says otherwise.
    pub limits: Limits,
    /// Each guest's stack, 64KiB to 1MiB.
    pub stack: ByteSize,
    /// Keep compiled code in the state folder.
    pub cache: bool,
}

/// `[[probe]]`: one probe by name.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeConfig {
    /// The probe's name: its file is `NAME.wasm`.
    pub name: String,
    /// Whether it runs.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// How often it runs; unset: `probes.interval`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Span>,
    /// What it may use; a key that is not set is taken from `probes.limits`.
    #[serde(default, skip_serializing_if = "LimitOverrides::is_empty")]
    pub limits: LimitOverrides,
    /// What it may reach.
    #[serde(default)]
    pub grant: Grants,
    /// Its own configuration, handed to it as it is.
    #[serde(default)]
    pub config: toml::Table,
}

fn enabled() -> bool {
    true
}

impl Default for Config {
    fn default() -> Self {
        Self {
            folder: "probes".into(),
            interval: Span::seconds(5),
            limits: Limits::default(),
            stack: ByteSize::kib(512),
            cache: true,
        }
    }
}

impl Config {
    /// What is not acceptable in it.
    pub fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        check_interval(&mut faults, self.interval);
        self.limits.check(&mut faults);
        check_range(
            &mut faults,
            "stack",
            self.stack,
            ByteSize::kib(64),
            ByteSize::mib(1),
        );
        faults
    }
}

impl ProbeConfig {
    /// What is not acceptable in it.
    pub fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        if let Some(interval) = self.interval {
            check_interval(&mut faults, interval);
        }
        // The other keys are the defaults, which are acceptable.
        Limits::default().with(&self.limits).check(&mut faults);
        if !is_probe_name(&self.name) {
            let rule = "must be 1 to 64 letters, digits, `-` and `_`";
            faults.push(Invalid::new("name", &self.name, rule));
        }
        self.grant.check(&mut faults);
        faults
    }
}

/// A probe's name is a label value, part of a URL and a file's stem, so it is kept plain.
pub fn is_probe_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

fn check_interval(faults: &mut Vec<Invalid>, interval: Span) {
    check_range(
        faults,
        "interval",
        interval,
        Span::millis(100),
        Span::seconds(3600),
    );
}

impl ProbeConfig {
    /// The section of a probe that has none: it runs with the defaults and nothing granted.
    pub fn unmentioned(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            enabled: true,
            interval: None,
            limits: LimitOverrides::default(),
            grant: Grants::default(),
            config: toml::Table::new(),
        }
    }
}
