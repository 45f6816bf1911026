//! Configuration of the probes: the folder, defaults, limits, and each probe's own section.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

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

/// What one probe may use.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Wall time of one call; unset: 0.8 of the interval, at most 5s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
    /// Each linear memory.
    pub memory: ByteSize,
    /// Bytes that cross to the host in one call.
    pub crossing: ByteSize,
    /// Series of one probe.
    pub series: u32,
    /// Log lines a minute.
    pub log_lines: u32,
    /// Bytes of log a minute.
    pub log_bytes: ByteSize,
    /// Bytes of state, keys included.
    pub state: ByteSize,
    /// Size of a component's file.
    pub file: ByteSize,
}

/// One probe's own limits, over those of all probes.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitOverrides {
    /// Over [`Limits::deadline`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
    /// Over [`Limits::memory`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
    /// Over [`Limits::crossing`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crossing: Option<ByteSize>,
    /// Over [`Limits::series`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<u32>,
    /// Over [`Limits::log_lines`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_lines: Option<u32>,
    /// Over [`Limits::log_bytes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<ByteSize>,
    /// Over [`Limits::state`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<ByteSize>,
    /// Over [`Limits::file`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<ByteSize>,
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

/// What a probe may reach. Nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Folders it may read, by absolute path; the guest sees them under the same path.
    pub read: Vec<PathBuf>,
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

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: None,
            memory: ByteSize::mib(64),
            crossing: ByteSize::mib(4),
            series: 1000,
            log_lines: 1000,
            log_bytes: ByteSize::kib(256),
            state: ByteSize::mib(1),
            file: ByteSize::mib(64),
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
        for (index, path) in self.grant.read.iter().enumerate() {
            if !path.is_absolute() {
                faults.push(Invalid::new(
                    format!("grant.read[{index}]"),
                    path.display(),
                    "must be an absolute path",
                ));
            }
        }
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

impl LimitOverrides {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
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

impl Limits {
    /// These limits with a probe's own over them.
    #[must_use]
    pub fn with(&self, own: &LimitOverrides) -> Self {
        Self {
            deadline: own.deadline.or(self.deadline),
            memory: own.memory.unwrap_or(self.memory),
            crossing: own.crossing.unwrap_or(self.crossing),
            series: own.series.unwrap_or(self.series),
            log_lines: own.log_lines.unwrap_or(self.log_lines),
            log_bytes: own.log_bytes.unwrap_or(self.log_bytes),
            state: own.state.unwrap_or(self.state),
            file: own.file.unwrap_or(self.file),
        }
    }

    fn check(&self, faults: &mut Vec<Invalid>) {
        if let Some(deadline) = self.deadline {
            check_range(
                faults,
                "limits.deadline",
                deadline,
                Span::millis(1),
                Span::seconds(600),
            );
        }
        check_range(
            faults,
            "limits.memory",
            self.memory,
            ByteSize::kib(64),
            ByteSize::mib(4096),
        );
        check_range(
            faults,
            "limits.crossing",
            self.crossing,
            ByteSize::kib(4),
            ByteSize::mib(256),
        );
        check_range(faults, "limits.series", self.series, 1, 100_000);
        check_range(faults, "limits.log_lines", self.log_lines, 1, 1_000_000);
        check_range(
            faults,
            "limits.log_bytes",
            self.log_bytes,
            ByteSize::kib(1),
            ByteSize::mib(64),
        );
        check_range(
            faults,
            "limits.state",
            self.state,
            ByteSize::kib(1),
            ByteSize::mib(64),
        );
        check_range(
            faults,
            "limits.file",
            self.file,
            ByteSize::kib(1),
            ByteSize::mib(1024),
        );
    }
}
