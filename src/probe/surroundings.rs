//! What a probe host is given by the program around it.

use std::path::PathBuf;
use std::sync::Arc;

use super::grants::{Environment, Secrets};
use super::host::{Sink, Transcript};
use super::tape::Tape;
use super::{CompileTally, Compiler};
use crate::snapshot::SnapshotCell;
use crate::store::StateStore;

/// What the host of all probes needs of its program; by default nothing but a cell that stays empty.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// Where the newest snapshot is, for guests to derive from.
    pub snapshots: Arc<SnapshotCell>,
    /// Where compiled code is kept; unset: nowhere.
    pub cache: Option<PathBuf>,
    /// Where it is remembered that a compile was cut short; unset: nowhere.
    pub attempts: Option<PathBuf>,
    /// Where components are compiled.
    pub compiler: Compiler,
    /// Counters of compiling.
    pub compile_tally: CompileTally,
    /// Where the probes' state is kept; unset: in memory, until the program ends.
    pub states: Option<StateStore>,
    /// Who takes the events of guests; unset: nobody.
    pub events: Sink,
    /// The environment at the start, for guests that are granted some of it.
    pub environment: Environment,
    /// The secrets that may be granted.
    pub secrets: Secrets,
    /// Who listens to what guests say; unset: it goes to the program's log.
    pub transcript: Option<Transcript>,
    /// Whether the answers that a probe gets are recorded, or come from a recording; with one, the host is for one probe.
    pub tape: Tape,
}
