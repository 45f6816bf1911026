//! The folder: which files are there, and what becomes of each when it is loaded.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::config::{Config, ProbeConfig, is_probe_name};
use super::engine::ProbeHost;
use super::host::GuestSettings;
use super::resident::{Parts, Probe};
use super::v0_1_0::EverythingPre;
use super::{Limits, ProbeError, grants, inspect};
use crate::model::{ByteSize, Failure, ProbeIdentity, printable};

/// A call may take this share of the interval, and never more than [`LONGEST_DEADLINE`], unless the
/// configuration says otherwise.
const DEADLINE_SHARE: f64 = 0.8;
const LONGEST_DEADLINE: Duration = Duration::from_secs(5);

/// A file that wants to be a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The file's stem.
    pub name: String,
    /// The file.
    pub file: PathBuf,
}

/// What became of a candidate.
pub enum Loaded {
    /// It can run.
    Probe(Box<Probe>),
    /// It is not fit to run, and why.
    Rejected(Arc<ProbeIdentity>, Arc<Failure>),
}

/// The `*.wasm` entries directly in `folder`, by name. A folder that does not exist holds none.
///
/// # Errors
/// When the folder cannot be read.
pub fn scan(folder: &Path) -> Result<Vec<Candidate>, ProbeError> {
    let failed = |error| ProbeError::Folder(folder.to_owned(), error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut candidates = Vec::new();
    for entry in entries {
        let file = entry.map_err(failed)?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            let name = file
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            candidates.push(Candidate { name, file });
        }
    }
    candidates.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(candidates)
}

/// Reads, compiles and checks one candidate. Blocks for as long as the compiler takes.
pub fn load(
    host: &Arc<ProbeHost>,
    candidate: &Candidate,
    defaults: &Config,
    config: &ProbeConfig,
) -> Loaded {
    let mut identity = missing(&candidate.name, candidate.file.clone());
    identity.granted = grants::words(&config.grant);
    match prepare(host, candidate, defaults, config, &mut identity) {
        Ok(parts) => {
            let interval = config.interval.unwrap_or(defaults.interval).0;
            let deadline = parts
                .settings
                .limits
                .deadline
                .map_or_else(|| default_deadline(interval), |deadline| deadline.0);
            Loaded::Probe(Box::new(Probe::new(parts, identity, interval, deadline)))
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
    }
}

fn default_deadline(interval: Duration) -> Duration {
    interval.mul_f64(DEADLINE_SHARE).min(LONGEST_DEADLINE)
}

/// Every step fills in what it found out, so that a rejected probe shows how far it came.
fn prepare(
    host: &Arc<ProbeHost>,
    candidate: &Candidate,
    defaults: &Config,
    config: &ProbeConfig,
    identity: &mut ProbeIdentity,
) -> Result<Parts, Failure> {
    if !is_probe_name(&candidate.name) {
        let message = "a probe's file name is 1 to 64 letters, digits, `-` and `_` before `.wasm`";
        return Err(Failure::new("file.name", message));
    }
    let limits = defaults.limits.with(&config.limits);
    let bytes = read(&candidate.file, &limits)?;
    identity.size_bytes = bytes.len() as u64;
    identity.digest = format!("blake3:{}", blake3::hash(&bytes).to_hex());
    inspect::check_kind(&bytes)?;
    identity.version = inspect::own_version(&bytes);

    let began = Instant::now();
    let compiled = host.compile(&bytes).map_err(|error| invalid(&error));
    identity.compile = began.elapsed();
    let (component, cached) = compiled?;
    identity.cached = cached;
    let inspection = inspect::inspect(&component, &host.engine)?;
    identity.asks = inspection.asks;
    identity.interface = Some(inspection.interface);

    let prepared = host
        .linker
        .instantiate_pre(&component)
        .and_then(EverythingPre::new);
    Ok(Parts {
        prepared: prepared.map_err(|error| Failure::new("component.type", chain(&error)))?,
        settings: Arc::new(GuestSettings {
            name: identity.name.clone(),
            config: serde_json::to_value(&config.config)
                .map_err(|error| Failure::new("bad-config", error.to_string()))?,
            limits,
            snapshots: host.snapshots.clone(),
            names: host.names.clone(),
        }),
        grants: config.grant.clone(),
        host: host.clone(),
    })
}

/// Regular files only: opening a FIFO would wait for ever.
fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::new("file.unreadable", format!("cannot be read: {error}"));
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        let kind = if metadata.is_dir() {
            "a folder"
        } else {
            "not a regular file"
        };
        return Err(Failure::new("file.kind", format!("it is {kind}")));
    }
    let limit = limits.file.0;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(limit)).unwrap_or(0) + 1);
    let file = fs::File::open(path).map_err(unreadable)?;
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        let size = ByteSize(metadata.len());
        let message = format!("the file has {size}: at most {} (limits.file)", limits.file);
        return Err(Failure::new("file.too-large", message));
    }
    Ok(bytes)
}

fn invalid(error: &wasmtime::Error) -> Failure {
    Failure::new(
        "component.invalid",
        format!("not a valid component: {}", chain(error)),
    )
}

/// An error with its causes, on one line.
fn chain(error: &wasmtime::Error) -> String {
    error
        .chain()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
