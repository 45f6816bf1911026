//! Granted files: folders and single files, opened so that nothing but regular files and folders ever is.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{
    FileType, MemfdFlags, Mode, OFlags, ResolveFlags, fstat, memfd_create, open, openat2,
};
use rustix::io::Errno;
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::filesystem::{Dir, OpenMode};

use super::found::{Found, all_missing, find};
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
pub(super) struct Files {
    preopens: Vec<Preopen>,
    /// What each granted path was, in the order of the grants.
    found: Vec<Found>,
    /// They are a tape's: nothing of the machine is looked at.
    taped: bool,
}

/// A folder as the guest sees it.
pub(super) struct Preopen {
    /// Its path, the same on both sides.
    pub(super) path: String,
    /// The folder. Where only single files of it are granted it is one of those files, opened so that it serves for
    /// nothing: what this host forgets to check fails in the kernel, for a file is no folder.
    pub(super) dir: Dir,
    /// The only names that may be opened in it, and where they are; nothing: all. Where there is none, the granted path is
    /// missing: to the guest nothing is there.
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
    /// Opens what is granted, as far as it is there.
    ///
    /// # Errors
    /// `not-applicable` when none of it exists on this machine, `grant` when something cannot be opened.
    pub(super) fn open(granted: &[PathBuf]) -> Result<Self, Failure> {
        let mut found = Vec::new();
        for path in granted {
            let one = find(path).map_err(|error| unusable(path, &error))?;
            found.push(one.ok_or_else(|| {
                let shown = path.display();
                let message = format!("grant.read: {shown} is neither a folder nor a regular file");
                Failure::new("grant", message)
            })?);
        }
        if let Some(path) = all_missing(granted, &found) {
            return Err(missing(path));
        }
        let mut preopens: Vec<Preopen> = Vec::new();
        let paths = |kind: fn(&Found) -> bool| {
            let both = granted.iter().zip(&found);
            both.filter(move |(_, one)| kind(one)).map(|(path, _)| path)
        };
        for path in paths(|one| matches!(one, Found::Folder(..))) {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            preopens.push(preopen(path, path, flags, None)?);
        }
        for path in paths(|one| *one == Found::File) {
            add_file(&mut preopens, path)?;
        }
        for path in paths(|one| *one == Found::Missing) {
            let file = empty().map_err(|error| unusable(path, &error))?;
            preopens.push(Preopen::nowhere(file, path));
        }
        Ok(Self {
            preopens,
            found,
            taped: false,
        })
    }

    /// Those of a tape. Each is opened as an empty file, which serves for nothing but to be told from the others.
    ///
    /// # Errors
    /// The outer one: no such file could be had. The inner one: a path without a name in UTF-8.
    pub(super) fn of_tape(granted: &[(&Path, Found)]) -> io::Result<Result<Self, Failure>> {
        let mut preopens: Vec<Preopen> = Vec::new();
        let paths = |kind: fn(&Found) -> bool| granted.iter().filter(move |(_, one)| kind(one));
        for (path, _) in paths(|one| matches!(one, Found::Folder(..))) {
            preopens.push(Preopen::of(empty()?, path, None));
        }
        for (path, _) in paths(|one| *one == Found::File) {
            let file = empty()?;
            let added = add_named(&mut preopens, path, |folder, only| {
                Ok(Preopen::of(file, folder, Some(only)))
            });
            if let Err(failure) = added {
                return Ok(Err(failure));
            }
        }
        for (path, _) in paths(|one| *one == Found::Missing) {
            preopens.push(Preopen::nowhere(empty()?, path));
        }
        Ok(Ok(Self {
            preopens,
            found: granted.iter().map(|(_, one)| *one).collect(),
            taped: true,
        }))
    }

    /// What lay at each granted path, in the order of the grants.
    pub(super) fn found(&self) -> &[Found] {
        &self.found
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Preopen> {
        self.preopens.iter()
    }

    /// Where a guest's path leads, for the operator: with links resolved if it is there, else by its words.
    pub(super) fn target(&self, folder: &str, path: &str) -> PathBuf {
        let found = (!self.taped).then(|| fs::canonicalize(Path::new(folder).join(path)).ok());
        found.flatten().unwrap_or_else(|| by_words(folder, path))
    }

    /// The one that `dir` is, if it is one.
    pub(super) fn of(&self, dir: &Dir) -> Option<&Preopen> {
        self.all().find(|one| Arc::ptr_eq(&one.dir.dir, &dir.dir))
    }
}

impl Preopen {
    fn of(file: File, seen_as: &Path, only: Option<BTreeMap<String, PathBuf>>) -> Self {
        Self {
            path: seen_as.to_string_lossy().into_owned(),
            // Calls of a guest with files are made on a thread that may block; see `Probe::spawn`.
            dir: Dir::new(file, FsPerms::ReadOnly, OpenMode::READ, true),
            only,
        }
    }

    /// Of a path at which nothing lies; `file` stands for it, and is reached by nothing.
    fn nowhere(file: File, path: &Path) -> Self {
        Self::of(file, path, Some(BTreeMap::new()))
    }
}

/// A file that stands for a folder of which nothing is reached.
fn empty() -> io::Result<File> {
    Ok(memfd_create("probity-empty", MemfdFlags::CLOEXEC)?.into())
}

/// Grants one file, under its folder's path.
fn add_file(preopens: &mut Vec<Preopen>, path: &Path) -> Result<(), Failure> {
    add_named(preopens, path, |folder, only| {
        preopen(path, folder, OFlags::PATH | OFlags::CLOEXEC, Some(only))
    })
}

/// Adds one file to what is granted of its folder; `open` makes that where it is the first of it.
fn add_named(
    preopens: &mut Vec<Preopen>,
    path: &Path,
    open: impl FnOnce(&Path, BTreeMap<String, PathBuf>) -> Result<Preopen, Failure>,
) -> Result<(), Failure> {
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
            preopens.push(open(folder, only)?);
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
    Ok(Preopen::of(file.into(), seen_as, only))
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => missing(path),
        _ => Failure::new("grant", format!("grant.read: {}: {error}", path.display())),
    }
}

/// What is said of a granted path at which nothing lies.
pub(super) fn missing(path: &Path) -> Failure {
    let message = format!("grant.read: {} does not exist", path.display());
    Failure::new("not-applicable", message)
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

/// A path without `.` and `..`, whatever is there.
pub(super) fn by_words(folder: &str, path: &str) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in Path::new(folder).join(path).components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
