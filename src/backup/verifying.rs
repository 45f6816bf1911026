//! Reading the newest archive through again and again: whether it still is what was put there.

use std::future::pending;
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{BackupError, BackupId, Chosen, Entry, Maker, Progress, State, verify};

/// How long after a start the first one is due, unless they are due more often anyway.
const FIRST: Duration = Duration::from_secs(3_600);
/// How soon one is tried again that could not be read to its end.
const RETRY: Duration = Duration::from_secs(600);

/// An archive that was read, and what became of that.
pub(super) type Verified = (BackupId, Result<(), BackupError>);

/// The schedule, the one under way, and what was found.
pub(super) struct Verifying {
    /// There is none where none is wanted.
    every: Option<Duration>,
    due: Instant,
    running: Option<BoxFuture<'static, Verified>>,
    /// One that is damaged, until it is gone or found whole.
    damaged: Option<(BackupId, String)>,
}

impl Verifying {
    pub(super) fn new(every: Option<Duration>) -> Self {
        Self {
            every,
            due: Instant::now() + every.unwrap_or_default().min(FIRST),
            running: None,
            damaged: None,
        }
    }

    /// Sees what is stored, and begins with the newest if it is time. `stop` ends it.
    pub(super) fn look(
        &mut self,
        maker: &Maker,
        entries: &[Entry],
        now: SystemTime,
        stop: &CancellationToken,
    ) {
        let is_gone = |id: BackupId| entries.iter().all(|entry| entry.id != id);
        self.damaged.take_if(|(id, _)| is_gone(*id));
        if self.every.is_none() || self.running.is_some() || Instant::now() < self.due {
            return;
        }
        let whole = |entry: &&Entry| entry.state != State::Incomplete && entry.id.time() <= now;
        if let Some(newest) = entries.iter().find(whole) {
            let read = read(maker.clone(), newest.id, stop.clone());
            self.running = Some(read.boxed());
        }
    }

    /// Waits for the end of the one under way; for ever while there is none.
    pub(super) async fn ended(&mut self) -> Verified {
        let verified = match &mut self.running {
            Some(running) => running.await,
            None => pending().await,
        };
        self.running = None;
        verified
    }

    /// Sees what became of one.
    pub(super) fn note(&mut self, (id, verified): Verified) {
        let every = self.every.unwrap_or_default();
        let mut pause = every;
        match verified {
            Ok(()) => {
                tracing::info!("{id} was read through and is whole");
                self.damaged.take_if(|(damaged, _)| *damaged == id);
            }
            Err(BackupError::Stopped) => {}
            Err(
                error @ (BackupError::Damaged { .. }
                | BackupError::Foreign { .. }
                | BackupError::Newer { .. }),
            ) => {
                tracing::error!("{error}; next: {}", error.next());
                self.damaged = Some((id, error.to_string()));
            }
            Err(error) => {
                tracing::warn!(
                    "{id} cannot be read through: {error}; next: {}",
                    error.next()
                );
                pause = every.min(RETRY);
            }
        }
        self.due = Instant::now() + pause;
    }

    /// What is damaged, in words.
    pub(super) fn damaged(&self) -> Option<&str> {
        self.damaged.as_ref().map(|(_, reason)| reason.as_str())
    }

    /// The next one is due now.
    #[cfg(test)]
    pub(super) fn hurry(&mut self) {
        self.due = Instant::now();
    }
}

async fn read(maker: Maker, id: BackupId, stop: CancellationToken) -> Verified {
    let read = async {
        let chosen = Chosen::by_id(maker.shelf(), id).await?;
        let (told, _) = watch::channel(Progress::BEGINNING);
        verify(chosen, told, &stop).await.map(drop)
    };
    (id, read.await)
}
