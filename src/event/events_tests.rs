//! The way into the store: what is acknowledged, refused, told and lost.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::event::fault::At;
use crate::event::kinds::{PoolStarted, RunStarted};
use crate::event::read::Form;
use crate::event::recorder::{Context, Unrecorded};
use crate::store::Store;

pub(in crate::event) struct Bench {
    pub(in crate::event) events: Events,
    pub(in crate::event) committed: Committed,
    store: Option<Store>,
    tally: Tally,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(config: &Config) -> Self {
        let mut tally = Tally::default();
        let made = Events::new(config, &redact::Config::default(), None, &mut tally);
        let (events, committed) = made.unwrap();
        Self {
            events,
            committed,
            store: None,
            tally,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(in crate::event) fn open(config: &Config) -> Self {
        let mut bench = Self::new(config);
        let store = Store::open(bench.folder.path(), &mut Tally::default()).unwrap();
        bench.events.open(store.events());
        bench.store = Some(store);
        bench
    }

    fn read(&self, events: Value, partial: bool) -> Batch {
        let body = events.to_string();
        self.events
            .read(body.as_bytes(), Form::Json, partial)
            .unwrap()
    }

    pub(in crate::event) async fn commit(&self, events: Value) -> Result<Receipt, Refusal> {
        self.events.commit(self.read(events, false)).await
    }

    /// The next new events, by id and place.
    async fn told(&mut self) -> Vec<(String, i64)> {
        let arrived = self.committed.next().await.unwrap();
        let new = arrived.new_ones();
        new.map(|one| (one.event.id.to_string(), one.sequence))
            .collect()
    }

    pub(in crate::event) fn count(&self, name: &str, label: &str) -> u64 {
        let entries = self.tally.entries().iter();
        let mut of_name = entries.filter(|entry| entry.name == name);
        let entry = of_name.find(|entry| {
            let of = entry.label.as_ref();
            of.is_none_or(|(_, value)| **value == *label)
        });
        entry.unwrap().counter.get()
    }
}

pub(in crate::event) fn event(id: &str) -> Value {
    json!({"id": id, "kind": "run.started", "run": "r", "data": {"name": id}})
}

fn small(max_events: u32) -> Config {
    let mut config = Config::default();
    config.queue.max_events = max_events;
    config
}

#[tokio::test]
async fn the_same_batch_twice_has_the_same_receipt_and_is_told_once() {
    let mut bench = Bench::open(&Config::default());
    let batch = json!([event("a"), event("b")]);
    let first = bench.commit(batch.clone()).await.unwrap();
    let wanted = Receipt {
        accepted: 2,
        last: Some(2),
        ..Receipt::default()
    };
    assert_eq!(first, wanted);
    assert_eq!(bench.commit(batch).await.unwrap(), first);
    let more = bench.commit(json!([event("b"), event("c")])).await.unwrap();
    assert_eq!((more.accepted, more.last), (2, Some(3)));
    assert_eq!(
        bench.told().await,
        [("a".to_owned(), 1), ("b".to_owned(), 2)]
    );
    assert_eq!(bench.told().await, [("c".to_owned(), 3)]);
    let counts = ["accepted", "doubled"]
        .map(|what| bench.count(&format!("probity_events_{what}_total"), ""));
    assert_eq!(counts, [3, 3]);
    let shown = bench.events.feed().after(0, 10).unwrap();
    let shown: Vec<_> = shown
        .iter()
        .map(|one| (one.sequence, &*one.event().id))
        .collect();
    assert_eq!(shown, [(1, "a"), (2, "b"), (3, "c")]);
}

#[tokio::test]
async fn another_event_with_a_known_id_is_a_conflict_and_left_out_if_that_was_asked_for() {
    let bench = Bench::open(&Config::default());
    bench.commit(event("a")).await.unwrap();
    let mut other = event("a");
    other["data"]["name"] = json!("other");
    let mixed =
        json!([event("b"), other, {"kind": "pool.started", "data": {"pool": "p", "size": 1}}, {}]);
    let batch = json!([mixed[0], mixed[1]]);
    assert_eq!(
        bench.commit(batch).await,
        Err(Refusal::Conflicts(vec![At::Index(1)]))
    );
    let receipt = bench.events.commit(bench.read(mixed, true)).await.unwrap();
    assert_eq!(
        (receipt.accepted, receipt.last, receipt.given.len()),
        (2, Some(3), 1)
    );
    let refused: Vec<String> = receipt
        .refused
        .list
        .iter()
        .map(ToString::to_string)
        .collect();
    let wanted = [
        "event 1: /id: another event has this id",
        "event 3: lacks kind",
        "event 3: lacks data",
    ];
    assert_eq!(refused, wanted);
    assert_eq!(bench.count("probity_events_refused_total", "conflict"), 2);
    assert_eq!(bench.count("probity_events_refused_total", "envelope"), 1);
}

#[tokio::test]
async fn without_a_store_or_switched_off_nothing_is_taken() {
    let bench = Bench::new(&Config::default());
    assert_eq!(bench.commit(event("a")).await, Err(Refusal::NoStore));
    assert_eq!(
        bench.events.enqueue(bench.read(event("a"), false)),
        Err(Refusal::NoStore)
    );
    let off = Config {
        enabled: false,
        ..Config::default()
    };
    let bench = Bench::open(&off);
    assert_eq!(bench.commit(event("a")).await, Err(Refusal::Off));
    let recorder = bench.events.recorder("test");
    let never = || -> RunStarted { panic!("nobody wants it") };
    assert_eq!(recorder.record(&Context::default(), never), Ok(()));
    assert_eq!(
        recorder.commit(&Context::default(), never).await,
        Ok(Receipt::default())
    );
}

#[tokio::test]
async fn what_nobody_follows_does_not_fill_the_queue_and_what_is_followed_slowly_does() {
    let mut bench = Bench::open(&small(2));
    bench.commit(event("a")).await.unwrap();
    bench.commit(event("b")).await.unwrap();
    let full = Err(Refusal::Full { after: TRY_AGAIN });
    assert_eq!(bench.commit(event("c")).await, full);
    assert_eq!(bench.count("probity_events_queue_full_total", ""), 1);
    // What was there already takes no room for long.
    assert_eq!(bench.told().await, [("a".to_owned(), 1)]);
    for _ in 0..3 {
        bench.commit(event("a")).await.unwrap();
    }
    bench.commit(event("c")).await.unwrap();
    drop(std::mem::replace(
        &mut bench.committed,
        Committed(mpsc::channel(1).1),
    ));
    for id in ["d", "e", "f"] {
        bench.commit(event(id)).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_handed_over_is_written_by_the_task_and_the_rest_when_it_is_told_to_stop() {
    let mut bench = Bench::open(&small(3));
    let recorder = bench.events.recorder("test");
    let context = |id| Context {
        id: Some(id),
        ..Context::default()
    };
    let pool = || PoolStarted {
        pool: "p".into(),
        size: 1,
    };
    for id in ["a", "b"] {
        recorder.record(&context(id), pool).unwrap();
    }
    // Another with the same id: it alone is left out.
    recorder
        .record(&context("a"), || PoolStarted {
            pool: "q".into(),
            size: 1,
        })
        .unwrap();
    let full = Err(Unrecorded::Refused(Refusal::Full { after: TRY_AGAIN }));
    assert_eq!(recorder.record(&context("c"), pool), full);
    let stop = CancellationToken::new();
    let task = tokio::spawn(bench.events.clone().run(stop.clone()));
    assert_eq!(
        bench.told().await,
        [("a".to_owned(), 1), ("b".to_owned(), 2)]
    );
    assert_eq!(bench.count("probity_events_refused_total", "conflict"), 1);
    // The room is free as soon as the task has seen that they are on disk.
    while recorder.record(&context("c"), pool).is_err() {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    task.await.unwrap();
    assert_eq!(bench.told().await, [("c".to_owned(), 3)]);
    assert_eq!(
        recorder.record(&context("d"), pool),
        Err(Unrecorded::Refused(Refusal::NoStore))
    );
    bench.store.unwrap().close().await;
    assert_eq!(
        bench
            .tally
            .entries()
            .iter()
            .find(|one| one.name == "probity_events_lost_total")
            .unwrap()
            .counter
            .get(),
        0
    );
}

#[tokio::test]
async fn what_the_store_takes_no_more_is_lost_counted_and_never_acknowledged() {
    let mut bench = Bench::open(&Config::default());
    bench.store.take().unwrap().close().await;
    assert!(matches!(
        bench.commit(event("a")).await,
        Err(Refusal::Store(StoreError::Closed(_)))
    ));
    bench
        .events
        .enqueue(bench.read(json!([event("a"), event("b")]), false))
        .unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    bench.events.clone().run(stop).await;
    assert_eq!(bench.count("probity_events_lost_total", ""), 2);
    // Their room is free again.
    assert!(
        bench
            .events
            .shared()
            .queue
            .take(Amount {
                events: 20_000,
                bytes: 0
            })
            .is_some()
    );
}

#[tokio::test]
async fn whoever_shows_the_newest_is_woken_and_told_of_a_gap() {
    let mut bench = Bench::open(&Config::default());
    let feed = bench.events.feed();
    let mut newest = feed.newest();
    assert!(feed.after(0, 1).is_err());
    bench
        .commit(json!([event("a"), event("b"), event("c")]))
        .await
        .unwrap();
    newest.changed().await.unwrap();
    assert_eq!(*newest.borrow_and_update(), 3);
    let places = |after, most| {
        feed.after(after, most)
            .map(|all| all.iter().map(|one| one.sequence).collect::<Vec<_>>())
    };
    assert_eq!(places(0, 2), Ok(vec![1, 2]));
    assert_eq!(places(2, 2), Ok(vec![3]));
    assert_eq!(places(3, 2), Ok(vec![]));
    bench.committed.next().await.unwrap();
    let lines = "{\"kind\":\"pool.started\",\"data\":{\"pool\":\"p\",\"size\":1}}\n".repeat(9_000);
    for _ in 0..2 {
        let batch = bench
            .events
            .read(lines.as_bytes(), Form::Lines, false)
            .unwrap();
        bench.events.commit(batch).await.unwrap();
        bench.committed.next().await.unwrap();
    }
    assert!(places(2, 1).is_err());
    assert_eq!(places(9_003, 1), Ok(vec![9_004]));
}
