//! Answers that end before all was found: for their time, or for their size.

#![allow(clippy::unwrap_used)]

use std::time::Instant;

use rusqlite::Connection;

use super::filter::Meant;
use super::read_tests::{PATIENCE, event, events, is_meant, store_with};
use super::walk::Between;
use super::*;

#[test]
fn what_no_index_has_is_found_in_parts_each_within_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let all = events(24_000);
    let store = store_with(&folder, &all).events();
    let connection = Connection::open(store.file()).unwrap();
    let narrow = EventFilter {
        source: Some("source-2".into()),
        ..EventFilter::default()
    };
    let narrower = EventFilter {
        kinds: vec!["run.started".into(), "step.message".into()],
        ..narrow.clone()
    };
    let of_run = EventFilter {
        run: Some("run-1".into()),
        kinds: vec!["run.started".into()],
        ..EventFilter::default()
    };
    for filter in [narrow, narrower, of_run] {
        for order in [EventOrder::NewestFirst, EventOrder::OldestFirst] {
            let meant = Meant::new(&connection, &filter).unwrap();
            let look = |cursor, enough| {
                let between = Between::new(&filter, cursor, order);
                walk::places(&connection, &meant, between, 24_000, enough).unwrap()
            };
            let whole = look(None, Instant::now() + PATIENCE);
            assert_eq!(whole.stopped, None);
            let wanted = all.iter().filter(|event| is_meant(&filter, event)).count();
            assert_eq!(whole.found.len(), wanted);
            let (mut found, mut cursor) = (Vec::new(), None);
            let mut parts = 0;
            loop {
                // The time of each part is over at once.
                let part = look(cursor, Instant::now());
                found.extend(part.found);
                parts += 1;
                cursor = part.stopped;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(found, whole.found, "{filter:?} {order:?}");
            assert!(parts > 1, "{filter:?}");
        }
    }
}

#[test]
fn an_answer_has_so_many_bytes_of_what_events_say_and_where_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let large = |index: usize| Event {
        kind: "run.started".into(),
        run: Some("r".into()),
        data: format!("[{}0]", "0,".repeat(1 << 19)).into(),
        ..event(index, index as i64)
    };
    let store = store_with(&folder, &(0..20).map(large).collect::<Vec<_>>()).events();
    let mut reader = store.reader(PATIENCE).unwrap();
    let run = reader.run("r", 10_000).unwrap();
    assert_eq!((run.events.len(), run.cut), (16, true));
    let order = EventOrder::OldestFirst;
    let mut page = |cursor| {
        let page = reader.page(&EventFilter::default(), cursor, 100, order);
        page.unwrap()
    };
    let first = page(None);
    assert_eq!((first.events.len(), first.partial), (16, false));
    let rest = page(first.next);
    assert_eq!((rest.events.len(), rest.next), (4, None));
    let runs = reader.runs(None, 100).unwrap();
    assert_eq!(runs.runs.len(), 16);
    assert_eq!(reader.runs(runs.next, 100).unwrap().next, None);
    let after = reader.after(0, &EventFilter::default(), 256).unwrap();
    assert_eq!((after.events.len(), after.reached), (1, 1));
}
