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
use super::events::Order;
use super::log::{self, LOG_PAGES, Pass};
use super::margin::is_copied;
use super::standing::{Part, Standing};
use super::writer::{Job, Write};
use super::{StoreError, check, open};
use crate::model::{Status, Tally, TallyCounter, TallyGauge};

/// After so many more pages the log is taken in: a few MiB.
const STEP_PAGES: u64 = 1_000;
/// Between two looks at the ballast and at the log's size.
const TICK: Duration = Duration::from_secs(2);
/// While a reader holds on to the log, so many times as long as the last try took is waited for the next, and no longer than to the
/// next look.
const HELD_REST: u32 = 20;
/// How often the log is passed through at once, however much comes in meanwhile.
const MOST_PASSES: u32 = 4;
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
    rest: Arc<AtomicBool>,
    /// Pages in the log when the thread was woken last.
    seen: u64,
}

impl Upkeep {
    /// Starts the thread.
    ///
    /// # Errors
    /// What the machine says.
    pub(super) fn start(task: Task) -> Result<Self, StoreError> {
        let (wake, woken) = sync_channel(1);
        let (stop, rest) = (task.stop.clone(), task.rest.clone());
        let file = task.file.clone();
        let thread = thread::Builder::new()
            .name("store-upkeep".into())
            .spawn(move || task.run(&woken))
            .map_err(|error| StoreError::io(&file, &error))?;
        Ok(Self {
            wake: Some(wake),
            thread: Some(thread),
            stop,
            rest,
            seen: 0,
        })
    }

    /// There are so many pages in the log now.
    pub(super) fn grew(&mut self, pages: u64) {
        if pages < self.seen {
            self.seen = 0;
        }
        if pages >= self.seen + STEP_PAGES
            && let Some(wake) = &self.wake
        {
            self.seen = pages;
            // Where one waits already, that does for both.
            let _ = wake.try_send(());
        }
    }

    /// Whether it is the writer's turn to take in the rest of the log. Asked again, it no longer is.
    pub(super) fn leaves_rest(&self) -> bool {
        self.rest.load(Ordering::Relaxed) && self.rest.swap(false, Ordering::Relaxed)
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

/// What became of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogState {
    TakenIn,
    /// A reader holds on to some of it; when to try again.
    Held(Instant),
    Fault,
}

impl LogState {
    fn is_due(self) -> bool {
        match self {
            Self::Held(again) => Instant::now() >= again,
            Self::TakenIn | Self::Fault => true,
        }
    }
}

/// The thread's own.
pub(super) struct Task {
    pub(super) file: PathBuf,
    /// Known as soon as the database was open.
    pub(super) order: Order,
    pub(super) settings: Settings,
    pub(super) ballast: Ballast,
    pub(super) standing: Standing,
    pub(super) tally: UpkeepTally,
    pub(super) stop: Arc<AtomicBool>,
    /// The writer shall take in the rest of the log.
    pub(super) rest: Arc<AtomicBool>,
    /// To the writer, which ends when nobody else has a way to it.
    pub(super) jobs: WeakSender<Job>,
}

impl Task {
    fn run(self, woken: &Receiver<()>) {
        let mut connection = None;
        let mut log = LogState::TakenIn;
        let mut next_check = self.first_check();
        let mut checking: Option<JoinHandle<()>> = None;
        let mut next_look = Instant::now() + TICK;
        self.ballast.tend();
        loop {
            let wait = next_look.saturating_duration_since(Instant::now());
            let is_woken = match woken.recv_timeout(wait) {
                Ok(()) => true,
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if log.is_due() && (is_woken || log != LogState::TakenIn) {
                log = self.take_in(&mut connection);
            }
            // However often it is woken.
            if Instant::now() >= next_look {
                next_look = Instant::now() + TICK;
                self.ballast.tend();
                log = self.weigh_log(log, &mut connection);
            }
            if Instant::now() >= next_check && self.order.is_known() {
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

    /// Takes in what of the log no reader holds back. The writer goes on meanwhile.
    fn take_in(&self, connection: &mut Option<Connection>) -> LogState {
        let begun = Instant::now();
        match self.passes(connection) {
            // Somebody who reads for a moment holds back what was written in that moment.
            Ok(pass) if pass.pages - pass.done > LOG_PAGES => {
                let rest = (begun.elapsed() * HELD_REST).min(TICK);
                LogState::Held(Instant::now() + rest)
            }
            Ok(pass) => {
                let is_long = pass.pages > LOG_PAGES;
                self.rest.fetch_or(is_long, Ordering::Relaxed);
                LogState::TakenIn
            }
            Err(error) => {
                *connection = None;
                self.log_fault(format!(
                    "the write-ahead log cannot be taken in: {error}; next: {}",
                    error.next()
                ));
                // Whatever is the matter may not be so with the writer's connection.
                self.rest.store(true, Ordering::Relaxed);
                LogState::Fault
            }
        }
    }

    /// Passes through the log until what the writer added during the last one is little.
    fn passes(&self, connection: &mut Option<Connection>) -> Result<Pass, StoreError> {
        let own = match connection {
            Some(own) => own,
            None => connection.insert(open::connect(&self.file)?),
        };
        let mut done = 0;
        for round in 1.. {
            let pass = log::take_in(own).map_err(|error| StoreError::sqlite(&self.file, &error))?;
            let was_little = pass.done.saturating_sub(done) <= LOG_PAGES;
            let is_over = round == MOST_PASSES || self.stop.load(Ordering::Relaxed);
            if pass.is_held() || was_little || is_over {
                return Ok(pass);
            }
            done = pass.done;
        }
        unreachable!("the last round ends it")
    }

    /// A log is too long while something keeps it from being taken in. A backup of the program's own does so, and ends by itself.
    fn weigh_log(&self, log: LogState, connection: &mut Option<Connection>) -> LogState {
        // Where there is none, it is empty.
        let bytes = std::fs::metadata(open::beside(&self.file, "-wal")).map_or(0, |log| log.len());
        self.tally.log_bytes.set(bytes);
        if log == LogState::Fault {
            return log;
        }
        let is_short = bytes <= self.settings.log_bytes || is_copied(&self.file);
        // One that is taken in is only not made short yet, which the next commits do.
        let log = match !is_short && log.is_due() {
            true => self.take_in(connection),
            false => log,
        };
        if log == LogState::Fault {
            return log;
        }
        if is_short || log == LogState::TakenIn {
            self.standing.well(Part::Log);
            return log;
        }
        self.log_fault(format!(
            "the write-ahead log of {} has {} MiB, for something keeps reading what the database was: a shell, a backup; next: end it",
            self.file.display(),
            bytes >> 20
        ));
        log
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
