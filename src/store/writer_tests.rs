//! The writer alone, with changes that fail as they please and a file that cannot grow.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;
use crate::store::open;

/// Nothing here takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

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
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("probity.db");
        let lock = FolderLock::take(folder.path()).unwrap();
        let (jobs, received) = mpsc::channel(16);
        let writer = Writer {
            connection: open::open(&file).unwrap(),
            lock,
            file,
            jobs: received,
            counters: Counters::new(&mut Tally::default()),
            condition: Condition::new(Status::Pass, "open"),
        };
        Self {
            writer,
            jobs,
            _folder: folder,
        }
    }

    /// What becomes of changes that are queued together.
    fn commit(&mut self, changes: Vec<Put>) -> Vec<Result<(), StoreError>> {
        let (writes, mut answers): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .map(|change| {
                let (answer, received) = oneshot::channel();
                let change = Box::new(change);
                (Job::Write(Write { change, answer }), received)
            })
            .unzip();
        let mut batch = writes;
        assert!(self.writer.handle(&mut batch).is_none());
        answers
            .iter_mut()
            .map(|answer| answer.try_recv().unwrap())
            .collect()
    }

    fn keys(&self) -> Vec<String> {
        let sql = "SELECT key FROM probe_state ORDER BY key";
        let mut statement = self.writer.connection.prepare(sql).unwrap();
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
    let counters = &bench.writer.counters;
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
    assert_eq!(bench.writer.counters.failures.get(), 1);
}

#[test]
fn s01_a_full_disk_is_told_to_everybody_and_nothing_is_acknowledged_until_there_is_room() {
    let mut bench = Bench::new();
    let limit = |bench: &Bench, pages: u32| {
        let connection = &bench.writer.connection;
        let set = connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
        set.unwrap();
    };
    limit(&bench, 10);
    let answers = bench.commit(vec![Put("small", Some(1)), Put("large", Some(200_000))]);
    let full = StoreError::Full(bench.writer.file.clone());
    assert_eq!(answers, [Err(full.clone()), Err(full.clone())]);
    assert!(bench.keys().is_empty());
    let (status, message) = bench.writer.condition.get();
    assert_eq!(status, Status::Fail);
    assert!(
        message.contains("the disk is full; next: free space"),
        "{message}"
    );
    assert_eq!(bench.writer.counters.failures.get(), 2);

    limit(&bench, 1000);
    assert_eq!(bench.commit(vec![Put("large", Some(200_000))]), [Ok(())]);
    assert_eq!(bench.writer.condition.get().0, Status::Pass);
}

#[test]
fn a_look_sees_every_write_before_it() {
    let mut bench = Bench::new();
    let (answer, mut written) = oneshot::channel();
    let change = Box::new(Put("a", Some(1)));
    let (sender, seen) = std::sync::mpsc::channel();
    let look = move |connection: &Connection| {
        let count = connection.query_row("SELECT count(*) FROM probe_state", [], |row| row.get(0));
        sender.send(count.unwrap()).unwrap();
    };
    let mut batch = vec![
        Job::Write(Write { change, answer }),
        Job::Read(Box::new(look)),
    ];
    bench.writer.handle(&mut batch);
    assert_eq!(seen.recv_timeout(PATIENCE), Ok(1));
    assert_eq!(written.try_recv(), Ok(Ok(())));
}

#[test]
fn the_thread_ends_and_gives_the_folder_free_when_nobody_has_a_handle_any_more() {
    let Bench {
        writer,
        jobs,
        _folder: folder,
    } = Bench::new();
    writer.start().unwrap();
    assert!(matches!(
        FolderLock::take(folder.path()),
        Err(StoreError::Locked { pid, .. }) if pid == Some(std::process::id())
    ));
    drop(jobs);
    let began = std::time::Instant::now();
    while FolderLock::take(folder.path()).is_err() {
        assert!(began.elapsed() < PATIENCE, "the lock is still held");
        thread::yield_now();
    }
}

#[test]
fn a_commit_is_on_disk_when_it_returns() {
    let bench = Bench::new();
    let pragma = |name: &str| -> String {
        let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
        let connection = &bench.writer.connection;
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    // SQLite's number for FULL: the log is flushed before a commit returns.
    assert_eq!(pragma("synchronous"), "2");
    assert_eq!(pragma("journal_mode"), "wal");
}
