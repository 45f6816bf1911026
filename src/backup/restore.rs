//! Reading an archive through, for its own sake or to put its database into a state folder.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::apart::apart;
use super::archive::unpack;
use super::id::manifest_beside;
use super::manifest::Manifest;
use super::parts::{PARTS, PartReader};
use super::progress::Course;
use super::shelf::{newest, read_small};
use super::target::READ_BYTES;
use super::{BackupError, BackupId, Phase, Progress, Shelf, State, Target};
use crate::store::{self, Onlooker, Pace, Vacancy};

/// An archive that somebody chose.
#[derive(Debug)]
pub struct Chosen {
    target: Target,
    /// The archive's name there.
    name: String,
    bytes: u64,
    /// What lies beside it; a single file may have nothing.
    manifest: Option<Manifest>,
}

/// A database that was put into its place.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The backup that it is of.
    pub manifest: Manifest,
    /// Where the one before went.
    pub replaced: Option<PathBuf>,
}

impl Chosen {
    /// The archive of the backup `id`.
    ///
    /// # Errors
    /// There is none, or it is not whole.
    pub async fn by_id(shelf: &Shelf, id: BackupId) -> Result<Self, BackupError> {
        let entry = shelf.entry_of(id).await?;
        match (entry.state, entry.manifest) {
            (State::Good, Some(manifest)) => Ok(Self {
                target: shelf.target().clone(),
                name: id.archive(),
                bytes: manifest.archive.as_ref().map_or(0, |archive| archive.bytes),
                manifest: Some((*manifest).clone()),
            }),
            (_, _) => Err(BackupError::damaged(
                id.to_string(),
                entry.reason.unwrap_or_default(),
            )),
        }
    }

    /// The archive of the newest good backup.
    ///
    /// # Errors
    /// There is none.
    pub async fn latest(shelf: &Shelf) -> Result<Self, BackupError> {
        let entries = shelf.entries_in_time().await?;
        let newest = newest(&entries, SystemTime::now());
        let none = || BackupError::None(shelf.target().to_string());
        Self::by_id(shelf, newest.ok_or_else(none)?.id).await
    }

    /// An archive that is a file, with the manifest beside it if there is one.
    ///
    /// # Errors
    /// There is no such file, or what lies beside it is no manifest.
    pub async fn file(file: &Path) -> Result<Self, BackupError> {
        let shown = file.display().to_string();
        let name = file.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| BackupError::foreign(&shown, "it is no file"))?;
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let target = Target::folder(folder.to_owned());
        let bytes = target.size(name).await?;
        let bytes = bytes.ok_or_else(|| BackupError::NotFound(shown.clone()))?;
        let manifest = match manifest_beside(name) {
            Some(beside) => match target.size(&beside).await? {
                Some(bytes) => {
                    let text = read_small(&target, &beside, bytes).await?;
                    Some(Manifest::read(&text, &beside)?)
                }
                None => None,
            },
            None => None,
        };
        if let Some(archive) = manifest.as_ref().and_then(|one| one.archive.as_ref())
            && archive.bytes != bytes
        {
            let reason = format!("it has {bytes} bytes, and had {}", archive.bytes);
            return Err(BackupError::damaged(shown, reason));
        }
        Ok(Self {
            target,
            name: name.to_owned(),
            bytes,
            manifest,
        })
    }

    /// Whether a manifest lies beside it.
    pub fn has_manifest(&self) -> bool {
        self.manifest.is_some()
    }

    /// Unpacks it into what `make` opens, on a thread of its own, and does `then` with it afterwards.
    async fn read<W, T>(
        self,
        told: watch::Sender<Progress>,
        stop: &CancellationToken,
        make: impl FnOnce() -> Result<W, BackupError> + Send + 'static,
        then: impl FnOnce(Manifest, W, &CancellationToken) -> Result<T, BackupError> + Send + 'static,
    ) -> Result<T, BackupError>
    where
        W: Write,
        T: Send + 'static,
    {
        let mut course = Course::new(told, stop.clone());
        course.enter(Phase::Verifying);
        let (sender, parts) = mpsc::channel(PARTS);
        let (name, expected) = (self.name.clone(), self.manifest.clone());
        let unpacked = apart(move || {
            let mut to = make()?;
            let from = PartReader::new(parts);
            let manifest = unpack(&name, from, expected.as_ref(), &mut to, &mut course)?;
            then(manifest, to, course.stop())
        });
        let (unpacked, fetched) = tokio::join!(unpacked, self.fetch(sender));
        // A place that gives no more looks like a cut archive from the other side.
        fetched.and(unpacked)
    }

    /// Sends all of it, as long as somebody takes it.
    async fn fetch(&self, to: mpsc::Sender<Bytes>) -> Result<(), BackupError> {
        let mut done = 0;
        while done < self.bytes {
            let end = self.bytes.min(done + READ_BYTES);
            let part = self.target.read(&self.name, done..end).await?;
            done = end;
            if to.send(part).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// Reads all of an archive and holds it against its checksums, without keeping anything, behind everything else.
///
/// # Errors
/// Whatever is not as it should be.
pub async fn verify(
    chosen: Chosen,
    told: watch::Sender<Progress>,
    stop: &CancellationToken,
) -> Result<Manifest, BackupError> {
    let make = || {
        Pace::begin();
        Ok(io::sink())
    };
    chosen
        .read(told, stop, make, |manifest, _, _| Ok(manifest))
        .await
}

/// Puts an archive's database into the state folder `into`, once it was unpacked aside and found whole in every respect. A
/// database that is there is moved aside where `replace` says so.
///
/// # Errors
/// Whatever is not as it should be, of the archive or of the folder. The folder is as it was then.
pub async fn restore(
    chosen: Chosen,
    into: &Path,
    replace: bool,
    told: watch::Sender<Progress>,
    stop: &CancellationToken,
) -> Result<Restored, BackupError> {
    if let Some(manifest) = &chosen.manifest {
        manifest.known()?;
    }
    let vacancy = Vacancy::take(into, replace)?;
    let aside = vacancy.aside();
    let unpacked = aside.clone();
    let create = move || {
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unpacked);
        file.map_err(|error| BackupError::io(&unpacked, &error))
    };
    let examine = move |manifest: Manifest, file: File, stop: &CancellationToken| {
        file.sync_all()
            .map_err(|error| BackupError::io(&aside, &error))?;
        let contents = store::examine(&aside, None, stop)?;
        if (contents.schema, &contents.tables) != (manifest.schema, &manifest.tables) {
            let reason = "its database has not the tables and rows that its manifest says";
            return Err(BackupError::damaged(manifest.id.to_string(), reason));
        }
        if stop.is_cancelled() {
            return Err(BackupError::Stopped);
        }
        let replaced = vacancy.fill()?;
        Ok(Restored { manifest, replaced })
    };
    chosen.read(told, stop, create, examine).await
}
