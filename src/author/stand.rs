//! What a probe is run in: one host for one component, with nobody beside it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::model::{Failure, ProbeIdentity};
use crate::probe::{
    Candidate, Config, Loaded, LogLevel, ProbeConfig, ProbeError, ProbeHost, Surroundings, Tape,
    Transcript, Version, load,
};
use crate::snapshot::SnapshotCell;

/// A component's file and what it is run with.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The file.
    pub file: PathBuf,
    /// What holds for every probe.
    pub defaults: Config,
    /// The probe's name, configuration, grants and limits.
    pub config: ProbeConfig,
}

/// The host of one probe.
pub struct Stand {
    pub(super) host: Arc<ProbeHost>,
    pub(super) snapshots: Arc<SnapshotCell>,
    pub(super) transcript: Transcript,
    pub(super) tape: Tape,
    /// Why compiled code is not kept, if it should be.
    pub uncached: Option<String>,
}

/// Why a file cannot run as a probe.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {failure}", identity.file.display())]
pub struct Unfit {
    /// What is known of it.
    pub identity: Arc<ProbeIdentity>,
    /// What is wrong with it.
    pub failure: Arc<Failure>,
}

impl Stand {
    /// Makes the host. Lines of guests are kept from level `least` on.
    ///
    /// # Errors
    /// When the machine refuses threads, or the engine its settings. A cache that cannot be had is none: it costs time.
    pub fn new(
        defaults: &Config,
        around: Surroundings,
        least: LogLevel,
    ) -> Result<Self, ProbeError> {
        let (snapshots, transcript) = (Arc::<SnapshotCell>::default(), Transcript::new(least));
        let around = Surroundings {
            snapshots: snapshots.clone(),
            transcript: Some(transcript.clone()),
            ..around
        };
        let tape = around.tape.clone();
        let (host, uncached) = match ProbeHost::new(defaults, around.clone()) {
            Err(error @ ProbeError::Cache(..)) => {
                let cache = None;
                let host = ProbeHost::new(defaults, Surroundings { cache, ..around })?;
                (host, Some(error.to_string()))
            }
            other => (other?, None),
        };
        Ok(Self {
            host,
            snapshots,
            transcript,
            tape,
            uncached,
        })
    }

    /// Reads, compiles and checks the file, as the `generation`th version of its probe. Blocks for as long as the compiler
    /// takes. Whom the section trusts is not asked: an author runs what was just built.
    ///
    /// # Errors
    /// Why it cannot run.
    pub fn load(&self, subject: &Subject, generation: u32) -> Result<Version, Unfit> {
        let config = ProbeConfig {
            digest: None,
            signer: None,
            ..subject.config.clone()
        };
        let candidate = Candidate {
            name: config.name.clone(),
            file: subject.file.clone(),
            generation,
        };
        match load(&self.host, &candidate, &subject.defaults, &config) {
            Loaded::Fit(version) => Ok(version),
            Loaded::Rejected(identity, failure) => Err(Unfit { identity, failure }),
        }
    }
}
