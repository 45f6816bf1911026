//! The seal of a cache entry: shows that this user's program wrote it, under this very name.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::artifact::Artifact;

/// The seal's length in bytes, after the artifact.
pub(super) const SEAL_BYTES: usize = 32;
/// Another process that makes the key is waited for so many times this long.
const KEY_WAITS: (u32, Duration) = (100, Duration::from_millis(10));

/// A secret that only this user can read.
pub(super) struct Sealer([u8; 32]);

impl Sealer {
    /// The folder's secret; made when there is none that is whole and private. Entries under an old one count as damaged.
    ///
    /// # Errors
    /// When it can be neither read nor made.
    pub(super) fn of_folder(folder: &Path) -> io::Result<Self> {
        let path = folder.join("key");
        if fs::symlink_metadata(&path).is_ok_and(|found| !is_private(&found)) {
            fs::remove_file(&path)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)?;
        lock(&file)?;
        let mut bytes = Vec::with_capacity(33);
        (&file).take(33).read_to_end(&mut bytes)?;
        if let Ok(key) = <[u8; 32]>::try_from(bytes) {
            return Ok(Self(key));
        }
        let mut key = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut key)?;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(&key)?;
        // A key that a power cut takes away costs all entries.
        file.sync_all()?;
        Ok(Self(key))
    }

    /// The seal of an artifact that is kept under `name`. An entry that was moved to another name is not genuine.
    pub(super) fn seal(&self, name: &str, artifact: &[u8]) -> [u8; SEAL_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(artifact);
        *hasher.finalize().as_bytes()
    }

    /// The artifact of an entry that is whole and genuine.
    pub(super) fn open(&self, name: &str, mut entry: Vec<u8>) -> Option<Artifact> {
        let (artifact, seal) = entry.split_last_chunk::<SEAL_BYTES>()?;
        // Compared as hashes, so in constant time.
        let genuine =
            blake3::Hash::from_bytes(self.seal(name, artifact)) == blake3::Hash::from_bytes(*seal);
        entry.truncate(entry.len() - SEAL_BYTES);
        genuine.then(|| Artifact::vouched(entry))
    }
}

fn is_private(found: &fs::Metadata) -> bool {
    let own = rustix::process::geteuid().as_raw();
    found.is_file() && found.uid() == own && found.mode() & 0o077 == 0
}

/// Keeps two processes from making two keys at once. Where files cannot be locked the last one wins, and the
/// other's entries are compiled anew.
fn lock(file: &File) -> io::Result<()> {
    let (times, wait) = KEY_WAITS;
    for _ in 0..times {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(wait),
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
        }
    }
    Err(io::Error::other("another process keeps its key locked"))
}
