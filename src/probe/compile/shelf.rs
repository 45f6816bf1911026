//! A folder of kept files: what lies there by age, kept within bounds, and cleared of what dead processes left.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The ending of files that are being written.
pub(super) const UNFINISHED: &str = "part";

/// A kept file.
pub(super) struct Item {
    path: PathBuf,
    /// Its size.
    pub(super) bytes: u64,
    used: SystemTime,
}

/// Removes the files with this ending that were used longest ago, but never `keep`, until together they weigh `most`
/// at most. Gives the number removed.
///
/// # Errors
/// When the folder cannot be read, or a file in it cannot be removed.
pub(super) fn trim(
    folder: &Path,
    ending: &str,
    most: u64,
    weight: impl Fn(&Item) -> u64,
    keep: Option<&Path>,
) -> io::Result<u64> {
    let mut items = list(folder, ending)?;
    items.sort_by_key(|item| item.used);
    let mut total: u64 = items.iter().map(&weight).sum();
    let mut removed = 0;
    for item in items {
        if total <= most {
            break;
        }
        if keep == Some(&item.path) {
            continue;
        }
        remove(&item.path)?;
        total -= weight(&item);
        removed += 1;
    }
    Ok(removed)
}

/// Removes unfinished files whose writer is gone: a writer keeps its file locked.
///
/// # Errors
/// When the folder cannot be read, or a file in it cannot be removed.
pub(super) fn sweep(folder: &Path) -> io::Result<()> {
    for item in list(folder, UNFINISHED)? {
        let abandoned = File::open(&item.path).is_ok_and(|file| file.try_lock().is_ok());
        if abandoned {
            remove(&item.path)?;
        }
    }
    Ok(())
}

/// Another process may have been faster, which is as good.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn list(folder: &Path, ending: &str) -> io::Result<Vec<Item>> {
    let mut items = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|found| found != ending) {
            continue;
        }
        // One that is gone meanwhile weighs nothing.
        if let Ok(found) = fs::symlink_metadata(&path)
            && found.is_file()
        {
            let used = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            items.push(Item {
                path,
                bytes: found.len(),
                used,
            });
        }
    }
    Ok(items)
}
