//! A file of the kernel, kept open and read again and again into one buffer.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::{Malformed, SamplerError};

/// Most files of /proc fit; those that do not grow the buffer once.
const FIRST_BUFFER_BYTES: usize = 4096;
/// No file of the kernel that is read here comes near; a file without an end must not take all memory.
const MAX_BYTES: usize = 16 << 20;
/// A control group without a memory controller lacks five files, and looking for each costs as much as reading
/// one: what is absent is looked for now and then.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// A file that may not be there, and may go and come back.
#[derive(Debug)]
pub(super) struct KernelFile {
    /// Where it is, or would be.
    path: PathBuf,
    /// Open while it is there.
    file: Option<File>,
    /// When it was last looked for and not there.
    missed: Option<Instant>,
    /// Only as large as the content ever was.
    buffer: Vec<u8>,
}

impl KernelFile {
    /// Opens the file if it is there.
    ///
    /// # Errors
    /// [`SamplerError::Unreadable`] when it is there and cannot be opened.
    pub(super) fn open(path: PathBuf) -> Result<Self, SamplerError> {
        let mut file = Self {
            path,
            file: None,
            missed: None,
            buffer: Vec::new(),
        };
        file.reopen()?;
        Ok(file)
    }

    /// The descriptor, while the file is there.
    pub(super) fn descriptor(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// The whole content, or nothing when the file is not there or not for us to read. A file that went away
    /// under its descriptor (a device, a task, a control group) is opened anew; one that is not there is looked for
    /// again after ten seconds.
    ///
    /// # Errors
    /// [`SamplerError::Unreadable`] for any other reason.
    pub(super) fn read(&mut self) -> Result<Option<&[u8]>, SamplerError> {
        if self.file.is_none() {
            let recent = |missed: Instant| missed.elapsed() < LOOK_AGAIN;
            if self.missed.is_some_and(recent) {
                return Ok(None);
            }
            self.reopen()?;
        }
        let mut length = self.fill();
        if self.file.is_some() && matches!(&length, Err(reason) if is_absence(reason)) {
            self.reopen()?;
            length = self.fill();
        }
        match length {
            Ok(length) => Ok(Some(&self.buffer[..length])),
            Err(reason) if is_absence(&reason) => {
                self.file = None;
                self.missed = Some(Instant::now());
                Ok(None)
            }
            Err(reason) => Err(SamplerError::unreadable(&self.path, reason)),
        }
    }

    /// Reads and understands the content; nothing when the file is not there.
    ///
    /// # Errors
    /// As [`KernelFile::read`], and [`SamplerError::Malformed`] with this file's name.
    pub(super) fn parse<T>(
        &mut self,
        parser: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Result<Option<T>, SamplerError> {
        let Some(parsed) = self.read()?.map(parser) else {
            return Ok(None);
        };
        parsed.map(Some).map_err(|fault| SamplerError::Malformed {
            path: self.path.clone(),
            fault,
        })
    }

    /// The error of a sampler that has nothing without this file.
    pub(super) fn absent(&self) -> SamplerError {
        SamplerError::Absent {
            path: self.path.clone(),
        }
    }

    fn reopen(&mut self) -> Result<(), SamplerError> {
        self.file = match File::open(&self.path) {
            Ok(file) => Some(file),
            Err(reason) if is_absence(&reason) => None,
            Err(reason) => return Err(SamplerError::unreadable(&self.path, reason)),
        };
        self.missed = self.file.is_none().then(Instant::now);
        Ok(())
    }

    fn fill(&mut self) -> io::Result<usize> {
        let file = self.file.as_ref().ok_or(Errno::NOENT)?;
        let mut length = 0;
        loop {
            if length == self.buffer.len() {
                if length >= MAX_BYTES {
                    return Err(Errno::FBIG.into());
                }
                self.buffer.resize((length * 2).max(FIRST_BUFFER_BYTES), 0);
            }
            match file.read_at(&mut self.buffer[length..], length as u64) {
                Ok(0) => return Ok(length),
                Ok(count) => length += count,
                Err(reason) if reason.kind() == io::ErrorKind::Interrupted => {}
                Err(reason) => return Err(reason),
            }
        }
    }
}

/// Whether the system says that a file is not there, is not supported here, or is hidden from us.
pub(super) fn is_absence(reason: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(reason),
        Some(
            Errno::NOENT
                | Errno::NOTDIR
                | Errno::NODEV
                | Errno::NXIO
                | Errno::SRCH
                | Errno::OPNOTSUPP
                | Errno::ACCESS
                | Errno::PERM
        )
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_file_that_comes_later_is_read_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loadavg");
        let mut file = KernelFile::open(path.clone()).unwrap();
        assert_eq!(file.read().unwrap(), None);
        std::fs::write(&path, "0.06 0.01").unwrap();
        assert_eq!(file.read().unwrap(), None, "it was looked for just now");
        file.missed = Instant::now().checked_sub(LOOK_AGAIN);
        assert_eq!(file.read().unwrap(), Some(&b"0.06 0.01"[..]));
        std::fs::write(&path, "1").unwrap();
        assert_eq!(file.read().unwrap(), Some(&b"1"[..]), "shorter than before");
    }

    #[test]
    fn a_file_larger_than_the_buffer_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stat");
        let content = vec![b'x'; 3 * FIRST_BUFFER_BYTES + 1];
        std::fs::write(&path, &content).unwrap();
        let mut file = KernelFile::open(path).unwrap();
        assert_eq!(file.read().unwrap(), Some(&content[..]));
    }

    #[test]
    fn a_file_without_an_end_and_a_folder_are_errors_that_name_them() {
        for path in ["/dev/zero", "/"] {
            let error = KernelFile::open(path.into()).unwrap().read().unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with(&format!("cannot read {path}: ")), "{text}");
        }
    }
}
