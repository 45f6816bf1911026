//! What is done beside the writer, on a thread of its own: the log is taken in, room is kept back, and the database is looked
//! through for damage.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;
use tokio::sync::mpsc::WeakSender;
use tokio::sync::oneshot;

use super::ballast::Ballast;
use super::standing::{Part, Standing};
use super::writer::{Job, Write};
use super::{StoreError, check, open};
use crate::model::{Status, Tally, TallyCounter, TallyGauge};

/// After so many rows the log is taken in: a few MiB, and so well before the writer would have to do it itself.
const ROWS: u64 = 4_000;
/// Between two looks at the ballast and at the log's size.
const TICK: Duration = Duration::from_secs(2);
/// How long after a start without a clean end the database is looked through, when the start itself is over.
const SOON: Duration = Duration::from_secs(30);

/// What the upkeep is told.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// How often the database is looked through.
    pub(super) check_interval: Duration,
    /// The log is too long from here on, bytes.
    pub(super) log_bytes: u64,
    /// The program before this one did not close the database.
    pub(super) unclean: bool,
    /// When the database was last found whole, in seconds since the Unix epoch.
    pub(super) last_good: u64,
}

/// What the upkeep counts and shows.
#[derive(Clone)]
pub(super) struct UpkeepTally {
    log_bytes: TallyGauge,
    checked: TallyGauge,
    damaged: TallyCounter,
}

impl UpkeepTally {
    pub(super) fn new(tally: &mut Tally) -> Self {
        Self {
            log_bytes: tally.gauge(
                "probity_store_log_bytes",
                "bytes",
                "The store's write-ahead log on disk.",
            ),
            checked: tally.gauge(
                "probity_store_checked_timestamp_seconds",
                "seconds",
                "When the store was last looked through and found whole; 0 if that never was.",
            ),
            damaged: tally.counter(
                "probity_store_damage_found_total",
                "Times that the store was looked through and found damaged.",
                None,
            ),
        }
    }
}

/// The writer's way to the thread.
#[derive(Default)]
pub(super) struct Upkeep {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    rows: u64,
}

impl Upkeep {
    /// Starts the thread.
    ///
    /// # Errors
    /// What the machine says.
    pub(super) fn start(task: Task) -> Result<Self, StoreError> {
        let (wake, woken) = sync_channel(1);
        let stop = task.stop.clone();
        let file = task.file.clone();
        let thread = thread::Builder::new()
            .name("store-upkeep".into())
            .spawn(move || task.run(&woken))
            .map_err(|error| StoreError::io(&file, &error))?;
        Ok(Self {
            wake: Some(wake),
            thread: Some(thread),
            stop,
            rows: 0,
        })
    }

    /// So many rows were committed.
    pub(super) fn wrote(&mut self, rows: u64) {
        self.rows += rows;
        if self.rows >= ROWS
            && let Some(wake) = &self.wake
        {
            self.rows = 0;
            // Where one waits already, that does for both.
            let _ = wake.try_send(());
        }
    }

    /// Ends it and waits for it: for a piece of the log at most.
    pub(super) fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wake = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's upkeep panicked");
        }
    }
}

/// The thread's own.
pub(super) struct Task {
    pub(super) file: PathBuf,
    pub(super) settings: Settings,
    pub(super) ballast: Ballast,
    pub(super) standing: Standing,
    pub(super) tally: UpkeepTally,
    pub(super) stop: Arc<AtomicBool>,
    /// To the writer, which ends when nobody else has a way to it.
    pub(super) jobs: WeakSender<Job>,
}

impl Task {
    fn run(self, woken: &Receiver<()>) {
        let mut connection = None;
        let mut log_is_well = true;
        let mut next_check = self.first_check();
        let mut checking: Option<JoinHandle<()>> = None;
        self.ballast.tend();
        loop {
            match woken.recv_timeout(TICK) {
                Ok(()) => log_is_well = self.take_in(&mut connection),
                Err(RecvTimeoutError::Timeout) => {
                    self.ballast.tend();
                    log_is_well = log_is_well || self.take_in(&mut connection);
                    if log_is_well {
                        self.weigh_log();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if Instant::now() >= next_check {
                next_check = Instant::now() + self.settings.check_interval;
                checking = self.check(checking);
            }
        }
        if let Some(checking) = checking
            && checking.join().is_err()
        {
            tracing::error!("the look through the store panicked");
        }
    }

    /// Takes in what of the log no reader holds back. The writer goes on meanwhile. Gives whether that could be done.
    fn take_in(&self, connection: &mut Option<Connection>) -> bool {
        let mut take_in = || {
            if connection.is_none() {
                *connection = Some(open::connect(&self.file)?);
            }
            let own = connection.as_ref().expect("it was just opened");
            own.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
                .map_err(|error| StoreError::sqlite(&self.file, &error))
        };
        match take_in() {
            // Where another holds it, the writer does it, when the log is longer.
            Ok(()) | Err(StoreError::Busy(_)) => true,
            Err(error) => {
                *connection = None;
                self.log_fault(format!(
                    "the write-ahead log cannot be taken in: {error}; next: {}",
                    error.next()
                ));
                false
            }
        }
    }

    fn weigh_log(&self) {
        // Where there is none, it is empty.
        let bytes = std::fs::metadata(open::beside(&self.file, "-wal")).map_or(0, |log| log.len());
        self.tally.log_bytes.set(bytes);
        if bytes <= self.settings.log_bytes {
            self.standing.well(Part::Log);
            return;
        }
        self.log_fault(format!(
            "the write-ahead log of {} has {} MiB, for something keeps reading what the database was: a shell, a backup; next: end it",
            self.file.display(),
            bytes >> 20
        ));
    }

    fn log_fault(&self, message: String) {
        if self
            .standing
            .fault(Part::Log, Status::Warn, message.clone())
        {
            tracing::warn!("{message}");
        }
    }

    /// When the database is to be looked through first, by when it was last.
    fn first_check(&self) -> Instant {
        let now = Instant::now();
        let last = self.settings.last_good;
        self.tally.checked.set(last);
        if self.settings.unclean {
            return now + SOON;
        }
        let since = unix_seconds().saturating_sub(last);
        let left = self
            .settings
            .check_interval
            .saturating_sub(Duration::from_secs(since));
        now + left.max(SOON)
    }

    /// Begins to look the database through, unless that is still under way.
    fn check(&self, before: Option<JoinHandle<()>>) -> Option<JoinHandle<()>> {
        if before.as_ref().is_some_and(|one| !one.is_finished()) {
            return before;
        }
        let (file, stop) = (self.file.clone(), self.stop.clone());
        let (standing, tally) = (self.standing.clone(), self.tally.clone());
        let jobs = self.jobs.clone();
        let look = move || {
            let found = check::check(&file, &stop, check::AT_ONCE);
            tell(&found, &standing, &tally, &jobs);
        };
        let thread = thread::Builder::new()
            .name("store-check".into())
            .spawn(look);
        thread
            .inspect_err(|error| tracing::warn!("the store is not looked through: {error}"))
            .ok()
    }
}

/// What was found is told; nothing if it was not finished.
fn tell(
    found: &Result<bool, StoreError>,
    standing: &Standing,
    tally: &UpkeepTally,
    jobs: &WeakSender<Job>,
) {
    match found {
        Ok(false) => {}
        Ok(true) => {
            let now = unix_seconds();
            tally.checked.set(now);
            let change = Box::new(check::Checked(now));
            let (answer, _) = oneshot::channel();
            // Where it is not written down, the next start looks again the sooner.
            if let Some(jobs) = jobs.upgrade() {
                let _ = jobs.try_send(Job::Write(Write { change, answer }));
            }
            if standing.well(Part::Whole) {
                tracing::info!("the store was looked through again and is whole");
            }
        }
        Err(error) => {
            let next = error.next();
            let status = match error {
                StoreError::Damaged { .. } | StoreError::Garbage(_) => {
                    tally.damaged.increment();
                    Status::Fail
                }
                _ => Status::Warn,
            };
            let message = format!("when it was looked through: {error}; next: {next}");
            if standing.fault(Part::Whole, status, message.clone()) {
                tracing::error!("{message}");
            }
        }
    }
}

fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
#[path = "upkeep_tests.rs"]
mod tests;
