//! The conformance suite: one list of behaviours that a probe shows whatever language it is written in.
//!
//! It is held against the example that every language has: a probe named `queue`, which reads a small file. The contract is
//! in `docs/conformance.md`; the suite makes the file, the configuration and the grants itself, and looks at what would be
//! served.

mod bed;
mod errors;
mod folder;
mod life;
mod report;
mod values;
mod voice;

use std::path::PathBuf;
use std::pin::Pin;
use std::time::{Duration, Instant};

use self::bed::Bed;
use super::stand::Unfit;
use crate::probe::{Config, ProbeError, Surroundings};

pub use folder::Folder;
pub use report::{Conformance, FileReport};

/// Why a behaviour is not shown, in one line; nothing when it is.
pub(super) type Verdict = Result<(), String>;

/// One behaviour.
pub struct Behaviour {
    /// A word or two.
    pub name: &'static str,
    /// What is expected, in one line.
    pub what: &'static str,
    check: for<'a> fn(&'a Bed) -> Pin<Box<dyn Future<Output = Verdict> + 'a>>,
}

/// Lists a check under its name.
macro_rules! behaviours {
    ($($name:literal, $what:literal => $check:path;)+) => {
        /// All behaviours, in the order in which they are checked.
        pub const BEHAVIOURS: &[Behaviour] = &[$(Behaviour {
            name: $name,
            what: $what,
            check: |bed| Box::pin($check(bed)),
        }),+];
    };
}

behaviours! {
    "definitions", "metrics have their types, units, labels and buckets" => values::definitions;
    "values", "gauges, the counter and the histogram have exact values" => values::values;
    "totals", "counts go on from run to run" => values::totals;
    "labels", "label values arrive as they are, quotes and all" => values::labels;
    "gone", "what is no longer observed is no longer written" => values::gone;
    "check", "the check passes, warns and says why" => values::check;
    "configuration", "keys are read, with their defaults" => values::configuration;
    "wrong configuration", "a wrong key is `bad-config` from `start`, and named with what is expected" => errors::configuration;
    "unavailable", "a wrong line and a missing file are `unavailable`, and named" => errors::unavailable;
    "failure", "a run that fails commits nothing, and the next one goes on" => errors::failure;
    "denied", "what is not granted is `denied`, with the line that grants it" => errors::denied;
    "log", "a line in `start` arrives once for each instance" => voice::log;
    "flood", "twenty lines in a run arrive in order; over the quota they cost nothing but themselves" => voice::flood;
    "state", "what is kept survives a new version, and totals go on" => life::state;
    "trap", "a crash costs its own run: a new instance has the state, and totals go on" => life::trap;
    "deadline", "a loop without end is stopped at the deadline, and a new instance works" => life::deadline;
    "steady", "a thousand runs take one instance, and its memory does not grow" => life::steady;
}

/// Why the suite says nothing of a file.
#[derive(Debug, thiserror::Error)]
pub enum ConformanceError {
    /// The machine refuses the host.
    #[error(transparent)]
    Host(#[from] ProbeError),
    /// The suite's own folder cannot be had.
    #[error("the suite's folder {folder} cannot be made: {error}", folder = .0.display(), error = .1)]
    Folder(PathBuf, std::io::Error),
    /// The file cannot run.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// It runs, and does something else than the contract says.
    #[error("{file} does not follow the suite's contract, a probe that gives queue_depth and its fellows: {why}", file = .0.display(), why = .1)]
    Foreign(PathBuf, String),
}

/// One of several files, with the folders and limits that hold for all.
#[derive(Clone)]
pub struct Ground {
    /// What holds for every probe.
    pub defaults: Config,
    /// What the host is given; without a cache, compiled code is kept in the suite's own folder as long as that lasts.
    pub around: Surroundings,
    /// The folder in which each file's own is made.
    pub folder: PathBuf,
}

/// Holds a file against all behaviours. Must be called on a runtime.
///
/// # Errors
/// As [`ConformanceError`] says; a behaviour that is not shown is none.
pub async fn conform(ground: &Ground, file: PathBuf) -> Result<FileReport, ConformanceError> {
    let bed = Bed::make(ground, file)?;
    let identity = bed.load()?.identity().clone();
    if let Err(why) = values::follows_the_contract(&bed).await {
        return Err(ConformanceError::Foreign(identity.file.clone(), why));
    }
    let mut verdicts = Vec::with_capacity(BEHAVIOURS.len());
    for behaviour in BEHAVIOURS {
        let began = Instant::now();
        let verdict = (behaviour.check)(&bed).await;
        verdicts.push((verdict, began.elapsed()));
    }
    Ok(FileReport { identity, verdicts })
}

/// The list of behaviours as text, one a line.
pub fn list() -> String {
    let width = BEHAVIOURS.iter().map(|one| one.name.len()).max();
    let width = width.unwrap_or(0);
    let line = |one: &Behaviour| format!("  {:<width$}  {}\n", one.name, one.what);
    BEHAVIOURS.iter().map(line).collect()
}

/// How long one behaviour took.
pub(super) type Took = Duration;
