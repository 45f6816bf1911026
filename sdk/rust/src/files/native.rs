//! The machine's own files, for unit tests.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::time::UNIX_EPOCH;

use super::{Entry, FileError, Refused, Stat, way};
use crate::host;

/// As in a component.
const PORTION_BYTES: usize = 32 * 1024;

fn granted(path: &str) -> Result<&str, Refused> {
    is_granted(path).then_some(path).ok_or(Refused::NotGranted)
}

pub(super) fn is_granted(path: &str) -> bool {
    host::with(|host| way::within(host.readable.iter().map(String::as_str), path).is_some())
}

pub(super) fn open(path: &str) -> Result<Reader, Refused> {
    let file = File::open(granted(path)?).map_err(|error| reason(&error))?;
    Ok(Reader {
        path: path.to_owned(),
        file,
    })
}

pub(super) fn list(path: &str) -> Result<Listing, Refused> {
    let entries = fs::read_dir(granted(path)?).map_err(|error| reason(&error))?;
    Ok(Listing {
        path: path.to_owned(),
        entries,
    })
}

pub(super) fn stat(path: &str) -> Result<Stat, Refused> {
    let metadata = fs::metadata(granted(path)?).map_err(|error| reason(&error))?;
    let modified = metadata.modified().ok();
    Ok(Stat {
        is_file: metadata.is_file(),
        bytes: metadata.len(),
        modified: modified
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .map(|since| since.as_secs_f64()),
    })
}

/// An open file.
pub struct Reader {
    path: String,
    file: File,
}

impl Reader {
    /// Goes on behind the next so many bytes.
    pub(super) fn skip(&mut self, bytes: u64) -> Result<(), FileError> {
        let place = SeekFrom::Current(i64::try_from(bytes).unwrap_or(i64::MAX));
        let moved = self.file.seek(place);
        moved
            .map(|_| ())
            .map_err(|error| FileError::new(&self.path, reason(&error)))
    }

    /// The next portion; empty at the end.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn portion(&mut self) -> Result<Vec<u8>, FileError> {
        let mut portion = vec![0; PORTION_BYTES];
        let read = self.file.read(&mut portion);
        let length = read.map_err(|error| FileError::new(&self.path, reason(&error)))?;
        portion.truncate(length);
        Ok(portion)
    }
}

/// A folder's entries, in no order.
pub struct Listing {
    path: String,
    entries: fs::ReadDir,
}

impl Iterator for Listing {
    type Item = Result<Entry, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let told = |error: io::Error| FileError::new(&self.path, reason(&error));
        let entry = self.entries.next()?;
        Some(
            entry
                .and_then(|entry| {
                    Ok(Entry {
                        is_folder: entry.file_type()?.is_dir(),
                        name: entry.file_name().to_string_lossy().into_owned(),
                    })
                })
                .map_err(told),
        )
    }
}

fn reason(error: &io::Error) -> Refused {
    match error.kind() {
        ErrorKind::NotFound => Refused::Missing,
        ErrorKind::NotADirectory => Refused::Because("not a folder"),
        ErrorKind::IsADirectory => Refused::Because("a folder"),
        ErrorKind::PermissionDenied => Refused::Because("permission denied"),
        ErrorKind::InvalidFilename => Refused::Because("name too long"),
        _ => Refused::Because("cannot be read"),
    }
}
