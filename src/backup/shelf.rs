//! What lies in a place: which backups are good, which are half, and which are broken.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use super::manifest::{MAX_MANIFEST_BYTES, Manifest};
use super::target::Stored;
use super::{BackupError, BackupId, Target};

/// Manifests read at once.
const READS: usize = 8;
/// How long the place may take to tell what is stored there, with all that is tried again: whoever asks waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How old half a backup is before it is taken for left behind, whoever made it: longer than any may take (`backup.timeout`).
const LEFT_BEHIND: Duration = Duration::from_secs(25 * 3_600);

/// Whether a backup can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its archive lies there as its manifest says.
    Good,
    /// It has no manifest: it is being made, or was given up.
    Incomplete,
    /// Its manifest cannot be read, or says something else than what lies there.
    Damaged,
}

impl State {
    /// The state as every format shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Incomplete => "incomplete",
            Self::Damaged => "damaged",
        }
    }
}

/// A backup that lies there, or something of one.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name.
    pub id: BackupId,
    /// Whether it can be relied on.
    pub state: State,
    /// Why not.
    pub reason: Option<String>,
    /// What it says of itself, where that can be read.
    pub manifest: Option<Arc<Manifest>>,
    /// The bytes that all of it takes.
    pub bytes: u64,
    /// When the last of it was written.
    modified: SystemTime,
    /// The names of its parts.
    parts: Vec<String>,
}

/// How a manifest lay there when it was read, and what it said.
type Known = (Stored, Arc<Manifest>);

/// A place, and the manifests that were read there already.
#[derive(Debug)]
pub struct Shelf {
    target: Target,
    read: Mutex<HashMap<BackupId, Known>>,
}

/// The parts of one backup, as they are listed.
#[derive(Default)]
struct Parts {
    archive: Option<Stored>,
    manifest: Option<Stored>,
    partial: Vec<Stored>,
}

impl Shelf {
    /// What lies in `target`.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            read: Mutex::default(),
        }
    }

    /// The place.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Every backup, the newest first. What has no backup's name is passed over.
    ///
    /// # Errors
    /// The place cannot be read.
    pub async fn entries(&self) -> Result<Vec<Entry>, BackupError> {
        let mut backups: HashMap<BackupId, Parts> = HashMap::new();
        for stored in self.target.list().await? {
            let name = &stored.name;
            if let Some(id) = BackupId::of_archive(name) {
                backups.entry(id).or_default().archive = Some(stored);
            } else if let Some(id) = BackupId::of_manifest(name) {
                backups.entry(id).or_default().manifest = Some(stored);
            } else if let Some(id) = Target::of_partial(name) {
                backups.entry(id).or_default().partial.push(stored);
            }
        }
        self.cache().retain(|id, _| backups.contains_key(id));
        let entries = stream::iter(backups).map(|(id, parts)| self.entry(id, parts));
        let mut entries: Vec<Entry> = entries.buffer_unordered(READS).try_collect().await?;
        // Of two of one second, the manifest says which came later.
        let time = |entry: &Entry| {
            let manifest = entry.manifest.as_ref();
            let created = manifest.map(|manifest| manifest.created.clone());
            (entry.id.time(), created, entry.id)
        };
        entries.sort_by_cached_key(|entry| std::cmp::Reverse(time(entry)));
        Ok(entries)
    }

    /// The same for somebody who waits.
    ///
    /// # Errors
    /// The place cannot be read, or does not answer within half a minute, with all that is tried again.
    pub async fn entries_in_time(&self) -> Result<Vec<Entry>, BackupError> {
        self.within(PATIENCE, self.entries()).await
    }

    /// Waits so long for the place.
    pub(super) async fn within<T>(
        &self,
        patience: Duration,
        answer: impl Future<Output = Result<T, BackupError>>,
    ) -> Result<T, BackupError> {
        let answer = tokio::time::timeout(patience, answer).await;
        answer.unwrap_or_else(|_| {
            let reason = format!("no answer within {} s", patience.as_secs());
            Err(BackupError::target(self.target.to_string(), &reason, false))
        })
    }

    /// The backup called `id`.
    ///
    /// # Errors
    /// [`BackupError::NotFound`] where there is nothing of it; as [`Shelf::entries_in_time`].
    pub async fn entry_of(&self, id: BackupId) -> Result<Entry, BackupError> {
        let found = self
            .entries_in_time()
            .await?
            .into_iter()
            .find(|one| one.id == id);
        found.ok_or_else(|| BackupError::NotFound(id.to_string()))
    }

    /// Takes all of a backup away. Its manifest goes first: without it the rest no longer counts.
    pub(super) async fn remove(&self, id: BackupId) -> Result<(), BackupError> {
        self.target.remove(&id.manifest()).await?;
        self.target.remove(&id.archive()).await
    }

    /// Takes away halves that somebody left behind long ago. Gives how many.
    pub(super) async fn tidy(
        &self,
        entries: &[Entry],
        now: SystemTime,
    ) -> Result<usize, BackupError> {
        let is_left = |entry: &&Entry| {
            let age = now.duration_since(entry.modified).unwrap_or_default();
            entry.state == State::Incomplete && age > LEFT_BEHIND
        };
        let mut gone = 0;
        for entry in entries.iter().filter(is_left) {
            for part in &entry.parts {
                self.target.remove(part).await?;
            }
            gone += 1;
        }
        Ok(gone)
    }

    async fn entry(&self, id: BackupId, parts: Parts) -> Result<Entry, BackupError> {
        let all = || {
            parts
                .archive
                .iter()
                .chain(&parts.manifest)
                .chain(&parts.partial)
        };
        let mut entry = Entry {
            id,
            state: State::Incomplete,
            reason: Some("it has no manifest: it is being made, or was given up".to_owned()),
            manifest: None,
            bytes: all().map(|part| part.bytes).sum(),
            modified: all()
                .map(|part| part.modified)
                .max()
                .unwrap_or(SystemTime::UNIX_EPOCH),
            parts: all().map(|part| part.name.clone()).collect(),
        };
        let Some(manifest) = &parts.manifest else {
            return Ok(entry);
        };
        let judged = match self.manifest(id, manifest).await {
            Ok(manifest) => {
                let judged = whole(&manifest, parts.archive.as_ref());
                entry.manifest = Some(manifest);
                judged
            }
            Err(error @ (BackupError::Damaged { .. } | BackupError::Newer { .. })) => {
                Err(error.to_string())
            }
            Err(error) => return Err(error),
        };
        (entry.state, entry.reason) = match judged {
            Ok(()) => (State::Good, None),
            Err(reason) => (State::Damaged, Some(reason)),
        };
        Ok(entry)
    }

    /// The manifest that lies beside an archive.
    async fn manifest(&self, id: BackupId, stored: &Stored) -> Result<Arc<Manifest>, BackupError> {
        if let Some((then, known)) = self.cache().get(&id)
            && then == stored
        {
            return Ok(known.clone());
        }
        let name = id.manifest();
        let text = read_small(&self.target, &name, stored.bytes).await?;
        let manifest = Manifest::read(&text, &name)?;
        if manifest.id != id || manifest.archive.is_none() {
            return Err(BackupError::damaged(
                name,
                "it is another backup's manifest",
            ));
        }
        let manifest = Arc::new(manifest);
        let known = (stored.clone(), manifest.clone());
        self.cache().insert(id, known);
        Ok(manifest)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<BackupId, Known>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest good one of `entries`, which stand in order. One dated after `now` was made by a clock that was ahead, so any other is newer.
pub(super) fn newest(entries: &[Entry], now: SystemTime) -> Option<&Entry> {
    let mut good = entries.iter().filter(|entry| entry.state == State::Good);
    let first = good.clone().next();
    good.find(|entry| entry.id.time() <= now).or(first)
}

/// All of a manifest of so many bytes.
pub(super) async fn read_small(
    target: &Target,
    name: &str,
    bytes: u64,
) -> Result<Bytes, BackupError> {
    if bytes > MAX_MANIFEST_BYTES {
        let reason = format!("it has {bytes} bytes, which no manifest has");
        return Err(BackupError::damaged(name, reason));
    }
    target.read(name, 0..bytes).await
}

/// Whether the archive is there, as long as it should be.
fn whole(manifest: &Manifest, archive: Option<&Stored>) -> Result<(), String> {
    let expected = manifest.archive.as_ref().map_or(0, |archive| archive.bytes);
    match archive {
        None => Err("its archive is gone".to_owned()),
        Some(archive) if archive.bytes != expected => Err(format!(
            "its archive has {} bytes, and had {expected}",
            archive.bytes
        )),
        Some(_) => Ok(()),
    }
}
