//! How many descriptors this process has open.

use std::fs::File;
use std::mem::MaybeUninit;
use std::path::PathBuf;

use rustix::fs::{PROC_SUPER_MAGIC, RawDir, SeekFrom, fstat, fstatfs, seek};

use super::SamplerError;

/// Room for a hundred entries a system call.
const BUFFER_BYTES: usize = 4096;

/// The folder /proc/self/fd, kept open.
pub(super) struct Descriptors {
    /// Where it is.
    path: PathBuf,
    /// Open where it is there.
    folder: Option<File>,
    /// Whether the kernel itself keeps it.
    on_proc: bool,
    /// For the names in it.
    buffer: Box<[MaybeUninit<u8>]>,
}

impl Descriptors {
    /// Opens the folder if it is there.
    pub(super) fn open(path: PathBuf) -> Result<Self, SamplerError> {
        let folder = match File::open(&path) {
            Ok(folder) => Some(folder),
            Err(reason) if reason.kind() == std::io::ErrorKind::NotFound => None,
            Err(reason) if reason.kind() == std::io::ErrorKind::PermissionDenied => None,
            Err(reason) => return Err(SamplerError::unreadable(&path, reason)),
        };
        Ok(Self {
            path,
            on_proc: folder.as_ref().is_some_and(is_on_proc),
            folder,
            buffer: Box::new([MaybeUninit::uninit(); BUFFER_BYTES]),
        })
    }

    /// The number of descriptors, or nothing where the folder is not there.
    pub(super) fn count(&mut self) -> Result<Option<u64>, SamplerError> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        if self.on_proc
            && let Some(size) = size_on_proc(folder)
        {
            return Ok(Some(size));
        }
        (entries(folder, &mut self.buffer).map(Some))
            .map_err(|reason| SamplerError::unreadable(&self.path, reason))
    }
}

/// Since Linux 6.2 the folder's size on /proc is the number of descriptors; before, it is zero. With thousands
/// of connections that saves reading thousands of names.
fn size_on_proc(folder: &File) -> Option<u64> {
    let size = fstat(folder).ok()?.st_size;
    u64::try_from(size).ok().filter(|size| *size > 0)
}

fn is_on_proc(folder: &File) -> bool {
    fstatfs(folder).is_ok_and(|system| system.f_type == PROC_SUPER_MAGIC)
}

/// Counts the entries but for `.` and `..`.
fn entries(folder: &File, buffer: &mut [MaybeUninit<u8>]) -> rustix::io::Result<u64> {
    seek(folder, SeekFrom::Start(0))?;
    let mut names = RawDir::new(folder, buffer);
    let mut count = 0;
    while let Some(entry) = names.next() {
        if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
            count += 1;
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn both_ways_of_counting_agree_on_this_process() {
        // Other tests open and close files in between: asked until both saw the same moment.
        let folder = File::open("/proc/self/fd").unwrap();
        let mut buffer = [MaybeUninit::uninit(); 128];
        let agreed = (0..1000).any(|_| {
            let counted = entries(&folder, &mut buffer).unwrap();
            counted > 0 && size_on_proc(&folder).is_none_or(|size| size == counted)
        });
        assert!(agreed);
    }

    #[test]
    fn a_folder_elsewhere_is_counted_and_a_missing_one_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for index in 0..300 {
            std::fs::write(folder.path().join(index.to_string()), "").unwrap();
        }
        let mut descriptors = Descriptors::open(folder.path().into()).unwrap();
        assert_eq!(descriptors.count().unwrap(), Some(300));
        assert_eq!(
            descriptors.count().unwrap(),
            Some(300),
            "from the start again"
        );
        let mut missing = Descriptors::open(folder.path().join("none")).unwrap();
        assert_eq!(missing.count().unwrap(), None);
    }
}
