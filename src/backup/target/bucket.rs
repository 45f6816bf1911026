//! A bucket of object storage that speaks S3: archives in parts, small things only where there is nothing yet.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::{DELIMITER, Path};
use object_store::{
    BackoffConfig, Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload, RetryConfig,
};

use super::super::BackupError;
use super::super::config::S3Config;
use super::wire::Wire;
use super::{Credentials, MOST_LISTED, Stored};

/// How often a request is tried again that failed for a reason that may pass.
const RETRIES: usize = 5;
/// The first pause between two tries, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often it is looked whether something small arrived, of which no answer came.
const LOOKS: u32 = 3;

/// A bucket, and what the names in it begin with.
#[derive(Clone)]
pub(super) struct Bucket {
    store: Arc<AmazonS3>,
    prefix: Path,
    shown: Arc<str>,
}

/// An archive that is put there in parts.
pub(in crate::backup) struct BucketUpload {
    bucket: Bucket,
    path: Path,
    id: String,
    parts: Vec<PartId>,
    bytes: u64,
}

impl Bucket {
    pub(super) fn open(
        config: &S3Config,
        credentials: Option<&Credentials>,
    ) -> Result<Self, BackupError> {
        let name = config.bucket.as_deref().unwrap_or_default();
        let shown = match &config.endpoint {
            Some(endpoint) => format!("bucket {name}/{} at {endpoint}", config.prefix),
            None => format!("bucket {name}/{} in {}", config.prefix, config.region),
        };
        let unfit = |reason: &str| BackupError::target(shown.clone(), reason, true);
        let credentials = credentials.ok_or_else(|| unfit("there are no credentials for it"))?;
        let patience = config.timeout.0;
        let mut builder = AmazonS3Builder::new()
            .with_http_connector(Wire::new(config.allow_http, patience))
            .with_bucket_name(name)
            .with_region(&config.region)
            .with_virtual_hosted_style_request(!config.path_style)
            .with_access_key_id(credentials.id.as_str())
            .with_secret_access_key(credentials.key.as_str())
            // Storage that is not AWS' often lacks the other.
            .with_disable_bulk_delete(true)
            .with_retry(retries(patience));
        if let Some(token) = &credentials.token {
            builder = builder.with_token(token.as_str());
        }
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_endpoint(endpoint_of(config, name, endpoint));
        }
        let store = builder.build().map_err(|error| unfit(&error.to_string()))?;
        Ok(Self {
            store: Arc::new(store),
            prefix: Path::from(config.prefix.as_str()),
            shown: shown.into(),
        })
    }

    pub(super) async fn begin(&self, name: String) -> Result<BucketUpload, BackupError> {
        let path = self.path(&name);
        let id = self.store.create_multipart(&path).await;
        Ok(BucketUpload {
            bucket: self.clone(),
            path,
            id: id.map_err(|error| self.failed(&error))?,
            parts: Vec::new(),
            bytes: 0,
        })
    }

    /// A request that may have arrived is not sent again blindly: what is there is looked at first.
    pub(super) async fn put_new(&self, name: &str, bytes: Bytes) -> Result<(), BackupError> {
        let path = self.path(name);
        let mut looks = 0;
        loop {
            let payload = PutPayload::from_bytes(bytes.clone());
            let put = self.store.put_opts(&path, payload, PutMode::Create.into());
            let Err(error) = put.await else {
                return Ok(());
            };
            let failed = self.failed(&error);
            if matches!(failed, BackupError::Target { refused: true, .. })
                && !matches!(error, Error::AlreadyExists { .. })
            {
                return Err(failed);
            }
            match self.whole(&path, bytes.len() as u64 + 1).await {
                Ok(Some(found)) if found == bytes => return Ok(()),
                Ok(Some(_)) => {
                    return Err(self.target(&format!("{path} is there already"), true));
                }
                Ok(None) if looks < LOOKS => looks += 1,
                Ok(None) | Err(_) => return Err(failed),
            }
        }
    }

    /// A page at a time, and no more of them than a place for backups may have. What lies deeper is another's, and is not listed.
    pub(super) async fn list(&self) -> Result<Vec<Stored>, BackupError> {
        let below = format!("{}/", self.prefix);
        let mut stored = Vec::new();
        let mut page_token = None;
        loop {
            let options = PaginatedListOptions {
                delimiter: Some(DELIMITER.into()),
                page_token,
                ..PaginatedListOptions::default()
            };
            let page = self.store.list_paginated(Some(&below), options).await;
            let page = page.map_err(|error| self.failed(&error))?;
            stored.extend(page.result.objects.iter().filter_map(|object| {
                let mut rest = object.location.prefix_match(&self.prefix)?;
                let (Some(name), None) = (rest.next(), rest.next()) else {
                    return None;
                };
                Some(Stored {
                    name: name.as_ref().to_owned(),
                    bytes: object.size,
                    modified: object.last_modified.into(),
                })
            }));
            page_token = page.page_token;
            if page_token.is_none() || stored.len() > MOST_LISTED {
                return Ok(stored);
            }
        }
    }

    pub(super) async fn size(&self, name: &str) -> Result<Option<u64>, BackupError> {
        match self.store.head(&self.path(name)).await {
            Ok(found) => Ok(Some(found.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    pub(super) async fn read(&self, name: &str, range: Range<u64>) -> Result<Bytes, BackupError> {
        let read = self.store.get_range(&self.path(name), range).await;
        read.map_err(|error| self.failed(&error))
    }

    pub(super) async fn remove(&self, name: &str) -> Result<(), BackupError> {
        match self.store.delete(&self.path(name)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Ends an upload of which only its id is known.
    pub(super) async fn forget(&self, name: &str, upload: &str) -> Result<(), BackupError> {
        let (path, upload) = (self.path(name), upload.to_owned());
        match self.store.abort_multipart(&path, &upload).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// All of something small; nothing where there is none.
    async fn whole(&self, path: &Path, most: u64) -> Result<Option<Bytes>, BackupError> {
        let size = match self.store.head(path).await {
            Ok(found) => found.size,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.failed(&error)),
        };
        if size == 0 {
            return Ok(Some(Bytes::new()));
        }
        let read = self.store.get_range(path, 0..size.min(most)).await;
        read.map(Some).map_err(|error| self.failed(&error))
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }

    fn target(&self, reason: &str, refused: bool) -> BackupError {
        BackupError::target(&*self.shown, reason, refused)
    }

    /// What the storage says, all the way down.
    fn failed(&self, error: &Error) -> BackupError {
        let refused = !matches!(error, Error::Generic { .. });
        let mut said = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(one) = cause {
            let text = one.to_string();
            if !said.contains(&text) {
                said = format!("{said}: {text}");
            }
            cause = one.source();
        }
        self.target(&said, refused)
    }
}

/// With the bucket in the host, the endpoint has to name it.
fn endpoint_of(config: &S3Config, bucket: &str, endpoint: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, host)) if !config.path_style => format!("{scheme}://{bucket}.{host}"),
        _ => endpoint.to_owned(),
    }
}

fn retries(patience: Duration) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: FIRST_PAUSE,
            max_backoff: LONGEST_PAUSE,
            base: 2.0,
        },
        max_retries: RETRIES,
        retry_timeout: patience * 3,
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl BucketUpload {
    /// What the storage calls it.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) async fn put(&mut self, part: Bytes) -> Result<(), BackupError> {
        let (store, index) = (&self.bucket.store, self.parts.len());
        self.bytes += part.len() as u64;
        let payload = PutPayload::from_bytes(part);
        let put = store.put_part(&self.path, &self.id, index, payload).await;
        self.parts
            .push(put.map_err(|error| self.bucket.failed(&error))?);
        Ok(())
    }

    pub(super) async fn finish(self) -> Result<(), BackupError> {
        let ended = self
            .bucket
            .store
            .complete_multipart(&self.path, &self.id, self.parts);
        match ended.await {
            Ok(_) => Ok(()),
            Err(error) => {
                let failed = self.bucket.failed(&error);
                // The answer of one that arrived may be lost, and tried again it is not known any more.
                let found = self.bucket.store.head(&self.path).await;
                if found.is_ok_and(|found| found.size == self.bytes) {
                    return Ok(());
                }
                Err(failed)
            }
        }
    }
}
