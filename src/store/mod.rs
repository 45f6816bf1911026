//! SQLite: what is kept between starts, what is kept of the past, events, and databases that guests may read.
//!
//! This room is the only one that knows SQL. Others call named methods with the model's words, and never wait for the
//! disk on the event loop. One thread writes, one transaction at a time; what is acknowledged is on disk. A database that
//! is newer, foreign or damaged is refused and left as it is.

mod age;
mod ballast;
mod check;
mod commit;
mod config;
mod copy;
mod error;
mod events;
mod granted;
mod handle;
mod lock;
mod log;
mod margin;
mod open;
mod pace;
mod past;
mod schema;
mod standing;
mod state;
mod upkeep;
mod vacancy;
mod writer;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::model::{ByteSize, Condition, Status, Tally, TallyCounter};

pub use age::AgeClock;
pub use config::{Config, EventsConfig};
pub use copy::{Contents, Onlooker, copy, database, examine, known_schema};
pub use error::StoreError;
pub use events::{
    AppendError, Appended, Appending, EventBounds, EventCursor, EventFilter, EventOrder,
    EventReader, EventStore, EventTotals, EventsAfter, EventsPage, EventsPruned, Pruning,
    Retention, RetentionTally, RunEntry, RunEvents, RunsPage,
};
pub use granted::{Databases, Query, QueryBounds, QueryError, Stop};
pub use handle::Saving;
pub(crate) use lock::LockedFile;
pub use margin::Margin;
pub use pace::Pace;
pub use past::{
    Keeping, KeptSeries, KeptSnapshot, Labels, PastBounds, PastReader, PastSeries, PastStore,
    PastTotals, Sample, SnapshotEntry,
};
pub use state::StateStore;
pub use vacancy::Vacancy;

use ballast::Ballast;
use commit::Committer;
use events::{Order, Pool};
use handle::Handle;
use lock::FolderLock;
use standing::{Part, Standing};
use upkeep::{Settings, Task, Upkeep, UpkeepTally};
use writer::{Bulk, Counters, Job, Writer};

/// The database's name in the state folder.
const FILE: &str = "probity.db";

/// Jobs that wait for the writer, and as many with events. A job that finds no room is refused and counted: its sender decides
/// whether to try again.
const QUEUE: usize = 1024;

/// From here on the log is told to be too long, bytes: a reader holds on to it.
const LONG_LOG: u64 = 4 * open::LOG_BYTES;

/// The database in the state folder, open for this process alone.
///
/// It stays open until [`Store::close`], or until it and everything that it gave out are dropped.
pub struct Store {
    handle: Handle,
    readers: Arc<Pool>,
    order: Order,
    condition: Condition,
    is_late: bool,
}

impl Store {
    /// [`Store::open_with`] the default settings and no room kept back.
    ///
    /// # Errors
    /// As [`Store::open_with`].
    pub fn open(folder: &Path, tally: &mut Tally) -> Result<Self, StoreError> {
        let config = Config {
            ballast: ByteSize(0),
            ..Config::default()
        };
        Self::open_with(folder, &config, tally)
    }

    /// Opens the database in `folder`, or makes both. Blocks for as long as the disk takes. On a full disk it takes the room that
    /// was kept back, and where that is not enough the database is opened later ([`Store::is_late`]). What the store does from
    /// then on is counted in `tally`, which gets its counters even when the store cannot be opened.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it open; otherwise what is wrong with the folder or the file.
    /// Nothing that was there before is changed then.
    pub fn open_with(
        folder: &Path,
        config: &Config,
        tally: &mut Tally,
    ) -> Result<Self, StoreError> {
        let tallies = Tallies::new(tally);
        let lock = FolderLock::take(folder)?;
        let file = folder.join(FILE);
        let unclean = open::is_unclean(&file);
        let standing = Standing::new(&file);
        let condition = standing.condition().clone();
        let ballast = Ballast::new(folder, config.ballast.0, tallies.releases, standing.clone());
        let order = Order::default();
        let opened = match ballast.make_way(|| order.open(&file)) {
            Err(error) if !matches!(error, StoreError::Full(_)) => return Err(error),
            opened => opened,
        };
        let is_late = opened.is_err();
        if let Err(error) = &opened {
            tell_late(error, &standing);
        }
        let last_good = opened.as_ref().map_or(Ok(0), check::last_good);
        let settings = Settings {
            check_interval: config.check_interval.0,
            log_bytes: LONG_LOG,
            unclean,
            last_good: last_good.map_err(|error| StoreError::sqlite(&file, &error))?,
        };
        let counters = tallies.counters.clone();
        let (jobs, received) = mpsc::channel(QUEUE);
        let (events, received_events) = mpsc::channel(QUEUE);
        let task = Task {
            file: file.clone(),
            order: order.clone(),
            settings,
            ballast: ballast.clone(),
            standing: standing.clone(),
            tally: tallies.upkeep,
            stop: Arc::default(),
            rest: Arc::default(),
            jobs: jobs.downgrade(),
        };
        let place = (&*file, order.clone());
        let committer = Committer::new(opened, place, counters, standing, ballast);
        start(task, committer, lock, received, received_events)?;
        Ok(Self {
            readers: Arc::new(Pool::new(&file)),
            handle: Handle {
                jobs,
                events,
                counters: tallies.counters,
                file: file.into(),
            },
            order,
            condition,
            is_late,
        })
    }

    /// Whether there was no room to open the database: then each change tries again, and gets [`StoreError::Full`] until there
    /// is some. What probes began without the state of earlier starts is not to be mixed with it.
    pub fn is_late(&self) -> bool {
        self.is_late
    }

    /// The probes' state in it.
    pub fn states(&self) -> StateStore {
        StateStore(self.handle.clone())
    }

    /// The past in it.
    pub fn past(&self) -> PastStore {
        PastStore(self.handle.clone())
    }

    /// The events in it.
    pub fn events(&self) -> EventStore {
        EventStore {
            handle: self.handle.clone(),
            readers: self.readers.clone(),
            order: self.order.clone(),
        }
    }

    /// How it does; the store itself keeps this true.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Writes what is queued, closes the database and gives the folder free. What was given out gets
    /// [`StoreError::Closed`] from then on.
    pub async fn close(self) {
        // The last to close the database takes its log in, and that can only be the one that writes.
        self.readers.close();
        let (closed, answer) = oneshot::channel();
        if self.handle.jobs.send(Job::Close(closed)).await.is_ok() {
            // An error is a thread that is gone already, and the database with it.
            let _ = answer.await;
        }
    }
}

/// Says that the database is opened later.
fn tell_late(error: &StoreError, standing: &Standing) {
    let next = error.next();
    tracing::error!(
        "{error}: nothing is stored until it can be opened, which is tried again and again, and what probes keep is lost when the program ends; next: {next}"
    );
    standing.fault(
        Part::Writing,
        Status::Fail,
        format!("{error}; next: {next}"),
    );
    let message = "what probes keep is in memory only, for the disk was full at the start; next: free space, and start the program again";
    standing.fault(Part::State, Status::Warn, message.to_owned());
}

/// Starts the thread that writes, and the one behind it.
fn start(
    upkeep: Task,
    committer: Committer,
    lock: FolderLock,
    jobs: mpsc::Receiver<Job>,
    events: mpsc::Receiver<Bulk>,
) -> Result<(), StoreError> {
    let upkeep = Upkeep::start(upkeep)?;
    let writer = Writer {
        upkeep,
        committer,
        lock,
        jobs,
        events,
    };
    writer.start()
}

/// All that is counted and shown, also when the store cannot be opened.
struct Tallies {
    counters: Counters,
    upkeep: UpkeepTally,
    releases: TallyCounter,
}

impl Tallies {
    fn new(tally: &mut Tally) -> Self {
        Self {
            counters: Counters::new(tally),
            upkeep: UpkeepTally::new(tally),
            releases: tally.counter(
                "probity_store_ballast_releases_total",
                "Times that the room kept back was given up, for the disk was full.",
                None,
            ),
        }
    }
}
