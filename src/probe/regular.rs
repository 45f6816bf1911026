//! Opens regular files only, and waits for none, whatever somebody puts in a file's place meanwhile.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Why a file was not opened.
#[derive(Debug)]
pub(super) enum Unfit {
    /// The system's reason.
    Unreadable(io::Error),
    /// What it is instead of a regular file.
    Irregular(&'static str),
}

/// Opens a file for reading, following links; with it what was known of it then.
///
/// # Errors
/// As [`Unfit`] tells them apart.
pub(super) fn open(path: &Path) -> Result<(File, Metadata), Unfit> {
    // Opening a device may already do something, so that it is not tried.
    check(&fs::metadata(path).map_err(Unfit::Unreadable)?)?;
    open_at_once(path)
}

/// The name may lead to another file than it did a moment ago: what counts is what was opened, and opening a FIFO would
/// wait for its writer.
fn open_at_once(path: &Path) -> Result<(File, Metadata), Unfit> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = rustix::io::retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()));
    let file = File::from(opened.map_err(|error| Unfit::Unreadable(error.into()))?);
    let metadata = file.metadata().map_err(Unfit::Unreadable)?;
    check(&metadata)?;
    Ok((file, metadata))
}

fn check(metadata: &Metadata) -> Result<(), Unfit> {
    if metadata.is_file() {
        Ok(())
    } else if metadata.is_dir() {
        Err(Unfit::Irregular("a folder"))
    } else {
        Err(Unfit::Irregular("not a regular file"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Read;

    use rustix::fs::{CWD, FileType};

    use super::*;

    #[test]
    fn r12_a_fifo_that_takes_a_files_place_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (fifo, file) = (folder.path().join("fifo"), folder.path().join("file"));
        rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).unwrap();
        fs::write(&file, "text").unwrap();
        for open in [open, open_at_once] {
            let kind = |path: &Path| match open(path) {
                Err(Unfit::Irregular(kind)) => kind,
                other => panic!("{other:?}"),
            };
            assert_eq!(kind(&fifo), "not a regular file");
            assert_eq!(kind(folder.path()), "a folder");
            let missing = open(&folder.path().join("missing")).unwrap_err();
            assert!(matches!(missing, Unfit::Unreadable(_)), "{missing:?}");
            let (mut opened, metadata) = open(&file).unwrap();
            let mut text = String::new();
            opened.read_to_string(&mut text).unwrap();
            assert_eq!((text.as_str(), metadata.len()), ("text", 4));
        }
    }
}
