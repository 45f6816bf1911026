//! Configuration: found, merged, checked, once, at the start.
//!
//! This room composes the rooms' own `Config` types, reads one TOML file (or the built-in one), lays environment
//! variables and flags over it, and reports every fault with its place. It is handed the environment and the
//! paths; it never reads the environment itself, and nothing reads configuration after it.

mod bounds;
mod decode;
mod fault;
mod layer;
mod log;
mod path;
mod source;
mod suggest;
mod tree;
mod words;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::Invalid;
use crate::{health, http, probe, sampler};

pub use fault::{ConfigError, Fault, Place};
pub use log::{LogConfig, LogFormat};
pub use source::{FlagValue, MAX_FILE_BYTES, Sources};

/// The documented example. It is also what runs when there is no file: a file replaces it wholly.
pub const EXAMPLE: &str = include_str!("../../docs/probity.example.toml");

/// Everything that can be set.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `[server]`: where it listens.
    pub server: http::Config,
    /// `[sampler]`: the built-in samplers.
    pub sampler: sampler::Config,
    /// `[probes]`: what holds for every probe.
    pub probes: probe::Config,
    /// `[secrets]`: what probes may be granted by name and nobody is shown.
    pub secrets: probe::SecretsConfig,
    /// `[[probe]]`: one probe by name.
    pub probe: Vec<probe::ProbeConfig>,
    /// `[health]`: the built-in checks.
    pub health: health::Config,
    /// `[log]`: the program's own log.
    pub log: LogConfig,
    /// `[state]`: what is kept between starts.
    pub state: StateConfig,
}

/// `[state]`: what is kept between starts.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StateConfig {
    /// The folder; unset: `$STATE_DIRECTORY`, then the XDG state folder, then `/var/lib/probity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
}

/// A configuration that is fit to run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loaded {
    /// The effective configuration.
    pub config: Config,
    /// Where it came from.
    pub origin: Origin,
    /// The environment at the start, for probes that are granted some of it.
    pub environment: probe::Environment,
    /// The secrets as they were read.
    pub secrets: probe::Secrets,
    /// The state folder, chosen by `state.directory` or the environment. It may not exist yet.
    pub state_directory: PathBuf,
}

/// Where a configuration came from, in order of rising precedence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file; nothing when the built-in defaults were taken.
    pub file: Option<PathBuf>,
    /// The variables and flags that were laid over it, by name.
    pub overrides: Vec<String>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(path) => write!(f, "{}", path.display())?,
            None => f.write_str("built-in defaults")?,
        }
        if !self.overrides.is_empty() {
            write!(f, ", then {}", self.overrides.join(", "))?;
        }
        Ok(())
    }
}

/// Finds, merges and checks the configuration.
///
/// # Errors
/// Every fault found: a file that cannot be read, TOML that is none, unknown keys, wrong types, values out of bounds,
/// a secret that cannot be had.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let (file, text) = match source::find(sources)? {
        Some((path, text)) => (Some(path), text),
        None => (None, EXAMPLE.to_owned()),
    };
    let (overrides, faults) = layer::overrides(sources);
    let document = decode::Document {
        file: file.clone(),
        text: &text,
        overrides: &overrides,
    };
    let environment = probe::Environment::of(&sources.environment);
    let (config, secrets) = decode::decode(&document, &environment, faults)?;
    Ok(Loaded {
        state_directory: source::state_directory(&config, sources),
        config,
        environment,
        secrets,
        origin: Origin {
            file,
            overrides: overrides.into_iter().map(|one| one.name).collect(),
        },
    })
}

impl Config {
    /// What is not acceptable in it; keys are whole paths such as `probe[1].interval`.
    pub fn check(&self) -> Vec<Invalid> {
        let mut faults = Vec::new();
        let mut section = |name: &str, found: Vec<Invalid>| {
            faults.extend(found.into_iter().map(|mut fault| {
                fault.key = format!("{name}.{}", fault.key);
                fault
            }));
        };
        section("server", self.server.check());
        section("sampler", self.sampler.check());
        section("probes", self.probes.check());
        for (name, secret) in &self.secrets {
            section(&format!("secrets.{name}"), secret.check());
        }
        for (index, probe) in self.probe.iter().enumerate() {
            section(&format!("probe[{index}]"), probe.check());
        }
        section("health", self.health.check());
        section("log", self.log.check());
        faults.extend(self.doubled_names());
        faults.extend(self.taken_names());
        faults.extend(self.odd_secrets());
        faults
    }

    /// Secrets with names that cannot be told in a key, and grants of secrets that there are none of.
    fn odd_secrets(&self) -> Vec<Invalid> {
        let unfit = self
            .secrets
            .keys()
            .filter(|name| !probe::is_probe_name(name));
        let rule = "must be 1 to 64 letters, digits, `-` and `_`";
        let mut faults: Vec<Invalid> = unfit
            .map(|name| Invalid::new("secrets", name, rule))
            .collect();
        for (index, probe) in self.probe.iter().enumerate() {
            for (key, name) in probe.grant.secret_names() {
                if !self.secrets.contains_key(name) {
                    let rule = "must be the name of a secret in [secrets]";
                    faults.push(Invalid::new(format!("probe[{index}].{key}"), name, rule));
                }
            }
        }
        faults
    }

    /// Probes under the name of a built-in source, which are rejected when they are loaded.
    fn taken_names(&self) -> Vec<Invalid> {
        let is_taken = |name: &str| sampler::NAMES.contains(&name) || name == health::SOURCE;
        let taken = self.probe.iter().enumerate();
        taken
            .filter(|(_, probe)| is_taken(&probe.name))
            .map(|(index, probe)| {
                let rule = format!(
                    "must not be one of {} and {}, which are built in",
                    sampler::NAMES.join(", "),
                    health::SOURCE
                );
                Invalid::new(format!("probe[{index}].name"), &probe.name, rule)
            })
            .collect()
    }

    fn doubled_names(&self) -> Vec<Invalid> {
        let mut seen = HashMap::new();
        let mut faults = Vec::new();
        for (index, probe) in self.probe.iter().enumerate() {
            if let Some(first) = seen.insert(&probe.name, index) {
                faults.push(Invalid::new(
                    format!("probe[{index}].name"),
                    &probe.name,
                    format!("must be given once, and probe[{first}] has it already"),
                ));
            }
        }
        faults
    }
}
