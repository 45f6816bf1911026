//! A backup is the database as it was at one moment, whatever happens beside it, and restored it is equal row by row.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use probity::backup::{BackupError, BackupId, Chosen, Config, Maker, Manifest, Phase, Progress};
use probity::store::{Store, StoreError};
use rusqlite::Connection;
use rusqlite::types::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::proxy::{Fault, Kind, Proxy};
use crate::storage::{self, Storage};
use crate::{PATIENCE, Scene, create, good, restore, rows, take_whole, verify};

#[tokio::test(flavor = "multi_thread")]
async fn s21_what_is_restored_is_equal_row_by_row() {
    let scene = Scene::with(3_000_000).await;
    let maker = scene.maker();
    let created = create(&maker).await.unwrap();
    let manifest = &created.manifest;
    assert_eq!((created.gone.len(), &created.untidy), (0, &None));
    let id = manifest.id;
    assert_eq!(scene.names("stored"), [id.manifest(), id.archive()]);
    for (path, mode) in [
        (scene.folder(), 0o40700),
        (scene.folder().join(id.archive()), 0o100_600),
        (scene.folder().join(id.manifest()), 0o100_600),
    ] {
        let found = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(found, mode, "{path:?}: {found:o}");
    }
    scene.is_clear();

    let chosen = Chosen::by_id(maker.shelf(), id).await.unwrap();
    let within = Manifest {
        archive: None,
        ..manifest.as_ref().clone()
    };
    assert_eq!(verify(chosen).await.unwrap(), within);
    let into = scene.place.path().join("new/state");
    let chosen = Chosen::latest(maker.shelf()).await.unwrap();
    let restored = restore(chosen, &into, false).await.unwrap();
    assert_eq!(restored.replaced, None);
    let wanted = rows(&scene.database());
    let mut counted: BTreeMap<String, u64> = wanted
        .iter()
        .map(|(name, rows)| (name.clone(), rows.len() as u64))
        .collect();
    counted.insert("store_identity".to_owned(), 1);
    assert_eq!(manifest.tables, counted);
    assert!(rows(&into.join("probity.db")) == wanted, "rows differ");
    // It is a state folder like any other, and not the same one.
    let store = Store::open(&into, &mut probity::model::Tally::default()).unwrap();
    let connection = Connection::open(scene.database()).unwrap();
    let sql = "SELECT epoch FROM store_identity";
    let epoch: String = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_ne!(store.events().epoch(), Some(&*epoch));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s21_a_writer_goes_on_and_the_backup_is_one_moment_of_it() {
    let scene = Scene::with(8_000_000).await;
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let file = scene.database();
    let write = || {
        let connection = Connection::open(&file).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        let mut insert = connection
            .prepare("INSERT INTO probe_state VALUES ('writer', ?1, zeroblob(?2))")
            .unwrap();
        while !stop.load(Ordering::Relaxed) {
            // One row, one commit: a moment is a number.
            let number = written.load(Ordering::Relaxed) + 1;
            insert
                .execute((format!("{number:08}"), (number % 3000) as i64))
                .unwrap();
            written.store(number, Ordering::Relaxed);
        }
    };
    let (before, after, restored) = thread::scope(|scope| {
        scope.spawn(write);
        let made = scope.spawn(|| {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                while written.load(Ordering::Relaxed) < 10 {
                    tokio::task::yield_now().await;
                }
                let maker = scene.maker();
                let (before, id, after) = made_beside(&maker, &written).await;
                let chosen = Chosen::by_id(maker.shelf(), id).await.unwrap();
                let into = scene.place.path().join("restored");
                restore(chosen, &into, false).await.unwrap();
                (before, after, rows(&into.join("probity.db")))
            })
        });
        let made = made.join();
        stop.store(true, Ordering::Relaxed);
        made.unwrap()
    });
    assert!(
        after > before + 10,
        "the writer was held up: {before}, {after}"
    );
    let number = |row: &Vec<Value>| match (&row[0], &row[1]) {
        (Value::Text(probe), Value::Text(key)) if probe == "writer" => key.parse().unwrap(),
        _ => 0,
    };
    let last = restored["probe_state"].iter().map(number).max().unwrap();
    assert!((before..=after).contains(&last), "{before} {last} {after}");
    let mut wanted = rows(&scene.database());
    let table = wanted.get_mut("probe_state").unwrap();
    table.retain(|row| number(row) <= last);
    assert!(restored == wanted, "rows differ");
}

#[tokio::test(flavor = "multi_thread")]
async fn s02_one_that_is_stopped_leaves_nothing() {
    let scene = Scene::with(4_000_000).await;
    let maker = scene.maker();
    for phase in [
        Phase::Beginning,
        Phase::Copying,
        Phase::Checking,
        Phase::Packing,
    ] {
        let began = Instant::now();
        while !is_stopped_at(&scene, &maker, phase).await {
            assert!(began.elapsed() < PATIENCE, "{phase:?} goes by unseen");
        }
    }
    create(&maker).await.unwrap();
}

/// A backup beside a writer, and how much that had written before and after. On a busy machine the writer may have no turn, or its disk
/// none, while one is made: then another time.
async fn made_beside(maker: &Maker, written: &AtomicU64) -> (u64, BackupId, u64) {
    let began = Instant::now();
    loop {
        let before = written.load(Ordering::Relaxed);
        let created = create(maker).await.unwrap();
        let after = written.load(Ordering::Relaxed);
        if after > before + 10 || began.elapsed() > PATIENCE {
            return (before, created.manifest.id, after);
        }
    }
}

/// Stops a backup when it is seen at a phase. Whether it was: one that gets past it unseen is made.
async fn is_stopped_at(scene: &Scene, maker: &Maker, phase: Phase) -> bool {
    let (told, mut seen) = watch::channel(Progress::BEGINNING);
    let stop = CancellationToken::new();
    let stopping = async {
        // None when it has ended.
        let reached = seen.wait_for(|progress| progress.phase == phase);
        if reached.await.is_ok() {
            stop.cancel();
        }
    };
    let id = BackupId::new(SystemTime::now());
    let making = maker.create(id, told, &stop);
    let (made, ()) = tokio::join!(making, stopping);
    let is_stopped = made.is_err();
    if is_stopped {
        assert_eq!(made.err(), Some(BackupError::Stopped), "{phase:?}");
    } else {
        assert!(take_whole(maker, &scene.folder()).await, "{phase:?}");
    }
    assert_eq!(scene.names("stored"), [""; 0], "{phase:?}");
    scene.is_clear();
    is_stopped
}

#[tokio::test(flavor = "multi_thread")]
async fn older_ones_go_when_a_new_one_is_whole() {
    let scene = Scene::with(10_000).await;
    let mut config = scene.config();
    config.keep = 2;
    let maker = scene.maker_of(&config, None);
    let mut made = Vec::new();
    for number in 0..4 {
        let created = create(&maker).await.unwrap();
        made.insert(0, created.manifest.id);
        let gone: Vec<BackupId> = made.drain(made.len().min(2)..).collect();
        assert_eq!(created.gone, gone, "{number}");
        assert_eq!(good(&maker).await, made);
    }
    // What is not this program's is not touched.
    fs::write(scene.folder().join("notes.txt"), "mine").unwrap();
    let half = "probity-20200101T000000Z-00000000.tar.zst";
    fs::write(scene.folder().join(half), "half").unwrap();
    create(&maker).await.unwrap();
    let names = scene.names("stored");
    assert!(names.contains(&"notes.txt".to_owned()), "{names:?}");
    assert!(
        names.contains(&half.to_owned()),
        "it may still be made: {names:?}"
    );
    let day = Duration::from_secs(26 * 3_600);
    let file = fs::File::options()
        .write(true)
        .open(scene.folder().join(half));
    file.unwrap().set_modified(SystemTime::now() - day).unwrap();
    create(&maker).await.unwrap();
    let names = scene.names("stored");
    assert!(!names.contains(&half.to_owned()), "{names:?}");
    assert_eq!(names.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_step_of_the_clock_and_back_the_one_just_made_stays() {
    let scene = Scene::with(10_000).await;
    let one = Config {
        keep: 1,
        ..scene.config()
    };
    let maker = scene.maker_of(&one, None);
    let before = create(&maker).await.unwrap().manifest.id;
    let tomorrow = BackupId::new(SystemTime::now() + Duration::from_secs(86_400));
    let (told, _) = watch::channel(Progress::BEGINNING);
    let stop = CancellationToken::new();
    let created = maker.create(tomorrow, told, &stop).await.unwrap();
    assert_eq!(created.gone, [before]);
    for _ in 0..2 {
        let created = create(&maker).await.unwrap();
        assert_eq!(created.untidy, None);
        assert_eq!(good(&maker).await, [tomorrow, created.manifest.id]);
        let latest = Chosen::latest(maker.shelf()).await.unwrap();
        assert_eq!(verify(latest).await.unwrap().id, created.manifest.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_has_to_be_a_database_of_this_programs() {
    let place = tempfile::tempdir().unwrap();
    let scene = Scene { place };
    let error = create(&scene.maker()).await.unwrap_err();
    let missing = StoreError::Missing(scene.database());
    assert_eq!(error, BackupError::Store(missing));
    assert!(!scene.state().exists(), "nothing is made");

    fs::create_dir(scene.state()).unwrap();
    for (text, wanted) in [
        ("", "is empty"),
        ("no database at all", "not a SQLite database"),
    ] {
        fs::write(scene.database(), text).unwrap();
        let error = create(&scene.maker()).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
    fs::remove_file(scene.database()).unwrap();
    let foreign = Connection::open(scene.database()).unwrap();
    foreign.execute_batch("CREATE TABLE t (v)").unwrap();
    drop(foreign);
    let error = create(&scene.maker()).await.unwrap_err().to_string();
    assert!(error.contains("of another program"), "{error}");
    assert_eq!(scene.names("stored"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s07_a_damaged_database_gives_no_backup() {
    let scene = Scene::with(400_000).await;
    let mut bytes = fs::read(scene.database()).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xff);
    // The root of a table that is not read through when it is copied.
    bytes[4096..4200].fill(0xff);
    fs::write(scene.database(), bytes).unwrap();
    let error = create(&scene.maker()).await.unwrap_err();
    let damaged = matches!(error, BackupError::Store(StoreError::Damaged { .. }));
    assert!(damaged, "{error:?}");
    assert_eq!(scene.names("stored"), [""; 0]);
    scene.is_clear();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_at_a_time() {
    let scene = Scene::with(10_000).await;
    let storage = Storage::start(&scene).await;
    let proxy = Proxy::start(storage.address).await;
    let maker = storage::maker(&scene, proxy.address);
    // So that the first is under way for as long as the second is tried.
    proxy.plan(|seen, _| match seen {
        Kind::BeginUpload => Fault::Held,
        _ => Fault::Pass,
    });
    let (told, mut seen) = watch::channel(Progress::BEGINNING);
    let stop = CancellationToken::new();
    let first = maker.create(BackupId::new(SystemTime::now()), told, &stop);
    let second = async {
        let begun = seen.wait_for(|progress| progress.phase != Phase::Beginning);
        let begun = tokio::time::timeout(PATIENCE, begun);
        assert!(begun.await.unwrap().is_ok());
        let second = create(&maker).await;
        proxy.plan(|_, _| Fault::Pass);
        second
    };
    let (first, second) = tokio::join!(first, second);
    first.unwrap();
    let process = format!("process {}", std::process::id());
    assert_eq!(second.err(), Some(BackupError::Busy(Some(process))));
    assert_eq!(good(&maker).await.len(), 1);
}
