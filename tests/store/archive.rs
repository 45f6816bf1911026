//! The archive in the whole program: through a restart, a kill, a lock of another program's and a store that is broken.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use probity::app::App;
use probity::archive::{self, Writer};
use probity::config::Loaded;
use probity::history::{self, Moment};
use probity::model::{Span, Tally};
use probity::snapshot::{Snapshot, SnapshotCell};
use rusqlite::{Connection, OpenFlags};
use tokio_util::sync::CancellationToken;

use crate::program::loaded;
use crate::snapshots::{gauge, sampler, snapshot};
use crate::{PATIENCE, count, open};

/// Names the folder to the child that is killed.
const FOLDER: &str = "PROBITY_TEST_ARCHIVE";
const CYCLES: usize = 4;

/// Everything on, with the shortest steps that there are.
fn archiving(folder: &Path) -> Loaded {
    let mut loaded = loaded(folder);
    let config = &mut loaded.config;
    config.sampler.interval = Span::millis(100);
    config.history.interval = Span::millis(100);
    config.archive = settings();
    assert_eq!(config.check(), []);
    loaded
}

fn settings() -> archive::Config {
    let mut config = archive::Config::default();
    config.series.enabled = true;
    config.series.step = Span::seconds(1);
    config.snapshots.enabled = true;
    config.snapshots.interval = Span::seconds(1);
    config
}

/// One number of the archive, as another program reads it; 0 while there is none.
fn number(folder: &Path, sql: &str) -> i64 {
    let file = folder.join("state/probity.db");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = Connection::open_with_flags(file, flags);
    let number = connection.and_then(|connection| connection.query_row(sql, [], |row| row.get(0)));
    number.unwrap_or(0)
}

const ROWS: &str = "SELECT rows FROM kept WHERE what = 'sample'";
const SNAPSHOTS: &str = "SELECT rows FROM kept WHERE what = 'snapshot'";

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = archiving(folder.path());
    let mut before = [0, 0];
    for _ in 0..2 {
        let app = App::start(&loaded).await.unwrap();
        until("nothing is archived", || {
            let now = [ROWS, SNAPSHOTS].map(|sql| number(folder.path(), sql));
            now[0] > before[0] && now[1] > before[1]
        })
        .await;
        assert_eq!(app.stop().await, [""; 0]);
        let now = [ROWS, SNAPSHOTS].map(|sql| number(folder.path(), sql));
        assert!(
            now[0] > before[0] && now[1] > before[1],
            "{now:?} after {before:?}"
        );
        let counted = ["sample", "snapshot"]
            .map(|table| number(folder.path(), &format!("SELECT count(*) FROM {table}")));
        assert_eq!(now, counted);
        before = now;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s05_without_a_store_nothing_is_archived_and_everything_else_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = archiving(folder.path());
    fs::create_dir(&loaded.state_directory).unwrap();
    fs::write(loaded.state_directory.join("probity.db"), "not a database").unwrap();
    let app = App::start(&loaded).await.unwrap();
    let counted = |snapshot: &Snapshot| {
        let metrics = probity::snapshot::part(snapshot, "metrics", Instant::now()).unwrap();
        let all = metrics.as_array().unwrap().iter();
        let failures = all.filter(|one| one["name"] == "probity_archive_failures_total");
        failures
            .map(|one| one["value"].as_f64().unwrap_or(0.0))
            .collect::<Vec<_>>()
    };
    until("it does not count", || {
        let snapshot = app.snapshots().load();
        let failures = snapshot.as_deref().map(counted).unwrap_or_default();
        failures.len() == 2 && failures.iter().all(|count| *count > 0.0)
    })
    .await;
    assert_eq!(app.stop().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_what_another_programs_lock_holds_up_is_written_once_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(&folder.path().join("state"));
    let other = Connection::open(folder.path().join("state/probity.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let machine = sampler("machine", |recorder| gauge(recorder, "value", 1.0));
    let shown = snapshot(1, vec![machine]);
    let mut tally = Tally::default();
    let mut history = history::Writer::new(&history::Config::default(), &mut tally);
    let now = Moment::now();
    for before in [20, 10, 0] {
        let moment = Moment {
            boot: now.boot - before,
            wall: now.wall - before,
        };
        history.record_at(&shown, Instant::now(), moment);
    }
    let cell = Arc::new(SnapshotCell::new());
    cell.publish(Snapshot {
        timestamp: SystemTime::now(),
        ..shown
    });
    let past = Some(history.history());
    let writer = Writer::new(&settings(), past, cell.clone(), &mut tally).unwrap();
    writer.archive().open(store.past());
    let stop = CancellationToken::new();
    let task = tokio::spawn(writer.run(stop.clone()));
    until("the lock is not felt", || {
        failures(&tally).iter().all(|count| *count > 0)
    })
    .await;
    let kept = || [ROWS, SNAPSHOTS].map(|sql| number(folder.path(), sql));
    assert_eq!(kept(), [0, 0]);
    other.execute_batch("COMMIT").unwrap();
    until("nothing is written", || kept().iter().all(|rows| *rows > 0)).await;
    stop.cancel();
    tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
    let samples = "SELECT sum(count) FROM sample";
    assert_eq!((number(folder.path(), samples), kept()[1]), (3, 1));
    assert_eq!(count(&tally, "probity_archive_snapshots"), 1);
}

/// Of samples, and of snapshots.
fn failures(tally: &Tally) -> Vec<u64> {
    let entries = tally.entries().iter();
    let failures = entries.filter(|entry| entry.name == "probity_archive_failures_total");
    failures.map(|entry| entry.counter.get()).collect()
}

/// Not a test of its own: the process that is killed. It runs everything, and says how many rows there are whenever that is more.
#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stdout, reason = "the parent reads it")]
async fn child_that_archives() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let _app = App::start(&archiving(&folder)).await.unwrap();
    let mut told = 0;
    loop {
        let rows = number(&folder, ROWS);
        if rows > told {
            told = rows;
            println!("acknowledged {rows}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn start(folder: &Path) -> (Child, impl Iterator<Item = i64>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "archive::child_that_archives", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: std::io::Result<String>| {
        let line = line.ok()?;
        line.rsplit_once("acknowledged ")?.1.parse().ok()
    };
    (child, lines.filter_map(number))
}

#[tokio::test]
async fn s11_kills_lose_nothing_that_was_written_and_the_next_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = 0;
    for cycle in 0..CYCLES {
        let (mut child, mut numbers) = start(folder.path());
        let seen = numbers.by_ref().find(|rows| *rows > before).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = numbers.last().unwrap_or(seen);
        // What stands in the log is taken in by whoever opens it for writing.
        let (store, _) = open(&folder.path().join("state"));
        let rows = number(folder.path(), "SELECT count(*) FROM sample");
        assert!(
            rows >= acknowledged,
            "cycle {cycle}: {rows} of {acknowledged}"
        );
        assert_eq!(number(folder.path(), ROWS), rows, "cycle {cycle}");
        let whole = "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'";
        assert_eq!(number(folder.path(), whole), 1, "cycle {cycle}");
        store.close().await;
        before = rows;
    }
    assert!(before > 0);
}
