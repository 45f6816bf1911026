//! The conformance suite: one list of behaviours that a probe shows whatever language it is written in.
//!
//! It is held against the example that every language has: a probe named `queue`, which reads a small file. The contract is
//! in `docs/conformance.md`; the suite makes the file, the configuration and the grants itself, and looks at what would be
//! served. Of any other probe, run as its author says, it looks at what does not need the example.

mod any;
mod bed;
mod errors;
mod folder;
mod life;
mod report;
mod seen;
mod values;
mod voice;

use std::path::PathBuf;
use std::pin::Pin;
use std::time::{Duration, Instant};

use self::bed::Bed;
use super::stand::{Subject, Unfit};
use crate::probe::{ProbeError, Surroundings};

pub use folder::Folder;
pub use report::{Conformance, FileReport};

/// Why a behaviour is not shown, in one line; nothing when it is.
pub(super) type Verdict = Result<(), String>;

/// That a row is not red.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// The behaviour is there.
    Yes,
    /// This probe has no part of it, or the example alone can show it.
    NotApplicable,
}

/// One behaviour.
pub struct Behaviour {
    /// A word or two.
    pub name: &'static str,
    /// What is expected of the example, in one line.
    pub what: &'static str,
    /// The same of any probe; nothing where the example alone can show it.
    pub of_any: Option<&'static str>,
    check: Check,
    /// Nothing is told of any probe where there is none.
    check_any: Option<Check>,
}

/// Looks at a component on its bed.
type Check = for<'a> fn(&'a Bed) -> Pin<Box<dyn Future<Output = Result<Shown, String>> + 'a>>;

/// Lists a check under its name, with one of any probe where there is one.
macro_rules! behaviours {
    (@what) => { None };
    (@what $what:literal) => { Some($what) };
    (@any) => { None };
    (@any $check:path) => { Some(|bed| Box::pin($check(bed))) };
    ($($name:literal, $what:literal => $check:path $(, any: $any_what:literal => $any:path)?;)+) => {
        /// All behaviours, in the order in which they are checked.
        pub const BEHAVIOURS: &[Behaviour] = &[$(Behaviour {
            name: $name,
            what: $what,
            of_any: behaviours!(@what $($any_what)?),
            check: |bed| Box::pin(async move { $check(bed).await.map(|()| Shown::Yes) }),
            check_any: behaviours!(@any $($any)?),
        }),+];
    };
}

behaviours! {
    "definitions", "metrics have their types, units, labels and buckets" => values::definitions,
        any: "metrics are defined within the rules, each with a help, or a check is" => any::definitions;
    "values", "gauges, the counter and the histogram have exact values, also of a file of 100 KB" => values::values;
    "totals", "counts go on from run to run" => values::totals,
        any: "two runs go well, and no total falls" => any::totals;
    "labels", "label values arrive as they are, quotes and all" => values::labels;
    "gone", "what is no longer observed is no longer written" => values::gone;
    "check", "the check passes, warns and says why" => values::check;
    "configuration", "keys are read, with their defaults" => values::configuration;
    "wrong configuration", "a wrong key is `bad-config` from `start`, and named with what is expected" => errors::configuration,
        any: "a key of another type is `bad-config`, and named" => any::configuration;
    "unavailable", "a wrong line and a missing file are `unavailable`, and named" => errors::unavailable;
    "failure", "a run that fails commits nothing, and the next one goes on" => errors::failure;
    "denied", "what is not granted is `denied`, with the line that grants it" => errors::denied,
        any: "with nothing granted a run ends with an answer, and not with a crash" => any::denied;
    "log", "a line in `start` arrives once for each instance" => voice::log;
    "flood", "twenty lines in a run arrive, behind that of `start`; over the quota they cost nothing but themselves" => voice::flood;
    "state", "what is kept survives a new version, and totals go on" => life::state,
        any: "what is kept survives a new version, and no total falls" => any::state;
    "trap", "a crash costs its own run: a new instance has the state, and totals go on" => life::trap;
    "deadline", "a loop without end is stopped at the deadline, and the next version goes on" => life::deadline,
        any: "a run that may last one millisecond ends in time, and the next version goes on" => any::deadline;
    "steady", "a thousand runs take one instance, and its memory does not grow" => life::steady,
        any: "as many runs as there is time for, a thousand at most, do so too" => any::steady;
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
}

/// What the suite is given, whatever the file.
#[derive(Clone)]
pub struct Ground {
    /// What the host is given; without a cache, compiled code is kept in the suite's own folder as long as that lasts.
    pub around: Surroundings,
    /// The folder in which each file's own is made.
    pub folder: PathBuf,
}

/// Holds a file against all behaviours: an implementation of the contract with a file, a configuration and grants of the
/// suite's own, any other probe with those of the subject. Must be called on a runtime.
///
/// # Errors
/// As [`ConformanceError`] says; a behaviour that is not shown is none.
pub async fn conform(ground: &Ground, subject: Subject) -> Result<FileReport, ConformanceError> {
    let bed = Bed::make(ground, subject)?;
    let identity = bed.load(bed.own())?.identity().clone();
    let no_example = values::follows_the_contract(&bed).await.err();
    let mut verdicts = Vec::with_capacity(BEHAVIOURS.len());
    for behaviour in BEHAVIOURS {
        let began = Instant::now();
        let check = match no_example {
            None => Some(behaviour.check),
            Some(_) => behaviour.check_any,
        };
        let verdict = match check {
            Some(check) => check(&bed).await,
            None => Ok(Shown::NotApplicable),
        };
        verdicts.push((verdict, began.elapsed()));
    }
    Ok(FileReport {
        identity,
        no_example,
        verdicts,
    })
}

/// The list of behaviours as text: one a line, and below it what any probe is held against.
pub fn list() -> String {
    let width = BEHAVIOURS.iter().map(|one| one.name.len()).max();
    let width = width.unwrap_or(0);
    let line = |one: &Behaviour| {
        let any = one.of_any;
        let any = any.map(|what| format!("  {:<width$}  any probe: {what}\n", ""));
        let any = any.unwrap_or_default();
        format!("  {:<width$}  {}\n{any}", one.name, one.what)
    };
    BEHAVIOURS.iter().map(line).collect()
}

/// How long one behaviour took.
pub(super) type Took = Duration;
