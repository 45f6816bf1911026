//! Reading and loading one candidate, on a thread that may block.

use std::sync::Arc;

use super::scan;
use crate::model::{DiskVerdict, Failure};
use crate::probe::{self, Binary, Candidate, Config, Loaded, ProbeConfig, ProbeHost};

/// What to load, and what is known of it.
pub(super) struct Job {
    pub(super) host: Arc<ProbeHost>,
    pub(super) defaults: Arc<Config>,
    pub(super) section: ProbeConfig,
    /// The file as it was when the job was made.
    pub(super) file: scan::Entry,
    pub(super) generation: u32,
    /// The digest of what is on trial or runs; it is not loaded again. Nothing when it shall be.
    pub(super) present: Option<String>,
    /// An operator asked for it.
    pub(super) forced: bool,
    /// Versions that were refused.
    pub(super) refused: Vec<(String, Arc<Failure>, DiskVerdict)>,
}

/// What came of a job.
pub(super) enum Outcome {
    /// The file changed while it was read.
    Unsettled,
    /// It is what is on trial or runs.
    Same(Binary),
    /// It was refused before, for this reason.
    Known(Binary, Arc<Failure>, DiskVerdict),
    /// It was loaded, or not; with the digest and size of what was read.
    Loaded(Loaded),
}

/// Reads the file, and loads it if that is worth while. Blocks.
pub(super) fn work(job: &Job) -> Outcome {
    let limits = job.defaults.limits.with(&job.section.limits);
    let read = probe::read(&job.file.path, &limits);
    if !job.file.is_unchanged() {
        return Outcome::Unsettled;
    }
    let read = match read {
        Ok(binary) => match job.known(binary) {
            Ok(known) => return known,
            Err(binary) => Ok(binary),
        },
        Err(failure) => Err(failure),
    };
    if let (true, Ok(binary)) = (job.forced, &read) {
        job.host.try_again(&binary.digest);
    }
    let candidate = Candidate {
        name: job.section.name.clone(),
        file: job.file.path.clone(),
        generation: job.generation,
    };
    Outcome::Loaded(probe::load_binary(
        &job.host,
        &candidate,
        read.as_ref(),
        &job.defaults,
        &job.section,
    ))
}

impl Job {
    /// What need not be loaded; else the binary.
    fn known(&self, binary: Binary) -> Result<Outcome, Binary> {
        if self.present.as_ref() == Some(&binary.digest) {
            return Ok(Outcome::Same(binary));
        }
        let mut refused = self.refused.iter();
        match refused.find(|(digest, ..)| *digest == binary.digest) {
            Some((_, failure, verdict)) => Ok(Outcome::Known(binary, failure.clone(), *verdict)),
            None => Err(binary),
        }
    }
}
