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
mod section;
mod source;
mod suggest;
mod tree;
mod words;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::Invalid;
use crate::{archive, backup, event, health, history, http, page, probe, redact, sampler, store};

pub use fault::{ConfigError, Fault, Place};
pub use log::{LogConfig, LogFormat};
pub use source::{FlagValue, MAX_FILE_BYTES, SectionFlags, SectionValue, Sources};

/// The documented example. It is also what runs when there is no file: a file replaces it wholly.
pub const EXAMPLE: &str = include_str!("../../docs/probity.example.toml");

/// So many watches are named where one is not among them.
const NAMED_WATCHES: usize = 20;

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
    /// `[[watch]]`: processes to watch.
    pub watch: Vec<sampler::WatchConfig>,
    /// `[health]`: the built-in checks.
    pub health: health::Config,
    /// `[history]`: the past in memory.
    pub history: history::Config,
    /// `[archive]`: the past on disk.
    pub archive: archive::Config,
    /// `[events]`: what applications tell of what they do.
    pub events: event::Config,
    /// `[backup]`: backups of the database.
    pub backup: backup::Config,
    /// `[redaction]`: what counts as a secret in events and in the log.
    pub redaction: redact::Config,
    /// `[page]`: what people are shown.
    pub page: page::Config,
    /// `[log]`: the program's own log.
    pub log: LogConfig,
    /// `[state]`: what is kept between starts.
    pub state: store::Config,
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
    /// What the object storage for backups wants to see, where they go there.
    pub backup_credentials: Option<backup::Credentials>,
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
    let (mut overrides, faults) = layer::overrides(sources);
    if let Some(flags) = &sources.section {
        overrides.extend(section::overrides(flags, &text));
    }
    let document = decode::Document {
        file: file.clone(),
        text: &text,
        overrides: &overrides,
    };
    let environment = probe::Environment::of(&sources.environment);
    let decode::Decoded {
        config,
        secrets,
        backup_credentials,
    } = decode::decode(&document, &environment, faults)?;
    Ok(Loaded {
        state_directory: source::state_directory(&config, sources),
        config,
        environment,
        secrets,
        backup_credentials,
        origin: Origin {
            file,
            overrides: overrides.into_iter().map(|one| one.name).collect(),
        },
    })
}

/// The built-in defaults, whatever files there are: for what needs no configuration but the place of the state folder.
pub fn without_file(sources: &Sources) -> Loaded {
    let mut config = Config::default();
    let folder = sources
        .flags
        .iter()
        .find(|flag| flag.key == "state.directory");
    config.state.directory = folder.map(|flag| flag.value.clone().into());
    Loaded {
        state_directory: source::state_directory(&config, sources),
        config,
        ..Loaded::default()
    }
}

impl Config {
    /// The section of the probe of this name; one that has none runs with the defaults and nothing granted.
    pub fn section(&self, probe: &str) -> probe::ProbeConfig {
        let own = self.probe.iter().find(|section| section.name == probe);
        own.cloned()
            .unwrap_or_else(|| probe::ProbeConfig::unmentioned(probe))
    }

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
        for (index, watch) in self.watch.iter().enumerate() {
            section(&format!("watch[{index}]"), watch.check());
        }
        section("health", self.health.check());
        section("history", self.history.check());
        let history = &self.history;
        let memory = history.enabled.then_some(history.retention);
        section("archive", self.archive.check(memory));
        section("events", self.events.check());
        section("backup", self.backup.check());
        section("redaction", self.redaction.check());
        section("log", self.log.check());
        section("state", self.state.check());
        faults.extend(self.doubled_names());
        faults.extend(self.taken_names());
        faults.extend(self.odd_secrets());
        faults.extend(self.odd_watches());
        faults
    }

    /// More watches than there may be, and readiness that asks for one that there is not, which would never come.
    fn odd_watches(&self) -> Vec<Invalid> {
        let (count, most) = (self.watch.len(), sampler::MOST_WATCHES);
        let mut faults = Vec::new();
        if count > most {
            let key = format!("watch[{most}].name");
            let rule = format!("must not be there: {count} watches are more than {most}");
            faults.push(Invalid::new(key, &self.watch[most].name, rule));
        }
        let of = format!("{}/", sampler::WATCHED);
        for (index, check) in self.health.ready.iter().enumerate() {
            let Some(name) = check.strip_prefix(&of) else {
                continue;
            };
            if self.watch.iter().all(|watch| watch.name != name) {
                let rule = format!("must be a [[watch]]'s: {}", self.watches());
                faults.push(Invalid::new(format!("health.ready[{index}]"), check, rule));
            }
        }
        faults
    }

    /// The checks of the watches that there are.
    fn watches(&self) -> String {
        let name = |watch: &sampler::WatchConfig| format!("{}/{}", sampler::WATCHED, watch.name);
        let named = self.watch.iter().take(NAMED_WATCHES).map(name);
        let named: Vec<String> = named.collect();
        match self.watch.len().saturating_sub(NAMED_WATCHES) {
            0 if named.is_empty() => "there is none".to_owned(),
            0 => format!("there are {}", named.join(", ")),
            more => format!("there are {} and {more} more", named.join(", ")),
        }
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
        let others = [sampler::WATCHED, event::task::SOURCE];
        let built_in = [sampler::NAMES.as_slice(), &others].concat();
        let is_taken = |name: &str| built_in.contains(&name) || name == health::SOURCE;
        let taken = self.probe.iter().enumerate();
        taken
            .filter(|(_, probe)| is_taken(&probe.name))
            .map(|(index, probe)| {
                let rule = format!(
                    "must not be one of {} and {}, which are built in",
                    built_in.join(", "),
                    health::SOURCE
                );
                Invalid::new(format!("probe[{index}].name"), &probe.name, rule)
            })
            .collect()
    }

    fn doubled_names(&self) -> Vec<Invalid> {
        let probes = self.probe.iter().map(|probe| &probe.name);
        let watches = self.watch.iter().map(|watch| &watch.name);
        let mut faults = doubled("probe", probes);
        faults.extend(doubled("watch", watches));
        faults
    }
}

/// Names that an earlier section of the same kind has already.
fn doubled<'a>(kind: &str, names: impl Iterator<Item = &'a String>) -> Vec<Invalid> {
    let mut seen = HashMap::new();
    let mut faults = Vec::new();
    for (index, name) in names.enumerate() {
        if let Some(first) = seen.insert(name, index) {
            let rule = format!("must be given once, and {kind}[{first}] has it already");
            faults.push(Invalid::new(format!("{kind}[{index}].name"), name, rule));
        }
    }
    faults
}
