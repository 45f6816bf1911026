//! Appending, on a store of its own.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::model::Tally;
use crate::store::Store;

/// Nothing here takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

fn event(id: &str, data: &str) -> Event {
    Event {
        id: id.into(),
        kind: "run.started".into(),
        version: 1,
        time: 1_700_000_000_000_000,
        source: None,
        run: Some("r".into()),
        correlation: None,
        trace: None,
        outcome: None,
        data: data.into(),
    }
}

async fn append(store: &EventStore, events: &[Event]) -> Result<Arc<Appended>, AppendError> {
    let mut appending = store.append(events.into(), |_| {}).unwrap();
    appending.within(PATIENCE).await.unwrap()
}

#[tokio::test]
async fn the_same_event_twice_is_one_and_another_with_its_id_is_refused_with_all_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &mut Tally::default()).unwrap();
    let events = store.events();
    let uuid = "018f4c5e-7d1a-7000-8000-000000000001";
    let first = append(&events, &[event("a", "{}"), event(uuid, "{}")])
        .await
        .unwrap();
    assert_eq!(
        (&first.sequences[..], &first.doubled[..]),
        (&[1, 2][..], &[false, false][..])
    );
    let again = append(
        &events,
        &[event("b", "{}"), event(uuid, "{}"), event("b", "{}")],
    )
    .await
    .unwrap();
    assert_eq!(
        (&again.sequences[..], &again.doubled[..]),
        (&[3, 2, 3][..], &[false, true, true][..])
    );
    let refused = append(&events, &[event("c", "{}"), event("a", "{\"name\":1}")]).await;
    assert_eq!(refused, Err(AppendError::Conflicts(vec![1])));
    // Nothing of the refused ones stayed, so the next one gets the next number.
    let next = append(&events, &[event("c", "{}")]).await.unwrap();
    assert_eq!(next.sequences, [4]);
    store.close().await;
}

#[tokio::test]
async fn the_same_words_told_of_something_else_are_another_event() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &mut Tally::default()).unwrap();
    let events = store.events();
    let first = event("a", "{}");
    append(&events, std::slice::from_ref(&first)).await.unwrap();
    let other = |change: fn(&mut Event)| {
        let mut event = first.clone();
        change(&mut event);
        event
    };
    for another in [
        other(|event| event.kind = "run.finished".into()),
        other(|event| event.version = 2),
        other(|event| event.source = Some("s".into())),
        other(|event| event.run = Some("r2".into())),
        other(|event| event.run = None),
        other(|event| event.correlation = Some("c".into())),
    ] {
        let refused = append(&events, std::slice::from_ref(&another)).await;
        assert_eq!(refused, Err(AppendError::Conflicts(vec![0])), "{another:?}");
    }
    // Tried again later, and within another span.
    let again = other(|event| {
        event.time += 1;
        event.trace = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    });
    assert!(append(&events, &[again]).await.unwrap().doubled[0]);
    store.close().await;
}

#[tokio::test]
async fn who_wants_to_know_is_told_of_what_is_on_disk_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &mut Tally::default()).unwrap();
    let events = store.events();
    let told = Arc::new(Mutex::new(Vec::new()));
    for id in ["a", "b", "a"] {
        let told = told.clone();
        let tell = move |appended: &Appended| told.lock().unwrap().push(appended.clone());
        events.append([event(id, "{}")].into(), tell).unwrap();
    }
    store.close().await;
    let told = told.lock().unwrap();
    let sequences: Vec<i64> = told.iter().flat_map(|one| one.sequences.clone()).collect();
    assert_eq!(sequences, [1, 2, 1]);
    assert!(told[2].doubled[0]);
}
