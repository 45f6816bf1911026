//! Granted files: folders and single files, opened so that nothing but regular files and folders ever is.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, open, openat2};
use rustix::io::Errno;
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::filesystem::{Dir, OpenMode};

use crate::model::Failure;

/// `openat2` fails when something is renamed anywhere meanwhile.
const ATTEMPTS: usize = 4;
/// A FIFO that was put in a file's place since it was looked at must not be waited for.
const NEVER_WAIT: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// What one instance finds at its start.
#[derive(Default)]
pub(super) struct Files(Vec<Preopen>);

/// A folder as the guest sees it.
pub(super) struct Preopen {
    /// Its path, the same on both sides.
    pub(super) path: String,
    /// The folder. Where only single files of it are granted it is one of those files, opened so that it serves for
    /// nothing: what this host forgets to check fails in the kernel, for a file is no folder.
    pub(super) dir: Dir,
    /// The only names that may be opened in it, and where they are; nothing: all.
    pub(super) only: Option<BTreeMap<String, PathBuf>>,
}

/// What was opened.
#[derive(Debug)]
pub(super) enum Opened {
    File(File),
    Folder(File),
}

/// Why nothing was.
#[derive(Debug)]
pub(super) enum NotOpened {
    /// The path leads out of the folder.
    Escapes,
    /// It is a FIFO, a socket or a device.
    Special,
    /// The kernel has no call that stays below a folder.
    NoSuchCall,
    /// Anything else.
    Io(io::Error),
}

impl From<Errno> for NotOpened {
    fn from(error: Errno) -> Self {
        match error {
            Errno::XDEV => Self::Escapes,
            // Some filters of system calls refuse with EPERM what they do not know.
            Errno::NOSYS | Errno::PERM => Self::NoSuchCall,
            // A socket cannot be opened at all.
            Errno::NXIO => Self::Special,
            other => Self::Io(other.into()),
        }
    }
}

impl Files {
    /// Opens what is granted.
    ///
    /// # Errors
    /// `not-applicable` when it does not exist on this machine, `grant` when it cannot be opened.
    pub(super) fn open(granted: &[PathBuf]) -> Result<Self, Failure> {
        let mut preopens: Vec<Preopen> = Vec::new();
        let mut single = Vec::new();
        for path in granted {
            let metadata = fs::metadata(path).map_err(|error| unusable(path, &error))?;
            if metadata.is_dir() {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                preopens.push(preopen(path, path, flags, None)?);
            } else if metadata.is_file() {
                single.push(path);
            } else {
                let shown = path.display();
                let message = format!("grant.read: {shown} is neither a folder nor a regular file");
                return Err(Failure::new("grant", message));
            }
        }
        for path in single {
            add_file(&mut preopens, path)?;
        }
        Ok(Self(preopens))
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Preopen> {
        self.0.iter()
    }

    /// The one that `dir` is, if it is one.
    pub(super) fn of(&self, dir: &Dir) -> Option<&Preopen> {
        self.all().find(|one| Arc::ptr_eq(&one.dir.dir, &dir.dir))
    }
}

/// Grants one file, under its folder's path.
fn add_file(preopens: &mut Vec<Preopen>, path: &Path) -> Result<(), Failure> {
    let (Some(folder), Some(name)) = (
        path.parent(),
        path.file_name().and_then(|name| name.to_str()),
    ) else {
        let message = format!("grant.read: {} has no name in UTF-8", path.display());
        return Err(Failure::new("grant", message));
    };
    let known = preopens
        .iter_mut()
        .find(|one| Path::new(&one.path) == folder);
    match known.map(|one| &mut one.only) {
        Some(Some(only)) => {
            only.insert(name.to_owned(), path.to_owned());
        }
        // The whole folder is granted already.
        Some(None) => {}
        None => {
            let only = BTreeMap::from([(name.to_owned(), path.to_owned())]);
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            preopens.push(preopen(path, folder, flags, Some(only))?);
        }
    }
    Ok(())
}

fn preopen(
    path: &Path,
    seen_as: &Path,
    flags: OFlags,
    only: Option<BTreeMap<String, PathBuf>>,
) -> Result<Preopen, Failure> {
    let file = open(path, flags, Mode::empty()).map_err(|error| unusable(path, &error.into()))?;
    Ok(Preopen {
        path: seen_as.to_string_lossy().into_owned(),
        // Calls of a guest with files are made on a thread that may block; see `Probe::spawn`.
        dir: Dir::new(file.into(), FsPerms::ReadOnly, OpenMode::READ, true),
        only,
    })
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => Failure::new(
            "not-applicable",
            format!("grant.read: {shown} does not exist"),
        ),
        _ => Failure::new("grant", format!("grant.read: {shown}: {error}")),
    }
}

/// Opens what `path` leads to below `folder`, through links that stay below it; `follow`: also when it is a link itself.
///
/// It is looked at before it is opened, since opening a device can have an effect (a watchdog starts, a tape rewinds), and
/// again afterwards, since another file may have taken its place.
///
/// # Errors
/// When it leads out of the folder, is no regular file or folder, or cannot be opened.
pub(super) fn open_below(folder: &File, path: &str, follow: bool) -> Result<Opened, NotOpened> {
    let link = if follow {
        OFlags::empty()
    } else {
        OFlags::NOFOLLOW
    };
    let at = below(folder, path, OFlags::PATH | OFlags::CLOEXEC | link)?;
    kind(&at)?;
    let file = below(folder, path, NEVER_WAIT | link)?;
    opened(file)
}

/// Opens a single file that the operator named, through whatever links its path has.
///
/// # Errors
/// As [`open_below`].
pub(super) fn open_named(path: &Path) -> Result<Opened, NotOpened> {
    let at = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    kind(&at.into())?;
    let file = open(path, NEVER_WAIT, Mode::empty())?;
    opened(file.into())
}

fn below(folder: &File, path: &str, flags: OFlags) -> Result<File, NotOpened> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 1..ATTEMPTS {
        match openat2(folder, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            other => return Ok(other?.into()),
        }
    }
    Ok(openat2(folder, path, flags, Mode::empty(), resolve)?.into())
}

fn opened(file: File) -> Result<Opened, NotOpened> {
    Ok(match kind(&file)? {
        FileType::Directory => Opened::Folder(file),
        _ => Opened::File(file),
    })
}

fn kind(file: &File) -> Result<FileType, NotOpened> {
    match FileType::from_raw_mode(fstat(file)?.st_mode) {
        kind @ (FileType::RegularFile | FileType::Directory) => Ok(kind),
        // Not followed, as it was asked for.
        FileType::Symlink => Err(NotOpened::Io(Errno::LOOP.into())),
        _ => Err(NotOpened::Special),
    }
}

/// Where a guest's path leads, for the operator: with links resolved if it is there, else by its words.
pub(super) fn target(folder: &str, path: &str) -> PathBuf {
    let joined = Path::new(folder).join(path);
    fs::canonicalize(&joined).unwrap_or_else(|_| {
        let mut plain = PathBuf::new();
        for component in joined.components() {
            match component {
                Component::ParentDir => {
                    plain.pop();
                }
                Component::CurDir => {}
                other => plain.push(other),
            }
        }
        plain
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn folder() -> (tempfile::TempDir, File) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        fs::write(folder.path().join("in/file"), "text").unwrap();
        fs::write(folder.path().join("outside"), "secret").unwrap();
        let inside = File::open(folder.path().join("in")).unwrap();
        (folder, inside)
    }

    fn text(opened: Result<Opened, NotOpened>) -> String {
        let Opened::File(mut file) = opened.unwrap() else {
            panic!("a folder")
        };
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn regular_files_and_folders_are_opened_through_links_that_stay_inside() {
        let (folder, inside) = folder();
        symlink("file", folder.path().join("in/link")).unwrap();
        assert_eq!(text(open_below(&inside, "file", false)), "text");
        assert_eq!(text(open_below(&inside, "link", true)), "text");
        let link = open_below(&inside, "link", false);
        assert!(matches!(link, Err(NotOpened::Io(_))), "{link:?}");
        assert!(matches!(
            open_below(&inside, ".", true),
            Ok(Opened::Folder(_))
        ));
        let missing = open_below(&inside, "none", true);
        assert!(
            matches!(missing, Err(NotOpened::Io(error)) if error.kind() == io::ErrorKind::NotFound)
        );
    }

    #[test]
    fn g35_a_fifo_a_socket_and_a_device_are_not_opened_and_not_waited_for() {
        let (folder, inside) = folder();
        let path = |name: &str| folder.path().join("in").join(name);
        let made = std::process::Command::new("mkfifo")
            .arg(path("fifo"))
            .status();
        assert!(made.unwrap().success());
        let _listener = UnixListener::bind(path("socket")).unwrap();
        for name in ["fifo", "socket"] {
            let refused = open_below(&inside, name, true);
            assert!(
                matches!(refused, Err(NotOpened::Special)),
                "{name}: {refused:?}"
            );
            let refused = open_named(&path(name));
            assert!(
                matches!(refused, Err(NotOpened::Special)),
                "{name}: {refused:?}"
            );
        }
        let devices = File::open("/dev").unwrap();
        for name in ["null", "zero"] {
            let refused = open_below(&devices, name, true);
            assert!(
                matches!(refused, Err(NotOpened::Special)),
                "{name}: {refused:?}"
            );
        }
    }

    #[test]
    fn g36_no_way_leads_out_of_the_folder() {
        let (folder, inside) = folder();
        symlink("../outside", folder.path().join("in/up")).unwrap();
        symlink(
            folder.path().join("outside"),
            folder.path().join("in/absolute"),
        )
        .unwrap();
        for path in [
            "../outside",
            "up",
            "absolute",
            "/etc/passwd",
            "x/../../outside",
        ] {
            let refused = open_below(&inside, path, true);
            let harmless = match &refused {
                Err(NotOpened::Escapes) => true,
                Err(NotOpened::Io(error)) => error.kind() == io::ErrorKind::NotFound,
                _ => false,
            };
            assert!(harmless, "{path}: {refused:?}");
        }
        let outside = folder.path().join("outside").canonicalize().unwrap();
        let inside = folder.path().join("in");
        let inside = inside.to_str().unwrap();
        assert_eq!(target(inside, "up"), outside);
        assert_eq!(target("/a/b", "../c/./d"), Path::new("/a/c/d"));
    }

    #[test]
    fn single_files_share_their_folder_and_give_nothing_else_of_it() {
        let (folder, _) = folder();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("other"), "other").unwrap();
        let files = Files::open(&[path("outside"), path("other"), path("in")]).unwrap();
        let all: Vec<&Preopen> = files.all().collect();
        assert_eq!(all.len(), 2);
        let only: Vec<&String> = all[1].only.as_ref().unwrap().keys().collect();
        assert_eq!(only, ["other", "outside"]);
        assert!(open_below(&all[1].dir.dir, "other", true).is_err());
        assert!(files.of(&all[1].dir).is_some());
        assert_eq!(text(open_named(&path("other"))), "other");
        // A granted folder covers its files.
        let files = Files::open(&[path("in/file"), path("in")]).unwrap();
        assert_eq!(files.all().count(), 1);
        assert!(files.all().next().unwrap().only.is_none());
    }

    #[test]
    fn what_is_not_there_is_not_applicable_and_a_device_cannot_be_granted() {
        let code = |path: &str| Files::open(&[path.into()]).err().unwrap().code;
        assert_eq!(code("/nowhere/at/all"), "not-applicable");
        assert_eq!(code("/dev/null"), "grant");
    }
}
