//! Locks on files, given back however many processes have them open, and the one on the state folder: one process at a time.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::StoreError;

/// The lock file's name. It stays when the program ends: only the lock on it counts, and the kernel takes that away with
/// the process, however it ends.
pub(super) const LOCK_FILE: &str = "probity.lock";

/// A file that this process has locked; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct LockedFile(File);

/// Holds the folder until it is dropped.
pub(super) struct FolderLock(#[expect(dead_code, reason = "it holds the lock")] LockedFile);

impl FolderLock {
    /// Locks `folder`, which is made if it is not there, readable by this user alone.
    ///
    /// # Errors
    /// [`StoreError::Locked`] with the holder's process id, or what the machine says.
    pub(super) fn take(folder: &Path) -> Result<Self, StoreError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| no_folder(folder, &error))?;
        let path = folder.join(LOCK_FILE);
        let failed = |error| StoreError::io(&path, &error);
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked {
                    folder: folder.to_owned(),
                    pid: holder(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let noted = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(error) = noted {
            // The lock holds all the same, and a full disk must not cost the store; whoever is refused is not told by whom.
            tracing::debug!("{}: no process id: {error}", path.display());
        }
        Ok(Self(LockedFile::new(file)))
    }
}

impl LockedFile {
    /// Of a file that is locked.
    pub(crate) fn new(file: File) -> Self {
        Self(file)
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        // Closing alone is not enough while another thread starts a process: until that has begun its own program it has
        // the file open too. Where unlocking fails, closing follows.
        let _ = self.0.unlock();
    }
}

fn no_folder(folder: &Path, error: &io::Error) -> StoreError {
    match StoreError::io(folder, error) {
        StoreError::Failed { path, reason } => StoreError::Folder {
            folder: path,
            reason,
        },
        other => other,
    }
}

/// Who wrote its id into the lock file; nobody when it is just about to.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
