//! A folder of this machine: private files, on disk before they count.

use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::super::{BackupError, BackupId};
use super::Stored;

/// How long one step may take: a mount whose server is gone never answers.
const PATIENCE: Duration = Duration::from_secs(120);
/// What follows a name until its file is whole.
const PARTIAL: &str = ".partial";

/// The folder; it is made when something is put there.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

/// An archive that is being written.
pub(in crate::backup) struct FolderUpload {
    folder: Folder,
    name: String,
    file: Option<File>,
}

/// The name of a file that is not yet whole.
pub(super) fn partial(name: &str) -> String {
    format!("{name}{PARTIAL}")
}

/// The backup that such a file belongs to.
pub(super) fn of_partial(name: &str) -> Option<BackupId> {
    let name = name.strip_suffix(PARTIAL)?;
    BackupId::of_archive(name).or_else(|| BackupId::of_manifest(name))
}

impl Folder {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    pub(super) async fn begin(&self, name: String) -> Result<FolderUpload, BackupError> {
        let partial = partial(&name);
        let made = self.with(partial, |path| {
            if let Some(folder) = path.parent() {
                make(folder)?;
            }
            private(path)
        });
        Ok(FolderUpload {
            folder: self.clone(),
            name,
            file: Some(made.await?),
        })
    }

    pub(super) async fn put_new(&self, name: &str, bytes: Bytes) -> Result<(), BackupError> {
        self.with(name.to_owned(), move |path| {
            let aside = beside(path);
            // Left by one that was killed; whoever makes a backup makes the only one.
            let _ = fs::remove_file(&aside);
            let mut file = private(&aside)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            place(&aside, path)
        })
        .await
    }

    pub(super) async fn list(&self) -> Result<Vec<Stored>, BackupError> {
        self.with(String::new(), |folder| {
            let entries = match fs::read_dir(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                other => other?,
            };
            let mut stored = Vec::new();
            for entry in entries {
                let entry = entry?;
                // One that went meanwhile is not there.
                let Ok(found) = entry.metadata() else {
                    continue;
                };
                let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                    continue;
                };
                if found.is_file() {
                    stored.push(Stored {
                        name,
                        bytes: found.len(),
                        modified: found.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                    });
                }
            }
            Ok(stored)
        })
        .await
    }

    pub(super) async fn size(&self, name: &str) -> Result<Option<u64>, BackupError> {
        self.with(name.to_owned(), |path| match fs::metadata(path) {
            Ok(found) if found.is_file() => Ok(Some(found.len())),
            Ok(_) => Err(io::Error::other("not a regular file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    pub(super) async fn read(&self, name: &str, range: Range<u64>) -> Result<Bytes, BackupError> {
        self.with(name.to_owned(), move |path| {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(range.start))?;
            let mut bytes = Vec::new();
            file.take(range.end - range.start).read_to_end(&mut bytes)?;
            Ok(bytes.into())
        })
        .await
    }

    pub(super) async fn remove(&self, name: &str) -> Result<(), BackupError> {
        self.with(name.to_owned(), |path| match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        })
        .await
    }

    /// Does something with a file of the folder, on a thread that may block.
    async fn with<T: Send + 'static>(
        &self,
        name: String,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, BackupError> {
        let path = match name.as_str() {
            "" => self.0.clone(),
            name => self.0.join(name),
        };
        let of = path.clone();
        let done = timeout(PATIENCE, spawn_blocking(move || work(&of))).await;
        match done {
            Ok(Ok(done)) => done.map_err(|error| BackupError::io(&path, &error)),
            Ok(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            Err(_) => {
                let reason = format!("no answer within {} s", PATIENCE.as_secs());
                Err(BackupError::target(
                    path.display().to_string(),
                    &reason,
                    false,
                ))
            }
        }
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "folder {}", self.0.display())
    }
}

impl FolderUpload {
    /// Each part is pushed to the disk by itself: all of them at the end would hold up every other file's commit.
    pub(super) async fn put(&mut self, part: Bytes) -> Result<(), BackupError> {
        let mut file = self.taken()?;
        let written = self.folder.with(partial(&self.name), move |_| {
            file.write_all(&part)?;
            file.sync_data()?;
            Ok(file)
        });
        self.file = Some(written.await?);
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<(), BackupError> {
        let file = self.taken()?;
        let whole = self.folder.with(self.name.clone(), move |path| {
            file.sync_all()?;
            place(&beside(path), path)
        });
        whole.await
    }

    /// The file, which a step that did not end in time keeps.
    fn taken(&mut self) -> Result<File, BackupError> {
        let gone = || {
            let name = partial(&self.name);
            BackupError::target(self.folder.to_string(), &format!("{name} is lost"), false)
        };
        self.file.take().ok_or_else(gone)
    }
}

/// The file beside it that is not yet whole.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PARTIAL);
    name.into()
}

/// Makes a folder that this user alone may enter, with those above it. One that is there stays as it is.
fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn private(path: &Path) -> io::Result<File> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Gives a whole file its name, where no other has it, for good.
fn place(aside: &Path, path: &Path) -> io::Result<()> {
    // Names are given out once, so that this cannot be another's; renaming would replace it unseen.
    if fs::symlink_metadata(path).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(aside, path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
