//! Room kept back: a file that is given up when the disk is full, so that what lets others go can still be written.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::StoreError;
use super::margin;
use super::standing::{Part, Standing};
use crate::model::{Status, TallyCounter};

/// Its name in the state folder.
const FILE: &str = "ballast";
/// It is made again only where so many times its size is free, or it would be given up again at once.
const ROOM: u64 = 3;
/// Bytes written at once.
const CHUNK: usize = 64 << 10;

/// The ballast of one folder; cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct Ballast {
    path: PathBuf,
    /// 0: there is none.
    bytes: u64,
    /// Given up, and not made again yet: only what makes room is written.
    released: Arc<AtomicBool>,
    /// One at a time changes the file.
    file: Arc<Mutex<()>>,
    releases: TallyCounter,
    standing: Standing,
}

impl Ballast {
    pub(super) fn new(
        folder: &Path,
        bytes: u64,
        releases: TallyCounter,
        standing: Standing,
    ) -> Self {
        Self {
            path: folder.join(FILE),
            bytes,
            released: Arc::default(),
            file: Arc::default(),
            releases,
            standing,
        }
    }

    /// Whether it is given up: then nothing may be written that makes no room.
    pub(super) fn is_released(&self) -> bool {
        self.released.load(Ordering::Acquire)
    }

    /// Gives it up. Without one there is nothing to give up, and whatever is written is tried.
    pub(super) fn release(&self) {
        if self.bytes == 0 || self.is_released() {
            return;
        }
        let _one = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let removed = fs::remove_file(&self.path);
        self.released.store(true, Ordering::Release);
        self.releases.increment();
        let path = self.path.display();
        let message = format!(
            "the disk is full: {path} was given up, and only what makes room is written; next: free space on that file system"
        );
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::error!("{message}; it cannot be removed: {error}");
            }
            Ok(()) | Err(_) => tracing::error!("{message}"),
        }
        self.standing.fault(Part::Room, Status::Fail, message);
    }

    /// Does what may need room, and once more with the ballast's when there is none.
    ///
    /// # Errors
    /// What `work` says; of the second time, if there was one.
    pub(super) fn make_way<T>(
        &self,
        mut work: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match work() {
            Err(StoreError::Full(_)) if self.bytes > 0 && self.path.exists() => {
                self.release();
                work()
            }
            done => done,
        }
    }

    /// Makes it where it is not, if there is room; takes one away that is not wanted. Blocks for as long as the disk takes.
    pub(super) fn tend(&self) {
        let _one = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let tended = match fs::metadata(&self.path) {
            Ok(there) if there.len() == self.bytes && self.bytes > 0 => Ok(true),
            Ok(_) => fs::remove_file(&self.path).and_then(|()| self.make()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.make(),
            Err(error) => Err(error),
        };
        let path = self.path.display();
        match tended {
            Ok(true) => {
                self.released.store(false, Ordering::Release);
                if self.standing.well(Part::Room) {
                    tracing::info!("there is room again: {path} was made");
                }
            }
            // What was told when it was given up still holds.
            Ok(false) if self.is_released() => {}
            Ok(false) => {
                let size = self.bytes;
                let message = format!(
                    "too little room for {path} ({size} bytes); next: free space on that file system"
                );
                self.standing.fault(Part::Room, Status::Warn, message);
            }
            Err(error) => {
                let message = format!("{path} cannot be made: {error}; next: look at that disk");
                self.standing.fault(Part::Room, Status::Warn, message);
            }
        }
    }

    /// Gives whether it is there, if it is wanted.
    fn make(&self) -> io::Result<bool> {
        if self.bytes == 0 {
            return Ok(true);
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        if margin::free(folder)? < self.bytes.saturating_mul(ROOM) {
            return Ok(false);
        }
        match self.fill() {
            Ok(()) => Ok(true),
            Err(error) => {
                // Half of it helps nobody; where it cannot be removed, the next attempt finds it.
                let _ = fs::remove_file(&self.path);
                match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Ok(false),
                    _ => Err(error),
                }
            }
        }
    }

    /// Bytes of no pattern, so that it takes as much room on a disk that compresses.
    fn fill(&self) -> io::Result<()> {
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.path)?;
        let (mut state, mut left) = (0x9e37_79b9_7f4a_7c15_u64, self.bytes);
        let mut chunk = vec![0; CHUNK];
        while left > 0 {
            for eight in chunk.chunks_exact_mut(8) {
                // Marsaglia's xorshift64.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                eight.copy_from_slice(&state.to_ne_bytes());
            }
            let now = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            file.write_all(&chunk[..now])?;
            left -= now as u64;
        }
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ballast(folder: &Path, bytes: u64) -> Ballast {
        let standing = Standing::new(&folder.join("probity.db"));
        Ballast::new(folder, bytes, TallyCounter::default(), standing)
    }

    #[test]
    fn s01_what_finds_a_full_disk_is_done_once_more_with_the_room_that_was_kept_back() {
        let folder = tempfile::tempdir().unwrap();
        let kept = ballast(folder.path(), 4096);
        kept.tend();
        let full = || StoreError::Full(folder.path().to_owned());
        let done = kept.make_way(|| (!kept.path.exists()).then_some(1).ok_or_else(full));
        assert_eq!(done, Ok(1));
        assert!(kept.is_released(), "only what makes room is written now");
        assert_eq!(kept.releases.get(), 1);

        let mut tries = 0;
        let mut fails = || -> Result<(), _> {
            tries += 1;
            Err(full())
        };
        assert_eq!(kept.make_way(&mut fails), Err(full()));
        assert_eq!(ballast(folder.path(), 0).make_way(&mut fails), Err(full()));
        assert_eq!(tries, 2, "there is no room to be had any more");
    }
}
