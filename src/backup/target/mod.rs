//! Where backups go: a folder of this machine, or a bucket of object storage. Both do the same few things.

mod bucket;
mod credentials;
mod folder;
mod tls;
mod wire;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;

use super::config::{Config, Place};
use super::workshop::{Note, Workshop};
use super::{BackupError, BackupId};

pub use credentials::{Credentials, CredentialsError};

use bucket::{Bucket, BucketUpload};
use folder::{Folder, FolderUpload};

/// The folder in the state folder that backups go to where no other is named.
const FOLDER: &str = "backups";
/// The smallest part of an archive: S3 wants 5 MiB at least, and each costs a request.
const LEAST_PART: u64 = 8 << 20;
/// Parts that an archive comes in, at most: S3 takes 10,000, and what does not shrink when it is packed grows a little.
const MOST_PARTS: u64 = 9_000;
/// Bytes read at once.
pub(super) const READ_BYTES: u64 = 8 << 20;
/// Objects or files looked at in a place. One that holds more is not a place for backups alone.
const MOST_LISTED: usize = 20_000;

/// A place for backups; cheap to clone.
#[derive(Debug, Clone)]
pub struct Target(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Folder(Folder),
    Bucket(Bucket),
}

/// A file or an object that lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
}

/// An archive on its way there. It is not to be seen before [`Upload::finish`], and what is left of one that comes to nothing is
/// noted.
pub(super) enum Upload {
    Folder(FolderUpload),
    Bucket(BucketUpload),
}

impl Target {
    /// The place that `config` names; `state` is the state folder.
    ///
    /// # Errors
    /// Object storage without credentials, or whose settings make no client.
    pub fn open(
        config: &Config,
        state: &Path,
        credentials: Option<&Credentials>,
    ) -> Result<Self, BackupError> {
        let kind = match config.to {
            Place::Folder => {
                let folder = config.folder.clone();
                let folder = folder.unwrap_or_else(|| state.join(FOLDER));
                // The same folder by the same name, wherever the program is started.
                let whole = std::path::absolute(&folder).unwrap_or(folder);
                Kind::Folder(Folder::new(whole))
            }
            Place::S3 => Kind::Bucket(Bucket::open(&config.s3, credentials)?),
        };
        Ok(Self(kind))
    }

    /// A folder, which may have anything in it.
    pub(super) fn folder(folder: PathBuf) -> Self {
        Self(Kind::Folder(Folder::new(folder)))
    }

    /// How large the parts of an archive are that has a database of so many bytes.
    pub(super) fn part_bytes(database: u64) -> usize {
        let least = database.div_ceil(MOST_PARTS).max(LEAST_PART);
        usize::try_from(least).unwrap_or(usize::MAX)
    }

    /// Begins to put an archive there. It is noted in `workshop` first, so that nothing of it stays that nobody knows of.
    pub(super) async fn begin(
        &self,
        id: BackupId,
        workshop: &Workshop,
    ) -> Result<Upload, BackupError> {
        let mut note = Note {
            id,
            target: self.to_string(),
            upload: None,
            is_ended: false,
        };
        workshop.write(note.clone()).await?;
        match &self.0 {
            Kind::Folder(folder) => Ok(Upload::Folder(folder.begin(id.archive()).await?)),
            Kind::Bucket(bucket) => {
                let upload = bucket.begin(id.archive()).await?;
                note.upload = Some(upload.id().to_owned());
                if let Err(error) = workshop.write(note).await {
                    bucket.forget(&id.archive(), upload.id()).await?;
                    return Err(error);
                }
                Ok(Upload::Bucket(upload))
            }
        }
    }

    /// Puts something small there, whole or not at all, where there is nothing of this name yet.
    pub(super) async fn put_new(&self, name: &str, bytes: Bytes) -> Result<(), BackupError> {
        match &self.0 {
            Kind::Folder(folder) => folder.put_new(name, bytes).await,
            Kind::Bucket(bucket) => bucket.put_new(name, bytes).await,
        }
    }

    /// What lies there. A place that is not there yet has nothing.
    pub(super) async fn list(&self) -> Result<Vec<Stored>, BackupError> {
        let listed = match &self.0 {
            Kind::Folder(folder) => folder.list().await?,
            Kind::Bucket(bucket) => bucket.list().await?,
        };
        if listed.len() > MOST_LISTED {
            let reason = format!("more than {MOST_LISTED} things lie there");
            return Err(BackupError::target(self.to_string(), &reason, true));
        }
        Ok(listed)
    }

    /// How large one is; nothing where there is none.
    pub(super) async fn size(&self, name: &str) -> Result<Option<u64>, BackupError> {
        match &self.0 {
            Kind::Folder(folder) => folder.size(name).await,
            Kind::Bucket(bucket) => bucket.size(name).await,
        }
    }

    /// A part of one: all of the range, or an error.
    pub(super) async fn read(&self, name: &str, range: Range<u64>) -> Result<Bytes, BackupError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let wanted = range.end - range.start;
        let read = match &self.0 {
            Kind::Folder(folder) => folder.read(name, range).await?,
            Kind::Bucket(bucket) => bucket.read(name, range).await?,
        };
        if read.len() as u64 != wanted {
            return Err(BackupError::damaged(name, "it is cut short"));
        }
        Ok(read)
    }

    /// Takes one away. That there is none is no matter.
    pub(super) async fn remove(&self, name: &str) -> Result<(), BackupError> {
        match &self.0 {
            Kind::Folder(folder) => folder.remove(name).await,
            Kind::Bucket(bucket) => bucket.remove(name).await,
        }
    }

    /// Takes away what a killed backup left on its way there.
    pub(super) async fn forget(&self, note: &Note) -> Result<(), BackupError> {
        match (&self.0, &note.upload) {
            (Kind::Folder(folder), _) => folder.remove(&folder::partial(&note.id.archive())).await,
            (Kind::Bucket(bucket), Some(upload)) => bucket.forget(&note.id.archive(), upload).await,
            (Kind::Bucket(_), None) => Ok(()),
        }
    }

    /// The backup of which something of this name is a part that is under way, or was left.
    pub(super) fn of_partial(name: &str) -> Option<BackupId> {
        folder::of_partial(name)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Folder(folder) => folder.fmt(f),
            Kind::Bucket(bucket) => bucket.fmt(f),
        }
    }
}

impl Upload {
    /// The next part.
    pub(super) async fn put(&mut self, part: Bytes) -> Result<(), BackupError> {
        match self {
            Self::Folder(upload) => upload.put(part).await,
            Self::Bucket(upload) => upload.put(part).await,
        }
    }

    /// The archive is whole, and is there from now on.
    pub(super) async fn finish(self) -> Result<(), BackupError> {
        match self {
            Self::Folder(upload) => upload.finish().await,
            Self::Bucket(upload) => upload.finish().await,
        }
    }
}
