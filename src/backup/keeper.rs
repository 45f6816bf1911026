//! The task that makes backups: when somebody asks, and on its schedule.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::handle::{Backups, Ended, Job};
use super::shelf::newest;
use super::tally::BackupTally;
use super::timing::Timing;
use super::verifying::{Verified, Verifying};
use super::{BackupError, Config, Entry, Maker, State};
use crate::model::{Cause, Condition, Operation, Status, Tally, Update};

/// How long it sleeps at most before it looks at the wall clock again, which may step or stand still.
const LOOK: Duration = Duration::from_secs(60);
/// What is said where there is no schedule.
const UNSCHEDULED: &str = "none is made by itself (backup.every)";
/// The operation's name.
const KIND: &str = "backup";

/// Makes them, one at a time.
pub struct Keeper {
    backups: Backups,
    jobs: mpsc::Receiver<Job>,
    updates: mpsc::Sender<Update>,
    tally: BackupTally,
    condition: Condition,
    /// There is none where none is wanted.
    timing: Option<Timing>,
    every: Option<Duration>,
    verifying: Verifying,
    /// Why the last scheduled one came to nothing.
    failure: Option<String>,
    clock: fn() -> SystemTime,
}

impl Keeper {
    /// One that makes them with `maker`, tells each to `updates`, and counts them in `tally`.
    pub fn new(
        config: &Config,
        maker: Maker,
        updates: mpsc::Sender<Update>,
        tally: &mut Tally,
    ) -> Self {
        let (backups, jobs) = Backups::new(maker, config.every);
        let message = match config.every {
            Some(every) => format!("one is made every {every}"),
            None => UNSCHEDULED.to_owned(),
        };
        Self {
            backups,
            jobs,
            updates,
            tally: BackupTally::new(tally),
            condition: Condition::new(Status::Pass, message),
            timing: None,
            every: config.every.map(|span| span.0),
            verifying: Verifying::new(config.verify_interval.map(|span| span.0)),
            failure: None,
            clock: SystemTime::now,
        }
    }

    /// A hand on them, for others.
    pub fn backups(&self) -> Backups {
        self.backups.clone()
    }

    /// How they do; the keeper keeps this true.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Makes backups until it is told to stop. One under way is given up then, and what it left is cleared away.
    pub async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => return,
            () = self.look_around() => {}
        }
        loop {
            let wait = self.wait();
            tokio::select! {
                () = stop.cancelled() => return,
                Some(job) = self.jobs.recv() => self.make(job, &stop).await,
                verified = self.verifying.ended() => self.note_verified(verified),
                () = tokio::time::sleep(wait) => self.look(&stop).await,
            }
        }
    }

    /// Begins one that is due; else sees what is stored now, which others may have changed.
    async fn look(&mut self, stop: &CancellationToken) {
        if self.begin_if_due() {
            return;
        }
        let backups = self.backups.clone();
        let listed = tokio::select! {
            () = stop.cancelled() => return,
            // A place that does not answer holds nobody up.
            Some(job) = self.jobs.recv() => return self.make(job, stop).await,
            listed = backups.shared().list() => listed,
        };
        match listed {
            Ok(entries) => {
                self.stored(&entries);
                let maker = &backups.shared().maker;
                self.verifying.look(maker, &entries, (self.clock)(), stop);
                self.judge();
            }
            Err(error) => tracing::debug!("the backups there are cannot be read: {error}"),
        }
    }

    fn note_verified(&mut self, verified: Verified) {
        self.verifying.note(verified);
        self.judge();
    }

    /// Clears away what a killed backup left, and sees when the last good one was.
    async fn look_around(&mut self) {
        let maker = self.backups.shared().maker.clone();
        match maker.clear().await {
            // Another process makes one, and clears up before it does.
            Ok(()) | Err(BackupError::Busy(_)) => {}
            Err(error) => tracing::warn!("what a backup may have left stays for now: {error}"),
        }
        let newest = match self.backups.entries().await {
            Ok(entries) => self.stored(&entries),
            Err(error) => {
                // A place that cannot be read may be written all the same, or tells why not when it is.
                tracing::warn!("the backups there are cannot be read: {error}");
                None
            }
        };
        let now = (self.clock)();
        self.timing = self.every.map(|every| Timing::new(every, newest, now));
        self.judge();
    }

    /// Counts what is stored, keeps the schedule to it, and gives the time of the newest good one.
    fn stored(&mut self, entries: &[Entry]) -> Option<SystemTime> {
        let now = (self.clock)();
        let good = entries.iter().filter(|entry| entry.state == State::Good);
        let newest = newest(entries, now);
        let manifest = newest.and_then(|entry| entry.manifest.as_deref());
        self.tally.stored(good.count(), manifest);
        let newest = newest.map(|entry| entry.id.time());
        if let Some(timing) = &mut self.timing {
            timing.stored(newest, now);
            self.failure.take_if(|_| !timing.has_failed());
        }
        newest
    }

    fn wait(&mut self) -> Duration {
        let now = (self.clock)();
        let wait = self.timing.as_mut().map(|timing| timing.wait(now));
        wait.unwrap_or(LOOK).min(LOOK)
    }

    /// Gives whether one was due.
    fn begin_if_due(&mut self) -> bool {
        let now = (self.clock)();
        self.judge();
        let is_due = |timing: &mut Timing| timing.wait(now).is_zero();
        let due = self.timing.as_mut().is_some_and(is_due);
        if due {
            // Where an operator's is under way, that counts too.
            let _begun = self.backups.begin(Cause::Host, now);
        }
        due
    }

    async fn make(&mut self, job: Job, stop: &CancellationToken) {
        let begun = Instant::now();
        tracing::info!("{} is made, into {}", job.id, self.backups.place());
        let maker = self.backups.shared().maker.clone();
        let made = maker.create(job.id, job.told, stop);
        tokio::pin!(made);
        let made = loop {
            tokio::select! {
                made = &mut made => break made,
                verified = self.verifying.ended() => self.note_verified(verified),
                () = tokio::time::sleep(LOOK) => self.judge(),
            }
        };
        let ended = Arc::new(Ended {
            id: job.id,
            started: job.started,
            duration: begun.elapsed(),
            cause: job.cause,
            outcome: made.map(|created| created.manifest),
        });
        self.note(&ended);
        self.backups.shared().end(ended.clone()).await;
        if ended.outcome.is_ok()
            && let Ok(entries) = self.backups.entries().await
        {
            self.stored(&entries);
            self.judge();
        }
        let operation = Box::new(operation(&ended));
        // Without a merge the program is about to end, and nobody reads it.
        let _unheard = self.updates.send(Update::Operation(operation)).await;
        // Whoever asked may have given up waiting.
        let _unheard = job.ended.send(ended);
    }

    /// Counts it, and keeps the schedule and the condition true.
    fn note(&mut self, ended: &Ended) {
        let now = (self.clock)();
        match &ended.outcome {
            Ok(manifest) => {
                tracing::info!("{}", told(manifest));
                self.tally.made(ended.duration);
                if let Some(timing) = &mut self.timing {
                    timing.made(ended.started);
                }
                self.failure = None;
            }
            Err(BackupError::Stopped) => tracing::warn!("{} was given up", ended.id),
            Err(error) => {
                tracing::error!(
                    "{} came to nothing: {error}; next: {}",
                    ended.id,
                    error.next()
                );
                self.tally.failed();
                if ended.cause == Cause::Host {
                    self.failure = Some(format!("{error}; next: {}", error.next()));
                    if let Some(timing) = &mut self.timing {
                        timing.failed(now);
                    }
                }
            }
        }
        self.judge();
    }

    fn judge(&mut self) {
        let (status, message) = match (self.verifying.damaged(), self.scheduled()) {
            (None, scheduled) => scheduled,
            (Some(damaged), (Status::Fail, message)) => {
                (Status::Fail, format!("{damaged}; {message}"))
            }
            (Some(damaged), _) => (
                Status::Fail,
                format!("{damaged}; next: make another one, and take that one away"),
            ),
        };
        self.condition.set(status, message);
    }

    /// How the schedule is kept.
    fn scheduled(&self) -> (Status, String) {
        let (Some(timing), Some(every)) = (&self.timing, self.backups.every()) else {
            return (Status::Pass, UNSCHEDULED.to_owned());
        };
        let last = timing.last().map_or_else(
            || "there is no good one yet".to_owned(),
            |last| format!("the last good one is of {}", super::create::rfc3339(last)),
        );
        match &self.failure {
            Some(failure) => (
                Status::Fail,
                format!("the last scheduled one failed: {failure}"),
            ),
            None if timing.is_overdue((self.clock)()) => {
                let message = format!("{last}, and one should be made every {every}");
                (Status::Fail, message)
            }
            None => (Status::Pass, format!("{last}; one is made every {every}")),
        }
    }
}

/// What was made, in words.
fn told(manifest: &super::Manifest) -> String {
    let archive = manifest.archive.as_ref().map_or(0, |archive| archive.bytes);
    format!(
        "{} is stored: {archive} bytes, of a database of {}",
        manifest.id, manifest.database.bytes
    )
}

fn operation(ended: &Ended) -> Operation {
    Operation {
        kind: KIND,
        target: ended.id.to_string().into(),
        cause: ended.cause,
        started: ended.started,
        duration: ended.duration,
        outcome: match &ended.outcome {
            Ok(manifest) => Ok(told(manifest)),
            Err(error) => Err(Arc::new(error.failure())),
        },
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
