//! What is let go, in which steps, and that how much there is and which places were given is always known.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;

use super::*;
use crate::model::{ByteSize, Span, Tally};
use crate::store::{EventsConfig, Store, age};

/// Nothing here takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);
const ALL: EventBounds = EventBounds {
    oldest: i64::MIN,
    bytes: u64::MAX,
    at_once: 1_000,
};

fn event(id: String, time: i64, run: usize, length: usize) -> Event {
    Event {
        id: id.into(),
        kind: "step.message".into(),
        version: 1,
        time,
        source: run.is_multiple_of(2).then(|| "source".into()),
        run: (run > 0).then(|| format!("run-{run}").into()),
        correlation: run.is_multiple_of(3).then(|| "c".into()),
        trace: None,
        outcome: None,
        data: format!("{{\"ä\":\"{}\"}}", "x".repeat(length)).into(),
    }
}

async fn append(store: &EventStore, events: Vec<Event>) -> Vec<i64> {
    let mut appending = store.append(events.into(), |_| {}).unwrap();
    let appended = appending.within(PATIENCE).await.unwrap().unwrap();
    appended.sequences.clone()
}

async fn prune(store: &EventStore, bounds: EventBounds) -> EventsPruned {
    let mut pruning = store.prune(bounds).unwrap();
    pruning.within(PATIENCE).await.unwrap().unwrap()
}

/// Everything that is kept, by time and place.
fn kept(store: &EventStore) -> Vec<(i64, i64)> {
    let mut reader = store.reader(PATIENCE).unwrap();
    let page = reader.page(
        &EventFilter::default(),
        None,
        usize::MAX,
        EventOrder::OldestFirst,
    );
    let place = |one: &crate::model::KeptEvent| (one.event.time, one.sequence);
    page.unwrap().events.iter().map(place).collect()
}

/// As if the clocks had kept pace for as long as it takes.
fn believe_the_clock(retention: &mut Retention) {
    let (boot, wall) = age::read();
    retention.ages = age::AgeClock::default();
    retention
        .ages
        .at(boot - age::PROOF_MS, wall - age::PROOF_MS);
}

fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap()
}

#[tokio::test]
async fn what_is_older_goes_a_few_at_once_the_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &mut Tally::default()).unwrap();
    let events = store.events();
    let all = (0..100).map(|index| event(format!("{index}"), 100 - index, 1, 10));
    append(&events, all.collect()).await;
    let bounds = EventBounds {
        oldest: 51,
        at_once: 30,
        ..ALL
    };
    let first = prune(&events, bounds).await;
    assert_eq!((first.gone, first.rows, first.more), (30, 70, true));
    assert_eq!(kept(&events)[0], (31, 70));
    let second = prune(&events, bounds).await;
    assert_eq!((second.gone, second.rows, second.more), (20, 50, false));
    assert_eq!(kept(&events)[0], (51, 50));
    assert_eq!(prune(&events, bounds).await.gone, 0);
    store.close().await;
}

#[tokio::test]
async fn a_place_is_never_given_twice_and_who_resumes_learns_of_the_gap() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &mut Tally::default()).unwrap();
    let some = || (0..5).map(|index| event(format!("{index}"), index, 1, 10));
    assert_eq!(
        append(&store.events(), some().collect()).await,
        [1, 2, 3, 4, 5]
    );
    let none = EventBounds { bytes: 0, ..ALL };
    assert_eq!(prune(&store.events(), none).await.rows, 0);
    let totals = store.events().reader(PATIENCE).unwrap().totals().unwrap();
    assert_eq!(
        (totals.rows, totals.bytes, totals.newest, totals.oldest),
        (0, 0, 5, None)
    );
    store.close().await;

    let store = Store::open(folder.path(), &mut Tally::default()).unwrap();
    // The same ids: nobody remembers them.
    assert_eq!(
        append(&store.events(), some().collect()).await,
        [6, 7, 8, 9, 10]
    );
    prune(&store.events(), EventBounds { oldest: 2, ..ALL }).await;
    let mut reader = store.events().reader(PATIENCE).unwrap();
    let mut after = |sequence| {
        let found = reader.after(sequence, &EventFilter::default(), 2).unwrap();
        let sequences: Vec<i64> = found.events.iter().map(|one| one.sequence).collect();
        (sequences, found.reached, found.newest, found.gap)
    };
    assert_eq!(after(0), (vec![8, 9], 9, 10, true));
    assert_eq!(after(6), (vec![8, 9], 9, 10, true));
    assert_eq!(after(7), (vec![8, 9], 9, 10, false));
    assert_eq!(after(9), (vec![10], 10, 10, false));
    assert_eq!(after(10), (vec![], 10, 10, false));
    assert_eq!(after(99), (vec![], 99, 10, false));
    drop(reader);
    store.close().await;
}

#[tokio::test]
async fn s19_retention_goes_in_steps_and_others_write_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let mut tally = Tally::default();
    let store = Store::open(folder.path(), &mut tally).unwrap();
    let events = store.events();
    for batch in 0..20 {
        let all = (0..1_000).map(|index| event(format!("{batch}-{index}"), index, 1, 10));
        append(&events, all.collect()).await;
    }
    let config = EventsConfig {
        retention: Span::seconds(1),
        max_size: ByteSize::mib(1),
    };
    let mut retention = Retention::new(events.clone(), &config, RetentionTally::new(&mut tally));
    believe_the_clock(&mut retention);
    let pruning = tokio::spawn(async move { retention.keep_within().await });
    let mut written = 0;
    while !pruning.is_finished() {
        // Newer than what goes.
        let now = i64::MAX - 1_000_000 + written;
        append(&events, vec![event(format!("new-{written}"), now, 2, 10)]).await;
        written += 1;
    }
    pruning.await.unwrap().unwrap();
    assert!(written >= 20, "{written} writes in 40 steps");
    let kept = kept(&events);
    assert_eq!(kept.len(), written as usize);
    assert_eq!(kept[0].1, 20_001, "only the old ones went");
    store.close().await;
}

#[tokio::test]
async fn nothing_goes_for_its_age_by_a_clock_that_is_not_believed_yet() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &mut Tally::default()).unwrap();
    let events = store.events();
    append(&events, vec![event("1".to_owned(), 1, 1, 10)]).await;
    let config = EventsConfig {
        retention: Span::seconds(1),
        max_size: ByteSize::mib(1),
    };
    let tally = RetentionTally::new(&mut Tally::default());
    let mut retention = Retention::new(events.clone(), &config, tally);
    retention.keep_within().await.unwrap();
    assert_eq!(kept(&events), [(1, 1)]);
    believe_the_clock(&mut retention);
    retention.keep_within().await.unwrap();
    assert_eq!(kept(&events), []);
    store.close().await;
}

#[tokio::test]
async fn the_file_shrinks_when_much_was_let_go_and_keeps_some_room_for_what_comes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &mut Tally::default()).unwrap();
    let events = store.events();
    for batch in 0..10 {
        let all = (0..1_000).map(|index| event(format!("{batch}-{index}"), index, 1, 2_000));
        append(&events, all.collect()).await;
    }
    let pages = || -> (i64, i64) {
        let connection = Connection::open(events.file()).unwrap();
        let number = |name| {
            connection
                .pragma_query_value(None, name, |row| row.get(0))
                .unwrap()
        };
        (number("page_count"), number("freelist_count"))
    };
    let before = pages();
    let mut steps = 0;
    while prune(&events, EventBounds { bytes: 0, ..ALL }).await.more {
        steps += 1;
    }
    assert!(steps >= 10, "{steps}");
    let (count, free) = pages();
    assert!(
        before.0 > 5_000 && count < 1_500,
        "{count} of {before:?} pages"
    );
    assert!(free >= 1_000, "{free} of {count} pages are free");
    // What is free is used again.
    let all = (0..1_000).map(|index| event(format!("again-{index}"), index, 1, 2_000));
    append(&events, all.collect()).await;
    assert_eq!(pages().0, count);
    store.close().await;
}

#[tokio::test]
async fn h27_a_hole_is_told_where_it_is_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &mut Tally::default()).unwrap();
    let events = store.events();
    // The sixth of ten is older than all others, and is let go.
    let time = |index: i64| if index == 6 { 1 } else { 100 + index };
    let all = (1..=10).map(|index| event(format!("{index}"), time(index), 1, 10));
    append(&events, all.collect()).await;
    assert_eq!(events.newest(), 10);
    prune(&events, EventBounds { oldest: 2, ..ALL }).await;
    let mut reader = events.reader(PATIENCE).unwrap();
    let mut gap = |sequence, limit| {
        let found = reader.after(sequence, &EventFilter::default(), limit);
        found.unwrap().gap
    };
    assert_eq!(
        [gap(0, 5), gap(0, 6), gap(5, 9), gap(6, 9)],
        [false, true, true, false]
    );
    drop(reader);
    store.close().await;
}

#[tokio::test]
async fn what_an_id_takes_counts_and_goes_with_its_event() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &mut Tally::default()).unwrap();
    let events = store.events();
    let bytes = || events.reader(PATIENCE).unwrap().totals().unwrap().bytes;
    let uuid = "018f4c5e-7d1a-7000-8000-000000000001";
    append(&events, vec![event(uuid.to_owned(), 2, 1, 10)]).await;
    let short = bytes();
    append(&events, vec![event("x".repeat(128), 1, 1, 10)]).await;
    assert_eq!(bytes() - short, short + 2 * 128);
    let one = EventBounds { oldest: 2, ..ALL };
    assert_eq!(prune(&events, one).await.bytes, short);
    store.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn how_much_there_is_is_what_there_is(
        changes in prop::collection::vec(
            (prop::collection::vec((0..50i64, 0..6usize, 0..300usize), 0..20), 0..60i64, 0..9_000u64, 1..15usize),
            1..12,
        ),
    ) {
        let runtime = runtime();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &mut Tally::default()).unwrap();
        let events = store.events();
        let mut wanted: Vec<(i64, i64, i64)> = Vec::new();
        let mut newest = 0;
        for (new, oldest, bytes, at_once) in changes {
            let new: Vec<_> = new.iter().map(|(time, run, length)| {
                newest += 1;
                let one = event(format!("event-{newest}"), *time, *run, *length);
                wanted.push((*time, newest, append::bytes(&one)));
                one
            }).collect();
            runtime.block_on(append(&events, new));
            let pruned = runtime.block_on(prune(&events, EventBounds { oldest, bytes, at_once }));
            wanted.sort_unstable();
            let mut gone = 0;
            while gone < at_once as u64 && !wanted.is_empty() {
                let sum: i64 = wanted.iter().map(|one| one.2).sum();
                if wanted[0].0 >= oldest && sum <= bytes as i64 {
                    break;
                }
                wanted.remove(0);
                gone += 1;
            }
            let sum: i64 = wanted.iter().map(|one| one.2).sum();
            prop_assert_eq!(pruned, EventsPruned {
                gone,
                rows: wanted.len() as u64,
                bytes: sum as u64,
                more: gone == at_once as u64,
            });
            let places: Vec<_> = wanted.iter().map(|one| (one.0, one.1)).collect();
            prop_assert_eq!(kept(&events), places);
            let totals = events.reader(PATIENCE).unwrap().totals().unwrap();
            prop_assert_eq!((totals.rows, totals.bytes, totals.newest), (wanted.len() as u64, sum as u64, newest));
        }
        runtime.block_on(store.close());
    }
}

#[tokio::test]
async fn where_thousands_come_between_two_changes_as_many_go() {
    const BATCH: usize = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &mut Tally::default()).unwrap();
    let events = store.events();
    let config = EventsConfig {
        retention: Span::seconds(10 * 365 * 86_400 * 10),
        max_size: ByteSize::mib(1),
    };
    let tally = RetentionTally::new(&mut Tally::default());
    let mut retention = Retention::new(events.clone(), &config, tally);
    let mut stride = super::retain::Stride::default();
    let mut bytes = Vec::new();
    for round in 0..10 {
        let batch = (0..BATCH).map(|one| event(format!("{round}-{one}"), round, 1, 200));
        append(&events, batch.collect()).await;
        bytes.push(retention.step(&mut stride).await.unwrap().bytes);
    }
    // The first batch alone is what one has.
    let bound = config.max_size.0 + 2 * bytes[0];
    assert!(bytes.iter().all(|bytes| *bytes <= bound), "{bytes:?}");
    retention.keep_within().await.unwrap();
    let totals = events.reader(PATIENCE).unwrap().totals().unwrap();
    assert!(totals.bytes <= config.max_size.0, "{totals:?}");
    store.close().await;
}
