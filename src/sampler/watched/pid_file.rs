//! Pid files: read without waiting, and without telling anybody what else is in them.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{FsWord, Mode, OFlags, PROC_SUPER_MAGIC, fstatfs, statfs};

use super::config::LARGEST_PID;
use super::sighting::{Found, Sighting};
use crate::sampler::scan::number;

/// A pid file holds a number and a line break; some hold more lines, of which the first counts.
const READ_BYTES: u64 = 4096;
/// Where the kernel makes up what is read, and may have a reader wait for it, by `linux/magic.h`.
const KERNELS_OWN: [(FsWord, &str); 4] = [
    (PROC_SUPER_MAGIC, "procfs"),
    (0x6265_6572, "sysfs"),
    (0x7472_6163, "tracefs"),
    (0x6462_6720, "debugfs"),
];

/// The process that a pid file names. `path` is the file as the operator writes it, `place` where it is reached.
///
/// The file may be a link to any other that this program may read, so nothing of its content is shown but a process id.
pub(super) fn look(path: &Path, place: &Path) -> Sighting {
    let shown = path.display();
    let (text, metadata) = match read(place) {
        Ok(read) => read,
        Err(reason) if reason.kind() == io::ErrorKind::NotFound => {
            return Sighting {
                in_order: true,
                ..Sighting::none(format!("there is no {shown}"))
            };
        }
        Err(reason) => return Sighting::unknown(format!("cannot read {shown}: {reason}")),
    };
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let pid = number(first.trim_ascii()).and_then(|pid| u32::try_from(pid).ok());
    match pid.filter(|pid| (1..=LARGEST_PID).contains(pid)) {
        Some(pid) => Sighting {
            main: Some(pid),
            written: metadata.modified().ok(),
            ..Sighting::of(Found::These(vec![pid], None))
        },
        None if first.trim_ascii().is_empty() => Sighting::unknown(format!("{shown} is empty")),
        None => Sighting::unknown(format!(
            "{shown} names no process: its first line is no process id"
        )),
    }
}

fn read(place: &Path) -> io::Result<(Vec<u8>, Metadata)> {
    // Opening a device, or a file of the kernel's, may already do something, so that it is not tried.
    check(&std::fs::metadata(place)?, statfs(place)?.f_type)?;
    let (file, metadata) = open_at_once(place)?;
    let mut text = Vec::new();
    file.take(READ_BYTES).read_to_end(&mut text)?;
    Ok((text, metadata))
}

/// The name may lead to another file than it did a moment ago: what counts is what was opened, and opening a FIFO would
/// wait for its writer.
fn open_at_once(place: &Path) -> io::Result<(File, Metadata)> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = rustix::io::retry_on_intr(|| rustix::fs::open(place, flags, Mode::empty()))?;
    let file = File::from(opened);
    let metadata = file.metadata()?;
    check(&metadata, fstatfs(&file)?.f_type)?;
    Ok((file, metadata))
}

/// A file that may be read without waiting for anybody but a disk.
fn check(metadata: &Metadata, system: FsWord) -> io::Result<()> {
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    match KERNELS_OWN.iter().find(|(magic, _)| *magic == system) {
        Some((_, name)) => Err(io::Error::other(format!("it lies on {name}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    #[test]
    fn a_pid_file_names_a_process_or_why_not() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("app.pid");
        let shown = Path::new("/run/app.pid");
        let look_at = |text: &[u8]| {
            std::fs::write(&place, text).unwrap();
            look(shown, &place)
        };
        for text in ["77", "77\n", " 77 \nmore\n"] {
            let sighting = look_at(text.as_bytes());
            assert_eq!((sighting.main, sighting.in_order), (Some(77), false));
            assert!(sighting.written.is_some());
        }
        for text in ["", "\n77"] {
            let why = "/run/app.pid is empty";
            assert_eq!(look_at(text.as_bytes()), Sighting::unknown(why));
        }
        std::fs::remove_file(&place).unwrap();
        let missing = look(shown, &place);
        assert!(missing.in_order, "{missing:?}");
        assert_eq!(
            missing.found,
            Found::None("there is no /run/app.pid".into())
        );
    }

    #[test]
    fn nothing_of_a_file_that_holds_something_else_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (secret, link) = (folder.path().join("shadow"), folder.path().join("app.pid"));
        symlink(&secret, &link).unwrap();
        let why = "/run/app.pid names no process: its first line is no process id";
        for text in [
            "root:*:20000:0",
            "no\x1b",
            "0",
            "-7",
            "4194305",
            "99999999999",
        ] {
            std::fs::write(&secret, text).unwrap();
            let sighting = look(Path::new("/run/app.pid"), &link);
            assert_eq!(sighting, Sighting::unknown(why));
        }
        std::fs::write(&secret, "77\n").unwrap();
        let linked = look(Path::new("/run/app.pid"), &link);
        assert_eq!(linked.main, Some(77), "a pid file may be a link");
    }

    #[test]
    fn what_a_reader_may_have_to_wait_for_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let (fifo, link) = (folder.path().join("fifo"), folder.path().join("link"));
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).unwrap();
        // As /proc/kmsg, but for everybody to read.
        symlink("/proc/version", &link).unwrap();
        for (place, reason) in [
            (fifo.as_path(), "it is no regular file"),
            (folder.path(), "it is no regular file"),
            (link.as_path(), "it lies on procfs"),
        ] {
            let why = format!("cannot read /run/app.pid: {reason}");
            let sighting = look(Path::new("/run/app.pid"), place);
            assert_eq!(sighting, Sighting::unknown(why));
            // As if it had taken a file's place just now.
            let error = open_at_once(place).unwrap_err();
            assert_eq!(error.to_string(), reason);
        }
    }
}
