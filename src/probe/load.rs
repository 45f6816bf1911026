//! From a file to a version that is fit to run: read, compile, check.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::config::{Config, ProbeConfig, is_probe_name};
use super::engine::ProbeHost;
use super::host::{GuestSettings, SqlAccess};
use super::regular::{self, Unfit};
use super::v0_1_0::EverythingPre;
use super::version::{Parts, Version};
use super::{Limits, inspect, offer, trust};
use crate::model::{ByteSize, Failure, ProbeIdentity, printable};

/// A call may take this share of the interval, and never more than [`LONGEST_DEADLINE`], unless the
/// configuration says otherwise.
const DEADLINE_SHARE: f64 = 0.8;
const LONGEST_DEADLINE: Duration = Duration::from_secs(5);

/// A file that wants to be a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The probe's name.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// How many versions of this name were loaded, this one included.
    pub generation: u32,
}

/// A file's bytes.
#[derive(Debug)]
pub struct Binary {
    /// All of them.
    pub bytes: Vec<u8>,
    /// `blake3:` and 64 hexadecimal digits over them.
    pub digest: String,
}

/// What became of a candidate.
pub enum Loaded {
    /// It can run.
    Fit(Version),
    /// It is not fit to run, and why.
    Rejected(Arc<ProbeIdentity>, Arc<Failure>),
}

/// Reads, compiles and checks one candidate. Blocks for as long as the compiler takes.
pub fn load(
    host: &Arc<ProbeHost>,
    candidate: &Candidate,
    defaults: &Config,
    config: &ProbeConfig,
) -> Loaded {
    let limits = defaults.limits.with(&config.limits);
    let binary = read(&candidate.file, &limits);
    load_binary(host, candidate, binary.as_ref(), defaults, config)
}

/// Compiles and checks what was read, or reports why it could not be.
pub fn load_binary(
    host: &Arc<ProbeHost>,
    candidate: &Candidate,
    binary: Result<&Binary, &Failure>,
    defaults: &Config,
    config: &ProbeConfig,
) -> Loaded {
    let mut identity = missing(&candidate.name, candidate.file.clone());
    identity.generation = candidate.generation;
    identity.granted = config.grant.words();
    let prepared = binary
        .map_err(Clone::clone)
        .and_then(|binary| prepare(host, binary, defaults, config, &mut identity));
    match prepared {
        Ok(parts) => {
            let (interval, deadline) = times(&parts.settings.limits, defaults, config);
            Loaded::Fit(Version {
                deadline,
                parts: Arc::new(parts),
                identity: Arc::new(identity),
                interval,
            })
        }
        Err(failure) => Loaded::Rejected(Arc::new(identity), Arc::new(failure)),
    }
}

/// The identity of a probe of which nothing is known but its name and where its file should be.
pub fn missing(name: &str, file: PathBuf) -> ProbeIdentity {
    ProbeIdentity {
        name: printable(name, 64).into(),
        file,
        size_bytes: 0,
        digest: String::new(),
        version: None,
        interface: None,
        generation: 1,
        asks: Vec::new(),
        granted: Vec::new(),
        compile: Duration::ZERO,
        cached: false,
        loaded: SystemTime::now(),
    }
}

/// How often it runs, and how long a call may take.
fn times(limits: &Limits, defaults: &Config, config: &ProbeConfig) -> (Duration, Duration) {
    let interval = config.interval.unwrap_or(defaults.interval).0;
    let deadline = limits.deadline.map(|span| span.0);
    let share = || interval.mul_f64(DEADLINE_SHARE).min(LONGEST_DEADLINE);
    (interval, deadline.unwrap_or_else(share))
}

/// Every step fills in what it found out, so that a rejected probe shows how far it came.
fn prepare(
    host: &Arc<ProbeHost>,
    binary: &Binary,
    defaults: &Config,
    config: &ProbeConfig,
    identity: &mut ProbeIdentity,
) -> Result<Parts, Failure> {
    let Binary { bytes, digest } = binary;
    identity.size_bytes = bytes.len() as u64;
    identity.digest.clone_from(digest);
    if !is_probe_name(&identity.name) {
        let message = "a probe's file name is 1 to 64 letters, digits, `-` and `_` before `.wasm`";
        return Err(Failure::new("file.name", message));
    }
    trust::check(&identity.file, bytes, digest, config)?;
    inspect::check_kind(bytes)?;
    identity.version = inspect::own_version(bytes);

    let compiled = host.compile(bytes);
    identity.compile = compiled.took;
    identity.cached = compiled.cached;
    let component = compiled.result?;
    let inspection = inspect::inspect(&component, &host.engine)?;
    identity.asks = inspection.asks;
    identity.interface = Some(inspection.interface);

    let prepared = host
        .linker
        .instantiate_pre(&component)
        .and_then(EverythingPre::new);
    let limits = defaults.limits.with(&config.limits);
    let times = times(&limits, defaults, config);
    let tape = &host.around.tape;
    tape.admit(identity, config, &limits, times, &host.around)?;
    let reach = host.reach(&identity.name, &config.grant, &limits)?;
    Ok(Parts {
        prepared: prepared.map_err(|error| {
            let imports = offer::imports(&component, &host.engine, &host.linker);
            offer::refuse(&imports, &chain(&error))
        })?,
        settings: Arc::new(GuestSettings {
            name: identity.name.clone(),
            config: serde_json::to_value(&config.config)
                .map_err(|error| Failure::new("bad-config", error.to_string()))?,
            limits,
            snapshots: host.snapshots.clone(),
            names: host.names.clone(),
            states: host.states.clone(),
            events: host.around.events.clone(),
            sql: SqlAccess::new(host.sql.clone(), config.grant.sqlite.clone()),
            transcript: host.transcript().cloned(),
            tape: tape.clone(),
        }),
        reach: Arc::new(reach),
        host: host.clone(),
    })
}

/// Reads a component's file, following links. Regular files only: opening a FIFO would wait for ever.
///
/// # Errors
/// `file.unreadable`, `file.kind`, or `limits.file`.
pub fn read(path: &Path, limits: &Limits) -> Result<Binary, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::new("file.unreadable", format!("cannot be read: {error}"));
    let (file, metadata) = regular::open(path).map_err(|unfit| match unfit {
        Unfit::Unreadable(error) => unreadable(error),
        Unfit::Irregular(kind) => Failure::new("file.kind", format!("it is {kind}")),
    })?;
    let limit = limits.file.0;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(limit)).unwrap_or(0) + 1);
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        let size = ByteSize(metadata.len());
        let message = format!("the file has {size}: at most {} (limits.file)", limits.file);
        return Err(Failure::new("limits.file", message));
    }
    let digest = format!("blake3:{}", blake3::hash(&bytes).to_hex());
    Ok(Binary { bytes, digest })
}

/// An error with its causes, on one line.
fn chain(error: &wasmtime::Error) -> String {
    error
        .chain()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
