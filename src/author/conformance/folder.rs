//! A folder for the suite's files, which is gone when the suite is.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::ConformanceError;

/// How often it is tried to remove a folder: when the suite was interrupted, a probe that still runs may write one more file.
const ATTEMPTS: usize = 5;

/// A folder that is removed when it is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A folder that nobody else has, entered by this user alone; its name begins with `name`.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make(below: &Path, name: &str) -> Result<Self, ConformanceError> {
        let mut builder = DirBuilder::new();
        builder.mode(0o700);
        let own = std::process::id();
        for number in 0_u32.. {
            let folder = below.join(format!("{name}-{own}-{number}"));
            match builder.create(&folder) {
                Ok(()) => return Ok(Self(folder)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(ConformanceError::Folder(folder, error)),
            }
        }
        unreachable!("there are more numbers than folders")
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whatever is left in the folder for temporary files is no one's harm.
        let _is_gone = (0..ATTEMPTS).any(|_| {
            let removed = fs::remove_dir_all(&self.0);
            removed.is_ok_and(|()| !self.0.exists())
        });
    }
}
