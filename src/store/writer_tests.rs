//! The writer alone, with changes that fail as they please and a file that cannot grow.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;
use crate::model::{Condition, Status};
use crate::store::ballast::Ballast;
use crate::store::events::Order;
use crate::store::standing::Standing;

/// Nothing here takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// No test takes as long.
const LONG: Duration = Duration::from_secs(3600);

/// Writes some bytes under a key, or breaks a rule of the schema.
struct Put(&'static str, Option<usize>);

impl Change for Put {
    fn apply(&self, transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
        let value = self.1.map(|length| vec![7; length]);
        let sql = "INSERT INTO probe_state VALUES ('p', ?1, ?2)";
        transaction
            .execute(sql, (self.0, value))
            .map(|rows| rows as u64)
    }
}

/// A writer that nobody has started.
struct Bench {
    writer: Writer,
    jobs: mpsc::Sender<Job>,
    events: mpsc::Sender<Bulk>,
    condition: Condition,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::with_ballast(0)
    }

    fn with_ballast(bytes: u64) -> Self {
        Self::begin(bytes, false)
    }

    /// `full`: there was no room to open the database.
    fn begin(bytes: u64, full: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("probity.db");
        let lock = FolderLock::take(folder.path()).unwrap();
        let (jobs, received) = mpsc::channel(16);
        let (events, received_events) = mpsc::channel(16);
        let counters = Counters::new(&mut Tally::default());
        let standing = Standing::new(&file);
        let condition = standing.condition().clone();
        let releases = TallyCounter::default();
        let ballast = Ballast::new(folder.path(), bytes, releases, standing.clone());
        ballast.tend();
        let order = Order::default();
        let opened = match full {
            false => order.open(&file),
            true => Err(StoreError::Full(file.clone())),
        };
        let writer = Writer {
            upkeep: Upkeep::default(),
            committer: Committer::new(opened, (&file, order), counters, standing, ballast),
            lock,
            jobs: received,
            events: received_events,
        };
        Self {
            writer,
            jobs,
            events,
            condition,
            folder,
        }
    }

    fn counters(&self) -> &Counters {
        &self.writer.committer.counters
    }

    fn limit(&mut self, pages: u32) {
        let connection = self.writer.committer.connection().unwrap();
        let set = connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
        set.unwrap();
    }

    /// What becomes of changes that are queued together.
    fn commit<C: Change + 'static>(&mut self, changes: Vec<C>) -> Vec<Result<(), StoreError>> {
        let (jobs, mut answers): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .map(|change| {
                let (answer, received) = oneshot::channel();
                let change = Box::new(change);
                (Job::Write(Write { change, answer }), received)
            })
            .unzip();
        assert!(self.writer.handle(jobs, Vec::new()).is_none());
        answers
            .iter_mut()
            .map(|answer| answer.try_recv().unwrap())
            .collect()
    }

    fn keys(&mut self) -> Vec<String> {
        let sql = "SELECT key FROM probe_state ORDER BY key";
        let mut statement = self
            .writer
            .committer
            .connection()
            .unwrap()
            .prepare(sql)
            .unwrap();
        let keys = statement.query_map([], |row| row.get(0)).unwrap();
        keys.map(Result::unwrap).collect()
    }
}

#[test]
fn changes_that_are_queued_together_are_one_transaction() {
    let mut bench = Bench::new();
    let answers = bench.commit(vec![
        Put("a", Some(1)),
        Put("b", Some(1)),
        Put("c", Some(1)),
    ]);
    assert_eq!(answers, [Ok(()), Ok(()), Ok(())]);
    let counters = bench.counters();
    assert_eq!((counters.commits.get(), counters.rows.get()), (1, 3));
}

#[test]
fn a_change_that_breaks_a_rule_does_not_take_its_neighbours_along() {
    let mut bench = Bench::new();
    let answers = bench.commit(vec![Put("a", Some(1)), Put("bad", None), Put("c", Some(1))]);
    assert!(matches!(
        &answers[..],
        [Ok(()), Err(StoreError::Failed { .. }), Ok(())]
    ));
    assert_eq!(bench.keys(), ["a", "c"]);
    assert_eq!(bench.counters().failures.get(), 1);
}

#[test]
fn s01_a_full_disk_is_told_to_everybody_and_nothing_is_acknowledged_until_there_is_room() {
    let mut bench = Bench::new();
    bench.limit(10);
    let answers = bench.commit(vec![Put("small", Some(1)), Put("large", Some(200_000))]);
    let full = StoreError::Full(bench.writer.committer.file().to_owned());
    assert_eq!(answers, [Err(full.clone()), Err(full.clone())]);
    assert!(bench.keys().is_empty());
    let (status, message) = bench.condition.get();
    assert_eq!(status, Status::Fail);
    assert!(
        message.contains("the disk is full; next: free space"),
        "{message}"
    );
    assert_eq!(bench.counters().failures.get(), 2);

    bench.limit(1_000);
    assert_eq!(bench.commit(vec![Put("large", Some(200_000))]), [Ok(())]);
    assert_eq!(bench.condition.get().0, Status::Pass);
}

#[test]
fn a_look_sees_every_write_before_it() {
    let mut bench = Bench::new();
    let (answer, mut written) = oneshot::channel();
    let change = Box::new(Put("a", Some(1)));
    let (sender, seen) = std::sync::mpsc::channel();
    let look = move |connection: Result<&Connection, StoreError>| {
        let count = connection
            .unwrap()
            .query_row("SELECT count(*) FROM probe_state", [], |row| row.get(0));
        sender.send(count.unwrap()).unwrap();
    };
    let jobs = vec![
        Job::Write(Write { change, answer }),
        Job::Read(Box::new(look)),
    ];
    bench.writer.handle(jobs, Vec::new());
    assert_eq!(seen.recv_timeout(PATIENCE), Ok(1));
    assert_eq!(written.try_recv(), Ok(Ok(())));
}

#[test]
fn the_thread_ends_and_gives_the_folder_free_when_nobody_has_a_handle_any_more() {
    let Bench {
        writer,
        jobs,
        events,
        folder,
        ..
    } = Bench::new();
    writer.start().unwrap();
    assert!(matches!(
        FolderLock::take(folder.path()),
        Err(StoreError::Locked { pid, .. }) if pid == Some(std::process::id())
    ));
    drop((jobs, events));
    let began = std::time::Instant::now();
    while FolderLock::take(folder.path()).is_err() {
        assert!(began.elapsed() < PATIENCE, "the lock is still held");
        thread::yield_now();
    }
}

#[test]
fn a_commit_is_on_disk_when_it_returns() {
    let mut bench = Bench::new();
    let connection = bench.writer.committer.connection().unwrap();
    let pragma = |name: &str| -> String {
        let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    // SQLite's number for FULL: the log is flushed before a commit returns.
    assert_eq!(pragma("synchronous"), "2");
    assert_eq!(pragma("journal_mode"), "wal");
}

/// A change that adds, or one that makes room.
struct Fills(&'static str, bool);

impl Change for Fills {
    fn apply(&self, transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
        let length = if self.1 { 200_000 } else { 1 };
        Put(self.0, Some(length)).apply(transaction)
    }

    fn grows(&self) -> bool {
        self.1
    }
}

#[test]
fn s01_when_the_disk_is_full_what_was_kept_back_is_for_what_makes_room() {
    let mut bench = Bench::with_ballast(1 << 20);
    let file = bench.folder.path().join("ballast");
    let blocks = std::os::unix::fs::MetadataExt::blocks(&std::fs::metadata(&file).unwrap());
    assert!(blocks * 512 >= 1 << 20, "{blocks} blocks");
    let full = Err(StoreError::Full(bench_file(&bench)));
    bench.limit(10);
    assert_eq!(
        bench.commit(vec![Fills("new", true)]),
        std::slice::from_ref(&full)
    );
    assert!(!file.exists(), "it is given up");
    bench.limit(1_000);
    // There would be room now, and it is not for what is new.
    let answers = bench.commit(vec![Fills("more", true), Fills("prune", false)]);
    assert_eq!(answers, [full, Ok(())]);
    let (status, message) = bench.condition.get();
    assert_eq!(status, Status::Fail);
    assert!(message.contains("ballast was given up"), "{message}");
    bench.writer.committer.ballast.tend();
    assert!(file.exists(), "it is made again");
    assert_eq!(bench.commit(vec![Fills("more", true)]), [Ok(())]);
    assert_eq!(bench.keys(), ["more", "prune"]);
    assert_eq!(bench.condition.get().0, Status::Pass);
    assert_eq!(bench.counters().failures.get(), 2);
}

fn bench_file(bench: &Bench) -> std::path::PathBuf {
    bench.writer.committer.file().to_owned()
}

/// So many rows of events, told when they are committed.
fn bulk(
    bench: &Bench,
    key: &'static str,
    rows: usize,
) -> oneshot::Receiver<Result<(), StoreError>> {
    let (answer, received) = oneshot::channel();
    let change = Box::new(Put(key, Some(1)));
    let write = Write { change, answer };
    assert!(bench.events.try_send(Bulk { write, rows }).is_ok());
    received
}

#[tokio::test]
async fn a_flood_of_events_is_cut_into_transactions_and_the_other_queue_goes_with_the_first() {
    let mut bench = Bench::new();
    let rows = MAX_ROWS / 2;
    let mut events: Vec<_> = ["a", "b", "c", "d", "e"]
        .map(|key| bulk(&bench, key, rows))
        .into();
    let (answer, mut saved) = oneshot::channel();
    let change = Box::new(Put("state", Some(1)));
    assert!(
        bench
            .jobs
            .try_send(Job::Write(Write { change, answer }))
            .is_ok()
    );

    let (jobs, taken) = bench.writer.next().await.unwrap();
    assert_eq!((jobs.len(), taken.len()), (1, 2));
    bench.writer.handle(jobs, taken);
    assert_eq!(saved.try_recv(), Ok(Ok(())));
    let answered = events.iter_mut().map(|one| one.try_recv().is_ok());
    assert_eq!(
        answered.collect::<Vec<_>>(),
        [true, true, false, false, false]
    );
    assert_eq!(bench.counters().commits.get(), 1);

    // What waits when it is closed is committed, too.
    let (closed, _) = oneshot::channel();
    assert!(
        bench
            .writer
            .handle(vec![Job::Close(closed)], Vec::new())
            .is_some()
    );
    assert_eq!(bench.keys(), ["a", "b", "c", "d", "e", "state"]);
    let change = Box::new(Put("late", Some(1)));
    let (answer, _) = oneshot::channel();
    let write = Write { change, answer };
    assert!(bench.events.try_send(Bulk { write, rows: 1 }).is_err());
}

/// What the disk does wrong.
struct Broken;

impl Change for Broken {
    fn apply(&self, _: &Transaction<'_>) -> rusqlite::Result<u64> {
        // As a failed fsync is told.
        let error = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
        Err(rusqlite::Error::SqliteFailure(error, None))
    }
}

#[test]
fn s17_after_the_disk_failed_nothing_is_acknowledged_until_the_database_is_open_anew() {
    let mut bench = Bench::new();
    assert_eq!(bench.commit(vec![Put("a", Some(1))]), [Ok(())]);
    let reader = Connection::open(bench_file(&bench)).unwrap();
    reader
        .execute_batch("BEGIN; SELECT * FROM probe_state")
        .unwrap();
    assert_eq!(bench.commit(vec![Put("b", Some(1))]), [Ok(())]);
    let answers = bench.commit(vec![Broken, Broken]);
    assert!(matches!(
        answers[..],
        [Err(StoreError::Disk { .. }), Err(StoreError::Disk { .. })]
    ));
    bench.writer.committer.retry_in(LONG);
    let refused = bench.commit(vec![Put("c", Some(1))]);
    assert!(
        matches!(refused[..], [Err(StoreError::Disk { .. })]),
        "{refused:?}"
    );
    assert_eq!(bench.condition.get().0, Status::Fail);
    // The log cannot be taken in while somebody reads, so it is not written behind it either.
    bench.writer.committer.retry_in(Duration::ZERO);
    let refused = bench.commit(vec![Put("c", Some(1))]);
    assert!(
        matches!(refused[..], [Err(StoreError::Busy(_))]),
        "{refused:?}"
    );
    reader.execute_batch("COMMIT").unwrap();
    bench.writer.committer.retry_in(Duration::ZERO);
    assert_eq!(bench.commit(vec![Put("c", Some(1))]), [Ok(())]);
    assert_eq!(bench.keys(), ["a", "b", "c"]);
    assert_eq!(bench.condition.get().0, Status::Pass);
}

#[test]
fn s01_a_database_that_found_no_room_at_the_start_is_opened_when_there_is_some() {
    let mut bench = Bench::begin(0, true);
    bench.writer.committer.retry_in(LONG);
    let refused = bench.commit(vec![Put("a", Some(1))]);
    assert!(matches!(refused[..], [Err(StoreError::Full(_))]));
    assert_eq!(bench.condition.get().0, Status::Fail);
    bench.writer.committer.retry_in(Duration::ZERO);
    assert_eq!(bench.commit(vec![Put("a", Some(1))]), [Ok(())]);
    assert_eq!(bench.keys(), ["a"]);
    assert_eq!(bench.condition.get().0, Status::Pass);
}
