//! A state folder that a database is put into: held, looked at, and filled at once or not at all.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::copy::remove;
use super::lock::{FolderLock, LOCK_FILE};
use super::open::{self, BUSY_TIMEOUT, beside, forget};
use super::{FILE, StoreError};

/// What is unpacked here is not yet the database.
const ASIDE: &str = "probity.db.restoring";
/// Folders with databases that others took the place of: how many there can be.
const MOST_REPLACED: u32 = 1000;

/// A folder that this process holds, and that has no database, or one that may be replaced. Dropped before [`Vacancy::fill`] it
/// leaves the folder as it was.
pub struct Vacancy {
    folder: PathBuf,
    /// Folders that were made for it, innermost first.
    made: Vec<PathBuf>,
    is_filled: bool,
    lock: Option<FolderLock>,
}

impl Vacancy {
    /// Takes `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when a running instance has it; [`StoreError::Occupied`] when it has a database, unless that may
    /// be replaced; what is wrong with the folder.
    pub fn take(folder: &Path, replace: bool) -> Result<Self, StoreError> {
        let missing = folder
            .ancestors()
            .take_while(|one| !one.as_os_str().is_empty() && fs::symlink_metadata(one).is_err());
        let made = missing.map(Path::to_owned).collect();
        let lock = FolderLock::take(folder)?;
        let vacancy = Self {
            folder: folder.to_owned(),
            made,
            is_filled: false,
            lock: Some(lock),
        };
        let taken = [FILE, "probity.db-wal", "probity.db-shm"].map(|name| folder.join(name));
        if !replace && taken.iter().any(|file| fs::symlink_metadata(file).is_ok()) {
            return Err(StoreError::Occupied(folder.join(FILE)));
        }
        remove(&vacancy.aside());
        Ok(vacancy)
    }

    /// Where the database is made before it takes its place.
    pub fn aside(&self) -> PathBuf {
        self.folder.join(ASIDE)
    }

    /// Puts what was made aside into its place, as a database that is not the one it was copied from. What was there before goes, with what lies beside it, into a folder whose
    /// path is given back.
    ///
    /// # Errors
    /// What the machine or SQLite says. The one before is whole in its place or in its own folder then.
    pub fn fill(mut self) -> Result<Option<PathBuf>, StoreError> {
        let (aside, place) = (self.aside(), self.folder.join(FILE));
        let failed = |error: io::Error| StoreError::io(&place, &error);
        forget(&aside)?;
        let replaced = self.replaced(&place)?;
        fs::rename(&aside, &place).map_err(failed)?;
        self.is_filled = true;
        sync(&self.folder).map_err(failed)?;
        Ok(replaced)
    }

    /// Keeps a database that is there in a folder of its own, and leaves it in its place as one file, for the other to be renamed
    /// over it. Its log is taken in first: left beside another database, it would be taken for that one's, and moved away it would
    /// be missing where the database still is. What has no database's header is nothing that could be read with its log: it goes as
    /// it is, once all of it is in that folder.
    fn replaced(&self, place: &Path) -> Result<Option<PathBuf>, StoreError> {
        let logs = ["-wal", "-shm"].map(|suffix| beside(place, suffix));
        let is_there = |part: &&PathBuf| fs::symlink_metadata(part).is_ok();
        let database = place.to_owned();
        if !std::iter::once(&database)
            .chain(&logs)
            .any(|part| is_there(&part))
        {
            return Ok(None);
        }
        match open::is_there(place) {
            Ok(true) | Err(StoreError::Foreign { .. } | StoreError::Newer { .. }) => {
                take_log_in(place)?;
            }
            // SQLite would take away what lies beside it.
            Ok(false) | Err(_) => {}
        }
        let folder = self.room_for_it()?;
        let failed = |error: io::Error| StoreError::io(&folder, &error);
        let logs: Vec<&PathBuf> = logs.iter().filter(is_there).collect();
        for part in logs.iter().copied().chain([&database]).filter(is_there) {
            let kept = folder.join(part.file_name().unwrap_or_default());
            keep(part, &kept, logs.is_empty()).map_err(failed)?;
        }
        sync(&folder)
            .and_then(|()| sync(&self.folder))
            .map_err(failed)?;
        for log in logs {
            fs::remove_file(log).map_err(failed)?;
        }
        Ok(Some(folder))
    }

    fn room_for_it(&self) -> Result<PathBuf, StoreError> {
        for number in 1..=MOST_REPLACED {
            let folder = self.folder.join(format!("replaced-{number}"));
            match fs::DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => return Ok(folder),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(StoreError::io(&folder, &error)),
            }
        }
        Err(StoreError::Failed {
            path: self.folder.clone(),
            reason: format!("{MOST_REPLACED} replaced databases lie there already"),
        })
    }
}

impl Drop for Vacancy {
    fn drop(&mut self) {
        if !self.is_filled {
            remove(&self.aside());
        }
        if !self.is_filled && !self.made.is_empty() {
            // A folder that somebody put something into meanwhile stays.
            let _ = fs::remove_file(self.folder.join(LOCK_FILE));
            for folder in &self.made {
                let _ = fs::remove_dir(folder);
            }
        }
        drop(self.lock.take());
    }
}

/// Moves a database's log into it. SQLite takes the log away when it is closed. Of one that is too damaged for that the log stays.
///
/// # Errors
/// It cannot be moved now: another program reads it, or the disk is full or fails.
fn take_log_in(database: &Path) -> Result<(), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let taken = || {
        let connection = Connection::open_with_flags(database, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let held: bool =
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        connection.close().map_err(|(_, error)| error)?;
        Ok(held)
    };
    match taken().map_err(|error| StoreError::sqlite(database, &error)) {
        Ok(false) => Ok(()),
        Ok(true) | Err(StoreError::Slow(_)) => Err(StoreError::Failed {
            path: database.to_owned(),
            reason: "another program reads it".to_owned(),
        }),
        Err(error @ (StoreError::Full(_) | StoreError::Disk { .. })) => Err(error),
        Err(error) => {
            tracing::warn!("it is kept with the log beside it: {error}");
            Ok(())
        }
    }
}

/// Makes a file stand under another name too. Where the file system has no links it is copied, or renamed if it may go.
fn keep(file: &Path, to: &Path, may_go: bool) -> io::Result<()> {
    match fs::hard_link(file, to) {
        Ok(()) => Ok(()),
        Err(_) if may_go => fs::rename(file, to),
        Err(_) => fs::copy(file, to).and_then(|_| File::open(to)?.sync_all()),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[path = "vacancy_tests.rs"]
mod tests;
