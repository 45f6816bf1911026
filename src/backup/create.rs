//! One backup, from the first page of the copy to the manifest that makes it count.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::apart::apart;
use super::archive::{measure, pack};
use super::manifest::{Archive, Database, FORMAT, Manifest, checksum};
use super::parts::{PARTS, PartWriter};
use super::progress::Course;
use super::retention::outlived;
use super::target::READ_BYTES;
use super::workshop::{Note, Workshop};
use super::{BackupError, BackupId, Config, Credentials, Phase, Progress, Shelf, State, Target};
use crate::model::{ByteSize, Span};
use crate::store::{self, Margin, Onlooker, Pace};

/// Makes backups of the database in one state folder, into one place. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Maker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: PathBuf,
    level: i32,
    keep: u32,
    keep_for: Option<Duration>,
    timeout: Span,
    margin: Margin,
    shelf: Shelf,
}

/// A backup that was made.
#[derive(Debug, Clone)]
pub struct Created {
    /// What it is.
    pub manifest: Arc<Manifest>,
    /// Older ones that it outlived, and that are gone.
    pub gone: Vec<BackupId>,
    /// What could not be tidied up afterwards; the backup is good all the same.
    pub untidy: Option<String>,
}

impl Maker {
    /// One that reads the database in `state`, which has a ballast of so many bytes.
    ///
    /// # Errors
    /// As [`Target::open`].
    pub fn open(
        config: &Config,
        state: &Path,
        ballast: ByteSize,
        credentials: Option<&Credentials>,
    ) -> Result<Self, BackupError> {
        let target = Target::open(config, state, credentials)?;
        Ok(Self(Arc::new(Inner {
            state: state.to_owned(),
            level: config.level,
            keep: config.keep,
            keep_for: config.keep_for.map(|span| span.0),
            timeout: config.timeout,
            margin: Margin::beside(ballast.0),
            shelf: Shelf::new(target),
        })))
    }

    /// What lies in the place.
    pub fn shelf(&self) -> &Shelf {
        &self.0.shelf
    }

    /// Makes a backup called `id`, and tells `told` how far it is. When `stop` is cancelled, or the time is over, it is given
    /// up; this ends when what it left is cleared away, so it is not to be dropped before.
    ///
    /// # Errors
    /// Why there is none. What is left then is nothing, or is known to the next one.
    pub async fn create(
        &self,
        id: BackupId,
        told: watch::Sender<Progress>,
        stop: &CancellationToken,
    ) -> Result<Created, BackupError> {
        // Cancelled with `stop`, and by itself when the time is over.
        let ending = stop.child_token();
        let making = self.make(id, Course::new(told, ending.clone()));
        tokio::pin!(making);
        let in_time = tokio::time::timeout(self.0.timeout.0, &mut making).await;
        match in_time {
            Ok(made) => made,
            Err(_) => {
                ending.cancel();
                match making.await {
                    Err(BackupError::Stopped) => Err(BackupError::Slow(self.0.timeout.to_string())),
                    made => made,
                }
            }
        }
    }

    /// Clears away what killed backups left, unless one is being made.
    ///
    /// # Errors
    /// [`BackupError::Busy`], or the folder in which they are made is of no use.
    pub async fn clear(&self) -> Result<(), BackupError> {
        if !store::database(&self.0.state).exists() {
            return Ok(());
        }
        let workshop = Workshop::take(&self.0.state).await?;
        self.clear_up(&workshop, false).await
    }

    async fn make(&self, id: BackupId, mut course: Course) -> Result<Created, BackupError> {
        let database = store::database(&self.0.state);
        if !database.exists() {
            return Err(crate::store::StoreError::Missing(database).into());
        }
        let workshop = Workshop::take(&self.0.state).await?;
        self.clear_up(&workshop, false).await?;
        let made = self.make_in(&workshop, id, &mut course).await;
        course.enter(Phase::Ending);
        if made.is_ok() {
            workshop.clear(id).await;
        }
        // One that came to nothing has left a note too.
        if let Err(error) = self.clear_up(&workshop, true).await {
            tracing::warn!("what backups left is not cleared away yet: {error}");
        }
        Ok(self.tidied(made?).await)
    }

    async fn make_in(
        &self,
        workshop: &Workshop,
        id: BackupId,
        course: &mut Course,
    ) -> Result<Manifest, BackupError> {
        let copy = workshop.copy(id);
        let manifest = self.copied(copy.clone(), id, course.clone()).await?;
        let archive = self
            .packed(workshop, copy, &manifest, course.clone())
            .await?;
        let target = self.0.shelf.target();
        course.enter(Phase::Verifying);
        verify(target, &id.archive(), &archive, course).await?;
        let manifest = Manifest {
            archive: Some(archive),
            ..manifest
        };
        let text = Bytes::from(manifest.bytes());
        if course.stop().is_cancelled() {
            return Err(BackupError::Stopped);
        }
        target.put_new(&id.manifest(), text).await?;
        Ok(manifest)
    }

    /// Copies the database, and looks what the copy is.
    async fn copied(
        &self,
        copy: PathBuf,
        id: BackupId,
        mut course: Course,
    ) -> Result<Manifest, BackupError> {
        let (state, margin) = (self.0.state.clone(), self.0.margin);
        apart(move || {
            let mut pace = Pace::begin();
            let created = SystemTime::now();
            course.enter(Phase::Copying);
            store::copy(&state, &copy, margin, &mut pace, &mut course)?;
            course.enter(Phase::Checking);
            let contents = store::examine(&copy, Some(pace), course.stop())?;
            let (bytes, checksum) = measure(&copy, &mut pace, &mut course)?;
            Ok(Manifest {
                format: FORMAT,
                id,
                created: rfc3339(created),
                program: env!("CARGO_PKG_VERSION").to_owned(),
                schema: contents.schema,
                database: Database { bytes, checksum },
                tables: contents.tables,
                archive: None,
            })
        })
        .await
    }

    /// Packs the copy and hands it to its place, part by part.
    async fn packed(
        &self,
        workshop: &Workshop,
        copy: PathBuf,
        manifest: &Manifest,
        mut course: Course,
    ) -> Result<Archive, BackupError> {
        let target = self.0.shelf.target();
        let mut upload = target.begin(manifest.id, workshop).await?;
        course.enter(Phase::Packing);
        let (sender, mut parts) = mpsc::channel(PARTS);
        let size = Target::part_bytes(manifest.database.bytes);
        let (level, packing) = (self.0.level, manifest.clone());
        let packed = apart(move || {
            let mut pace = Pace::begin();
            let writer = PartWriter::new(sender, size);
            let writer = pack(&packing, &copy, level, writer, &mut pace, &mut course)?;
            writer.finish().map_err(|_| BackupError::Stopped)
        });
        // When either ends early, so does the other: the channel between them is closed.
        let handed_over = async {
            while let Some(part) = parts.recv().await {
                // A place on the same disk shall not take the rest of it.
                let fits = self.0.margin.fits(&self.0.state, part.len() as u64);
                let put = async {
                    fits?;
                    upload.put(part).await
                };
                if let Err(error) = put.await {
                    parts.close();
                    while parts.recv().await.is_some() {}
                    return (upload, Err(error));
                }
            }
            (upload, Ok(()))
        };
        let (packed, (upload, handed_over)) = tokio::join!(packed, handed_over);
        // What the place says comes first: that ended the packing too.
        let archive = handed_over.and(packed)?;
        upload.finish().await?;
        Ok(archive)
    }

    /// Lets older backups go, and halves of long ago.
    async fn tidied(&self, manifest: Manifest) -> Created {
        let mut created = Created {
            manifest: Arc::new(manifest),
            gone: Vec::new(),
            untidy: None,
        };
        if let Err(error) = self.let_go(created.manifest.id, &mut created.gone).await {
            tracing::warn!("older backups stay for now: {error}");
            created.untidy = Some(error.to_string());
        }
        created
    }

    /// Lets go of what `made` has outlived. A place that does not show that one, whole, gives no ground to let any other go.
    async fn let_go(&self, made: BackupId, gone: &mut Vec<BackupId>) -> Result<(), BackupError> {
        let (shelf, now) = (&self.0.shelf, SystemTime::now());
        let entries = shelf.entries().await?;
        let good = entries.iter().filter(|entry| entry.state == State::Good);
        let good: Vec<BackupId> = good.map(|entry| entry.id).collect();
        if !good.contains(&made) {
            let reason = format!("{made} was stored, and is not seen there");
            return Err(BackupError::target(
                shelf.target().to_string(),
                &reason,
                false,
            ));
        }
        for id in outlived(&good, made, now, self.0.keep, self.0.keep_for) {
            shelf.remove(id).await?;
            gone.push(id);
        }
        let left = shelf.tidy(&entries, now).await?;
        if left > 0 {
            tracing::info!("{left} backups that somebody gave up long ago are cleared away");
        }
        Ok(())
    }

    /// Clears away what killed backups left here and in the place. What the place does not let go stays noted, and so do uploads
    /// until a backup was made since: a request that was under way at the kill may arrive later than this.
    async fn clear_up(&self, workshop: &Workshop, since: bool) -> Result<(), BackupError> {
        let target = self.0.shelf.target();
        for note in workshop.leftovers().await? {
            let id = note.id;
            if note.target != target.to_string() {
                tracing::warn!(
                    "{id} was given up on its way to {}, which is no longer the place for backups: see to what it left there",
                    note.target
                );
                workshop.clear(id).await;
                continue;
            }
            match self.undo(&note).await {
                Ok(()) if since || note.upload.is_none() => workshop.clear(id).await,
                Ok(()) => {
                    let note = Note {
                        is_ended: true,
                        ..note
                    };
                    workshop.write(note).await?;
                }
                Err(error) => tracing::warn!("what {id} left is not cleared away yet: {error}"),
            }
        }
        Ok(())
    }

    /// Takes away what a backup put into the place, unless it is whole after all.
    async fn undo(&self, note: &Note) -> Result<(), BackupError> {
        let target = self.0.shelf.target();
        if target.size(&note.id.manifest()).await?.is_some() {
            return Ok(());
        }
        // With the archive there, its upload is over.
        if !note.is_ended && target.size(&note.id.archive()).await?.is_none() {
            target.forget(note).await?;
        }
        self.0.shelf.remove(note.id).await
    }
}

impl fmt::Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.shelf.target().fmt(f)
    }
}

/// Reads an archive back and holds it against what was sent.
async fn verify(
    target: &Target,
    name: &str,
    archive: &Archive,
    onlooker: &mut Course,
) -> Result<(), BackupError> {
    let differs = |reason: String| BackupError::damaged(name, reason);
    match target.size(name).await? {
        Some(bytes) if bytes == archive.bytes => {}
        Some(bytes) => {
            let reason = format!("{bytes} bytes of {} arrived", archive.bytes);
            return Err(differs(reason));
        }
        None => return Err(differs("it did not arrive".to_owned())),
    }
    let (sender, mut parts) = mpsc::channel::<Bytes>(PARTS);
    let hashed = apart(move || {
        Pace::begin();
        let mut hasher = blake3::Hasher::new();
        while let Some(part) = parts.blocking_recv() {
            hasher.update(&part);
        }
        Ok(checksum(&hasher))
    });
    let (fetched, hashed) =
        tokio::join!(fetch(target, name, archive.bytes, onlooker, sender), hashed);
    fetched?;
    if hashed? == archive.checksum {
        return Ok(());
    }
    Err(differs("what arrived is not what was sent".to_owned()))
}

/// Reads all of an archive, for whoever takes it.
async fn fetch(
    target: &Target,
    name: &str,
    bytes: u64,
    onlooker: &mut Course,
    to: mpsc::Sender<Bytes>,
) -> Result<(), BackupError> {
    let mut done = 0;
    while done < bytes {
        if onlooker.stop().is_cancelled() {
            return Err(BackupError::Stopped);
        }
        let end = bytes.min(done + READ_BYTES);
        let part = target.read(name, done..end).await?;
        done = end;
        if to.send(part).await.is_err() {
            break;
        }
        onlooker.reached(done, bytes);
    }
    Ok(())
}

pub(super) fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}
