//! The cache of compiled components: private, keyed by content and engine, and sealed.
//!
//! Loading compiled code runs it, so an entry is loaded only if its seal, a keyed BLAKE3 over the whole
//! artifact, matches a key that only this user can read. A torn, old or forged entry is compiled anew.

#![allow(
    unsafe_code,
    reason = "loading compiled code is unsafe by nature; this is the one place"
)]

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::probe::ProbeError;

/// The seal's length in bytes, before the artifact.
const SEAL_BYTES: usize = 32;
/// An artifact is a few times its component; no component is larger than `limits.file`.
const MAX_ARTIFACT_BYTES: u64 = 1 << 30;

/// A folder of compiled components.
pub(in crate::probe) struct ArtifactCache {
    folder: PathBuf,
    engine: u64,
    key: [u8; 32],
}

impl ArtifactCache {
    /// Opens or makes the folder, readable by this user alone.
    pub(in crate::probe) fn open(folder: &Path, engine: &Engine) -> Result<Self, ProbeError> {
        let failed = |error| ProbeError::Cache(folder.to_owned(), error);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        Ok(Self {
            folder: folder.to_owned(),
            engine: engine_key(engine),
            key: seal_key(folder).map_err(failed)?,
        })
    }

    /// The compiled code of `component`, if there is a whole and genuine entry.
    pub(in crate::probe) fn load(&self, engine: &Engine, component: &[u8]) -> Option<Component> {
        let entry = read_bounded(&self.path(component)).ok()?;
        let (seal, artifact) = entry.split_at_checked(SEAL_BYTES)?;
        if blake3::keyed_hash(&self.key, artifact) != *<&[u8; SEAL_BYTES]>::try_from(seal).ok()? {
            tracing::warn!("a cache entry is damaged and is compiled anew");
            return None;
        }
        // SAFETY: the seal shows that this program, run by this user, wrote these bytes as the result of
        // `Component::serialize`; wasmtime itself refuses other versions and settings.
        unsafe { Component::deserialize(engine, artifact) }
            .inspect_err(|error| tracing::debug!("a cache entry is not for this engine: {error}"))
            .ok()
    }

    /// Keeps compiled code. A failure costs the next start a compilation, so it is only logged.
    pub(in crate::probe) fn store(&self, component: &[u8], compiled: &Component) {
        let written = compiled
            .serialize()
            .map_err(io::Error::other)
            .and_then(|artifact| self.write(component, &artifact));
        if let Err(error) = written {
            tracing::warn!(
                "compiled code was not kept in {}: {error}",
                self.folder.display()
            );
        }
    }

    /// Writes aside and renames, so that an entry is whole or not there.
    fn write(&self, component: &[u8], artifact: &[u8]) -> io::Result<()> {
        let path = self.path(component);
        let aside = path.with_extension(format!("{}.part", std::process::id()));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&aside)?;
        file.write_all(blake3::keyed_hash(&self.key, artifact).as_bytes())?;
        file.write_all(artifact)?;
        fs::rename(aside, path)
    }

    fn path(&self, component: &[u8]) -> PathBuf {
        let digest = blake3::hash(component).to_hex();
        self.folder
            .join(format!("{}-{:016x}.cwasm", &digest[..32], self.engine))
    }
}

/// One number for the engine's version and settings.
fn engine_key(engine: &Engine) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    hasher.finish()
}

/// The secret of the seal: made once, readable by this user alone.
fn seal_key(folder: &Path) -> io::Result<[u8; 32]> {
    let path = folder.join("key");
    if let Ok(bytes) = fs::read(&path)
        && let Ok(key) = <[u8; 32]>::try_from(bytes)
    {
        return Ok(key);
    }
    let mut key = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(&key)?;
    Ok(key)
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let file = fs::File::open(path)?;
    let mut bytes = Vec::with_capacity(
        usize::try_from(file.metadata()?.len().min(MAX_ARTIFACT_BYTES)).unwrap_or(0),
    );
    file.take(MAX_ARTIFACT_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
