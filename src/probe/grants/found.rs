//! What lies at the granted paths, and whether it is still what an instance has opened.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::files::Files;
use crate::model::Failure;

/// What lies at a granted path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A folder: its device and its number there.
    Folder(u64, u64),
    File,
    Missing,
}

/// What lies at a path, with links followed; nothing when it is neither a folder nor a regular file.
///
/// # Errors
/// It cannot be looked at.
pub(super) fn find(path: &Path) -> io::Result<Option<Found>> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Found::Missing)),
        other => other?,
    };
    let folder = Found::Folder(metadata.dev(), metadata.ino());
    let file = metadata.is_file().then_some(Found::File);
    Ok(metadata.is_dir().then_some(folder).or(file))
}

/// The first of the granted paths when nothing lies at any of them.
pub(super) fn all_missing<'a>(granted: &'a [PathBuf], found: &[Found]) -> Option<&'a PathBuf> {
    let first = granted.first();
    first.filter(|_| found.iter().all(|one| *one == Found::Missing))
}

/// Whether other folders lie at the granted paths than those that were opened, or something where nothing was. A single
/// file is opened by its path each time, so which one it is does not matter. Asks the file system once a path.
///
/// # Errors
/// `unavailable` when what lies there now cannot be opened, or nothing is left.
pub(super) fn have_moved(granted: &[PathBuf], opened: &Files) -> Result<bool, Failure> {
    let is_same = |(path, was): (&PathBuf, &Found)| match find(path) {
        Ok(Some(Found::Missing)) => !matches!(was, Found::Folder(..)),
        Ok(Some(now)) => now == *was,
        Ok(None) => *was == Found::File,
        // What cannot be looked at now may be the same.
        Err(_) => true,
    };
    if granted.iter().zip(opened.found()).all(is_same) {
        return Ok(false);
    }
    // The instance that runs is not given up before another one can be had.
    let anew = Files::open(granted).map(|_| true);
    anew.map_err(|failure| Failure::new("unavailable", failure.message))
}
