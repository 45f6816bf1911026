//! Events of several writers through `kill -9`, over and over: none that was acknowledged is lost, none is there twice (S11).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use probity::model::Event;
use probity::store::{AppendError, Appended, EventFilter, EventOrder, EventStore};

use crate::kill::{Child, number_of};
use crate::{PATIENCE, database, open};

/// Names the folder to the child that writes into it.
const FOLDER: &str = "PROBITY_TEST_EVENTS";
/// How many writers the child has, where that is said.
const WRITERS: &str = "PROBITY_TEST_WRITERS";
/// After so many acknowledgements of each writer the child ends by itself, where that is said.
const ENOUGH: &str = "PROBITY_TEST_ENOUGH";
/// How often it is killed, where that is said.
const KILLS: &str = "PROBITY_TEST_KILLS";
const CYCLES: usize = 50;
/// How long the child waits before it sends again what was refused.
const AGAIN: Duration = Duration::from_millis(100);

pub fn event(writer: &str, number: usize) -> Event {
    Event {
        id: format!("{writer}-{number}").into(),
        kind: ["step.message", "operation.finished", "run.started"][number % 3].into(),
        version: 1,
        time: 1_700_000_000_000_000 + number as i64,
        source: Some(writer.into()),
        run: Some(format!("run-{}", number / 100).into()),
        correlation: None,
        trace: None,
        outcome: None,
        data: format!(
            "{{\"number\":{number},\"text\":\"{}\"}}",
            "x".repeat(number % 300)
        )
        .into(),
    }
}

/// Appends them and waits. Gives their places.
pub async fn append(store: &EventStore, events: &[Event]) -> Vec<i64> {
    try_append(store, events).await.unwrap().sequences.clone()
}

async fn try_append(store: &EventStore, events: &[Event]) -> Result<Arc<Appended>, AppendError> {
    let mut appending = store.append(Arc::from(events), |_| {}).unwrap();
    appending.within(PATIENCE).await.unwrap()
}

/// How many events of a writer there are; they have to be the first ones, each once.
fn count(store: &EventStore, writer: &str) -> usize {
    let filter = EventFilter {
        source: Some(writer.into()),
        ..EventFilter::default()
    };
    let (mut count, mut cursor) = (0, None);
    loop {
        let mut reader = store.reader(PATIENCE).unwrap();
        let page = reader
            .page(&filter, cursor, 1_000, EventOrder::OldestFirst)
            .unwrap();
        for one in &page.events {
            assert_eq!(
                one.event,
                event(writer, count),
                "one is missing, or twice there"
            );
            count += 1;
        }
        cursor = page.next;
        if cursor.is_none() {
            return count;
        }
    }
}

fn number(variable: &str, otherwise: usize) -> usize {
    let text = std::env::var(variable).ok();
    text.map_or(otherwise, |text| text.parse().unwrap())
}

/// Not a test of its own: the process that is killed. Each writer goes on from where it finds itself, sends the last few again as a client
/// does that was not answered, and says which is the last that was acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_appends() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let (store, _) = open(&folder);
    let enough = number(ENOUGH, usize::MAX);
    let writers = (0..number(WRITERS, 4)).map(|writer| {
        let events = store.events();
        tokio::spawn(write(events, format!("writer{writer}"), enough))
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    store.close().await;
}

#[allow(clippy::print_stdout, reason = "the parent reads it")]
async fn write(store: EventStore, writer: String, enough: usize) {
    let mut next = count(&store, &writer).saturating_sub(7);
    for round in 0..enough {
        let size = 1 + (next + round) % 40;
        let batch: Vec<Event> = (next..next + size)
            .map(|number| event(&writer, number))
            .collect();
        while let Err(error) = try_append(&store, &batch).await {
            println!("refused {writer} {}: {error}", next + size - 1);
            tokio::time::sleep(AGAIN).await;
        }
        next += size;
        println!("acknowledged {writer} {}", next - 1);
    }
}

/// By writer the last event that was acknowledged.
fn note(acknowledged: &mut BTreeMap<String, usize>, line: &str) {
    if let Some((writer, number)) = line.split_once(' ') {
        let last = acknowledged.entry(writer.to_owned()).or_default();
        *last = (*last).max(number_of(number));
    }
}

#[tokio::test]
async fn s11_kills_lose_no_event_that_was_acknowledged_and_double_none() {
    let mut left = number(KILLS, CYCLES);
    while left > 0 {
        // All that is there is gone through after each, so now and then it begins anew.
        let cycles = left.min(CYCLES);
        kill_over_and_over(cycles).await;
        left -= cycles;
    }
}

async fn kill_over_and_over(cycles: usize) {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeMap::new();
    let mut all = 0;
    for cycle in 0..cycles {
        let mut child = Child::start("events::child_that_appends", FOLDER, folder.path());
        // Now and then long enough for the log to be taken in while it is killed.
        let enough = if cycle % 25 == 9 { 250 } else { cycle * 7 % 23 };
        for _ in 0..=enough {
            note(&mut acknowledged, &child.acknowledged().unwrap());
        }
        child.kill();
        while let Some(line) = child.acknowledged() {
            note(&mut acknowledged, &line);
        }
        let sum = whole(folder.path(), &acknowledged, cycle).await;
        assert!(sum >= all, "cycle {cycle}: {sum} of {all} are left");
        all = sum;
    }
    assert!(all > 10 * cycles, "it got nowhere: {all}");
}

/// Everything that was acknowledged is there, and the database is whole. Gives the number of events.
async fn whole(folder: &Path, acknowledged: &BTreeMap<String, usize>, cycle: usize) -> usize {
    let (store, _) = open(folder);
    let events = store.events();
    let mut sum = 0;
    for writer in 0..4 {
        let writer = format!("writer{writer}");
        let there = count(&events, &writer);
        let wanted = acknowledged.get(&writer).map_or(0, |last| last + 1);
        assert!(
            there >= wanted,
            "cycle {cycle}: {writer} has {there} of {wanted}"
        );
        sum += there;
    }
    let totals = events.reader(PATIENCE).unwrap().totals().unwrap();
    assert_eq!(
        (totals.rows, totals.newest),
        (sum as u64, sum as i64),
        "cycle {cycle}"
    );
    let connection = database(folder);
    let whole: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(whole, "ok", "cycle {cycle}");
    drop(connection);
    store.close().await;
    sum
}
