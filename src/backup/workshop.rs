//! The folder in which a backup is made: one at a time, and with notes of what a killed one leaves. What is done with its disk is done apart.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::apart::apart;
use super::{BackupError, BackupId};
use crate::store::LockedFile;

/// Its name in the state folder.
const FOLDER: &str = "backing-up";
/// The lock, which the kernel takes away with the process.
const LOCK: &str = "lock";
const COPY: &str = ".db";
const NOTE: &str = ".note.json";
/// A note is short.
const MAX_NOTE_BYTES: u64 = 16 << 10;

/// The folder, held by this process for one backup; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Workshop {
    folder: PathBuf,
    _lock: Arc<LockedFile>,
}

/// What a backup has begun to put somewhere. It is written before that and goes when the backup is whole or gone, so that
/// one that is found tells what to clear away.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Note {
    /// The backup.
    pub(super) id: BackupId,
    /// Where it goes to.
    pub(super) target: String,
    /// The upload in parts, where there is one: without its name nobody can end it.
    pub(super) upload: Option<String>,
    /// Whether that was ended already, by who found this note.
    pub(super) is_ended: bool,
}

impl Workshop {
    /// Takes the folder in the state folder `state`, which has to be there.
    ///
    /// # Errors
    /// [`BackupError::Busy`] while another process or another task makes a backup.
    pub(super) async fn take(state: &Path) -> Result<Self, BackupError> {
        let state = state.to_owned();
        apart(move || Self::held(&state)).await
    }

    fn held(state: &Path) -> Result<Self, BackupError> {
        let folder = state.join(FOLDER);
        let failed = |error: io::Error| BackupError::io(&folder, &error);
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            Ok(()) | Err(_) => {}
        }
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join(LOCK))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BackupError::Busy(holder(&mut file))),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "process {}", std::process::id()))
            .map_err(failed)?;
        Ok(Self {
            folder,
            _lock: Arc::new(LockedFile::new(file)),
        })
    }

    /// Where the copy of the database goes.
    pub(super) fn copy(&self, id: BackupId) -> PathBuf {
        self.folder.join(format!("{id}{COPY}"))
    }

    /// Writes a note, or another in its place.
    pub(super) async fn write(&self, note: Note) -> Result<(), BackupError> {
        let workshop = self.clone();
        apart(move || workshop.put(&note)).await
    }

    fn put(&self, note: &Note) -> Result<(), BackupError> {
        let place = self.note(note.id);
        let aside = self.folder.join(format!("{}{NOTE}.new", note.id));
        let text = serde_json::to_vec(note).expect("words are JSON");
        let write = || {
            let mut file = File::options()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&aside)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&aside, &place)
        };
        write().map_err(|error| BackupError::io(&place, &error))
    }

    /// A backup needs nothing here any more.
    pub(super) async fn clear(&self, id: BackupId) {
        let files = [self.copy(id), self.note(id)];
        let cleared = apart(move || {
            files.iter().for_each(|file| remove(file));
            Ok(())
        });
        if let Err(error) = cleared.await {
            tracing::warn!("what {id} left is not cleared away yet: {error}");
        }
    }

    /// What killed backups noted. Their copies, and notes that cannot be read, are removed.
    pub(super) async fn leftovers(&self) -> Result<Vec<Note>, BackupError> {
        let workshop = self.clone();
        apart(move || workshop.left()).await
    }

    fn left(&self) -> Result<Vec<Note>, BackupError> {
        let failed = |error: io::Error| BackupError::io(&self.folder, &error);
        let mut notes = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or("");
            if name == LOCK {
                continue;
            }
            match name.strip_suffix(NOTE).and_then(|_| read(&path)) {
                Some(note) => notes.push(note),
                None => remove(&path),
            }
        }
        Ok(notes)
    }

    fn note(&self, id: BackupId) -> PathBuf {
        self.folder.join(format!("{id}{NOTE}"))
    }
}

fn read(path: &Path) -> Option<Note> {
    let mut text = Vec::new();
    let file = File::open(path).ok()?;
    file.take(MAX_NOTE_BYTES).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn remove(file: &Path) {
    if let Err(error) = fs::remove_file(file)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!("{} cannot be taken away: {error}", file.display());
    }
}

/// Who wrote itself into the lock; nobody when it is just about to.
fn holder(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(64).read_to_string(&mut text).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[tokio::test]
    async fn one_at_a_time_and_what_is_left_is_told_once() {
        let state = tempfile::tempdir().expect("a folder");
        let workshop = Workshop::take(state.path()).await.expect("it is free");
        let busy = Workshop::take(state.path()).await.err();
        let holder = format!("process {}", std::process::id());
        assert_eq!(busy, Some(BackupError::Busy(Some(holder))));
        let note = note();
        let written = workshop.write(note.clone()).await;
        written.expect("there is room");
        let later = Note {
            upload: Some("upload-1".to_owned()),
            ..note.clone()
        };
        let written = workshop.write(later.clone()).await;
        written.expect("there is room");
        fs::write(workshop.copy(note.id), "half").expect("there is room");
        fs::write(workshop.folder.join("x.note.json"), "none").expect("there is room");
        drop(workshop);
        let workshop = Workshop::take(state.path())
            .await
            .expect("it is free again");
        assert_eq!(workshop.leftovers().await, Ok(vec![later]));
        assert!(!workshop.copy(note.id).exists());
        workshop.clear(note.id).await;
        assert_eq!(workshop.leftovers().await, Ok(Vec::new()));
        let left = fs::read_dir(&workshop.folder).expect("it is there");
        assert_eq!(left.count(), 1, "the lock");
    }

    #[tokio::test]
    async fn a_disk_that_does_not_answer_holds_up_whoever_waits_for_it_alone() {
        let state = tempfile::tempdir().expect("a folder");
        let workshop = Workshop::take(state.path()).await.expect("it is free");
        let note = note();
        // Whoever opens this to write waits until somebody opens it to read.
        let pipe = workshop.folder.join(format!("{}{NOTE}.new", note.id));
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("it runs").success());
        let open = async { File::options().read(true).write(true).open(&pipe) };
        let (noted, opened) = tokio::join!(workshop.write(note), open);
        opened.expect("it can be read");
        // It was written, and has no disk that it could be pushed to.
        assert!(noted.is_err(), "{noted:?}");
    }

    fn note() -> Note {
        Note {
            id: BackupId::new(SystemTime::now()),
            target: "somewhere".to_owned(),
            upload: None,
            is_ended: false,
        }
    }
}
