//! The upkeep's steps, each by itself, on a database in use.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use tokio::sync::mpsc;

use super::super::margin::Copied;
use super::*;
use crate::model::Status;

const LONG: u64 = 1 << 20;

struct Bench {
    task: Task,
    connection: Connection,
    received: mpsc::Receiver<Job>,
    _jobs: mpsc::Sender<Job>,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("probity.db");
        let order = Order::default();
        let connection = order.open(&file).unwrap();
        let standing = Standing::new(&file);
        let (jobs, received) = mpsc::channel(4);
        let task = Task {
            settings: Settings {
                check_interval: Duration::from_secs(3_600),
                log_bytes: LONG,
                unclean: false,
                last_good: 0,
            },
            ballast: Ballast::new(folder.path(), 0, TallyCounter::default(), standing.clone()),
            standing,
            tally: UpkeepTally::new(&mut Tally::default()),
            stop: Arc::default(),
            rest: Arc::default(),
            jobs: jobs.downgrade(),
            order,
            file,
        };
        Self {
            task,
            connection,
            received,
            _jobs: jobs,
            _folder: folder,
        }
    }

    fn put(&self, key: usize, bytes: usize) {
        let sql = "INSERT OR REPLACE INTO probe_state VALUES ('p', ?1, zeroblob(?2))";
        let values = (key.to_string(), bytes as i64);
        self.connection.execute(sql, values).unwrap();
    }

    /// Some hundred events, so that the table and each of its indices has several pages.
    fn put_events(&mut self) {
        let transaction = self.connection.transaction().unwrap();
        for index in 0..800_i64 {
            let sql = "INSERT INTO event VALUES (?1, ?2, 1 + ?1 % 9, 1, ?1, 's', ?3, ?3, NULL, ?1 % 4, ?4)";
            let values = (
                index,
                format!("event-{index}"),
                format!("run-{index}"),
                "x".repeat(90),
            );
            transaction.execute(sql, values).unwrap();
        }
        transaction.commit().unwrap();
    }

    fn status(&self) -> Status {
        self.task.standing.condition().get().0
    }
}

fn log(file: &Path) -> u64 {
    fs::metadata(open::beside(file, "-wal")).unwrap().len()
}

#[test]
fn s15_a_log_that_a_reader_holds_back_is_told_until_it_is_taken_in() {
    let bench = Bench::new();
    let reader = Connection::open(&bench.task.file).unwrap();
    bench.put(0, 10);
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM probe_state")
        .unwrap();
    let mut own = None;
    for key in 0..10 {
        bench.put(key, 100_000);
        let little = bench.task.take_in(&mut own);
        assert_eq!(little, LogState::TakenIn);
    }
    for key in 0..3 {
        bench.put(key, 8_000_000);
    }
    let held = bench.task.take_in(&mut own);
    assert!(matches!(held, LogState::Held(_)), "{held:?}");
    assert!(log(&bench.task.file) > LONG);
    // A backup of the program's own is known, and ends by itself.
    let copied = Copied::begin(bench.task.file.parent().unwrap());
    bench.task.weigh_log(LogState::TakenIn, &mut own);
    assert_eq!(bench.status(), Status::Pass);
    drop(copied);
    bench.task.weigh_log(LogState::TakenIn, &mut own);
    let (status, message) = bench.task.standing.condition().get();
    assert_eq!(status, Status::Warn);
    assert!(message.contains("something keeps reading"), "{message}");
    assert!(bench.task.tally.log_bytes.get() > LONG);

    reader.execute_batch("COMMIT").unwrap();
    // It is taken in, and still as long as it was.
    bench.task.weigh_log(LogState::TakenIn, &mut own);
    assert_eq!(bench.status(), Status::Pass);
    assert!(bench.task.tally.log_bytes.get() > LONG);
    bench
        .connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    bench.task.weigh_log(LogState::TakenIn, &mut own);
    assert_eq!(
        (bench.status(), bench.task.tally.log_bytes.get()),
        (Status::Pass, 0)
    );
}

#[test]
fn a_log_is_weighed_however_often_the_thread_is_woken() {
    let bench = Bench::new();
    let reader = Connection::open(&bench.task.file).unwrap();
    bench.put(0, 10);
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM probe_state")
        .unwrap();
    for key in 0..3 {
        bench.put(key, 8_000_000);
    }
    let condition = bench.task.standing.condition().clone();
    let (wake, woken) = sync_channel(1);
    let thread = thread::spawn(move || bench.task.run(&woken));
    while condition.get().0 == Status::Pass {
        // It takes one after the other and has no time to wait for none.
        wake.send(()).unwrap();
    }
    drop(wake);
    thread.join().unwrap();
    assert_eq!(condition.get().0, Status::Warn);
}

#[test]
fn what_is_taken_in_beside_the_writer_lets_it_begin_the_log_anew() {
    let bench = Bench::new();
    let mut own = None;
    for round in 0..50 {
        for key in 0..4 {
            bench.put(key, 50_000);
        }
        assert_eq!(bench.task.take_in(&mut own), LogState::TakenIn);
        assert!(
            log(&bench.task.file) < LONG,
            "round {round}: {} bytes",
            log(&bench.task.file)
        );
    }
}

#[test]
fn s07_one_bad_page_anywhere_among_the_events_is_found_at_once_or_step_by_step() {
    let mut bench = Bench::new();
    bench.put_events();
    let sql = "SELECT pageno FROM dbstat WHERE name LIKE 'event%'";
    let pages: Vec<u32> = {
        let mut statement = bench.connection.prepare(sql).unwrap();
        let pages = statement.query_map([], |row| row.get(0)).unwrap();
        pages.map(Result::unwrap).collect()
    };
    assert!(pages.len() > 50, "{pages:?}");
    let Bench {
        task, connection, ..
    } = bench;
    connection.close().unwrap();
    let whole = fs::read(&task.file).unwrap();
    for at_once in [u64::MAX, 0] {
        assert_eq!(check::check(&task.file, &task.stop, at_once), Ok(true));
        for page in &pages {
            let mut bytes = whole.clone();
            spoil(&mut bytes, *page);
            fs::write(&task.file, bytes).unwrap();
            let found = check::check(&task.file, &task.stop, at_once);
            assert!(
                matches!(found, Err(StoreError::Damaged { .. })),
                "page {page}, {at_once}: {found:?}"
            );
        }
        fs::write(&task.file, &whole).unwrap();
    }
    task.stop.store(true, Ordering::Relaxed);
    assert_eq!(
        check::check(&task.file, &task.stop, 0),
        Ok(false),
        "it ends when it shall"
    );
}

#[test]
fn what_was_found_is_told_and_when_it_was_whole_is_written_down() {
    let mut bench = Bench::new();
    let checked = |bench: &Bench| bench.task.check(None).unwrap().join().unwrap();
    checked(&bench);
    assert_eq!(bench.status(), Status::Pass);
    let since = unix_seconds().abs_diff(bench.task.tally.checked.get());
    assert!(since < 600, "{since}");
    let Ok(Job::Write(write)) = bench.received.try_recv() else {
        panic!("nothing is to be written");
    };
    let transaction = bench.connection.transaction().unwrap();
    write.change.apply(&transaction).unwrap();
    transaction.commit().unwrap();
    let last_good = check::last_good(&bench.connection).unwrap();
    assert_eq!(last_good, bench.task.tally.checked.get());

    bench.put_events();
    let page: u32 = bench
        .connection
        .query_row(
            "SELECT max(pageno) FROM dbstat WHERE name = 'event'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    // Taken in, so that the page is read from the file.
    bench
        .connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    let whole = fs::read(&bench.task.file).unwrap();
    let mut bytes = whole.clone();
    spoil(&mut bytes, page);
    write_over(&bench.task.file, &bytes);
    checked(&bench);
    let (status, message) = bench.task.standing.condition().get();
    assert_eq!(status, Status::Fail);
    assert!(
        message.contains("is damaged: ") && message.contains("next: put a backup"),
        "{message}"
    );
    assert_eq!(bench.task.tally.damaged.get(), 1);
    write_over(&bench.task.file, &whole);
    checked(&bench);
    assert_eq!(bench.status(), Status::Pass);
}

fn spoil(bytes: &mut [u8], page: u32) {
    let end = page as usize * 4_096;
    bytes[end - 4_096..end].fill(0xff);
}

/// The same file with other bytes.
fn write_over(file: &Path, bytes: &[u8]) {
    use std::io::Write;
    let mut file = fs::File::options().write(true).open(file).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn the_first_look_is_soon_after_an_unclean_end_and_else_when_it_is_due() {
    let mut bench = Bench::new();
    let due = |bench: &Bench| bench.task.first_check() - Instant::now();
    let soon = Duration::from_secs(25)..=SOON;
    assert!(soon.contains(&due(&bench)), "it was never looked through");
    bench.task.settings.last_good = unix_seconds();
    assert!(due(&bench) > Duration::from_secs(3_500));
    bench.task.settings.last_good = unix_seconds() - 3_000;
    assert!(due(&bench) > Duration::from_secs(500) && due(&bench) <= Duration::from_secs(600));
    bench.task.settings.unclean = true;
    assert!(soon.contains(&due(&bench)));
}
