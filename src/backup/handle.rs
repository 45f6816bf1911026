//! What others do with backups while the program runs: ask for one, see how far it is, see what is stored.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};
use tokio::time::Instant;

use super::shelf::PATIENCE;
use super::{BackupError, BackupId, Entry, Maker, Manifest, Progress};
use crate::model::{Cause, Span};

/// How old a list of what is stored may be: so many ask at once, the place is asked once.
const FRESH: Duration = Duration::from_secs(2);
/// Backups of this run that are remembered with what became of them.
const REMEMBERED: usize = 20;

/// A hand on the backups of a running Probity; cloning gives another.
#[derive(Debug, Clone)]
pub struct Backups {
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
}

/// A backup that was begun.
#[derive(Debug)]
pub struct Begun {
    /// Its name.
    pub id: BackupId,
    ended: oneshot::Receiver<Arc<Ended>>,
}

/// A backup under way.
#[derive(Debug, Clone)]
pub struct Running {
    /// Its name.
    pub id: BackupId,
    /// When it was asked for.
    pub started: SystemTime,
    /// Who wanted it.
    pub cause: Cause,
    /// How far it is.
    pub progress: watch::Receiver<Progress>,
}

/// A backup that was made or failed since the start of the program.
#[derive(Debug)]
pub struct Ended {
    /// Its name.
    pub id: BackupId,
    /// When it was asked for.
    pub started: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// Who wanted it.
    pub cause: Cause,
    /// What it is, or why there is none.
    pub outcome: Result<Arc<Manifest>, BackupError>,
}

/// A backup that somebody waits for, on its way to the keeper.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: BackupId,
    pub(super) started: SystemTime,
    pub(super) cause: Cause,
    pub(super) told: watch::Sender<Progress>,
    pub(super) ended: oneshot::Sender<Arc<Ended>>,
}

/// What the handles and the keeper share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) maker: Maker,
    every: Option<Span>,
    now: Mutex<Now>,
    listed: AsyncMutex<Option<(Instant, Arc<[Entry]>)>>,
}

#[derive(Debug, Default)]
struct Now {
    running: Option<Running>,
    /// The newest first.
    ended: VecDeque<Arc<Ended>>,
    /// Counts what changes the list.
    changes: u64,
}

impl Backups {
    /// Whoever takes the jobs from the other end makes the backups.
    pub(super) fn new(maker: Maker, every: Option<Span>) -> (Self, mpsc::Receiver<Job>) {
        // One is under way at a time, so that there is never a second in it.
        let (jobs, received) = mpsc::channel(1);
        let shared = Shared {
            maker,
            every,
            now: Mutex::default(),
            listed: AsyncMutex::default(),
        };
        let shared = Arc::new(shared);
        (Self { shared, jobs }, received)
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Begins one.
    ///
    /// # Errors
    /// [`BackupError::Busy`] while there is one; [`BackupError::Stopped`] when the program ends.
    pub fn begin(&self, cause: Cause, now: SystemTime) -> Result<Begun, BackupError> {
        let id = BackupId::new(now);
        let mut state = self.shared.lock();
        if let Some(running) = &state.running {
            return Err(BackupError::Busy(Some(running.id.to_string())));
        }
        let (told, progress) = watch::channel(Progress::BEGINNING);
        let (ended, end) = oneshot::channel();
        let job = Job {
            id,
            started: now,
            cause,
            told,
            ended,
        };
        self.jobs.try_send(job).map_err(|_| BackupError::Stopped)?;
        state.running = Some(Running {
            id,
            started: now,
            cause,
            progress,
        });
        Ok(Begun { id, ended: end })
    }

    /// The one under way.
    pub fn running(&self) -> Option<Running> {
        self.shared.lock().running.clone()
    }

    /// What became of those since the start, the newest first; the oldest are forgotten.
    pub fn ended(&self) -> Vec<Arc<Ended>> {
        self.shared.lock().ended.iter().cloned().collect()
    }

    /// What is stored, the newest first. It may be two seconds old.
    ///
    /// # Errors
    /// The place cannot be read, or does not answer within half a minute.
    pub async fn entries(&self) -> Result<Arc<[Entry]>, BackupError> {
        let shelf = self.shared.maker.shelf();
        // Whoever asks meanwhile waits, too.
        shelf.within(PATIENCE, self.listed()).await
    }

    async fn listed(&self) -> Result<Arc<[Entry]>, BackupError> {
        let mut listed = self.shared.listed.lock().await;
        if let Some((at, entries)) = &*listed
            && at.elapsed() < FRESH
        {
            return Ok(entries.clone());
        }
        let changes = self.shared.lock().changes;
        let entries: Arc<[Entry]> = self.shared.maker.shelf().entries().await?.into();
        let is_current = self.shared.lock().changes == changes;
        *listed = is_current.then(|| (Instant::now(), entries.clone()));
        Ok(entries)
    }

    /// How often one is made by itself.
    pub fn every(&self) -> Option<Span> {
        self.shared.every
    }

    /// The place that they go to.
    pub fn place(&self) -> String {
        self.shared.maker.to_string()
    }
}

impl Begun {
    /// Waits for its end.
    ///
    /// # Errors
    /// [`BackupError::Stopped`] when the program ends before.
    pub async fn ended(self) -> Result<Arc<Ended>, BackupError> {
        self.ended.await.map_err(|_| BackupError::Stopped)
    }
}

impl Shared {
    /// The one under way has ended, and another may be begun.
    pub(super) async fn end(&self, ended: Arc<Ended>) {
        {
            let mut state = self.lock();
            state.running = None;
            state.ended.truncate(REMEMBERED - 1);
            state.ended.push_front(ended);
            state.changes += 1;
        }
        *self.listed.lock().await = None;
    }

    /// What is stored, as it is now.
    pub(super) async fn list(&self) -> Result<Vec<Entry>, BackupError> {
        self.maker.shelf().entries_in_time().await
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Credentials, Place, S3Config};
    use super::*;
    use crate::model::ByteSize;

    #[tokio::test]
    async fn a_place_that_does_not_answer_is_told_to_all_who_ask() {
        let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let deaf = deaf.expect("there is a port");
        let address = deaf.local_addr().expect("it has an address");
        let config = Config {
            to: Place::S3,
            s3: S3Config {
                bucket: Some("backups".to_owned()),
                endpoint: Some(format!("http://{address}")),
                allow_http: true,
                timeout: Span::seconds(600),
                ..S3Config::default()
            },
            ..Config::default()
        };
        let credentials = Credentials::find(&config.s3, |_| None, |_| Some("key"));
        let credentials = credentials.expect("they are there");
        let state = tempfile::tempdir().expect("a folder");
        let maker = Maker::open(&config, state.path(), ByteSize(0), Some(&credentials));
        let (backups, _jobs) = Backups::new(maker.expect("it can be used"), None);
        let ask = || {
            let shelf = backups.shared.maker.shelf();
            shelf.within(Duration::from_millis(100), backups.listed())
        };
        let (one, other) = tokio::join!(ask(), ask());
        for answer in [one, other] {
            let error = answer.expect_err("it does not answer");
            assert!(error.to_string().contains("no answer"), "{error}");
        }
    }
}
