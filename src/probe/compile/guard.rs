//! The boot-loop guard: a component that killed its compiler, or the whole host, twice is not compiled again.
//!
//! Before a compile a marker is written, and after any orderly end, a refusal included, it is removed. What is left over
//! was cut short. The marker stays locked while its compile runs, so one of another process is not taken for a leftover.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use blake3::Hash as Digest;

use super::cache::make_private;
use super::shelf;
use crate::model::Failure;

/// Attempts that may be cut short. One may be bad luck, such as a power cut.
const MAX_CUT_SHORT: u64 = 2;
/// The ending of markers; each holds one byte for each attempt.
const MARKER: &str = "tries";
/// Markers kept; those of files that nobody has any more are the oldest.
const MAX_MARKERS: u64 = 1000;
/// A marker that another process removes while it is opened is opened again, so often.
const MAX_OPENS: u32 = 10;

/// A folder of markers.
pub(super) struct Guard {
    folder: Option<PathBuf>,
}

/// A compile under way. Dropped without [`Attempt::end`] it counts as cut short.
pub(super) struct Attempt(Option<(PathBuf, File)>);

impl Guard {
    /// Keeps markers in `folder`, which is made when it is needed; without one nothing is guarded.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        if let Some(folder) = &folder
            && folder.exists()
        {
            report(
                folder,
                shelf::trim(folder, MARKER, MAX_MARKERS, |_| 1, None),
            );
        }
        Self { folder }
    }

    /// Marks the beginning of a compile.
    ///
    /// # Errors
    /// `compile.skipped`: it was cut short twice before.
    pub(super) fn begin(&self, component: &Digest) -> Result<Attempt, Failure> {
        let Some(folder) = &self.folder else {
            return Ok(Attempt(None));
        };
        match mark(folder, component) {
            Ok(Marked::Begun(path, file)) => Ok(Attempt(Some((path, file)))),
            Ok(Marked::Elsewhere) => Ok(Attempt(None)),
            Ok(Marked::TooOften) => {
                let message = format!(
                    "compiling this file was cut short {MAX_CUT_SHORT} times, for the compiler or the whole host was \
                     killed: it is skipped until the file changes or an operator reloads the probe"
                );
                Err(Failure::new("compile.skipped", message))
            }
            Err(error) => {
                report::<()>(folder, Err(error));
                Ok(Attempt(None))
            }
        }
    }

    /// Forgets the attempts at a component, for somebody wants it tried again.
    pub(super) fn forget(&self, component: &Digest) {
        if let Some(folder) = &self.folder {
            report(folder, shelf::remove(&path(folder, component)));
        }
    }
}

impl Attempt {
    /// Has the marker outlive the machine too. It outlives the process from the beginning, so this may be done while
    /// the compiler works.
    pub(super) fn sync(&self) {
        if let Some((path, file)) = &self.0 {
            report(path, file.sync_all());
        }
    }

    /// The compile ended in an orderly way, whatever came of it.
    pub(super) fn end(self) {
        if let Some((path, _locked)) = &self.0 {
            report(path, shelf::remove(path));
        }
    }
}

enum Marked {
    Begun(PathBuf, File),
    /// Another process compiles the same component now, and its marker stands for both.
    Elsewhere,
    TooOften,
}

fn mark(folder: &Path, component: &Digest) -> io::Result<Marked> {
    make_private(folder)?;
    let path = path(folder, component);
    for _ in 0..MAX_OPENS {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(Marked::Elsewhere),
            // Where files cannot be locked, two processes count each other's attempts.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let found = file.metadata()?;
        if found.nlink() == 0 {
            continue;
        }
        if found.len() >= MAX_CUT_SHORT {
            return Ok(Marked::TooOften);
        }
        file.write_all(b"x")?;
        return Ok(Marked::Begun(path, file));
    }
    Ok(Marked::Elsewhere)
}

fn path(folder: &Path, component: &Digest) -> PathBuf {
    folder.join(format!("{component}.{MARKER}"))
}

/// Without its marker a component is compiled all the same: a full disk must not stop every probe.
fn report<T>(place: &Path, result: io::Result<T>) {
    if let Err(error) = result {
        tracing::warn!("the marker of a compile in {}: {error}", place.display());
    }
}
