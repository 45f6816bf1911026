//! Probes: WASM components from a folder, run in a sandbox.
//!
//! This room owns the engine, the catalogue, instances, grants, limits and the host's side of every import. It
//! is the only one that knows wasmtime. It never decides when a probe runs, and what a guest does never ends
//! a task: a failure is data in the [`Observation`](crate::model::Observation).

mod backoff;
mod blame;
mod compile;
mod config;
mod durable;
mod engine;
mod examine;
mod grants;
mod host;
mod inspect;
mod instance;
mod life;
mod limits;
mod load;
mod offer;
mod probation;
mod regular;
mod resident;
mod runner;
mod surroundings;
mod tape;
mod ticker;
mod trial;
mod trust;
mod v0_1_0;
mod version;

use std::io;
use std::path::PathBuf;

pub use compile::{
    CompileConfig, CompileEnd, CompileOrder, CompileTally, Compiler, compile_as_ordered,
};
pub use config::{Config, ProbeConfig, WatchMode, is_probe_name};
pub use engine::ProbeHost;
pub use examine::{Declared, Examination, examine};
pub use grants::{
    Endpoint, Environment, Grants, Host, Origin, SecretConfig, Secrets, SecretsConfig,
};
pub use host::{EventSink, LogLevel, LogLine, Said, Transcript, Trigger};
pub use inspect::INTERFACE_VERSION;
pub use limits::{LimitOverrides, Limits};
pub use load::{Binary, Candidate, Loaded, load, load_binary, missing, read};
pub use offer::Import;
pub use runner::{Due, Probe, RolledBack};
pub use surroundings::Surroundings;
pub use tape::{TAPE_VERSION, Tape, TapeDocument, TapeError};
pub use trial::{Refusal, RefusalKind};
pub use version::Version;

/// The interface as authors get it.
pub const WIT: &str = include_str!("../../wit/0.1.0/probity.wit");

/// Why probes as a whole cannot be had. A single bad probe is no error, it is [`Loaded::Rejected`].
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The engine refuses its settings on this machine.
    #[error("the WebAssembly engine cannot start: {0}")]
    Engine(Box<dyn std::error::Error + Send + Sync>),
    /// No threads.
    #[error("threads for guests cannot be started: {0}")]
    Threads(io::Error),
    /// The cache folder cannot be made private.
    #[error("the cache folder {folder} cannot be used: {error}", folder = .0.display(), error = .1)]
    Cache(PathBuf, io::Error),
}
