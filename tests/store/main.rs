//! The store as the program meets it: what it keeps, what it survives, and what it refuses.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a failed step fails the test"
)]

mod archive;
mod events;
mod faults;
mod full;
mod kill;
mod migrate;
mod program;
#[path = "../support/snapshots.rs"]
mod snapshots;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use probity::model::{StateChanges, Status, Tally};
use probity::store::{StateStore, Store, StoreError};
use rusqlite::Connection;

/// Nothing here takes longer, unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A store that must open, and what it counts.
pub fn open(folder: &Path) -> (Store, Tally) {
    let mut tally = Tally::default();
    let store = Store::open(folder, &mut tally).unwrap_or_else(|error| panic!("{error}"));
    (store, tally)
}

pub fn refusal(folder: &Path) -> StoreError {
    match Store::open(folder, &mut Tally::default()) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

pub fn database(folder: &Path) -> Connection {
    Connection::open(folder.join("probity.db")).unwrap()
}

pub fn changes<const N: usize>(changes: [(&str, Option<&[u8]>); N]) -> Arc<StateChanges> {
    let owned = changes.map(|(key, value)| (key.to_owned(), value.map(Bytes::copy_from_slice)));
    Arc::new(owned.into())
}

pub async fn save(states: &StateStore, probe: &str, changes: Arc<StateChanges>) {
    let mut saving = states.save(&probe.into(), changes).unwrap();
    saving.within(PATIENCE).await.unwrap().unwrap();
}

/// A probe's entries, as text.
pub async fn load(states: &StateStore, probe: &str) -> BTreeMap<String, String> {
    let began = Instant::now();
    let entries = loop {
        match states.load(&probe.into()).await {
            // The store has a second, which a busy machine may take from it.
            Err(StoreError::Slow(_)) if began.elapsed() < PATIENCE => {}
            loaded => break loaded.unwrap(),
        }
    };
    let text =
        |(key, value): (&String, &Bytes)| (key.clone(), String::from_utf8(value.to_vec()).unwrap());
    entries.iter().map(text).collect()
}

pub fn count(tally: &Tally, name: &str) -> u64 {
    let mut entries = tally.entries().iter();
    entries
        .find(|entry| entry.name == name)
        .unwrap()
        .counter
        .get()
}

#[tokio::test]
async fn what_is_saved_is_there_after_a_restart_and_each_probe_has_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("made/on/demand");
    let (store, _) = open(&folder);
    let states = store.states();
    save(
        &states,
        "one",
        changes([("a", Some(b"1")), ("b", Some(b"2"))]),
    )
    .await;
    save(&states, "other", changes([("a", Some(b"x"))])).await;
    save(&states, "one", changes([("a", None), ("c", Some(b""))])).await;
    assert_eq!(load(&states, "nobody").await, BTreeMap::new());
    store.close().await;
    assert!(matches!(
        states.save(&"one".into(), changes([])),
        Err(StoreError::Closed(_))
    ));

    let (store, _) = open(&folder);
    let states = store.states();
    let one = load(&states, "one").await;
    assert_eq!(
        one,
        [("b", "2"), ("c", "")]
            .map(|(k, v)| (k.into(), v.into()))
            .into()
    );
    assert_eq!(load(&states, "other").await["a"], "x");
}

/// What holds the database for longer may be given up by the store, which waits for two seconds.
const HELD: Duration = Duration::from_secs(1);

#[tokio::test]
async fn what_waits_together_is_committed_together_and_each_is_answered() {
    let began = Instant::now();
    while !is_committed_together().await {
        assert!(began.elapsed() < PATIENCE, "it is held too long each time");
    }
}

/// Whether the database was held briefly enough to tell.
async fn is_committed_together() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let (store, tally) = open(folder.path());
    let states = store.states();
    // Somebody else writes, so that what is saved meanwhile has to wait.
    let other = database(folder.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    let names: Vec<String> = (0..200).map(|index| format!("probe-{index}")).collect();
    let save = |name: &String| states.save(&name.as_str().into(), changes([("k", Some(b"v"))]));
    let mut saving: Vec<_> = names.iter().map(|name| save(name).unwrap()).collect();
    other.execute_batch("COMMIT").unwrap();
    if began.elapsed() > HELD {
        return false;
    }
    for one in &mut saving {
        assert_eq!(one.within(PATIENCE).await, Some(Ok(())));
    }
    assert_eq!(count(&tally, "probity_store_rows_total"), 200);
    let commits = count(&tally, "probity_store_commits_total");
    assert!(commits <= 2, "{commits} commits");
    assert_eq!(load(&states, "probe-199").await["k"], "v");
    true
}

#[tokio::test]
async fn a_full_queue_refuses_and_counts_and_takes_again_later() {
    let began = Instant::now();
    while !is_refused_when_full().await {
        assert!(began.elapsed() < PATIENCE, "it is held too long each time");
    }
}

/// Whether the database was held briefly enough to tell.
async fn is_refused_when_full() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let (store, tally) = open(folder.path());
    let states = store.states();
    let other = database(folder.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    let mut saving = Vec::new();
    let error = loop {
        match states.save(&"p".into(), changes([("k", Some(b"v"))])) {
            Ok(one) => saving.push(one),
            Err(error) => break error,
        }
        assert!(saving.len() < 10_000, "the queue has no end");
    };
    assert!(matches!(error, StoreError::QueueFull(_)), "{error}");
    assert_eq!(count(&tally, "probity_store_queue_full_total"), 1);
    other.execute_batch("COMMIT").unwrap();
    if began.elapsed() > HELD {
        return false;
    }
    for one in &mut saving {
        assert_eq!(one.within(PATIENCE).await, Some(Ok(())));
    }
    save(&states, "p", changes([("k", Some(b"later"))])).await;
    true
}

#[tokio::test]
async fn s10_a_database_that_another_process_locks_is_waited_for_and_then_told() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tally) = open(folder.path());
    let other = database(folder.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let states = store.states();
    let began = Instant::now();
    let mut saving = states
        .save(&"p".into(), changes([("k", Some(b"v"))]))
        .unwrap();
    let early = saving.within(Duration::ZERO).await;
    // On a busy machine it may be over by now.
    assert!(
        early.is_none() || began.elapsed() > HELD,
        "it is under way: {early:?}"
    );
    let ended = match early {
        None => saving.within(PATIENCE).await.unwrap(),
        Some(ended) => ended,
    };
    let error = ended.unwrap_err();
    assert!(matches!(error, StoreError::Busy(_)), "{error}");
    assert_eq!(store.condition().get().0, Status::Fail);
    assert_eq!(count(&tally, "probity_store_failures_total"), 1);
    other.execute_batch("COMMIT").unwrap();
    save(&states, "p", changes([("k", Some(b"v"))])).await;
    assert_eq!(store.condition().get().0, Status::Pass);
}
