//! The cache of compiled components: private, keyed by content and engine, sealed, and bounded in size.
//!
//! Loading compiled code runs it, so an entry is loaded only under a seal that this user's key made. A torn, swapped or
//! forged entry is removed, counted and compiled anew. Several processes may share the folder.

use std::fs::{self, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use blake3::Hash as Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::artifact::Artifact;
use super::seal::{SEAL_BYTES, Sealer};
use super::{CompileTally, MAX_ARTIFACT_BYTES, shelf};
use crate::model::ByteSize;
use crate::probe::ProbeError;

/// The ending of entries.
const ENTRY: &str = "cwasm";

/// A folder of compiled components.
pub(super) struct ArtifactCache {
    folder: PathBuf,
    most: ByteSize,
    engine: Digest,
    sealer: Sealer,
    tally: CompileTally,
}

impl ArtifactCache {
    /// Opens or makes the folder, readable by this user alone, and clears it of what a crash left.
    ///
    /// # Errors
    /// When it cannot be made private, or belongs to somebody else.
    pub(super) fn open(
        folder: &Path,
        most: ByteSize,
        engine: &Engine,
        tally: CompileTally,
    ) -> Result<Self, ProbeError> {
        let failed = |error| ProbeError::Cache(folder.to_owned(), error);
        make_private(folder).map_err(failed)?;
        let cache = Self {
            folder: folder.to_owned(),
            most,
            engine: engine_digest(engine),
            sealer: Sealer::of_folder(folder).map_err(failed)?,
            tally,
        };
        shelf::sweep(folder).map_err(failed)?;
        cache.trim(None).map_err(failed)?;
        Ok(cache)
    }

    /// The compiled code of the component with this digest, if there is a whole and genuine entry.
    pub(super) fn load(&self, engine: &Engine, component: &Digest) -> Option<Component> {
        let name = self.name(component);
        let path = self.folder.join(&name);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            opened => opened,
        };
        let loaded = file.and_then(|file| {
            let artifact = read(&file).map(|entry| self.sealer.open(&name, entry))?;
            let damaged = || io::Error::new(io::ErrorKind::InvalidData, "its seal is broken");
            let component = artifact.ok_or_else(damaged)?.load(engine);
            // What was used last stays longest.
            self.report(file.set_modified(SystemTime::now()));
            component.map_err(io::Error::other)
        });
        match loaded {
            Ok(component) => Some(component),
            Err(error) => {
                self.tally.damaged.increment();
                tracing::warn!(
                    "a cache entry is of no use and is compiled anew: {}: {error}",
                    path.display()
                );
                self.report(shelf::remove(&path));
                None
            }
        }
    }

    /// Keeps compiled code, at the cost of what was used longest ago. A failure costs the next start a compilation, so
    /// it is only logged.
    pub(super) fn store(&self, component: &Digest, artifact: &Artifact) {
        let name = self.name(component);
        self.report(self.write(&name, artifact));
    }

    fn report(&self, result: io::Result<()>) {
        if let Err(error) = result {
            tracing::warn!("the cache in {}: {error}", self.folder.display());
        }
    }

    /// Writes aside and renames, so that an entry is whole or not there. It is not synced: what a power cut leaves of
    /// it does not match its seal.
    fn write(&self, name: &str, artifact: &Artifact) -> io::Result<()> {
        let (aside, mut file) = self.part(name)?;
        let path = self.folder.join(name);
        let written = file
            .write_all(artifact.bytes())
            .and_then(|()| file.write_all(&self.sealer.seal(name, artifact.bytes())))
            .and_then(|()| fs::rename(&aside, &path));
        if let Err(error) = written {
            shelf::remove(&aside)?;
            return Err(error);
        }
        self.trim(Some(&path))
    }

    /// A fresh file of this process, locked for as long as it is written, so that others know it from a leftover.
    fn part(&self, name: &str) -> io::Result<(PathBuf, File)> {
        let own = std::process::id();
        for number in 0_u64.. {
            let path = self
                .folder
                .join(format!("{name}.{own}-{number}.{}", shelf::UNFINISHED));
            let made = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path);
            match made {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(file) => {
                    // Where files cannot be locked, leftovers stay.
                    let _ = file.try_lock();
                    return Ok((path, file));
                }
            }
        }
        unreachable!("there are more numbers than files")
    }

    fn trim(&self, keep: Option<&Path>) -> io::Result<()> {
        let removed = shelf::trim(&self.folder, ENTRY, self.most.0, |item| item.bytes, keep)?;
        self.tally.evicted.add(removed);
        Ok(())
    }

    fn name(&self, component: &Digest) -> String {
        format!("{component}-{}.{ENTRY}", self.engine)
    }
}

/// Makes a folder that this user alone may enter.
///
/// # Errors
/// When it cannot be made, or belongs to somebody else, who could then choose what is loaded from it.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    if fs::metadata(folder)?.uid() != rustix::process::geteuid().as_raw() {
        let kind = io::ErrorKind::PermissionDenied;
        return Err(io::Error::new(kind, "it belongs to another user"));
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// The engine's version and settings as one digest.
fn engine_digest(engine: &Engine) -> Digest {
    struct Feed(blake3::Hasher);
    impl Hasher for Feed {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            self.0
                .finalize()
                .as_bytes()
                .iter()
                .take(8)
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        }
    }
    let mut feed = Feed(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut feed);
    env!("CARGO_PKG_VERSION").hash(&mut feed);
    feed.0.finalize()
}

fn read(file: &File) -> io::Result<Vec<u8>> {
    let most = MAX_ARTIFACT_BYTES + SEAL_BYTES as u64;
    let length = file.metadata()?.len().min(most);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
