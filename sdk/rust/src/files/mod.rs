//! Reading granted files and folders. Paths are absolute, as the operator granted them.
//!
//! In a unit test the machine's own files are read, below what [`testing::Host::grant_read`](crate::testing::Host::grant_read) was given.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod wasi;
mod way;

#[cfg(not(target_arch = "wasm32"))]
use native as here;
#[cfg(target_arch = "wasm32")]
use wasi as here;

use std::fmt;
use std::time::Duration;

use crate::lines::{self, Ended};
use crate::{Failure, run};

pub use here::{Listing, Reader};

/// Why something cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No granted path leads there, or the host refuses it though one does: it is no regular file, or a link to what is not granted.
    NotGranted,
    /// There is nothing of that name.
    Missing,
    /// The machine's reason, in a word.
    Because(&'static str),
}

/// What could not be read, and why. As a [`Failure`] it is `denied` with the line that grants it, or `unavailable`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// The path that was asked for.
    pub path: String,
    /// Why not.
    pub reason: Refused,
}

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name, without the folder.
    pub name: String,
    /// A folder; never for a link to one, so that a walk cannot go in circles.
    pub is_folder: bool,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stat {
    /// A file with content, not a folder, device or link.
    pub is_file: bool,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was last changed, Unix seconds, where the file system keeps that.
    pub modified: Option<f64>,
}

/// Some of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What was read.
    pub bytes: Vec<u8>,
    /// Whether that is all of it.
    pub is_whole: bool,
}

/// At most so many bytes from a file's beginning, whatever its length.
///
/// # Errors
/// Why it cannot be read.
pub fn beginning(path: &str, most: usize) -> Result<Part, FileError> {
    open(path)?.part(most)
}

/// At most so many bytes from a file's end. What is appended meanwhile may be missing.
///
/// # Errors
/// Why it cannot be read.
pub fn end(path: &str, most: usize) -> Result<Part, FileError> {
    let skipped = stat(path)?.bytes.saturating_sub(most as u64);
    let mut reader = open(path)?;
    reader.skip(skipped)?;
    let part = reader.part(most)?;
    Ok(Part {
        is_whole: part.is_whole && skipped == 0,
        ..part
    })
}

/// A whole file.
///
/// # Errors
/// Why it cannot be read.
pub fn read(path: &str) -> Result<Vec<u8>, FileError> {
    let mut reader = open(path)?;
    let mut whole = Vec::new();
    loop {
        let portion = reader.portion()?;
        if portion.is_empty() {
            return Ok(whole);
        }
        whole.extend(portion);
    }
}

/// A whole file as text; bytes that are not UTF-8 are replaced by U+FFFD.
///
/// # Errors
/// As [`read`].
pub fn read_text(path: &str) -> Result<String, FileError> {
    let bytes = read(path)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Opens a file to read it in portions, from its beginning.
///
/// # Errors
/// Why it cannot be opened.
#[inline(never)]
pub fn open(path: &str) -> Result<Reader, FileError> {
    here::open(path).map_err(|reason| FileError::new(path, reason))
}

/// The names in a folder, in no order.
///
/// # Errors
/// Why it cannot be listed.
#[inline(never)]
pub fn list(path: &str) -> Result<Listing, FileError> {
    here::list(path).map_err(|reason| FileError::new(path, reason))
}

/// What a path leads to, links followed.
///
/// # Errors
/// Why that cannot be told.
#[inline(never)]
pub fn stat(path: &str) -> Result<Stat, FileError> {
    here::stat(path).map_err(|reason| FileError::new(path, reason))
}

/// Whether a granted path leads to this one, whether or not anything is there.
pub fn is_granted(path: &str) -> bool {
    here::is_granted(path)
}

/// That a granted path leads to this one, whether or not anything is there.
///
/// # Errors
/// That none does.
pub fn require(path: &str) -> Result<(), FileError> {
    match is_granted(path) {
        true => Ok(()),
        false => Err(FileError::new(path, Refused::NotGranted)),
    }
}

impl Reader {
    fn part(&mut self, most: usize) -> Result<Part, FileError> {
        let mut bytes = Vec::new();
        loop {
            let portion = self.portion()?;
            bytes.extend(&portion);
            let is_whole = portion.is_empty();
            if is_whole || bytes.len() > most {
                bytes.truncate(most);
                return Ok(Part { bytes, is_whole });
            }
        }
    }

    /// Calls `each` with every line, without its end, as long as more than `spare` is left of the run; the file may have any length.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn each_line(
        &mut self,
        spare: Duration,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<Ended, FileError> {
        lines::each_line(|| self.portion(), || run::time_left() > spare, each)
    }
}

impl FileError {
    fn new(path: &str, reason: Refused) -> Self {
        Self {
            path: path.to_owned(),
            reason,
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match self.reason {
            Refused::NotGranted if is_granted(path) => write!(
                f,
                "{path} is not granted, though the folder that it is in is, or a file beside it: it is no regular file, leads elsewhere, \
                 or needs `grant = {{ read = [\"{path}\"] }}` in this probe's section"
            ),
            Refused::NotGranted => write!(
                f,
                "{path} is not granted: add `grant = {{ read = [\"{path}\"] }}` to this probe's section"
            ),
            Refused::Missing => write!(f, "{path}: there is no such file"),
            Refused::Because(reason) => write!(f, "{path}: {reason}"),
        }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        match error.reason {
            Refused::NotGranted => Self::denied(error.to_string()),
            Refused::Missing | Refused::Because(_) => Self::unavailable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host;

    #[test]
    fn a_part_says_whether_it_is_all() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        host::with(|host| host.readable.push(path.to_owned()));
        let whole = read(path).expect("it is granted");
        for (most, is_whole) in [
            (0, false),
            (10, false),
            (whole.len() - 1, false),
            (whole.len(), true),
            (whole.len() + 1, true),
        ] {
            let length = most.min(whole.len());
            let first = beginning(path, most).expect("it is granted");
            assert_eq!(first.bytes, whole[..length], "{most}");
            let last = end(path, most).expect("it is granted");
            assert_eq!(last.bytes, whole[whole.len() - length..], "{most}");
            assert_eq!(
                (first.is_whole, last.is_whole),
                (is_whole, is_whole),
                "{most}"
            );
        }
    }
}
