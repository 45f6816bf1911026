//! A disk that is full in earnest: `.ci/durability` gives one of 24 MiB (S01).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use probity::model::{ByteSize, Status, Tally};
use probity::store::{AppendError, Config, EventBounds, EventStore, Store, StoreError};

use crate::events::event;
use crate::{PATIENCE, count};

/// Names the folder on the small disk.
const FOLDER: &str = "PROBITY_TEST_FULL";

fn open(folder: &Path) -> (Store, Tally) {
    let config = Config {
        ballast: ByteSize::mib(2),
        ..Config::default()
    };
    let mut tally = Tally::default();
    let store = Store::open_with(folder, &config, &mut tally).unwrap();
    (store, tally)
}

/// Appends a batch; gives whether there was room.
async fn has_room(events: &EventStore, batch: usize) -> bool {
    let all = (batch * 100..(batch + 1) * 100).map(|number| event("w", number));
    let mut appending = events.append(all.collect(), |_| {}).unwrap();
    match appending.within(PATIENCE).await.unwrap() {
        Ok(_) => true,
        Err(AppendError::Store(StoreError::Full(_))) => false,
        Err(error) => panic!("{error}"),
    }
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Not a test of its own where there is no such disk.
#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stdout, reason = "the script's user reads it")]
async fn child_that_fills() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let (store, tally) = open(&folder);
    let ballast = folder.join("ballast");
    until("there is no ballast", async || ballast.exists()).await;
    let events = store.events();
    let mut batches = 0;
    while has_room(&events, batches).await {
        batches += 1;
        assert!(batches < 1_000, "the disk has no end");
    }
    println!("full after {} events", batches * 100);
    assert!(!ballast.exists());
    assert_eq!(count(&tally, "probity_store_ballast_releases_total"), 1);
    assert_eq!(store.condition().get().0, Status::Fail);
    let rows = events.reader(PATIENCE).unwrap().totals().unwrap().rows;
    assert_eq!(
        rows,
        batches as u64 * 100,
        "what was not acknowledged is not there"
    );

    // What was kept back is enough to let all but a fifth go, and then there is room for what is new.
    let bytes = events.reader(PATIENCE).unwrap().totals().unwrap().bytes / 5;
    loop {
        let bounds = EventBounds {
            oldest: i64::MIN,
            bytes,
            at_once: 100,
        };
        let mut pruning = events.prune(bounds).unwrap();
        if !pruning.within(PATIENCE).await.unwrap().unwrap().more {
            break;
        }
    }
    until("there is no room again", async || {
        has_room(&events, batches).await
    })
    .await;
    assert!(ballast.exists());
    assert_eq!(store.condition().get().0, Status::Pass);
    let rows = events.reader(PATIENCE).unwrap().totals().unwrap().rows;
    store.close().await;
    let (store, _) = open(&folder);
    assert_eq!(
        store
            .events()
            .reader(PATIENCE)
            .unwrap()
            .totals()
            .unwrap()
            .rows,
        rows
    );
    store.close().await;
    starts_on_a_full_disk(&folder).await;
}

/// With what was kept back, and without.
async fn starts_on_a_full_disk(folder: &Path) {
    // Its events are not among the others.
    const BATCH: usize = 1_000;
    // A start that finds not a byte free has what was kept back.
    assert!(folder.join("ballast").exists());
    let full = fill(&folder.join("other"));
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    let (store, tally) = open(folder);
    assert_eq!(count(&tally, "probity_store_ballast_releases_total"), 1);
    assert!(!store.is_late());
    store.close().await;

    // One that finds nothing at all opens the database when there is room.
    fill(&folder.join("another"));
    let (store, _) = open(folder);
    assert!(store.is_late());
    let events = store.events();
    assert!(!has_room(&events, BATCH).await);
    assert_eq!(
        (store.condition().get().0, events.epoch()),
        (Status::Fail, None)
    );
    for name in ["other", "another"] {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    until("it is not opened", async || has_room(&events, BATCH).await).await;
    assert!(events.epoch().is_some());
    assert_eq!(store.condition().get().0, Status::Warn);
    store.close().await;
}

/// Writes until there is no room, and gives what the machine says then.
fn fill(file: &Path) -> std::io::Error {
    let mut file = std::fs::File::create(file).unwrap();
    loop {
        if let Err(error) = file.write_all(&[1; 512]) {
            return error;
        }
    }
}
