//! Configuration of the probes: the folder, defaults, limits, and each probe's own section.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::compile::CompileConfig;
use super::grants::Grants;
use super::limits::{LimitOverrides, Limits};
use super::trust;
use crate::model::{ByteSize, Invalid, Span, check_range};

/// `[probes]`: the folder and what holds for every probe.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The folder whose `*.wasm` files are loaded.
    pub folder: PathBuf,
    /// How a change of the folder is noticed.
    pub watch: WatchMode,
    /// How often the folder is read even if nothing was noticed, 100ms to 1h.
    pub rescan: Span,
    /// How often a probe runs, 100ms to 1h, unless its section says otherwise.
    pub interval: Span,
    /// What a probe may use, unless its section says otherwise.
    pub limits: Limits,
    /// Each guest's stack, 64KiB to 1MiB.
    pub stack: ByteSize,
    /// Keep compiled code in the state folder.
    pub cache: bool,
    /// How much of it, 1MiB to 1TiB.
    pub cache_size: ByteSize,
    /// What compiling one component may take.
    pub compile: CompileConfig,
}

/// How a change of the folder is noticed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WatchMode {
    /// By the system's events where it gives them, and by reading the folder every second where it does not.
    #[default]
    Auto,
    /// By reading the folder every `probes.rescan` alone.
    Poll,
}

/// `[[probe]]`: one probe by name.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeConfig {
    /// The probe's name.
    pub name: String,
    /// The component that it runs, `COMPONENT.wasm`; unset: the one of its own name. Several probes may run one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// Whether it runs.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// How often it runs; unset: `probes.interval`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Span>,
    /// What it may use; a key that is not set is taken from `probes.limits`.
    #[serde(default, skip_serializing_if = "LimitOverrides::is_empty")]
    pub limits: LimitOverrides,
    /// The only content that is loaded under this name: `blake3:` and 64 hexadecimal digits; unset: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The minisign public key that must have signed the content, in `NAME.wasm.minisig`; unset: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
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
            watch: WatchMode::Auto,
            rescan: Span::seconds(10),
            interval: Span::seconds(5),
            limits: Limits::default(),
            stack: ByteSize::kib(512),
            cache: true,
            cache_size: ByteSize::mib(256),
            compile: CompileConfig::default(),
        }
    }
}

impl Config {
    /// What is not acceptable in it.
    pub fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        check_interval(&mut faults, "interval", self.interval);
        check_interval(&mut faults, "rescan", self.rescan);
        self.limits.check(&mut faults);
        check_range(
            &mut faults,
            "stack",
            self.stack,
            ByteSize::kib(64),
            ByteSize::mib(1),
        );
        check_range(
            &mut faults,
            "cache_size",
            self.cache_size,
            ByteSize::mib(1),
            ByteSize::mib(1 << 20),
        );
        self.compile.check(&mut faults);
        faults
    }
}

impl ProbeConfig {
    /// What is not acceptable in it.
    pub fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        if let Some(interval) = self.interval {
            check_interval(&mut faults, "interval", interval);
        }
        // The other keys are the defaults, which are acceptable.
        Limits::default().with(&self.limits).check(&mut faults);
        let names = [
            ("name", Some(&self.name)),
            ("component", self.component.as_ref()),
        ];
        for (key, name) in names {
            if let Some(name) = name.filter(|name| !is_probe_name(name)) {
                let rule = "must be 1 to 64 letters, digits, `-` and `_`";
                faults.push(Invalid::new(key, name, rule));
            }
        }
        faults.extend(trust::check_keys(self));
        self.grant.check(&mut faults);
        faults
    }
}

/// A probe's name is a label value, part of a URL and a file's stem, so it is kept plain.
pub fn is_probe_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

fn check_interval(faults: &mut Vec<Invalid>, key: &str, interval: Span) {
    check_range(
        faults,
        key,
        interval,
        Span::millis(100),
        Span::seconds(3600),
    );
}

impl ProbeConfig {
    /// The component that it runs, without `.wasm`.
    pub fn component(&self) -> &str {
        self.component.as_deref().unwrap_or(&self.name)
    }

    /// The section of a probe that has none: it runs with the defaults and nothing granted.
    pub fn unmentioned(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            component: None,
            enabled: true,
            interval: None,
            limits: LimitOverrides::default(),
            digest: None,
            signer: None,
            grant: Grants::default(),
            config: toml::Table::new(),
        }
    }
}
